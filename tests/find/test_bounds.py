"""Bounds of one form for methods that are told pairs or an oracle."""
import math

import pytest
import torch
from torch import nn

from symnb.find.approximate import left_over
from symnb.find.oracle import bounded_change, discover_pointwise
from symnb.find.supervised import judged_pairs, procrustes
from symnb.symmetry.matrices import MatrixAction

TURN = torch.tensor([[0., -1, 0], [1, 0, 0], [0, 0, 0]])


def pairs(n=600, noise=0., seed=0):
    z = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))
    moved = z @ torch.linalg.matrix_exp(TURN * math.pi / 6).mT
    return z, moved + noise * torch.randn(n, 3, generator=torch.Generator().manual_seed(seed + 1))


def test_bounds_hold_and_close_in():
    g = torch.Generator().manual_seed(0)
    draw = lambda n: (.09 * (s := torch.randn(n, generator=g).exp()) * 2 * torch.rand(n, generator=g), s)
    few, many = ([left_over(*draw(n))[1] for _ in range(200)] for n in (100, 3000))
    assert sum(b < .3 for b in few) <= 30 and max(many) < .33 and min(many) > .29


def test_right_pairs_are_found_and_others_are_not():
    action = procrustes(*pairs())
    assert judged_pairs(action, *pairs(seed=5)).found and judged_pairs(action, *pairs(seed=5)).bound < .05
    z, moved = pairs(seed=5)
    dealt = judged_pairs(action, z, moved.roll(9, 0))
    assert dealt.answer == "none" and dealt.bound > .9
    assert judged_pairs(MatrixAction(0 * TURN, turn=360.), z, moved).answer == "none"  # does nothing


def test_a_bound_widens_with_noise_and_few_pairs():
    action = procrustes(*pairs())
    bound = lambda n, noise: judged_pairs(action, *pairs(n, noise, 7)).bound
    assert bound(400, .05) < bound(400, .1) and bound(40, .1) > bound(4000, .1) - .02


def test_an_oracle_that_sees_the_field_is_told_from_a_blind_one():
    held, field = torch.randn(500, 3, generator=torch.Generator().manual_seed(2)), lambda z: z @ TURN.mT
    blind = lambda z: torch.stack([z[:, :2].square().sum(1), z[:, 2]], 1)  # keeps turns about the third axis
    seeing = lambda z: z[:, :2]
    assert bounded_change(blind, held, field)["bound"] < 1e-3 and bounded_change(seeing, held, field)["bound"] > .9
    assert bounded_change(blind, None, field) == {}
