"""LieGAN: elements are exponentials, each loss reaches whom it should, and a wrong matrix is not found."""
from dataclasses import replace

import numpy as np
import pytest
import torch

from symnb.find import liegan as lg
from symnb.ground.lab import SymnbError

TINY = replace(lg.LIEGAN_SMALL, hidden=8, steps=3, batch=8)


def samples(n=40, T=2, d=4, seed=0): return torch.randn(n, T, d, generator=torch.Generator().manual_seed(seed))


def felt(loss, *parameters):
    found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return [g is not None and bool(g.abs().max() > 0) for g in found]


@pytest.mark.parametrize("scale", (1e-4, .3, 3.))
def test_closed_exponentials_are_exponentials(scale):
    A = scale * torch.randn(200, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.allclose(lg.exp_of_blocks(A), torch.linalg.matrix_exp(A), atol=1e-6, rtol=1e-6)
    assert torch.allclose(lg.norm_of_blocks(A), torch.linalg.matrix_norm(A, 2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("block, channels", ((2, 1), (2, 2), (None, 1), (4, 2)))
def test_one_element_moves_all_states_of_a_sample(block, channels):
    g, x, w = lg.LearnedGenerators(4, replace(TINY, block=block, channels=channels)), samples(5, 3), torch.randn(5, channels)
    g_ = torch.linalg.matrix_exp(torch.einsum("bc,cij->bij", w, g.L))
    assert torch.allclose(g(x, w), torch.einsum("bij,btj->bti", g_, x), atol=1e-4)


def test_each_loss_reaches_whom_it_should():
    x = samples()
    model = lg.LieGAN(x, recipe=replace(TINY, channels=2))
    out, W, D = lg.liegan_losses(model, x, model.generators.weights(40)), model.generators.W, model.critic[0].weight
    assert felt(out["generators"], W) == [True] and felt(out["critic"], W, D) == [False, True]
    L = model.generators.L
    moved = model.generators(x, model.generators.weights(40))
    assert felt(lg.near_identity(moved, x), W, D) == [True, False] and felt(lg.alike(L), W, D) == [True, False]
    assert felt(lg.said_real(model.judged(moved)), W) == [True]


def test_training_updates_each_player_by_its_own_loss_alone():
    x, seen = samples(), {}
    for rate in (0., 1e-2):
        model, record = lg.fit_liegan(x, recipe=replace(TINY, rates=(1e-2, rate)))
        seen[rate] = [model.critic[0].weight.detach().clone(), record["history"]["L"]]
    start = lg.fit_liegan(x, recipe=replace(TINY, rates=(0., 0.)))[0]
    assert torch.equal(start.critic[0].weight, seen[0.][0]) and not torch.equal(start.critic[0].weight, seen[1e-2][0])
    assert seen[0.][1][0] == seen[1e-2][1][0] and seen[0.][1][0] != seen[0.][1][-1]


def test_terms_are_those_of_the_paper():
    x, L = samples(), torch.randn(3, 4, 4)
    cos = torch.nn.functional.cosine_similarity(2 * x, x, dim=-1)
    assert float(lg.near_identity(2 * x, x)) == pytest.approx(float(cos.mean().abs()), rel=1e-5)
    pairs = [(0, 1), (0, 2), (1, 2)]
    by_hand = sum(4 * abs(float((L[i] * L[j]).sum() / L[i].norm() / L[j].norm())) for i, j in pairs)
    assert float(lg.alike(L)) == pytest.approx(by_hand, rel=1e-5)


def test_labels_classes_and_masks_go_in():
    x = samples(T=1)
    for labels in (torch.arange(40) % 3, torch.rand(40)):
        model = lg.LieGAN(x, labels, TINY)
        assert model.judged(x, labels).shape == (40, 1)
        lg.fit_liegan(x, labels, replace(TINY, law="integers", scale=10, unit=False))
    mask = torch.zeros(4, 4)
    mask[0, 3] = 1
    assert lg.LearnedGenerators(4, TINY, mask).L.count_nonzero() == 1


@pytest.mark.parametrize("critic", ("energy", "sliced"))
def test_distances_vanish_for_one_law(critic):
    a, b, far = samples(2000, 1)[:, 0], samples(2000, 1, seed=1)[:, 0], samples(2000, 1, seed=2)[:, 0] + 1
    torch.manual_seed(0)
    same, other = (float(lg.sample_distance(critic, v, b)) for v in (a, far))
    if critic == "energy": same, other = (v - float(torch.cdist(b, b).mean()) for v in (same, other))
    assert abs(same) < .02 < .2 < other


def test_a_group_that_turns_is_in_radians():
    L = 3 * torch.tensor([[[0., -1], [1, 0]]])
    g = lg.as_group(L, 1)
    assert g.units == ("radians",) and torch.allclose(g.basis[0], L[0].double() / 3)
    assert lg.as_group(torch.eye(2)[None], 1).units == ("units",)


@pytest.mark.parametrize("bad, match", ((lambda: lg.blocks_of(5, 2), "block: expected a divisor of 5, found 2"),
    (lambda: lg.LearnedGenerators(4, TINY, torch.ones(3, 3)), "mask: expected .4, 4., found .3, 3."),
    (lambda: lg.fit_liegan(np.zeros((5, 4))), "samples: expected .N, T, n., found .5, 4."),
    (lambda: lg.discover_liegan(np.zeros((3, 9, 4))), "trajectories: expected at least 8")))
def test_bad_input(bad, match):
    with pytest.raises(SymnbError, match=match): bad()
