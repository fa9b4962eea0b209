"""Two-sample measures: known areas, exact p-values, levels at which nothing and everything is known."""
import numpy as np
import pytest
import torch

from symnb.ground.lab import SymnbError
from symnb.measures import laws
from symnb.symmetry.matrices import BlockRotation, MatrixAction


def planes(n, seed=0):
    "Two planes at the angles a and 2a, a uniform, with noise."
    rng = torch.Generator().manual_seed(seed)
    a = 2 * torch.pi * torch.rand(n, generator=rng)
    z = torch.stack([a.cos(), a.sin(), (2 * a).cos(), (2 * a).sin()], 1)
    return z + .1 * torch.randn(n, 4, generator=rng)


def test_the_area_agrees_with_scikit_learn_ties_and_all():
    from sklearn.metrics import roc_auc_score
    rng = np.random.default_rng(0)
    s, y = rng.integers(0, 6, 200), rng.random(200) < .3
    assert laws.auc(s, y).value == pytest.approx(roc_auc_score(y, s))
    assert laws.auc([0, 1, 2, 3], [False, False, True, True]).value == 1.


def test_the_error_of_the_area_is_that_of_repeated_draws():
    rng = np.random.default_rng(1)
    draws = [laws.auc(np.r_[rng.normal(0, 1, 80), rng.normal(1, 1, 40)], np.arange(120) >= 80) for _ in range(400)]
    assert np.mean([m.spread for m in draws]) == pytest.approx(np.std([m.value for m in draws]), rel=.15)


@pytest.mark.parametrize("weights, same", (((1, 2), True), ((1, 3), False)))
def test_an_action_that_keeps_the_law_is_told_from_one_that_keeps_each_plane_only(weights, same):
    z = planes(1600)
    m = laws.two_sample_auc(z, None, torch.arange(len(z)), BlockRotation(weights), steps=250)
    assert m.floor == .5 and m.chance > .8
    assert abs(m.value - .5) < 4 * m.spread if same else m.value > .8


def test_labels_are_part_of_the_law():
    z = torch.randn(1200, 2, generator=torch.Generator().manual_seed(3))
    labels = (z[:, 0] > 0).long()  # a half turn keeps the law of the codes and swaps the classes
    half = MatrixAction(torch.tensor([[0., -1.], [1., 0.]]) * torch.pi / 360, "half degrees", turn=1e-9)
    blind, seeing = (laws.two_sample_auc(z, y, torch.arange(1200), lambda v, t: -v, steps=250) for y in (None, labels))
    assert blind.value < .6 < .9 < seeing.value and half is not None


def test_groups_never_stand_on_both_sides():
    x = torch.randn(100, 3, generator=torch.Generator().manual_seed(4))
    ids = torch.arange(20).repeat_interleave(5).repeat(2)
    copied = x[:1].expand(5, -1)  # would be recognised if it were on both sides
    m = laws.told_apart(x, x + 0. * copied.sum(), ids, steps=60)
    assert m.n == 40  # a fifth of the groups


def test_p_is_exact_under_one_law_and_small_under_two():
    p = [laws.energy_test(planes(40, 2 * i), planes(30, 2 * i + 1), draws=39, seed=i)[1] for i in range(60)]
    assert sum(v <= .1 for v in p) <= 13 and sum(v <= .5 for v in p) >= 18  # binomial, one in 300 each
    m, p = laws.energy_test(planes(300), planes(300, 1) + .5)
    assert p == 1 / 200 and m.value > 10 * m.floor


def test_whole_groups_are_dealt():
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(5)).repeat_interleave(10, 0)
    y = torch.randn(20, 2, generator=torch.Generator().manual_seed(6)).repeat_interleave(10, 0)
    ids = torch.arange(40).repeat_interleave(10)
    assert laws.energy_test(x, y)[1] < .05 < laws.energy_test(x, y, ids)[1]  # ten copies are no evidence


def test_scrambled_columns_keep_each_law_and_nothing_else():
    z = planes(500)
    mixed = laws.dealt_columns(z)
    assert torch.equal(mixed.sort(0).values, z.sort(0).values)
    assert laws.energy_test(z, mixed)[1] <= .02


@pytest.mark.parametrize("call, said", (
    (lambda: laws.auc([1., 2.], [True, False]), "at least 2 of both kinds"),
    (lambda: laws.told_apart(planes(5), planes(5), torch.arange(4)), "expected 10 ids"),
    (lambda: laws.energy_test(planes(4), planes(4), torch.arange(4).repeat(2)), "each within one sample"),
))
def test_bad_input_is_told_in_one_line(call, said):
    with pytest.raises(SymnbError) as e: call()
    assert said in str(e.value) and "\n" not in str(e.value)
