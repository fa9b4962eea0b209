"""From noisy states to a field: each step against what is known, and one line for each kind of bad input."""
import numpy as np
import pytest

from symnb.data.dynamics import Dynamics
from symnb.find import trajectories as tj
from symnb.ground.lab import SymnbError
from symnb.ground.sides import apart

GOOD = Dynamics("lambda-omega").draw(12)


def changed(f):
    x = GOOD.copy()
    f(x)
    return x


@pytest.mark.parametrize("x, words", [
    ([GOOD[0], GOOD[1][:-3], *GOOD[2:]], "expected one length, found 57 to 60 states"),
    (changed(lambda x: x.__setitem__((2, 5, 0), np.nan)), "NaN or infinity in 1 of 12"),
    (GOOD[:1], "expected at least 8, as a quarter is kept for judging, found 1"),
    (changed(lambda x: x.__setitem__((..., 1), 3.)), "found constants: 1"),
    (GOOD[:, :6], "expected at least 7 states for the smoothing window, found 6"),
    (np.random.default_rng(0).normal(size=(8, 7, 30)), "expected 310 states for 30 coordinates, found 56"),
    (GOOD[0], "expected shape \\(trajectories, states, coordinates\\)"), ("text", "trajectories: expected")])
def test_bad_trajectories_say_what_was_expected(x, words):
    with pytest.raises(SymnbError, match=words) as e: tj.learned(x, .1)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("t", [[0, .1, .3], [[0, .1, .2], [0, .1, .25]], [.2, .1, 0], [1.]])
def test_uneven_times_are_refused(t):
    with pytest.raises(SymnbError, match="at equal steps"): tj.even_step(t)


def test_a_step_that_is_not_positive_is_refused():
    with pytest.raises(SymnbError, match="dt: expected a positive step"): tj.learned(GOOD, 0)


@pytest.mark.parametrize("noise", [.01, .05, .1])
def test_noise_is_read_off_the_data(noise):
    world = Dynamics("lambda-omega", noise)
    s = tj.smoothed(world.draw(100), world.dt)
    assert abs(s.noise / noise - 1) < .2 and s.states.shape == s.rates.shape == (100, 60 - 2 * s.window, 2)


def test_smoothing_is_exact_for_polynomials():
    t = np.arange(30) * .1
    x = np.stack([np.stack([t ** 4 - t, 2 * t ** 3 + a], 1) for a in range(9)])
    s = tj.smoothed(x, .1)
    inner = t[s.window:-s.window]
    assert np.allclose(s.rates, np.stack([4 * inner ** 3 - 1, 6 * inner ** 2], 1), atol=1e-6)


@pytest.mark.parametrize("features", [tj.Monomials(3, 3, 1), tj.Waves(3, 9, 1.5), tj.Waves(3, 9, 1.5, along=np.eye(3)[:, :2])])
def test_gradients_are_derivatives(features):
    x, h = np.random.default_rng(0).normal(size=(4, 3)), 1e-6
    for i, e in enumerate(h * np.eye(3)):
        assert np.allclose((features.values(x + e) - features.values(x - e)) / (2 * h), features.gradients(x)[..., i], atol=1e-6)


def test_frames_go_there_and_back_and_drop_what_is_not_there():
    x = np.random.default_rng(0).normal(size=(200, 3)) @ np.random.default_rng(1).normal(size=(3, 5))
    frame = tj.Frame(x)
    assert frame.rank == 3 and np.allclose(frame.back(frame.to(x)), x)
    assert np.allclose(np.cov(frame.to(x).T), np.eye(3), atol=.02)


def test_thin_directions_are_not_blown_up():
    x = np.random.default_rng(0).normal(size=(500, 3)) * [1, 1, 1]
    x[:, 2] = x[:, 0] + 1e-2 * x[:, 2]
    assert not tj.Frame(x).whitened and tj.Frame(x[:, :2]).whitened


def test_a_field_is_learned_without_the_trajectories_kept_for_judging():
    world = Dynamics("two cycles", .02)
    with apart() as seen: found = tj.learned(world.draw(60), world.dt, tj.monomials(3))
    assert len(seen["train"][0]) == 45 and len(seen["test"][0]) == 15 == len(found.held)
    assert .99 < found.explained <= 1


def test_states_in_no_order_teach_nothing():
    world = Dynamics("two cycles", .02, shuffled=True)
    assert tj.learned(world.draw(60), world.dt, tj.monomials(3)).explained < .1


def test_the_flow_is_of_fourth_order():
    field, x = Dynamics("isotropic").field, np.eye(4)
    errors = [np.abs(tj.flow(field, x, 2 * np.pi, n) - x).max() for n in (40, 80)]
    assert 14 < errors[0] / errors[1] < 40
