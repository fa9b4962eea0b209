"""`symnb dynamics FILE` as a user meets it: every format, and one line for every fault."""
import h5py
import numpy as np
import pytest
import torch

from symnb.data.dynamics import Dynamics
from symnb.data.systems import QUARTER
from symnb.show.cli import main
from symnb.symmetry.found import load_found

WORLD = Dynamics("lambda-omega", .01)
LENGTH = 60


@pytest.fixture(scope="module")
def paths(): return WORLD.draw(24)[:, :LENGTH]


@pytest.fixture
def folder(tmp_path, monkeypatch, paths):
    monkeypatch.chdir(tmp_path)
    n, T, d = paths.shape
    who, times = np.repeat(np.arange(n), T), np.tile(.05 * np.arange(T), n)
    np.save("paths.npy", paths)
    np.savez("paths.npz", x=paths, t=.05 * np.arange(T))
    np.savetxt("paths.csv", np.column_stack([who, times, paths.reshape(-1, d)]), delimiter=",", header="id,t,a,b", comments="")
    with h5py.File("paths.h5", "w") as f: f["run/states"], f["run/who"], f["run/when"] = paths.reshape(-1, d), who, times
    return tmp_path


def run(words, capsys):
    code = main(["dynamics", *words.split()])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize("words", ["paths.npy --dt .05", "paths.npz", "paths.csv", "paths.h5 --key run/states --id run/who --time run/when"])
def test_the_rotation_is_found_in_every_format(folder, capsys, words):
    code, out, err = run(words, capsys)
    assert code == 0 and not err and "generators: found: 1 affine generator" in out and "step 0.05" in out
    group = load_found(folder / "paths-dynamics" / "generators").group
    A = group.basis[0][:2, :2].numpy()
    assert abs((A * QUARTER).sum()) / np.linalg.norm(A) / 2 ** .5 > .99
    page = (folder / "paths-dynamics" / "report.html").read_text()
    assert "1 affine generator" in page and "commutator" in page and "<img alt=" in page


def test_the_group_moves_states(folder, capsys, paths):
    assert run("paths.npz --out made", capsys)[0] == 0
    group, x = load_found(folder / "made" / "generators").group, torch.from_numpy(paths[:, 0])
    assert torch.allclose(group(x, torch.tensor([2 * np.pi]).double()), x, atol=.2)


@pytest.mark.parametrize("change, words, said", [
    (lambda x: x[:1], "", "at least 8"), (lambda x: np.where(np.arange(x.size).reshape(x.shape) == 9, np.nan, x), "", "NaN or infinity in 1 of 24"),
    (lambda x: np.concatenate([x, 0 * x[..., :1] + 3], 2), "", "found constants: 2"), (lambda x: x[:, :5], "", "7 states for the smoothing window, found 5"),
    (lambda x: np.tile(x[:8, :7], (1, 1, 18)) + np.random.default_rng(0).normal(size=(8, 7, 36)), "", "expected 370 states for 36 coordinates, found 56"),
    (lambda x: x[0], "", "at least 8"), (lambda x: x[0, 0], "", "expected (trajectories, states, coordinates)"),
    (lambda x: x, "--dt 0", "expected a number above 0"), (lambda x: x, "--id nobody", "expected the key nobody")])
def test_bad_arrays_give_one_line(folder, capsys, paths, change, words, said):
    np.save("bad.npy", change(paths))
    code, out, err = run(f"bad.npy {words}", capsys)
    assert code == 2 and not out and err.count("\n") == 1 and said in err
    assert not (folder / "bad-dynamics").exists()


def with_cell(row, column, value):
    def change(t):
        t[row, column] = value
        return t
    return change


@pytest.mark.parametrize("change, said", [
    (lambda t: t[:-3], "expected one length, found 57 to 60 states"), (with_cell(5, 1, .26), "ascending times at equal steps"),
    (with_cell(7, 2, np.nan), "NaN or infinity in 1 of 24")])
def test_bad_tables_give_one_line(folder, capsys, change, said):
    table = np.loadtxt("paths.csv", delimiter=",", skiprows=1)
    np.savetxt("bad.csv", change(table), delimiter=",", header="id,t,a,b", comments="")
    code, out, err = run("bad.csv", capsys)
    assert code == 2 and not out and err.count("\n") == 1 and said in err


def test_nothing_is_found_in_no_order(folder, capsys):
    np.save("dealt.npy", Dynamics("pendulum", shuffled=True).draw(24)[:, :LENGTH])
    code, out, _ = run("dealt.npy --dt .02", capsys)
    assert code == 0 and "generators: not found" in out and "orbits: not found" in out and "lacking: rates explained, unseen" in out
    assert not list((folder / "dealt-dynamics").glob("*.json"))
