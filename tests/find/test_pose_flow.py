"""Curves, chains and laws: densities that are densities, and that find the modes they were shown."""
import math

import pytest
import torch

from symnb.data.digits import load_digits
from symnb.find.frames import fit_frame
from symnb.find.pose_flow import Chain, fit_flow, resampled, spline
from symnb.ground.lab import SymnbError
from symnb.ground.runs import train


def numbers(n, k, seed=0): return torch.randn(n, k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("circular", [False, True])
def test_a_curve_comes_back_and_knows_its_slope(circular):
    y = torch.linspace(-3.1, 3.1, 500).double().requires_grad_()
    p = numbers(1, 24 - (not circular)).expand(500, -1)
    z, slope = spline(y, p, 3., circular)
    back, again = spline(z.detach(), p, 3., circular, back=True)
    true = torch.autograd.grad(z.sum(), y)[0]
    assert torch.allclose(back, y, atol=1e-9) and torch.allclose(slope, true.log(), atol=1e-6) and torch.allclose(again, slope, atol=1e-6)


def test_a_circle_has_no_seam():
    "Density and slope agree from both sides of half a turn."
    p, at = numbers(1, 24).expand(2, -1), torch.tensor([-math.pi + 1e-6, math.pi - 1e-6]).double()
    a, b = spline(at, p, math.pi, True)[1]
    assert abs(float(a - b)) < 1e-3


def test_the_curve_is_that_of_zuko():
    "The same pieces by a library, where it is installed: `pip install symnb[flows]`."
    transforms = pytest.importorskip("zuko.transforms")
    p, y = numbers(50, 23), torch.linspace(-4, 4, 50).double()
    least = 1e-3
    share = lambda v: torch.log(least + (1 - 8 * least) * v.softmax(-1)) # ours has a least width; theirs softens numbers first
    hard = lambda v, bound: v / (1 - (v / bound).abs()) # the inverse of their softening
    slope = math.log(1e-3) # bounds of theirs
    d = (least + torch.nn.functional.softplus(p[:, 16:] + math.log(math.expm1(1 - least)))).log()
    w, h = (share(v) - share(v).mean(-1, keepdim=True) for v in (p[:, :8], p[:, 8:16]))
    theirs = transforms.MonotonicRQSTransform(hard(w, -slope / 2), hard(h, -slope / 2), hard(d, -slope), bound=3., slope=1e-3)
    z, l = theirs.call_and_ladj(y)
    ours, slopes = spline(y, p, 3.)
    assert torch.allclose(z, ours, atol=1e-6) and torch.allclose(l, slopes, atol=1e-6)


def test_a_chain_finds_two_modes_at_the_seam_and_what_hangs_on_them():
    "Angles near 0 and half a turn; the second number is 1 at the one and -1 at the other."
    rng = torch.Generator().manual_seed(0)
    side = torch.rand(400, generator=rng) < .3
    a = torch.remainder(side * math.pi + .15 * torch.randn(400, generator=rng) + math.pi, 2 * math.pi) - math.pi
    y = torch.stack([a, torch.where(side, 1., -1.) + .1 * torch.randn(400, generator=rng)], 1)
    torch.manual_seed(0)
    chain = Chain(1, [True, False], dropout=(0, 0))
    train(chain, lambda m, i: -m.log_prob(y, y.new_ones(400, 1)).mean(), 150, lr=1e-2)
    with torch.no_grad(): s = chain.sample(torch.ones(4000, 1), torch.Generator().manual_seed(1))
    far = s[:, 0].abs() > math.pi / 2
    assert .2 < float(far.double().mean()) < .4
    assert float(((s[:, 1] > 0) == far).double().mean()) > .9


@pytest.fixture(scope="module")
def x(): return load_digits("mnist5k").part("train").images[::16]


def test_a_law_prefers_the_poses_of_its_own_pictures(x):
    pose = fit_frame(x, draws=1)
    law = fit_flow(x, pose, draws=1, steps=30, batch=64, lr=5e-3, parts=10, consistency=1., members=2)
    w = pose(x)
    assert float((law.log_prob(w, x) - law.log_prob(w.roll(7, 0), x)).mean()) > .3
    assert law.sample(x[:9]).shape == (9, 6) and resampled(law, x[:9]).shape == (9, 1, 28, 28)


def test_a_law_of_angles_leaves_the_rest_alone(x):
    law = fit_flow(x, fit_frame(x, "rotation", draws=1), "rotation", draws=1, steps=5, parts=5)
    w = law.sample(x[:20])
    assert float(w[:, [0, 1, 3, 4, 5]].abs().max()) == 0 and float(w[:, 2].abs().max()) <= 180
    at = torch.zeros(361, 6)
    at[:, 2] = torch.arange(361) - 180.
    total = float(law.log_prob(at, x[:1].expand(361, -1, -1, -1))[:-1].exp().sum())
    assert total == pytest.approx(1, abs=.02) # per degree


def test_few_pictures_are_refused(x):
    with pytest.raises(SymnbError, match="at least 100"): fit_flow(x[:50], None)
