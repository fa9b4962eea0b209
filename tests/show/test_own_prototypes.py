"""`symnb prototypes` from files to files, laws claimed and not claimed, and bad input in one line."""
import numpy as np
import pytest
import torch

from symnb.data.digits import load_digits
from symnb.data.hidden_laws import TurnedByLaws
from symnb.find.colour_pose import coloured
from symnb.show.cli import main
from symnb.show.own_prototypes import NOT_CLAIMED, PROTOTYPE_FILES
from symnb.symmetry.found import load_found
from symnb.symmetry.warps import rotate
from symnb.data.files import read_columns

IMAGES = load_digits().part("train").images[::20]
TURNED = rotate(TurnedByLaws().of(load_digits().part("train"), per=1).images[::10], 7.)  # none as it came: other tests may have called it unseen


def ran(where, monkeypatch, capsys, *words):
    monkeypatch.chdir(where)
    code = main(["prototypes", *words])
    said = capsys.readouterr()
    return code, said


def test_turned_digits_become_prototypes_and_more_digits(tmp_path, monkeypatch, capsys):
    np.savez(tmp_path / "x.npz", images=TURNED.numpy(), kind=np.array([f"k{i % 3}" for i in range(len(TURNED))]))
    code, said = ran(tmp_path, monkeypatch, capsys, "x.npz", "--labels", "kind", "--draws", "3")
    assert code == 0, said.err
    assert said.out.startswith("found: a law of turns") and NOT_CLAIMED in said.out
    out = tmp_path / "x-prototypes"
    assert {p.name for p in out.iterdir()} == set(PROTOTYPE_FILES)
    kept, more = read_columns(out / "prototypes.h5", "symnb prototypes"), read_columns(out / "augmented.h5", "symnb prototypes")
    assert more["images"].shape == (3 * len(TURNED), 1, 28, 28) and more["labels"] == kept["labels"] * 3
    assert torch.allclose(kept["law"].sum(1), torch.ones(len(TURNED)), atol=1e-4)
    found, lines = load_found(out / "prototypes"), (out / "prototypes.csv").read_text().splitlines()
    assert lines[0] == "number,label,angle,certainty,law" and len(lines) == 1 + len(TURNED)
    assert torch.allclose(found.pose(TURNED), kept["pose"], atol=1e-3)
    assert "Not claimed" in (out / "report.html").read_text() and (out / "report.html").read_text().count("<figure>") == 2


def test_pictures_that_only_lean_are_not_moved_anew(tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "x.npy", rotate(IMAGES, 30.).numpy())
    code, said = ran(tmp_path, monkeypatch, capsys, "x.npy")
    assert code == 0 and not said.out.startswith("found") and {p.name for p in (tmp_path / "x-prototypes").iterdir()} == {"report.html", "prototypes.csv"}
    assert "law" not in (tmp_path / "x-prototypes" / "prototypes.csv").read_text().splitlines()[0]


@pytest.mark.parametrize("kind", ["affine", "colours"])
def test_other_laws_and_colours(kind, tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "x.npy", coloured(IMAGES[:80]).numpy())
    code, said = ran(tmp_path, monkeypatch, capsys, "x.npy", "--kind", kind, "--draws", "1")
    assert code == 0 and said.out.startswith(("found", "undecided"))
    made = tmp_path / "x-prototypes" / "augmented.h5"
    assert made.exists() == said.out.startswith("found")
    if made.exists(): assert read_columns(made, "symnb prototypes")["images"].shape == (80, 3, 28, 28)


X = np.random.default_rng(0).random((60, 12, 12))
BAD = {"few": (X[:39], "at least 40 for a law, found 39"), "one constant": (np.concatenate([X, X[:1] * 0 + .5]), "found 1 of one grey value"),
       "empty": (X * 0, "found 60 of one grey value"), "range": (X * 3 - 1, "values from 0 to 1"),
       "not square": (X[:, :, :10], "expected square images"), "NaN": (np.where(X > .999, np.nan, X), "finite numbers")}


@pytest.mark.parametrize("name", BAD)
def test_bad_pictures_are_one_line(name, tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "x.npy", BAD[name][0])
    code, said = ran(tmp_path, monkeypatch, capsys, "x.npy")
    assert code == 2 and said.out == "" and said.err.count("\n") == 1 and BAD[name][1] in said.err
    assert [p.name for p in tmp_path.iterdir()] == ["x.npy"]


@pytest.mark.parametrize("line, word", [("--kind odd", "odd"), ("--draws 0", "0"), ("--kind colours", "three colours, found 1"), ("--key y", "y")])
def test_bad_options_are_one_line(line, word, tmp_path, monkeypatch, capsys):
    np.savez(tmp_path / "x.npz", a=X, b=X)
    code, said = ran(tmp_path, monkeypatch, capsys, "x.npz", *(["--key", "a"] * ("--key" not in line)), *line.split())
    assert code == 2 and said.err.count("\n") == 1 and word in said.err


def test_noise_makes_no_file_of_pictures(tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "x.npy", np.random.default_rng(1).random((60, 28, 28)))
    code, said = ran(tmp_path, monkeypatch, capsys, "x.npy")
    assert code == 0 and said.out.startswith("undecided") and not (tmp_path / "x-prototypes" / "augmented.h5").exists()
