"""Conserved quantities: known ones are found, damped and chaotic systems have none."""
import numpy as np
import pytest
import torch

from symnb.data.dynamics import Dynamics
from symnb.find import invariants as iv
from symnb.find.trajectories import Monomials


def test_quadratic_forms_of_an_oscillator():
    x = Dynamics("isotropic").drawn(60)
    shares, c = iv.within_over_total(Monomials(4, 2, 1).values(x.reshape(-1, 4)).reshape(60, 80, -1))
    assert (shares < 1e-9).sum() == 4 and shares[4] > .5


@pytest.mark.parametrize("name, noise, answer", [("Lotka-Volterra", .01, "found"), ("damped", .01, "none"),
                                                 ("lambda-omega", .05, "none"), ("random", .01, "none")])
def test_answers(name, noise, answer):
    world = Dynamics(name, noise)
    found = iv.discover_invariants(world.draw(80), world.dt, 6 if answer == "found" else 4)
    assert found.answer == answer and found.bound >= 0
    if answer == "found":
        x = world.drawn(10, 1)[:, ::20].reshape(-1, 2)
        rank = lambda v: v.argsort().argsort()
        value = found.group.field.quantity(x)[:, 0]
        assert abs(np.corrcoef(rank(value), rank(world.energy(x)))[0, 1]) > .98
        moved = found.group(torch.from_numpy(x), .3).numpy()
        assert np.abs(world.energy(moved) - world.energy(x)).max() < .1 * np.ptp(world.energy(x))


def test_states_in_no_order_keep_nothing():
    world = Dynamics("Lotka-Volterra", shuffled=True)
    assert iv.discover_invariants(world.draw(40), world.dt, 6).answer == "none"
