"""Finite rotations: orders, axes, defects, controls and what is refused."""
import numpy as np
import pytest

from symnb.data.fields import TurnedFunction
from symnb.find.finite_rotations import about_axis, discover_finite_rotation, harmonics, order_of, rotation_axis, turn_defect
from symnb.ground.lab import SymnbError
from symnb.symmetry.groups import Cyclic


@pytest.mark.parametrize("parts, noise", [(3, 0.), (7, .1), (12, 0.)])
def test_orders(parts, noise):
    world = TurnedFunction(parts, noise, seed=4)
    found = discover_finite_rotation(*world.draw(20_000))
    assert found.found and isinstance(found.group, Cyclic) and found.group.n == parts and found.bound < .3
    A, B = found.group.action.A, world.turn.A
    assert abs(float((A * B).sum() / A.norm() / B.norm())) > .999


def test_all_turns_and_none():
    every, none = (discover_finite_rotation(*TurnedFunction(k, .05, seed=4).draw(10_000)) for k in (0, 1))
    assert every.found and every.what.startswith("all") and every.group.period == 360
    assert none.answer == "none" and "order" in none.lacking() and none.certificates["defect"].value > .05


def test_an_order_above_what_is_looked_at_is_not_ruled_out():
    found = discover_finite_rotation(*TurnedFunction(30, .05, seed=4).draw(10_000))
    assert found.bound is None and "an order above 24" in found.what and found.tested is None


def test_a_function_without_an_axis_has_none():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5000, 3))
    found = discover_finite_rotation(x, np.einsum("ni,ij,nj->n", x, rng.normal(size=(3, 3)), x) + x[:, 0])
    assert found.answer == "none"


def test_values_that_were_dealt_have_none():
    x, y = TurnedFunction(7).draw(8000)
    assert not discover_finite_rotation(x, np.random.default_rng(0).permutation(y)).found


def test_the_defect_knows_which_turn():
    world = TurnedFunction(6, seed=1)
    x, y = world.draw(10_000)
    h = harmonics(x, y, world.basis[:, 2])
    assert order_of(h) == 6 and turn_defect(h, 3)[0] < .1 < .5 < turn_defect(h, 5)[0]


def test_angles_about_an_axis_turn_the_right_way():
    axis = rotation_axis(*TurnedFunction(5, seed=2).draw(5000))[0]
    x = np.random.default_rng(0).normal(size=(50, 3))
    K = np.cross(np.eye(3), axis) # x -> axis cross x as rows
    moved = x + 1e-6 * np.cross(axis, x)
    step = (about_axis(moved, axis)[2] - about_axis(x, axis)[2] + np.pi) % (2 * np.pi) - np.pi
    assert np.allclose(step, 1e-6, rtol=1e-3) and K.shape == (3, 3)


def test_bad_input():
    with pytest.raises(SymnbError, match=r"points of space \(n, 3\), found \(200, 2\)"):
        discover_finite_rotation(np.random.rand(200, 2), np.random.rand(200))
