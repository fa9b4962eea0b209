"""Clouds of points: the groups, what a world draws, and what raises."""
import numpy as np
import pytest

from symnb.data.clouds import CloudWorld, shape_of, turns_of
from symnb.ground.lab import SymnbError


@pytest.mark.parametrize("word, n", [("C1", 1), ("C7", 7), ("D2", 4), ("D5", 10), ("T", 12), ("O", 24), ("I", 60)])
def test_groups_have_their_elements(word, n):
    G = turns_of(word).numpy()
    assert len(G) == n and np.allclose(np.linalg.det(G), 1) and np.allclose(G[0], np.eye(3))


def test_poses_are_of_the_law():
    w = CloudWorld("tetrahedron T", seed=5)
    _, R, _ = w.made(300)
    far = np.abs(R[:, None] - turns_of("T").numpy()).max((2, 3)).min(1)
    assert far.max() < 1e-9 and len(np.unique(R.round(6), axis=0)) == 12
    a, b = (CloudWorld("9 some 3", seed=5).made(50, seed=s)[1] for s in (0, 1))
    assert len(np.unique(np.concatenate([a, b]).round(6), axis=0)) == 3  # the same few in every draw


def test_worlds_know_their_truth():
    assert len(CloudWorld("arrow C4").truth.matrices) == 4 and CloudWorld("arrow all").truth.dim == 1
    w = CloudWorld("tetrahedron T")
    assert all(c.truth == "none" for c in w.controls) and len(w.controls) == 5 and not CloudWorld("arrow one").controls


def test_points_come_in_no_order():
    x, R, order = CloudWorld("arrow C4", noise=0.).made(200)
    assert (order == np.arange(7)).all(1).mean() < .02


@pytest.mark.parametrize("name", ["arrow T", "cube C4", "3 T", "tetrahedron X", "arrow arc", "arrow arc x", "tetrahedron C0"])
def test_names_that_make_no_world(name):
    with pytest.raises(SymnbError): CloudWorld(name)


def test_shapes_are_scaled():
    x = shape_of("12", np.random.default_rng(1))
    assert np.allclose(x.mean(0), 0) and np.isclose((x ** 2).sum(1).mean(), 1)
