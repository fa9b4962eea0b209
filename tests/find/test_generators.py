"""The eigenproblem on skew matrices, on tensors and spans whose answer is known."""
import itertools

import pytest
import torch

from symnb.find.generators import closed, eigen, eigengap, form, repeated, skew_form, stabiliser
from symnb.find.moments import act, cumulants, synthetic_law
from symnb.find.whitening import skew_matrices, whiten
from symnb.measures.spans import bracket_residual


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed))


def symmetric(d, k, classes=2, seed=0):
    K = normal(classes, *[d] * k, seed=seed)
    return sum(K.permute(0, *(p + 1 for p in order)) for order in itertools.permutations(range(k)))


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_form_is_the_inner_product_of_actions(k):
    Ka, Kb, A, B = symmetric(5, k, 3), symmetric(5, k, 3, seed=1), normal(5, 5), normal(5, 5, seed=1)
    wanted = sum((act(A, a) * act(B, b)).sum() for a, b in zip(Ka, Kb))
    assert torch.isclose(torch.einsum("ij,kl,ijkl", A, B, form(Ka, Kb)), wanted)


def test_skew_form_has_an_orthonormal_basis():
    H = form(symmetric(4, 3))
    A = skew_matrices(torch.eye(6).double(), 4)
    assert torch.allclose(torch.einsum("aij,bij->ab", A, A), torch.eye(6).double())
    assert torch.allclose(skew_form(H), torch.einsum("aij,bkl,ijkl->ab", A, A, H))


def test_gap_counts_to_the_last_large_ratio():
    gap = lambda *v: eigengap(torch.tensor(v).double())
    assert gap(.1, 1., 1.1, 1.2)[1] == 1 and gap(.01, .1, 1., 1.1)[1] == 2
    assert gap(.001, 1., 1.4, 1.5)[1] == 1  # 1.4 is nothing beside 1000
    assert gap(-1., -.5, .2, .9, 1.)[0] < 1.3  # all of it noise


def test_a_form_relative_to_itself():
    H = form(symmetric(5, 3))
    assert torch.allclose(eigen(H, H).values, torch.ones(10).double())


def test_closed_goes_to_the_nearest_algebra():
    turns = torch.nn.functional.pad(skew_matrices(torch.eye(3).double(), 3), (0, 3, 0, 3))
    bent = turns + .03 * skew_matrices(normal(3, 15), 6)
    span = closed(bent)
    assert bracket_residual(span) < 1e-4 < bracket_residual(bent)
    assert torch.linalg.svdvals(span.flatten(1) @ turns.flatten(1).mT).min() > .9


def test_what_noise_does_is_not_repeated():
    z, _, _ = synthetic_law([1, 2], 8000, 5, seed=1)
    q = whiten(z)[0]
    Ka, Kb = cumulants(q[::2]), cumulants(q[1::2])
    kept = repeated(stabiliser(Ka, Kb).matrices[0], Ka, Kb)
    other = repeated(skew_matrices(normal(10), 5), Ka, Kb)
    assert kept < .5 < .9 < other
