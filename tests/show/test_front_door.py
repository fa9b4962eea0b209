"""`symnb discover` as a user meets it: ten small data sets, with and without symmetry, and what is kept, explained and refused."""
import json
import types

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

import symnb
from symnb.data.digits import load_digits
from symnb.data.dynamics import Dynamics
from symnb.data.fields import PlaneFunction
from symnb.data.laws import CodeWorld
from symnb.data.levels import LevelWorld
from symnb.data.sensors import Sensors
from symnb.data.systems import System, normal, random_field
from symnb.data.worlds import World
from symnb.show import ways
from symnb.show.cli import main
from symnb.show.front_door import Discovered, discover
from symnb.symmetry.found import Found


def table(path, head, *columns, sep=","):
    np.savetxt(path, np.column_stack(columns), delimiter=sep, header=sep.join(head), comments="", fmt="%.6g")


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    "Fixed before any was run, but for the size of codes.csv: 2000 samples cannot bound all features, and that is said."
    here = tmp_path_factory.mktemp("ten")
    z = CodeWorld("SO(2) 1 2", 1).draw(6000)
    table(here / "codes.csv", [f"z{i}" for i in range(z.shape[1])], z)
    np.savez(here / "arc.npz", z=CodeWorld("arc 150", 1).draw(2000), loss=np.zeros(5))
    part, up = (LevelWorld(w, load_digits(), seed=0).turned()[0] for w in ("multiple", "none"))
    for i in range(300):
        at = here / "shots" / f"a{int(part.labels[i])}" / f"{i}.png"
        at.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 * part.images[i, 0]).byte().numpy()).save(at)
    with h5py.File(here / "upright.h5", "w") as f: f["data/images"] = up.images[:300, 0].numpy()
    w = Dynamics("lambda-omega", .05)
    x = w.draw(24)
    n, T, d = x.shape
    table(here / "cycle.csv", ["id", "t", "a", "b"], np.repeat(np.arange(n), T), np.tile(w.dt * np.arange(T), n), x.reshape(-1, d))
    np.save(here / "field.npy", Dynamics(System(random_field(3, 501), normal(3, .7), .05, 60), .01).draw(24))
    np.savez(here / "line.npz", readings=World("wide", 9, "permutation", seed=1).draw(1800))
    table(here / "alone.tsv", [f"s{i}" for i in range(9)], Sensors("independent laplace", 9, seed=1).draw(1800), sep="\t")
    x, y = PlaneFunction("affine", .01, 3).draw(1500)
    np.savez(here / "lines.npz", x=x, y=y)
    x, y = PlaneFunction("random", .01, 3).draw(1500)
    table(here / "rough.csv", ["a", "b", "y"], x, y)
    return here


TEN = {"codes.csv": ("codes", "SO(2)"), "arc.npz": ("codes", ""), "shots": ("images", "rotation"), "upright.h5": ("images", ""),
       "cycle.csv": ("trajectories", "1 affine generator"), "field.npy": ("trajectories", ""), "line.npz": ("sensors", "translation of 9 positions on a line"),
       "alone.tsv": ("sensors", ""), "lines.npz": ("labelled", "1 field"), "rough.csv": ("labelled", "")}


def test_ten_data_sets(ten):
    "The right kind in all, the right answer in eight, undecided in the rest, none wrong."
    right = 0
    for name, (kind, what) in TEN.items():
        found = discover(ten / name)
        assert found.seen.kind == kind, name
        if found.answer == "undecided": continue
        assert (found.answer, what in found.what) == ("found" if what else "none", True), f"{name}: {found}"
        right += 1
        controls = [c for o in found.good for c in o["controls"].values()]
        assert bool(what) == bool(controls) and all(c["answer"] != "found" for c in controls)
    assert right >= 8


def test_a_file_becomes_a_folder(ten, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["discover", str(ten / "cycle.csv")]) == 0
    out, said = tmp_path / "cycle-discover", capsys.readouterr().out
    answer, page = json.loads((out / "answer.json").read_text()), (out / "report.html").read_text()
    assert answer["answer"] == "found" and answer["kind"] == "trajectories" and set(answer["sections"]) == {
        "Data", "What symmetry", "How sure", "What it would have looked like without", "What to do next", "In Python"}
    assert page.count("<h2>") == 7 and "<img alt=" in page and "generators/report.html" in page and page.rstrip().endswith("-->")
    exec("\n".join(answer["sections"]["In Python"]), names := {})
    group, x = names["found"].group, names["x"]
    assert names["moved"].shape == x.shape and torch.allclose(group(x, torch.tensor([2 * np.pi]).double()), x, atol=.2) and str(out / "answer.json")[-20:] in said


