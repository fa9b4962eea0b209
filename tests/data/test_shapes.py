"""Two bumps and a solid: pairs move as they say, and poses are told apart."""
import numpy as np
import pytest
import torch

from symnb.data.shapes import DoubleBump, Solid, three_views, two_bumps


@pytest.mark.parametrize("world, code", [(DoubleBump(1), 4), (Solid(1), 6)])
def test_pairs_move_as_they_say(world, code):
    x, w, moved, z = world.draw(50, seed=3)
    assert x.shape == moved.shape == (50, world.size) and z.shape == (50, code) and np.array_equal(x, world.draw(50, seed=3)[0])
    late = world.truth(torch.from_numpy(z), torch.from_numpy(w)).numpy()
    if code == 4: again = two_bumps(np.arctan2(late[:, 1::2], late[:, ::2]) * 64 / (2 * np.pi))
    else: again = three_views(np.stack([late[:, :3], late[:, 3:], np.cross(late[:, :3], late[:, 3:])], 2))
    assert np.abs(again - moved).mean() < 1e-3 < np.abs(x - moved).mean()


def test_bumps_keep_their_mass_on_the_ring():
    x = two_bumps(np.random.default_rng(0).uniform(0, 64, (40, 2)))
    assert np.allclose(x.sum(1), 12, atol=.05) and np.allclose(two_bumps([[3, 60]]), np.roll(two_bumps([[0, 57]]), 3, 1))


def test_no_two_poses_of_the_solid_look_alike():
    x = Solid().draw(300)[0]
    d = np.sqrt(((x[:, None, :400] - x[None, :, :400]) ** 2).sum(2)) + 99 * np.eye(300)
    assert d.min() > .5
