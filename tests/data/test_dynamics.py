"""Worlds that move: their truths hold, their controls have none, and bad settings say so."""
import numpy as np
import pytest
import torch

from symnb.data.dynamics import Dynamics
from symnb.data.systems import OWN, SYSTEMS, System, linear_field, simulated
from symnb.data.hidden_groups import hidden_rotation
from symnb.find.bracket import commuting
from symnb.find.trajectories import known
from symnb.ground.lab import SymnbError


@pytest.mark.parametrize("name", [k for k in SYSTEMS if "two-body" not in k and k not in ("pendulum", "Lotka-Volterra")])
def test_the_number_of_generators_is_that_of_the_exact_field(name):
    s = SYSTEMS[name]
    x = s.start(np.random.default_rng(1), 400)
    x = simulated(s.field, x, s.dt * np.arange(3) * 5).reshape(-1, x.shape[1])
    null = commuting(known(s.field, x[:1200], whiten=False), most=99)
    assert int((null.s < 1e-5).sum()) == len(s.generators), null.s[:14]


@pytest.mark.parametrize("name", [k for k, s in SYSTEMS.items() if s.generators])
def test_generators_commute_with_the_field(name):
    s = SYSTEMS[name]
    x = s.start(np.random.default_rng(0), 50)
    for G in s.generators:
        A, b = G[:-1, :-1], G[:-1, -1]
        V, h = x @ A.T + b, 1e-5
        along = (s.field(x + h * V) - s.field(x - h * V)) / (2 * h)
        assert np.abs(along - s.field(x) @ A.T).max() < 1e-5 * (1 + np.abs(along).max())


@pytest.mark.parametrize("name", SYSTEMS)
def test_arrays_and_tensors_give_one_field(name):
    s = SYSTEMS[name]
    x = s.start(np.random.default_rng(0), 7)
    assert np.allclose(s.field(torch.from_numpy(x)).numpy(), s.field(x), atol=1e-12)


@pytest.mark.parametrize("name", [k for k, s in SYSTEMS.items() if s.energy])
def test_energies_are_kept(name):
    H = SYSTEMS[name].energy(Dynamics(name).draw(20))
    assert np.ptp(H, axis=1).max() < 1e-5 * np.ptp(H)


@pytest.mark.parametrize("weights, extra", [((1,), 0), ((1,), 1), ((1, 2), 0), ((1, 1), 1)])
def test_hidden_rotations_are_the_only_generators(weights, extra):
    s = hidden_rotation(weights, extra, 3)
    x = s.start(np.random.default_rng(0), 900)
    assert (commuting(known(s.field, x)).s < 1e-5).sum() == 1


def test_draws_repeat_and_shuffling_keeps_the_states():
    a, b = Dynamics("Kepler", .05), Dynamics("Kepler", .05, shuffled=True)
    assert np.array_equal(a.draw(5, 3), a.draw(5, 3)) and not np.array_equal(a.draw(5, 3), a.draw(5, 4))
    assert np.allclose(np.sort(a.draw(5).ravel()), np.sort(b.draw(5).ravel()))
    assert a.truth != "none" and all(c.truth == "none" for c in a.controls) and len(a.controls) == 2


def test_noise_is_a_share_of_each_spread():
    clean, noisy = Dynamics("Lorenz"), Dynamics("Lorenz", .1)
    x = clean.draw(50)
    assert np.allclose((noisy.draw(50) - x).std((0, 1)) / x.std((0, 1)), .1, rtol=.05)


def test_truth_of_one_degree_of_freedom_is_its_flow():
    world = Dynamics("pendulum")
    x = torch.from_numpy(world.draw(3))
    moved = world.truth(x[:, 0], torch.tensor(world.dt * 100, dtype=torch.float64))
    assert (moved - x[:, 100]).abs().max() < 1e-5


def test_six_worlds_of_our_own_are_among_the_systems():
    assert len(OWN) == 6 and set(OWN) < set(SYSTEMS)


@pytest.mark.parametrize("make, words", [
    (lambda: Dynamics("pendulums"), "system: expected"), (lambda: Dynamics("Kepler", -1), "noise: expected 0 or more"),
    (lambda: Dynamics("Kepler").draw(0), "at least 1 trajectory"),
    (lambda: Dynamics(System(lambda x: x ** 3, lambda r, n: np.ones((n, 1)), 1., 9)).draw(2), "simulation: expected a finite path")])
def test_bad_settings_say_what_was_expected(make, words):
    with pytest.raises(SymnbError, match=words): make()


def test_linear_fields_are_linear():
    M = np.arange(9.).reshape(3, 3)
    assert np.allclose(linear_field(M)(np.eye(3)), M.T)
