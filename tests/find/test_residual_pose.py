"""Corrections of poses: they stay equivariant, and they mend what can be mended."""
import math

import pytest
import torch
from torch import nn

from symnb.data.digits import load_digits
from symnb.find.frames import fit_frame
from symnb.find.residual_pose import (CorrectedPose, consensus, canonical, fit_cascade, fit_residual, plane_points, read_at, step_net,
                                      transfer_loss, views_of)
from symnb.measures.transfers import transfer_error
from symnb.symmetry.actions import load_action
from symnb.symmetry.affine import inverse, polar_coordinates, polar_matrix, product, random_motions
from symnb.symmetry.warps import resample


@pytest.fixture(scope="module")
def x(): return load_digits("mnist5k").part("train").images[::8]


@pytest.fixture(scope="module")
def head(x): return fit_frame(x, draws=2)


def test_reading_is_resampling(x):
    M = random_motions(20, seed=3).float()
    some = read_at(x[:20], M, plane_points(28))
    assert torch.allclose(some.view(20, 1, 28, 28), resample(x[:20], M), atol=1e-5)
    two = read_at(x[:20], torch.stack([M, M.flip(0)], 1), plane_points(28))
    assert torch.allclose(two[:, 0], some) and torch.allclose(two[:, 1], read_at(x[:20], M.flip(0), plane_points(28)))


def test_wrong_turns_do_not_move_the_aim():
    "One view in five is turned by half a turn; the others agree to a hundredth."
    Q = polar_matrix(.01 * torch.randn(50, 5, 6, generator=torch.Generator().manual_seed(0)).double())
    Q[:, 2] = product(Q[:, 2], polar_matrix(torch.tensor([0., 0, 180, 0, 0, 0]).double()))
    steps, near = consensus(Q)
    assert near.sum(1).tolist() == [4] * 50 and not bool(near[:, 2].any())
    assert float(steps[near].abs().max()) < .1
    aim = product(Q, polar_matrix(steps * torch.tensor([1, 1, 180 / math.pi, 1, 1, 1])))
    assert torch.allclose(aim, aim[:, :1].expand_as(aim), atol=1e-6)


def test_a_known_offset_of_the_frame_is_mended(x, head):
    "A pose whose shift errs by the mass in the upper half: one linear map finds it."
    class Off(CorrectedPose):
        def step(self, c):
            w = torch.zeros(len(c), 6)
            w[:, 1] = (c[:, :200].mean(1) - c[:, 200:].mean(1))
            return polar_matrix(w)
    off = Off(head, nn.Identity())
    mended = fit_cascade(x, off, draws=6, parts=60)
    views = [polar_coordinates(random_motions(len(x), seed=s)) for s in (1, 2)]
    before, after = (transfer_error(p, x, *views).value for p in (off, mended))
    assert after < .93 * before


def test_a_step_in_the_frame_stays_equivariant(x, head):
    "Whatever the network: where the pose moves exactly, the corrected one does."
    net = step_net(144, (16,))
    for p in net.parameters(): p.data = .2 * torch.randn(p.shape, generator=torch.Generator().manual_seed(0))
    class Known(CorrectedPose):
        def motion(self, moved): return product(self.T, self.step(canonical(x[:30], torch.eye(3)[:2].expand(30, 2, 3), 12)).double())
    T, pose = random_motions(30, seed=5), Known(head, net, 12)
    pose.T = torch.eye(3).double()[:2].expand(30, 2, 3)
    plain, pose.T = pose.motion(x[:30]), T
    assert torch.allclose(pose.motion(x[:30]), product(T, plain), atol=1e-6)


def test_the_loss_is_zero_only_where_nothing_moves(x):
    eye = torch.eye(3)[:2].expand(20, 3, 2, 3)
    error, off = transfer_loss(x[:20], eye, plane_points(28))
    assert float(error) == float(off) == 0
    error, off = transfer_loss(x[:20], random_motions(60, seed=1).float().unflatten(0, (20, 3)), plane_points(28))
    assert .1 < float(error) < 4 and 0 < float(off) <= .5


def test_an_untrained_network_leaves_the_pose_alone(x, head):
    assert torch.allclose(CorrectedPose(head, step_net(), 20).motion(x[:20]), head.motion(x[:20]), atol=1e-6)


def test_views_of_one_digit_mean_one_motion(x, head):
    c, Q = views_of(head, x[:100], 3)
    gap = (Q - Q.mean(1, keepdim=True)).flatten(2).norm(dim=2)
    dealt = (Q - Q.mean(1, keepdim=True).roll(1, 0)).flatten(2).norm(dim=2)
    assert c.shape == (100, 3, 400) and float(gap.median()) < .3 * float(dealt.median())


def test_a_training_starts_at_the_base_and_is_saved(x, head, tmp_path):
    pose = fit_residual(x[:200], head, steps=5, batch=16, draws=3)
    assert pose.record["history"]["error"][0] < .15 and float(pose.net[-1].weight.abs().max()) > 0
    pose.save(tmp_path / "pose")
    again = load_action(tmp_path / "pose", net=step_net())
    assert torch.allclose(again(x[:10]), pose(x[:10]))
    fit_cascade(x[:200], head, draws=2, parts=20).save(tmp_path / "linear")
    assert load_action(tmp_path / "linear")(x[:10]).shape == (10, 6)
