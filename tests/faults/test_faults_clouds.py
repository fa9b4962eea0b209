"""Planted faults of clouds and of the rough tier: each is caught by a number."""
import numpy as np
import pytest

from symnb.data.clouds import CloudWorld
from symnb.find import approximate, point_clouds
from symnb.find.point_clouds import discover_clouds
from symnb.ground.lab import SymnbError
from symnb.studies import rivals


def test_a_world_that_forgets_to_shuffle_is_caught(monkeypatch):
    monkeypatch.setattr(CloudWorld, "made", lambda self, n, seed=0, made=CloudWorld.made: _unshuffled(*made(self, n, seed)))
    m = rivals.distances(CloudWorld("arrow C4"), np.tile(np.eye(2), (40, 1, 1)), 80, np.random.default_rng(0))
    assert m.control == pytest.approx(m.floor)  # the column "order as it comes" is then as good as the floor


def _unshuffled(x, R, order): return np.take_along_axis(x, np.argsort(order, 1)[..., None], 1), R, np.tile(np.arange(order.shape[1]), (len(x), 1))


def test_a_judge_that_takes_any_poses_for_a_group_is_caught(monkeypatch):
    monkeypatch.setattr(point_clouds, "closed_group", lambda E, T, rounds=0: E)
    monkeypatch.setattr(point_clouds, "room", lambda E: 9.)
    monkeypatch.setattr(point_clouds, "Finite", lambda G: None)
    world = CloudWorld("arrow but C4", seed=3)
    assert discover_clouds(world.draw(160)).found and world.truth == "none"  # so the study's "false found" is 1


def test_a_bound_without_strays_is_smaller(monkeypatch):
    G = np.stack([np.eye(2), -np.eye(2)])
    R = np.concatenate([np.tile(G, (20, 1, 1)), np.tile([[[0., -1.], [1., 0.]]], (30, 1, 1))])
    assert point_clouds.judged_elements(R, G)[0] > .4 > point_clouds.uneven(np.array([20, 20]))[0]


def test_reserved_seeds_are_not_for_tuning():
    with pytest.raises(SymnbError, match="seeds: expected"): list(rivals.plan(dict(seeds=(5,), worlds=rivals.QUICK)))


def test_a_loosened_first_harmonic_lets_half_circles_pass(monkeypatch):
    half = approximate.RoughCircle([(1, .5, .48, .52)], .3, True, .55)
    assert not half.certificates(.05)["first harmonic"].met
    monkeypatch.setitem(approximate.APPROXIMATE, "first", .6)
    assert half.certificates(.05)["first harmonic"].met and approximate.missing_arc(.6) > 160  # the words tell
