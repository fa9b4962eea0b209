"""Ellipses as they are asked for, and annealing whose truth is a formula."""
import math

import pytest
import torch
from torch.distributions import LowRankMultivariateNormal, Normal

from symnb.ground.lab import SymnbError
from symnb.symmetry.warps import rotate
from symnb.use.six_questions import annealed_bound, annealed_weights, ellipses, leap

RNG = torch.Generator().manual_seed(0)
W, X = torch.randn(30, 4, generator=RNG), torch.randn(6, 30, generator=RNG)
EXACT = LowRankMultivariateNormal(torch.zeros(30), W, torch.full((30,), .25)).log_prob(X)
PRECISION = torch.eye(4) + 4 * W.T @ W
MEAN = torch.linalg.solve(PRECISION, 4 * W.T @ X.T).T
SD = PRECISION.diagonal().rsqrt().expand_as(MEAN)


def joint(z): return Normal(0., 1.).log_prob(z).sum(-1) + Normal(z @ W.T, .5).log_prob(X).sum(-1)


def test_ellipses_turn_as_pictures_do():
    a = ellipses([2.5, 1.], torch.tensor([30., 70.]), width=.2)
    assert a.shape == (2, 1, 28, 28) and (a[:1] - rotate(ellipses([2.5], [0.], width=.2), 30.)).abs().max() < .05
    assert (a[1] - ellipses([1.], [0.], width=.2)[0]).abs().max() < 1e-5 and a[0].sum() == pytest.approx(float(a[1].sum()), rel=.05)
    with pytest.raises(SymnbError, match="above 0, found -1"): ellipses([-1.], [0.])


def test_a_leap_is_undone_by_the_way_back():
    log_p = lambda u: -(u ** 4).sum(-1)
    u, v = torch.rand(2, 3, 4, generator=RNG), torch.rand(2, 3, 4, generator=RNG)
    u1, v1 = leap(log_p, u, v, torch.tensor(.1))
    back, _ = leap(log_p, u1, -v1, torch.tensor(.1))
    assert torch.allclose(back, u, atol=1e-5) and not torch.allclose(u1, u, atol=1e-2)


def test_annealing_comes_to_the_truth_where_weights_do_not():
    wide = 4 * SD
    far = (annealed_bound(joint, MEAN, wide, 1, 10) - EXACT).mean()
    near = (annealed_bound(joint, MEAN, wide, 60, 20) - EXACT).mean()
    assert abs(near) < .5 < -far


def test_one_step_is_importance_weighting():
    z = Normal(MEAN, SD).sample((4000,))
    many = torch.logsumexp(joint(z) - Normal(MEAN, SD).log_prob(z).sum(-1), 0) - math.log(4000)
    assert (annealed_bound(joint, MEAN, SD, 1, 4000) - many).abs().max() < .3


def test_planted_a_start_without_its_volume_is_off_by_it():
    lost = SD.log().sum(-1) + 2 * math.log(2 * math.pi)
    w, _ = annealed_weights(lambda z: joint(z) - lost, MEAN, SD, 30, 20)
    off = (torch.logsumexp(w, 0) - math.log(20) - EXACT).mean()
    assert abs(float(off + lost.mean())) < .5 < abs(float(off))


@pytest.mark.parametrize("kw, said", [(dict(steps=0), "at least 1 each, found 0"), (dict(sd=0 * SD), "above 0"), (dict(sd=SD[:2]), r"\(6, 4\)")])
def test_bad_input_is_told_in_one_line(kw, said):
    with pytest.raises(SymnbError, match=said): annealed_bound(joint, MEAN, kw.pop("sd", SD), **kw)
