"""What a file of one's own is taken for: kinds, roles of columns, what is left out, and one line for what cannot be read."""
import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from symnb.data.kinds_of_files import recognised
from symnb.ground.lab import SymnbError

RNG = np.random.default_rng(0)
N = 600
A = RNG.normal(size=(N, 4))
TABLE = pd.DataFrame(A, columns=["width", "height", "depth", "mass"])
DAYS = pd.date_range("2024-01-01", periods=N, freq="D")

TABLES = {  # name -> table, kind, numbers a sample, what is left out
    "plain": (TABLE, "codes", 4, ""),
    "missing cells": (TABLE.mask(RNG.random(TABLE.shape) < .02), "codes", 4, "as cells are missing"),
    "text": (TABLE.assign(name=[f"item {i}" for i in range(N)]), "codes", 4, "column name, which holds text ('item 0')"),
    "row numbers": (TABLE.assign(id=np.arange(N) + 1000), "codes", 4, "column id, which counts the rows"),
    "identifiers": (TABLE.assign(user=RNG.integers(10**17, 10**18, N)), "codes", 4, "too large for quantities"),
    "dates": (TABLE.assign(date=DAYS), "codes", 4, "column date, which holds times"),
    "European dates": (TABLE.assign(date=DAYS.strftime("%d/%m/%Y")), "codes", 4, "column date, which holds times"),
    "a constant": (TABLE.assign(c=7), "codes", 4, "column c, which is constant"),
    "words as labels": (TABLE.assign(species=np.where(A[:, 0] > 0, "setosa", "virginica")), "labelled", 4, ""),
    "truth values": (TABLE.assign(ok=A[:, 0] > 0), "labelled", 4, ""),
    "two labels": (TABLE.assign(label=np.arange(N) % 2, target=A[:, 0]), "labelled", 4, "column target, as label holds labels already"),
    "a value": (TABLE.assign(Target=A[:, 0]), "labelled", 4, ""),
    "x and y": (TABLE.set_axis(["x", "y", "z", "w"], axis=1), "codes", 4, ""),
    "times that start anew": (TABLE.assign(t=np.arange(N) % 50 * .1), "trajectories", 4, ""),
    "trajectories by name": (TABLE.assign(run=np.arange(N) // 50), "trajectories", 4, ""),
    "sensors": (pd.DataFrame(RNG.normal(size=(N, 9))), "sensors", 9, ""),
    "latents": (pd.DataFrame(RNG.normal(size=(N, 16))).add_prefix("z"), "codes", 16, ""),
    "other scales": (pd.DataFrame(RNG.normal(size=(N, 9)) * np.arange(1, 10)), "codes", 9, "")}


@pytest.mark.parametrize("name", TABLES)
def test_tables(name):
    table, kind, d, left = TABLES[name]
    seen = recognised(table)
    assert seen.kind == kind and seen.x.shape[-1] == d and left in "; ".join(seen.left) and bool(left) == bool(seen.left)
    assert str(seen).count("\n") == 1 + len(seen.left) and "--as" in str(seen)


@pytest.mark.parametrize("text, shape", [
    ("width,height\nmm,kg\n1,2\n2,1\n3,5\n", (3, 2)), ("a;b\n1,5;2\n2,5;3\n3,5;5\n", (3, 2)), ("1,2.5\n2,3.5\n4,1\n", (3, 2)),
    ("a\tb\n1\t2\n2\t3\n5\t1\n", (3, 2))])
def test_tables_of_text(text, shape, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text)
    assert recognised(path).x.shape == shape


def test_the_same_table_in_every_format(tmp_path):
    TABLE.to_csv(tmp_path / "a.csv", index=False)
    TABLE.to_csv(tmp_path / "b.tsv", sep="\t")
    np.save(tmp_path / "c.npy", A)
    with h5py.File(tmp_path / "d.h5", "w") as f:
        f["run/one/latents"], f["meta/version"], f["run/one/loss"] = A, 3, np.zeros(5)
    for p in sorted(tmp_path.iterdir()): assert np.allclose(recognised(p).x, A), p


def test_several_arrays():
    seen = recognised(dict(x_train=A, y_train=np.arange(N) % 3, x_test=A[:100], y_test=np.arange(100) % 3))
    assert seen.kind == "labelled" and len(seen.y) == N and len(seen.left) == 2
    assert recognised(dict(a=A, b=A[:50]), key="b").x.shape == (50, 4)


@pytest.mark.parametrize("x", [RNG.random((30, 12, 12)), (255 * RNG.random((30, 144))).astype(np.uint8), torch.rand(30, 3, 12, 12), RNG.random((30, 12, 12, 3))])
def test_pictures(x):
    seen = recognised(x)
    assert seen.kind == "images" and seen.x.shape[2:] == (12, 12) and 0 <= seen.x.min() and seen.x.max() <= 1
    assert np.ndim(x) != 2 or recognised(x, "codes").kind == "codes"


def test_trajectories():
    assert recognised(RNG.normal(size=(10, 20, 3))).kind == "trajectories"
    seen = recognised([A[:50], A[50:98], A[:3]])
    assert seen.x.shape == (2, 48, 4) and len(seen.left) == 2
    seen = recognised(TABLE.assign(who=np.arange(N) // 50, when=np.tile(np.arange(50) * .2, 12)), ids="who", times="when")
    assert seen.x.shape == (12, 50, 4) and np.isclose(seen.dt, .2)
    alone = recognised(TABLE.assign(date=DAYS))
    assert len(set(alone.groups.tolist())) == 40 and (np.diff(alone.groups) >= 0).all()  # neighbours in time stay together


BAD = {"one column": (TABLE[["width"]], {}, "expected at least 2 columns of numbers, found 1"), "much is missing": (TABLE.mask(RNG.random(TABLE.shape) < .3), {}, "found none to use"),
       "many rows have holes": (TABLE.mask(RNG.random(TABLE.shape) < .1), {}, "at most 20% of rows with missing cells"), "one list": (A[:, 0], {}, "two axes or more"),
       "complex": (A[:, :2] + 1j, {}, "two axes or more"), "no such kind": (A, dict(kind="music"), "expected codes, images"), "no such key": (dict(a=A), dict(key="b"), "expected the key b"),
       "no labels": (A, dict(kind="labelled"), "expected labels or values"), "no trajectories": (A, dict(kind="trajectories"), "(trajectories, states, numbers)"),
       "not even": (TABLE.assign(run=np.arange(N) // 50, t=np.tile(np.arange(50.) ** 2, 12)), {}, "expected equal steps of time"),
       "words": (pd.DataFrame(dict(a=["x"] * 30, b=["y"] * 30)), {}, "found none to use"), "too few labels": (A, dict(labels=np.arange(5)), "expected one for each of 600")}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_are_one_line(name):
    data, how, said = BAD[name]
    with pytest.raises(SymnbError) as e: recognised(data, **how)
    assert said in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize("name, content, said", [("a.txt", "1 2", "expected .npz"), ("a.csv", "a,b\n", "found none"), ("a.csv", "", "a.csv"), ("a.csv", "a,b\n1,2\n3,4,5\n", "damage"), ("no.csv", None, "expected a file, found none")])
def test_bad_files_are_one_line(name, content, said, tmp_path):
    if content is not None: (tmp_path / name).write_text(content)
    with pytest.raises(SymnbError) as e: recognised(tmp_path / name)
    assert said in str(e.value) and "\n" not in str(e.value)
