"""Planes: where they lie, what should vanish in them, and how they are put right."""
import numpy as np
import pytest
import torch

from symnb.find import planes
from symnb.find.characters import Features
from symnb.find.planes import Planes, generic, polish, turning
from symnb.find.moments import synthetic_law
from symnb.find.weights import normal_form
from symnb.find.whitening import whiten


def rng(seed): return torch.Generator().manual_seed(seed)


def cloud(n, d, seed=0): return torch.randn(n, d, generator=rng(seed)).double() ** 3


@pytest.mark.parametrize("d", [4, 5, 8])
def test_a_turn_multiplies_products_by_their_phase(d):
    y, w, t = cloud(50, d), torch.arange(1, d // 2 + 1), .4
    c = torch.view_as_complex(y[:, :d // 2 * 2].unflatten(1, (-1, 2)).contiguous()) * torch.exp(1j * t * w)
    moved = torch.cat([torch.view_as_real(c).flatten(1), y[:, d // 2 * 2:]], 1)
    for (X, Y, e, _), (U, V, *_) in zip(*(planes._products(x, w[:, None]) for x in (y, moved))):
        assert torch.allclose(U[:, :, None] * V[:, None], X[:, :, None] * Y[:, None] * torch.exp(1j * t * e[..., 0]), atol=1e-6)


def test_only_products_that_a_turn_changes_are_asked():
    some = planes._products(cloud(20, 6), torch.tensor([[1], [2], [0]]))
    assert all((e[keep] != 0).any(1).all() for *_, e, keep in some) and sum(int(keep.sum()) for *_, keep in some) > 50
    assert all((e[keep] % 5 != 0).any(1).all() for *_, e, keep in planes._products(cloud(20, 6), torch.tensor([[1], [2], [0]]), 5))


def test_the_aim_is_near_the_number_of_means_without_planes_to_find():
    "n times the weighted square of means is chi squared, with a degree for each real number."
    t = 2 * np.pi * torch.rand(4000, 1, generator=rng(1)).double()
    y = torch.cat([t.cos(), t.sin()], 1) * (.5 + torch.rand(4000, 1, generator=rng(2)))
    some = planes._products(y.float(), torch.tensor([[1]]))
    size, P = planes._weighting(some, 0)
    v = planes._means(some) / size
    assert (v.conj() @ (P @ v)).real * len(y) < 2 * len(v)


def test_tilted_planes_come_back():
    z, _, A = synthetic_law([1, 2], 10000, seed=3)
    q, there, _ = whiten(z)
    W = there.weight.double()
    O = normal_form(W @ A[0] @ torch.linalg.inv(W))[0]
    tilted = Planes(torch.linalg.qr(O + .2 * torch.randn(4, 4, generator=rng(0)))[0])
    worst = lambda P: (lambda f: f.amplitude[f.exponents @ np.array([1, 2]) != 0].max())(Features(P(q)))
    assert worst(polish(q, tilted, [[1, 2]], affine=True)) < .5 * worst(tilted)


def test_generic_weights_and_generators():
    w = np.array(generic(np.array([[1, 0, 1], [0, 1, 2]])))
    assert w @ [1, 2, -1] == 0 and all(w @ e for e in ([1, 0, -1], [6, -5, 0], [0, 2, -1]))
    A = turning(Planes(torch.eye(5)), [1, -2])
    assert torch.allclose(A, -A.mT) and torch.isclose(A.norm(), torch.ones(()).double()) and not A[4].any()
