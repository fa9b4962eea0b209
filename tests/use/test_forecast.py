"""Equations and forecasts: libraries, thresholds, constraints that hold exactly, and what is asked for."""
import importlib.util

import numpy as np
import pytest

from symnb.data.dynamics import Dynamics
from symnb.data.systems import SYSTEMS, turned
from symnb.ground.lab import SymnbError
from symnb.use import forecast as fc

LIBRARY = fc.Library(2, 2, exponentials=True)


def test_a_library_has_names_values_and_slopes():
    x = np.random.default_rng(0).normal(size=(7, 2))
    assert LIBRARY.names == ["1", "x0", "x1", "x0^2", "x0 x1", "x1^2", "exp(x0)", "exp(x1)"]
    assert np.allclose(LIBRARY.values(x)[:, 4], x[:, 0] * x[:, 1]) and np.allclose(LIBRARY.values(x)[:, 7], np.exp(x[:, 1]))
    e = 1e-6 * np.eye(2)
    steps = np.stack([(LIBRARY.values(x + v) - LIBRARY.values(x - v)) / 2e-6 for v in e], 2)
    assert np.allclose(LIBRARY.gradients(x), steps, atol=1e-6)


def test_thresholds_keep_what_is_large():
    A = np.random.default_rng(0).normal(size=(300, 6))
    c = np.array([1., 0, -.5, 0, 0, .05])
    assert np.allclose(fc.thresholded(A, A @ c, .2), [1, 0, -.5, 0, 0, 0], atol=.02) and not fc.thresholded(A, 0 * A[:, 0]).any()


def test_symplectic_fields_keep_areas_and_equivariant_ones_commute():
    x = Dynamics("Lotka-Volterra", .2).draw(20)
    found = fc.symplectic_equations(x, .05, LIBRARY)
    assert found.terms() == {"x0", "x1", "exp(x0)", "exp(x1)"}
    z = x[0, ::40]
    assert fc.divergence(found, z) < 1e-6
    y, G = Dynamics("lambda-omega", .05).draw(20), turned(1)
    turn = fc.equivariant_equations(y, .05, fc.Library(2, 3), [G], least=0.)
    v, R = y[0, ::9], np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    assert np.allclose(turn.field(v @ R.T), turn.field(v) @ R.T, atol=1e-8)


@pytest.mark.skipif(importlib.util.find_spec("pysindy") is None, reason="pysindy is not installed")
def test_pysindy_and_ours_agree_without_noise():
    world, library = Dynamics("lambda-omega"), fc.Library(2, 3)
    x = world.draw(20)
    theirs, ours = fc.pysindy_equations(x, world.dt, library, smooth=True), fc.plain_equations(x, world.dt, library)
    assert theirs.names == ours.names and np.allclose(theirs.c, ours.c, atol=.02) and len(ours.terms()) == 12
    assert np.allclose(theirs.field(x[0]), world.field(x[0]), atol=.1)


def test_without_pysindy_one_line_says_so(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pysindy", None)
    with pytest.raises(SymnbError, match="pysindy: expected the extra `equations`"):
        fc.pysindy_equations(np.random.default_rng(0).normal(size=(9, 30, 2)), .1, LIBRARY)


def test_a_turning_pattern_is_forecast_by_one_rotation():
    t, rng = .05 * np.arange(900), np.random.default_rng(0)
    waves = [a * f(m * .9 * t) for m, a in ((1, 3.), (2, 1.), (3, .3)) for f in (np.cos, np.sin)]
    z = np.stack(waves, 1) + 1e-3 * rng.normal(size=(900, 6))
    step, speed, turns = fc.rotating_step(z[:600], 6, .05)
    assert abs(speed - .9) < 1e-3 and turns == [1, 2, 3]
    ahead = fc.forecast_errors(step, z, np.zeros(900), range(600, 640, 5), (1, 200), float((z ** 2).sum(1).mean()))
    two = fc.forecast_errors(fc.linear_step(z[:600], 2)[0], z, np.zeros(900), range(600, 640, 5), (200,), float((z ** 2).sum(1).mean()))
    assert ahead[200] < .01 < two[200]
    size = np.linalg.norm(z[:1], axis=1)
    assert np.linalg.norm(step(z[:1]), axis=1) == pytest.approx(size, rel=.05)


def test_a_latent_whose_speed_depends_on_its_radius_needs_the_radius():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, 2))
    dz = (1 + .5 * (z ** 2).sum(1, keepdims=True)) * np.stack([-z[:, 1], z[:, 0]], 1)
    c, share = fc.latent_equation(z, dz, 1)
    assert np.allclose(c, [1, .5]) and share > 1 - 1e-9 and fc.latent_equation(z, dz)[1] < .95


def test_bad_input_is_named():
    with pytest.raises(SymnbError, match="positions, then momenta, found 3"):
        fc.symplectic_equations(Dynamics("Lorenz").draw(9), .01, fc.Library(3, 2))
    with pytest.raises(SymnbError, match="at least 8"): fc.plain_equations(np.zeros((2, 40, 2)), .1, LIBRARY)
