"""Finite groups from clouds: parts against closed forms, and verdicts where the truth is known."""
import math

import numpy as np
import pytest

from symnb.data.clouds import CloudWorld, turn, turns_of
from symnb.data.laws import turned_frames
from symnb.find.point_clouds import (apart, closed_group, discover_clouds, group_of_turns, pose_harmonics, heaps, judged_elements, kabsch, product_table,
    rotation_grid, uneven)
from symnb.ground.lab import SymnbError


def test_kabsch_finds_a_rotation_and_no_mirror():
    rng = np.random.default_rng(0)
    x, R = rng.standard_normal((5, 6, 3)), turned_frames(rng, 5)
    x -= x.mean(1, keepdims=True)
    assert np.allclose(kabsch(x @ R.swapaxes(1, 2), x), R)
    assert np.isclose(np.linalg.det(kabsch(-x, x)), 1).all()


def test_angles():
    assert np.allclose(np.degrees(apart(turn(1.2, (1, 2, 3))[None], np.eye(3)[None])), np.degrees(1.2))
    assert np.allclose(np.linalg.det(rotation_grid(3)), 1) and np.allclose(np.linalg.det(rotation_grid(2)), 1)


@pytest.mark.parametrize("word", ["C5", "D2", "D4", "T", "O"])
def test_noisy_elements_are_made_exact(word):
    rng, G = np.random.default_rng(1), turns_of(word).numpy()
    noisy = np.stack([turn(.05, rng.standard_normal(3)) @ g for g in G])
    E = closed_group(noisy, product_table(noisy)[0])
    assert len(E) == len(G) and product_table(E)[1] < 1e-5 and group_of_turns(E) == word
    assert np.allclose(E[0], np.eye(3), atol=1e-6)


def test_what_is_no_group_is_not_made_one():
    G = turns_of("T").numpy()
    for some in (G[1:], G[:11], turned_frames(np.random.default_rng(0), 5)):
        assert not len(closed_group(some, product_table(some)[0]))


def test_heaps_leave_strays_out():
    rng, G = np.random.default_rng(2), turns_of("T").numpy()
    R = np.concatenate([G[rng.integers(12, size=240)], turned_frames(rng, 12)])
    assert len(heaps(R)) == 12 and not len(heaps(turned_frames(rng, 120)))


def test_the_bound_of_shares_holds():
    rng, k, n = np.random.default_rng(3), 12, 240
    p = np.r_[.25, np.full(k - 1, .75 / (k - 1))]
    defect = math.sqrt(((p - 1 / k) ** 2).sum() * k) / 2
    bounds = [uneven(rng.multinomial(n, p))[0] for _ in range(150)]
    assert np.mean(np.array(bounds) < defect) < .13 and np.median(bounds) < 1.6 * defect
    assert np.abs(p - 1 / k).sum() / 2 <= defect  # at least the total variation


def test_poses_outside_count():
    G = turns_of("C4").numpy()
    inside = np.tile(G, (30, 1, 1))
    assert judged_elements(inside, G)[0] < judged_elements(np.concatenate([inside, turned_frames(np.random.default_rng(0), 20)]), G)[0] - .05


@pytest.mark.parametrize("word, first", [("T", 3), ("O", 4), ("I", 6)])
def test_a_group_shows_at_its_first_invariant(word, first):
    size = pose_harmonics(np.tile(turns_of(word).numpy(), (6, 1, 1)))[0]
    assert size[first - 1] > .2 and size[:first - 1].max() < .02


@pytest.mark.parametrize("name, n, says", [("arrow C4", 160, "C4"), ("arrow C3", 160, "C3"), ("tetrahedron T", 320, "T"), ("arrow all", 300, "SO(2)")])
def test_groups_that_are_there(name, n, says):
    D = discover_clouds(CloudWorld(name, seed=7).draw(n))
    assert D.found and D.name == says and D.bound <= D.delta


@pytest.mark.parametrize("name", ["arrow one", "arrow arc 90", "tetrahedron some 4", "tetrahedron but T", "arrow more C4", "arrow but C4"])
def test_nothing_is_found_where_nothing_is(name):
    assert not discover_clouds(CloudWorld(name, seed=7).draw(160)).found


def test_a_symmetric_shape_in_one_pose_has_its_own_group():
    rng = np.random.default_rng(0)
    square = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) + .1 * rng.standard_normal((160, 4, 2))
    assert discover_clouds(square).name == "C4"


def test_clouds_of_different_shapes_have_no_poses():
    D = discover_clouds(np.random.default_rng(0).standard_normal((60, 8, 3)))
    assert D.answer == "undecided" and "match" in D.lacking()


@pytest.mark.parametrize("bad", [np.zeros((50, 5, 3)), np.ones((50, 2, 3)), np.ones((50, 5, 4)), np.random.rand(10, 5, 3), np.full((50, 5, 3), np.nan)])
def test_bad_clouds(bad):
    with pytest.raises(SymnbError, match="clouds: expected"): discover_clouds(bad)


@pytest.mark.parametrize("seed", [20004, 20015])
def test_three_of_four_quarter_turns_are_not_drawn_to_three_thirds(seed):
    D = discover_clouds(CloudWorld("arrow but C4", .05, seed=seed).draw(200), seed=seed)
    assert not D.found and "largest angle off a product (degrees)" in D.lacking()


def test_one_frequent_pose_is_not_the_only_one():
    x = CloudWorld("arrow one", seed=0).draw(100)
    assert discover_clouds(x).answer == "none"
    for i, a in enumerate(np.linspace(1, 5, 15)): x[6 * i] = x[6 * i] @ [[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]
    D = discover_clouds(x)
    assert D.answer == "undecided" and D.certificates["share in other poses"].value > .05
