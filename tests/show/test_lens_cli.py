"""`symnb lens FILE` as a user meets it."""
import re

import h5py
import numpy as np
import pytest
import torch

from symnb.find.solver import least_margin
from symnb.symmetry.actions import load_action
from symnb.show.cli import main
from symnb.ground.files import load_tensors
from symnb.data.worlds import World
from symnb.measures.lines import generator_cosine, hidden_correlation
from symnb.symmetry.kinds import cropped_step

WORLD = World("narrow", N=9, basis="permutation", seed=3)


@pytest.fixture(scope="module")
def sensors():
    return WORLD.draw(8000)


@pytest.fixture
def folder(tmp_path, monkeypatch, sensors):
    monkeypatch.chdir(tmp_path)
    np.save("sensors.npy", sensors)
    return tmp_path


def run(words, capsys):
    code = main(["lens", *words.split()])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_what_is_written_is_the_truth(folder, capsys, sensors):
    code, out, err = run("sensors.npy", capsys)
    assert code == 0 and not err and out.startswith("found: translation of 9 positions on a line; margin ")
    made = folder / "sensors-lens"
    assert {p.name for p in made.iterdir()} == {"action.json", "action.safetensors", "adaptor.safetensors",
                                                "report.html"}
    assert all(str(p.relative_to(folder)) in out for p in made.iterdir())
    action = load_action(made / "action")
    assert generator_cosine(cropped_step(action), WORLD.step) > .99 and action.unit == "steps"
    numbers = load_tensors(made / "adaptor.safetensors")
    y = (torch.from_numpy(sensors).double() - numbers["mean"]) @ numbers["W"].mT / numbers["scale"]
    assert hidden_correlation(y.numpy(), WORLD.hidden(8000)) > .99


def test_the_page_stands_alone(folder, capsys):
    assert run("sensors.npy --no-relax --out made", capsys)[0] == 0
    page = (folder / "made" / "report.html").read_text()
    assert page.count("<img alt=") == 5 and f"(at least {least_margin(9):.3g})" in page and "9 positions" in page
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", page)


@pytest.mark.parametrize("words", ["sensors.npz --key deep", "sensors.csv", "sensors.h5 --key deep/x"])
def test_every_format_is_read(folder, capsys, sensors, words):
    np.savez("sensors.npz", deep=sensors[:2000], other=sensors[:1])
    np.savetxt("sensors.csv", sensors[:2000], delimiter=",", header=",".join("abcdefghi"), comments="")
    with h5py.File("sensors.h5", "w") as f:
        f["deep/x"], f["deep/y"] = sensors[:2000], sensors[:1]
    code, out, err = run(words + " --no-relax", capsys)
    assert code == 0 and not err and re.match("(found|not found|undecided): .*margin", out), out


def test_noise_gets_a_page_and_no_action(folder, capsys):
    np.save("noise.npy", np.random.default_rng(0).normal(size=(8000, 9)))
    code, out, err = run("noise.npy --no-relax", capsys)
    assert code == 0 and not err and out.startswith("not found: ") and "lacking" in out
    assert [p.name for p in (folder / "noise-lens").iterdir()] == ["report.html"]


def test_a_ring_is_told_from_the_option(folder, capsys):
    np.save("ring.npy", World("narrow", N=7, circulant=True, basis="permutation").draw(8000))
    code, out, _ = run("ring.npy --ring --no-relax", capsys)
    assert code == 0 and "of 7 positions on a ring" in out
    action = load_action(folder / "ring-lens" / "action")
    z = torch.randn(5, 7, dtype=torch.double)
    assert torch.allclose(action(z, 7.), z, atol=1e-6) and not torch.allclose(action(z, 3.), z, atol=1e-1)


@pytest.mark.parametrize("words, expected", [
    ("nowhere.npy", ["nowhere.npy"]),
    ("sensors.npy --key x", ["x", "z"]),
    ("flat.npy", ["(samples, d)", "(800,)"]),
    ("cube.npy", ["(samples, d)", "(80, 10, 9)"]),
    ("even.npy", ["odd number of sensors", "found 8"]),
    ("three.npy", ["odd number of sensors", "found 3"]),
    ("still.npy", ["sensors that vary", "1 constant", "at 4"]),
    ("nan.npy", ["NaN", "3 of 8000"]),
    ("few.npy", ["at least 270 samples", "found 100"]),
    ("twice.npy", ["independent sensors", "rank 8"]),
    ("words.csv", ["words.csv"]),
    ("objects.npy", ["objects.npy"]),
    ("sensors.txt", [".npz, .npy, .csv"]),
    ("sensors.npy --seed -1", ["--seed", "0 to"]),
    ("sensors.npy --out sensors.npy", ["sensors.npy", "folder", "file"]),
])
def test_bad_input_is_one_line_and_exit_code_2(folder, capsys, sensors, words, expected):
    still, holes, twice = sensors.copy(), sensors.copy(), sensors.copy()
    still[:, 4], holes[:3, 1], twice[:, 0] = 1, np.nan, twice[:, 1]
    bad = dict(flat=sensors[:800, 0], cube=sensors[:800].reshape(80, 10, 9), even=sensors[:, :8], three=sensors[:, :3],
               still=still, nan=holes, few=sensors[:100], twice=twice)
    for name, x in bad.items():
        np.save(f"{name}.npy", x)
    np.save("objects.npy", np.array([{}, 1], dtype=object), allow_pickle=True)
    (folder / "words.csv").write_text("a,b\n1,two\n")
    (folder / "sensors.txt").write_text("1,2")
    before = {p.name for p in folder.iterdir()}
    code, out, err = run(words, capsys)
    assert code == 2 and not out and err.startswith("symnb: ") and err.count("\n") == 1, err
    assert "Traceback" not in err and all(w in err for w in expected), err
    assert {p.name for p in folder.iterdir()} == before
