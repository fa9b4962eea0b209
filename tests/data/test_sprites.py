"""Sprites with known motions: what is drawn is what was asked for."""
import pytest
import torch

from symnb.data.sprites import SHAPES, Sprites, drawn_sprites, stabiliser
from symnb.find.lowest_weight import WavePose, powers, ring_moments, turns_of
from symnb.ground.lab import SymnbError
from symnb.measures.transfers import transfer_error
from symnb.symmetry.actions import load_action
from symnb.symmetry.affine import AffineMotions, polar_coordinates, polar_matrix, random_motions


def centre(x):
    p = x[:, 0] / x.sum((1, 2, 3))[:, None, None]
    along = (torch.arange(64) - 31.5) / 32
    return torch.stack([(p * along).sum((1, 2)), -(p * along[:, None]).sum((1, 2))], 1)


def test_a_sprite_lies_where_its_motion_carries_it():
    w = torch.tensor([[.3, .2, 0, 0, 0, 0], [-.3, .1, 45., 0, 0, 0], [0, 0, 0, 0, 0, 0]]).double()
    x = drawn_sprites([0, 1, 2], polar_matrix(w))
    assert (centre(x)[:2] - w[:2, :2]).abs().max() < .02 and set(x.unique().tolist()) == {0., 1.}
    tilted = drawn_sprites([1, 1], polar_matrix(torch.tensor([[0., 0, t, 0, 0, 0] for t in (30, 210)]).double()))
    assert (tilted[0] - tilted[1]).abs().mean() < 1e-3 and bool(tilted[0, 0, 26, 42] > tilted[0, 0, 38, 42])  # counter-clockwise


@pytest.mark.parametrize("k", range(3))
def test_a_stabiliser_leaves_its_shape_alone_and_other_turns_do_not(k):
    s = stabiliser(k)
    x = drawn_sprites([k] * (len(s) + 1), polar_matrix(torch.cat([s, torch.tensor([[0., 0, 40, 0, 0, 0]]).double()])))
    gap = (x - x[:1]).abs().mean((1, 2, 3))
    assert gap[:-1].max() < .004 < .015 < gap[-1]


def test_the_laws_hold_and_still_sprites_do_not_move():
    x, shape, w = Sprites().draw(600, seed=2)
    assert all((shape == k).float().mean() > .25 for k in range(3)) and not w[shape == 2, 2].any()
    assert w[shape == 1, 2].max() <= 90 < w[shape == 0, 2].max() and bool((w[shape == 0, :2].abs() <= .4501).all())
    assert torch.equal(Sprites().draw(5, seed=1)[0], Sprites().draw(5, seed=1)[0]) and Sprites("still").truth == "none"
    x, shape, w = Sprites("still", 32).draw(9)
    assert x.shape == (9, 1, 32, 32) and not w.any()
    with pytest.raises(SymnbError, match="expected still, found 'blank'"): Sprites("blank")
    with pytest.raises(SymnbError, match=r"expected \(2, 2, 3\)"): drawn_sprites([0, 1], torch.eye(3)[:2])


# ---- poses up to a stabiliser

def test_numbers_of_poses_are_those_of_the_shapes():
    x, shape, _ = Sprites().draw(300, seed=5)
    order = WavePose().order(x)
    for k, n in enumerate((4, 0, 1)): assert (order[shape == k] == n).float().mean() > .8


def test_waves_of_a_turned_shape_turn():
    c = torch.polar(torch.tensor([[0., 0, .02, 0, .01, 0, 0, 0]]), torch.zeros(1, 8))
    turn = .3
    moved = c * torch.exp(1j * turn * torch.arange(1, 9))
    for z, n in ((moved, 1), (moved * (torch.arange(8) == 2), 3)):
        angle, order = turns_of(z)
        assert abs(float(angle) - turn) < 1e-5 and int(order) == n
    assert turns_of(torch.zeros(2, 8) + 0j)[1].tolist() == [0, 0] and powers((4, 6)) == (-1, 1)


def test_a_wave_pose_is_equivariant_where_nothing_is_cut():
    x, _, _ = Sprites().draw(200, seed=3)
    group, pose = AffineMotions(), WavePose()
    small = polar_coordinates(random_motions(200, "affine", 3))
    small[:, :2], small[:, 3] = 0, small[:, 3] - .3
    still = Sprites("still").draw(200, seed=3)
    e = transfer_error(pose, still[0], small, torch.zeros(200, 6).double())
    assert e.value < .1 * e.baseline
    planted = WavePose()
    planted.read = lambda v: (lambda M, n: (polar_matrix(polar_coordinates(M) * torch.tensor([1, 1, -1, 1, 1, 1])), n))(*pose.read(v))
    assert transfer_error(planted, still[0], small, torch.zeros(200, 6).double()).value > 3 * e.value
    alike = pose.alike(still[0][:20])
    assert {len(a) for a in alike} <= {1, 3, 4, 12} and torch.allclose(alike[0][0], pose(still[0][:1])[0], atol=1e-5)
    assert len(SHAPES) == 3 and group.dim == 6


def test_an_empty_picture_is_told_as_unsure(tmp_path):
    pose = WavePose()
    w, sure = pose.find(torch.zeros(2, 1, 64, 64))
    assert bool(w.isfinite().all()) and not sure.any()
    pose.save(tmp_path / "pose")
    x = Sprites().draw(3)[0]
    assert torch.equal(load_action(tmp_path / "pose")(x), pose(x))
