"""Affine motions of the plane: the closed exponential, coordinates that cover all, and pictures that compose."""
import math

import pytest
import torch

from symnb.ground.lab import SymnbError
from symnb.symmetry.affine import (BOUNDS, AffineMotions, even_and_odd, inverse, plane_exp, polar_coordinates, polar_matrix,
                                   product, random_motions)
from symnb.symmetry.warps import Warps, affine_plane, resample

F64 = torch.float64


def normal(*shape, seed=0): return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("change", [lambda A: A, lambda A: 1e-9 * A, lambda A: A * torch.tensor([0., 0, 1]),
                                    lambda A: A * torch.tensor([[1.], [0.]]), lambda A: 3 * A])
def test_the_closed_exponential_is_that_of_torch(change):
    A = change(normal(300, 2, 3))
    whole = torch.linalg.matrix_exp(torch.nn.functional.pad(A, (0, 0, 0, 1)))
    assert float(((plane_exp(A) - whole[:, :2]).abs().amax((1, 2)) / torch.linalg.matrix_norm(whole)).max()) < 1e-9


def test_the_two_functions_meet_at_their_seams():
    for seam in (-1e-3, 0., 1e-3):
        a, b = (torch.stack(even_and_odd(torch.tensor([seam + s], dtype=F64))) for s in (-1e-12, 1e-12))
        assert torch.allclose(a, b, atol=1e-11)
    u = torch.zeros(3, dtype=F64, requires_grad=True)
    torch.stack(even_and_odd(u)).sum().backward()
    assert torch.allclose(u.grad, torch.tensor(1 / 2 + 1 / 6, dtype=F64))


def test_coordinates_cover_all_that_keeps_the_orientation():
    M = normal(2000, 2, 3, seed=1)
    M = M[torch.linalg.det(M[..., :2]) > 0]
    w = polar_coordinates(M)
    assert torch.allclose(polar_matrix(w), M, atol=1e-9) and w.isfinite().all()
    with pytest.raises(SymnbError, match="determinant above 0"): polar_coordinates(torch.tensor([[1., 0, 0], [0, -1, 0]]))


def test_products_and_inverses_are_those_of_square_matrices():
    A, B = normal(2, 50, 2, 3, seed=2)
    square = lambda M: torch.cat([M, torch.tensor([0., 0, 1]).to(M).expand(len(M), 1, 3)], 1)
    assert torch.allclose(square(product(A, B)), square(A) @ square(B))
    assert torch.allclose(square(inverse(A)), torch.linalg.inv(square(A)))


def test_a_mixed_direction_is_refused():
    with pytest.raises(SymnbError, match="expected one coordinate"): AffineMotions().along([0, 0, 1, 0, 1, 0])
    with pytest.raises(SymnbError, match="expected one coordinate"): Warps(AffineMotions()).along([0, 0, 1, 0, 1, 0])


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_pictures_compose_and_the_order_counts(mode):
    "On an asymmetric picture away from the middle, by a shift and a turn."
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, 48, dtype=F64)] * 2, indexing="ij")
    picture = torch.exp(-((x - .15) ** 2 + 3 * (y + .2) ** 2) / .02)[None, None]
    g, shift, turn = Warps(AffineMotions(), mode), [.25, 0., 0, 0, 0, 0], [0., 0, 90, 0, 0, 0]
    once, twice = g(picture, g.compose(turn, shift)), g(g(picture, shift), turn)
    other = g(picture, g.compose(shift, turn))
    assert float((once - twice).abs().max()) < 1e-4 and float((once - other).abs().max()) > .5
    assert float((once - torch.rot90(picture.roll(6, 3), 1, (2, 3))).abs().max()) < 1e-4


def test_the_two_groups_of_affine_motions_agree_on_single_coordinates():
    x = torch.rand(1, 1, 12, 12, dtype=F64, generator=torch.Generator().manual_seed(0))
    polar, summed = Warps(AffineMotions()), Warps(affine_plane())
    for name, other, t in (("angle", "rotation", 30.), ("shift y", "translation y", .2), ("stretch", "stretch", .1), ("shear", "shear", .3)):
        a = polar(x, [t * (n == name) for n in polar.names])
        b = summed(x, [(math.radians(t) if name == "angle" else t) * (n == other) for n in summed.names])
        assert torch.allclose(a, b, atol=1e-9), name


def test_gradients_at_the_identity():
    w, x = torch.zeros(2, 6, dtype=F64, requires_grad=True), torch.rand(2, 1, 9, 9, dtype=F64)
    Warps(AffineMotions())(x, w).square().sum().backward()
    assert w.grad.isfinite().all() and bool((w.grad != 0).any())


def test_an_unknown_kernel_is_refused_and_the_kinds_of_motions():
    with pytest.raises(SymnbError, match="mode: expected"): resample(torch.rand(1, 1, 5, 5), torch.eye(2, 3), "cubic")
    with pytest.raises(SymnbError, match="kind: expected rotation, .*found 'turns'"): random_motions(3, "turns")


@pytest.mark.parametrize("kind", BOUNDS)
def test_random_motions_stay_within_their_kind(kind):
    w = polar_coordinates(random_motions(4000, kind, 3))
    if kind == "rotation": assert float(w[:, [0, 1, 3, 4, 5]].abs().max()) < 1e-9
    if kind == "similarity": assert float(w[:, 4:].abs().max()) < 1e-9 < float(w[:, 3].std())
    if kind == "sheared": assert float(w[:, 5].std()) > .05
    assert float(w[:, 2].abs().max()) > 175