def test_explaining_runs_nothing(ten, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ways, "asked", lambda *a: pytest.fail("a method has run"))
    assert main(["discover", str(ten / "line.npz"), "--explain"]) == 0
    said = capsys.readouterr().out
    assert "Taken for sensors" in said and "--as codes|" in said and "At most about" in said and not list(tmp_path.iterdir())


@pytest.mark.parametrize("words, said", [("nothing.csv", "expected a file, found none"), ("x.npy", "at least 2 columns"), ("x.npy --as music", "invalid choice"), ("x.npy --labels y", "expected a key of"), ("x.npy --most 3", "expected 40 to")])
def test_bad_input_is_one_line(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.arange(50.)[:, None] ** 2)
    assert main(["discover", *words.split()]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1 and (said in shown.err or "two axes" in shown.err)
    assert [p.name for p in tmp_path.iterdir()] == ["x.npy"]


def test_an_interruption_keeps_what_is_finished(ten, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path / "runs"))
    asked, once = ways.asked, types.SimpleNamespace(stops=True)  # such a state is no code
    def stopping(way, data, seed):
        if way.run is ways.generators and once.stops: raise KeyboardInterrupt
        return asked(way, data, seed)
    monkeypatch.setattr(ways, "asked", stopping)
    np.save("x.npy", Dynamics("lambda-omega", .05).draw(24)[..., [0, 1, 0]] + np.random.default_rng(0).normal(0, .01, (24, 60, 3)))
    assert main(["discover", "x.npy", "--dt", ".05"]) == 130
    shown, answer = capsys.readouterr(), json.loads((tmp_path / "x-discover" / "answer.json").read_text())
    assert "the same command goes on" in shown.err and answer["answer"] == "undecided" and answer["missing"] == ["generators"]
    once.stops = False
    before = sorted((tmp_path / "runs" / "kept").glob("discover-invariants*/kept.json"))[0].stat().st_mtime_ns
    assert main(["discover", "x.npy", "--dt", ".05"]) == 0
    assert json.loads((tmp_path / "x-discover" / "answer.json").read_text())["missing"] == []
    assert sorted((tmp_path / "runs" / "kept").glob("discover-invariants*/kept.json"))[0].stat().st_mtime_ns == before


def test_too_little_is_undecided_with_what_is_lacking():
    found = symnb.discover(np.random.default_rng(0).normal(size=(30, 3)))
    assert found.answer == "undecided" and "at least 40 samples" in str(found) and found.group is None


# planted faults

def way(answer, **kw): return ways.Way("anything", lambda seen, seed: answer(seen), "columns permuted", ways.columns_permuted, None, None, lambda s: 1., **kw)


CODES = ways.Seen("codes", np.random.default_rng(0).normal(size=(100, 2)))


def test_a_method_that_always_finds_is_not_believed():
    found, _, others = ways.checked_answer(way(lambda seen: Found(answer="found", what="all")), CODES, 0)
    assert found.answer == "undecided" and "control" in found.words and others["columns permuted"].found


def test_a_method_that_never_finds_is_not_believed():
    turn = Found(answer="none", candidate=symnb.symmetry.matrices.BlockRotation([1]))
    found, _, _ = ways.checked_answer(way(lambda seen: turn, within=ways.randomised_along), CODES, 0)
    assert found.answer == "undecided" and "would not have been found" in found.words


def test_controls_destroy_what_they_should():
    ring = np.random.default_rng(0).uniform(0, 2 * np.pi, 3000)
    seen = ways.Seen("codes", np.stack([np.cos(ring), np.sin(ring)], 1), ring)
    rng = np.random.default_rng(1)
    lost = ways.columns_permuted(seen, None, rng).x
    assert np.hypot(*lost.T).std() > .2 and all(np.allclose(np.sort(a), np.sort(b)) for a, b in zip(lost.T, seen.x.T))
    dealt = ways.labels_dealt(seen, None, rng)
    assert abs(np.corrcoef(np.cos(dealt.y), seen.x[:, 0])[0, 1]) < .1 and np.allclose(np.sort(dealt.y), np.sort(ring))


def test_an_answer_needs_all_that_decide():
    one = lambda answer, main=True: dict(answer=answer, main=main, what="it", needed=None, controls={}, certificates={}, group=True, words=[], title="", bound=None, lost="")
    say = lambda *some, **kw: Discovered(CODES, list(some), **kw).answer
    assert say(one("none"), one("undecided")) == "undecided" and say(one("none"), one("undecided", False)) == "none"
    assert say(one("none"), one("found", False)) == "found" and say(one("none"), missing=["b"]) == "undecided"
    said = lambda *some: Discovered(CODES, list(some)).sections()["What symmetry"][0]
    assert "undecided" in said(one("none"), one("undecided", False)) and "undecided" not in said(one("none"), one("none", False))
