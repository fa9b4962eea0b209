"""The compact action of one degree of freedom: exact where known, none for shuffled states and limit cycles."""
import math

import numpy as np
import pytest
import torch

from symnb.data.dynamics import Dynamics
from symnb.find import action_angle as aa
from symnb.find.trajectories import KnownField
from symnb.ground.lab import SymnbError
from symnb.symmetry.saving import load_action


def test_periods_and_areas_of_a_spring():
    spring = KnownField(lambda z: 2 * np.stack([z[:, 1], -z[:, 0]], 1))
    T, area = aa.periods(spring, np.zeros(2), np.array([[1., 0], [2., 0]]))
    assert np.allclose(T, math.pi, atol=1e-4) and np.allclose(area, [math.pi, 4 * math.pi], rtol=1e-3)


def test_the_action_of_prey_and_predators(tmp_path):
    world = Dynamics("Lotka-Volterra")
    found = aa.discover_circle(world.draw(60), world.dt)
    assert found.found and found.bound < .01
    x = torch.from_numpy(world.drawn(20, 1)[:, 0])
    H, g = world.energy(x.numpy()), found.group
    assert np.abs(world.energy(g(x, 2.).numpy()) - H).std() < .01 * H.std()
    assert (g(g(x, 1.3), 2.1) - g(x, 3.4)).abs().max() < .01
    g.save(tmp_path / "circle")
    assert torch.allclose(load_action(tmp_path / "circle")(x, 1.), g(x, 1.))
    latent, residual = aa.circle_coordinates(g, world.drawn(60, 2)[:, ::10].reshape(-1, 2))
    t = torch.tensor(1., dtype=torch.float64)
    assert residual < .01 and (latent(x, t) - g(x, t)).square().mean().sqrt() < .05 * x.std()


@pytest.mark.parametrize("world", [Dynamics("Lotka-Volterra", shuffled=True), Dynamics("lambda-omega")], ids=repr)
def test_controls_get_none(world):
    found = aa.discover_circle(world.draw(40), world.dt)
    assert found.answer == "none" and found.group is None and found.lacking()


def test_states_of_more_numbers_are_refused():
    world = Dynamics("isotropic")
    with pytest.raises(SymnbError, match="expected states that fill a plane, found 4 directions"):
        aa.discover_circle(world.draw(20), world.dt)
