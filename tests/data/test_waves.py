"""Waves on a ring: equations, generators of the textbook, jets and noise."""
import numpy as np
import pytest
import torch

from symnb.data.waves import EQUATIONS, Waves, runge_kutta, smooth_starts, solution_jets, spectral
from symnb.data.worlds import AnyWorld
from symnb.ground.lab import SymnbError


@pytest.mark.parametrize("name", EQUATIONS)
def test_solutions_obey_the_equation(name):
    world = Waves(name)
    assert isinstance(world, AnyWorld) and world.truth.dim == len(world.equation.generators)
    v = world.states(2, T=.02, steps=20)
    slope, rate = (v[:, 2:] - v[:, :-2]) / .002, np.stack([world.equation.rate(s) for s in v.swapaxes(0, 1)], 1)[:, 1:-1]
    assert np.abs(slope - rate).max() < .01 * np.abs(rate).max()


def test_noise_and_seeds():
    (_, _, a), (_, _, b) = (Waves("heat", e).draw(5) for e in (0., .05))
    assert np.std(b - a) / a.std() == pytest.approx(.05, rel=.05) and not np.array_equal(a, Waves("heat").draw(5, seed=1)[2])
    clean, noisy = (solution_jets(Waves("wave", e), 2000)[2] for e in (0., .05))
    assert np.allclose((noisy - clean).std(0) / clean.std(0), .05, rtol=.1) and clean.shape == (2000, 1, 3, 4)


def test_boosts_and_phases_carry_solutions_to_solutions():
    v = smooth_starts(np.random.default_rng(0), (2, 2), 64) / 2
    for name in ("Schroedinger", "reaction"):
        f, turn = EQUATIONS[name].rate, np.array([[.6, -.8], [.8, .6]])
        assert np.allclose(f(np.einsum("ab,nbx->nax", turn, v)), np.einsum("ab,nbx->nax", turn, f(v)))
    u = v[:, :1]
    assert np.allclose(EQUATIONS["KdV"].rate(u + 1), EQUATIONS["KdV"].rate(u) - spectral(u)) # the boost: u + c moves at speed c more
    assert np.abs(runge_kutta(EQUATIONS["heat"].rate, u, 1e-3, 10) - u).max() > 0 and torch.is_tensor(Waves("heat").truth.basis)


def test_bad_settings():
    with pytest.raises(SymnbError, match="name"): Waves("water")
