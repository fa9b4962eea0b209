"""`symnb algebra FILE` as a user meets it."""
import re

import h5py
import numpy as np
import pytest
import torch

from symnb.symmetry.actions import load_action
from symnb.find.moments import synthetic_law
from symnb.show.cli import main


@pytest.fixture(scope="module")
def law():
    z, c, _ = synthetic_law([1, 2, 3], 6000, 8, seed=11)
    return z.numpy(), c.numpy()


@pytest.fixture
def world(tmp_path, monkeypatch, law):
    monkeypatch.chdir(tmp_path)
    z, c = law
    np.savez("law.npz", z=z, labels=c)
    np.save("law.npy", z)
    np.savetxt("law.csv", z, delimiter=",", header=",".join("abcdefgh"), comments="")
    with h5py.File("law.h5", "w") as f:
        f["deep/codes"], f["deep/names"] = z, c
    return tmp_path


def run(words, capsys):
    code = main(["algebra", *words.split()])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize("words", ["law.npz", "law.npy", "law.csv", "law.h5 --key deep/codes",
                                   "law.npz --labels labels", "law.h5 --key deep/codes --labels deep/names"])
def test_a_symmetry_is_found_in_every_format(world, capsys, words):
    code, out, err = run(words, capsys)
    assert code == 0 and not err
    assert re.match(r"found: SO\(2\), weights 0 1 2 3; features [\d.]+ \(at most 0.1\); witness .*\n", out), out
    assert (world / "law-algebra" / "report.html").exists()


def test_the_action_can_be_used(world, capsys, law):
    assert run("law.npz --out made", capsys)[0] == 0
    action = load_action(world / "made" / "action") # of what was written, and of nothing else
    for z in (torch.from_numpy(law[0][:10]), torch.from_numpy(law[0][:10]).float()):
        assert torch.allclose(action(z, 360.), z, atol=1e-3) and action.unit == "degrees"


def test_a_law_that_changes_along_every_turn_gets_its_page(world, capsys):
    "A witness saw that, and no certificate was asked for."
    rng = np.random.default_rng([77, 0])
    np.save("cube.npy", rng.uniform(size=(5000, 4)) @ rng.normal(size=(4, 4)))
    code, out, err = run("cube.npy", capsys)
    assert code == 0 and not err and out.startswith(("not found", "undecided")), (out, err)
    assert (world / "cube-algebra" / "report.html").exists()


def test_the_page_stands_alone(world, capsys):
    run("law.npz", capsys)
    page = (world / "law-algebra" / "report.html").read_text()
    assert page.count("<img alt=") == 3 and "src=\"data:image/png" in page and "weights 0 1 2 3" in page
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", page)


def test_nothing_found_saves_no_action(world, capsys):
    np.save("noise.npy", np.random.default_rng(0).normal(size=(5000, 8)))
    code, out, _ = run("noise.npy", capsys)
    assert code == 0 and out.startswith("undecided: ") and "Gaussian" in out
    assert [p.name for p in (world / "noise-algebra").iterdir()] == ["report.html"]


@pytest.mark.parametrize("words, expected", [
    ("nowhere.npz", ["nowhere.npz"]),
    ("law.npz --key codes", ["codes", "z, labels"]),
    ("law.h5", ["deep/codes, deep/names"]),
    ("law.npz --labels y", ["labels", "'y'"]),
    ("law.npz --alpha many", ["--alpha", "many"]),
    ("law.npz --delta .7", ["--delta", "between 0 and 0.5"]),
    ("law.npz --max-weight 0", ["--max-weight", "1 to 20"]),
    ("nan.npy", ["NaN", "3 of 6000"]),
    ("few.npy", ["at least 112 samples", "found 50"]),
    ("flat.npy", ["(samples, d)", "(100,)"]),
    ("rare.npz --labels y", ["16 samples in each class", "found 2"]),
    ("wide.npy", ["at least 718800 samples", "found 700"]),
    ("broken.npz", ["broken.npz"]),
    ("words.csv", ["words.csv"]),
    ("law.txt", [".npz, .npy, .csv"]),
    ("objects.npy", ["objects.npy"]),
    ("law.npz --out law.npy", ["law.npy"]),
])
def test_bad_input_is_one_line_and_exit_code_2(world, capsys, law, words, expected):
    z, c = law
    bad = z.copy()
    bad[:3, 1] = np.nan
    np.save("nan.npy", bad)
    np.save("few.npy", z[:50])
    np.save("flat.npy", z[:100, 0])
    np.save("objects.npy", np.array([{}, 1], dtype=object), allow_pickle=True)
    np.savez("rare.npz", z=z, y=np.where(np.arange(len(z)) < 2, 99, c))
    (world / "broken.npz").write_bytes(b"PK\x03\x04 not a zip")
    (world / "words.csv").write_text("a,b\n1,two\n")
    (world / "law.txt").write_text("1,2")
    np.save("wide.npy", np.random.default_rng(0).normal(size=(700, 600)))
    code, out, err = run(words, capsys)
    assert code == 2 and not out and err.startswith("symnb: ") and err.count("\n") == 1, err
    assert "Traceback" not in err and all(w in err for w in expected), err
