"""The published inference net: its losses know the right pose, and a trap that the first objective has."""
import math

import pytest
import torch

from symnb.data.digits import load_digits
from symnb.find.frames import fit_frame
from symnb.find.residual_pose import step_net
from symnb.find.generative import LIMITS, InferenceNet, around, fit_generative, five, in_bounds, self_supervised
from symnb.ground.lab import SymnbError
from symnb.symmetry.actions import load_action
from symnb.symmetry.affine import inverse, product, random_motions
from symnb.symmetry.warps import resample


@pytest.fixture(scope="module")
def x(): return load_digits("mnist5k").part("train").images[::20]


def moved(x, *seeds):
    T = [random_motions(len(x), seed=s).float() for s in seeds]
    return [resample(x, inverse(t)) for t in T], T


def test_five_numbers_are_those_of_random_motions():
    M = five(torch.tensor([.1, -.2, 1., .2, -.1]).double())
    A = torch.tensor([[.2, -1., .1], [1., -.1, -.2], [0, 0, 0]]).double()
    assert torch.allclose(M, torch.linalg.matrix_exp(A)[:2], atol=1e-8)


def test_exact_poses_have_no_loss_whatever_the_prototype(x):
    "A common motion of all prototypes changes nothing: it cannot be known."
    (views, T), shift = moved(x, 1, 2), five(torch.tensor([.1, .05, .7, .1, -.1])).expand(len(x), 2, 3)
    P = [product(t, shift) for t in T]
    assert torch.allclose(around(P, T), torch.eye(3)[:2].expand(len(x), 2, 3), atol=1e-4)
    assert float(self_supervised(x, views, P, T)["error"]) < 1e-4


def test_swapped_motions_are_seen(x):
    views, T = moved(x, 1, 2)
    assert float(self_supervised(x, views, T[::-1], T)["error"]) > .3 > float(self_supervised(x, views, T, T)["error"])


def test_empty_prototypes_please_one_objective_only(x):
    "Every prototype pushed out of sight: prototypes agree, pictures do not come back."
    views, T = moved(x, 1, 2)
    out = [product(t, torch.tensor([[1., 0, 9], [0, 1, 9]]).expand(len(x), 2, 3)) for t in [T[0], T[0]]]
    lazy, honest = (self_supervised(x, views, out, T, compare=c) for c in ("prototypes", "pictures"))
    assert float(lazy["error"]) == 0 == float(lazy["mass"]) and float(honest["error"]) > .3
    assert float(lazy["loss"]) > float(lazy["error"])


@pytest.mark.parametrize("kw", [{}, dict(circle=True, matrix=.3), dict(compare="prototypes", both=False, blur=3.)])
def test_short_trainings_run_and_start_without_a_motion(x, kw):
    net = fit_generative(x, (32,), steps=3, batch=16, **kw)
    assert net(x[:5]).shape == (5, 6) and net.standardise(x[:5]).shape == x[:5].shape
    assert len(net.record["history"]["error"]) == 3 and float(net.sigma().detach().mean()) == pytest.approx(.01, rel=.2)


def test_a_direction_has_no_seam():
    angles = torch.linspace(-math.pi + .01, math.pi - .01, 9)
    class Known(torch.nn.Module):
        def forward(self, a): return torch.stack([0 * a, 0 * a, a.cos() - 1, 0 * a, 0 * a, a.sin()], 1)
    assert torch.allclose(in_bounds(Known()(angles), LIMITS)[:, 2], angles, atol=1e-5)


def test_from_moments_starts_at_the_moments(x):
    head = fit_frame(x, draws=1)
    net = InferenceNet(step_net(784, (8,), 5), base=head)
    assert torch.allclose(net.motion(x[:10]), head.motion(x[:10]), atol=1e-6)


def test_a_net_is_saved(x, tmp_path):
    net = fit_generative(x, (8,), steps=2, batch=8)
    net.save(tmp_path / "net")
    again = load_action(tmp_path / "net", net=step_net(784, (8,), 5))
    assert torch.allclose(again(x[:5]), net(x[:5]))


@pytest.mark.parametrize("x, said", [(torch.rand(4, 3, 8, 8), r"\(n, 1, S, S\)"), (2 * torch.rand(4, 1, 8, 8), "from 0 to 1")])
def test_bad_pictures_are_refused_in_one_line(x, said):
    with pytest.raises(SymnbError, match=said): fit_generative(x, steps=1)


def test_an_unknown_objective_is_refused(x):
    with pytest.raises(SymnbError, match="pictures or prototypes"): fit_generative(x, (8,), steps=1, compare="both")
