"""Poses from moments: exact where they must be, honest where they cannot."""
import math

import pytest
import torch

from symnb.data.digits import load_digits
from symnb.find.frames import (FramePose, circle_waves, constant_modulus, fit_frame, frame, mass_moments, turn_between, weight_one)
from symnb.ground.lab import SymnbError
from symnb.measures.transfers import transfer_error, within_over_between
from symnb.symmetry.actions import load_action
from symnb.symmetry.affine import inverse, polar_coordinates, polar_matrix, product, random_motions
from symnb.symmetry.warps import resample


@pytest.fixture(scope="module")
def digits(): return load_digits("mnist5k")


@pytest.fixture(scope="module")
def fitted(digits): return fit_frame(digits.part("train").images[::4], draws=2)


def blobs(n=40, size=48):
    "Pictures without any symmetry whose mass stays inside."
    rng = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(*[torch.linspace(1, -1, size)] * 2, indexing="ij"), None
    p = torch.stack([y[1].flip(1) * -1, y[0]], -1)
    at = .5 * torch.rand(n, 4, 2, generator=rng) - .25
    height = .3 + .7 * torch.rand(n, 4, generator=rng)
    return (height[..., None, None] * (-(p - at[:, :, None, None]).square().sum(-1) / .01).exp()).sum(1, keepdim=True).clamp(max=1)


def test_frames_move_with_the_picture():
    "K(T x) is T K(x) up to a turn, which is the turn that was computed."
    x, M = blobs(), random_motions(40, "affine", 4)
    K, K1 = frame(x), frame(resample(x, inverse(M)))
    theta = turn_between(K, K1, M)
    R = torch.stack([theta.cos(), theta.sin(), 0 * theta, -theta.sin(), theta.cos(), 0 * theta], -1).unflatten(-1, (2, 3))
    gap = (product(inverse(K), product(inverse(M), K1)) - R).flatten(1).norm(dim=1)
    assert float(gap.median()) < .02


def test_waves_turn_as_they_say():
    x = blobs(8)
    K = frame(x)
    turned = product(K, polar_matrix(torch.tensor([0., 0, -30, 0, 0, 0]).double()))
    a, b, phase = weight_one(circle_waves(x, K)), weight_one(circle_waves(x, turned)), math.pi / 6
    assert float((b - a * complex(math.cos(phase), math.sin(phase))).abs().max()) < 1e-4 * float(a.abs().max())


def test_the_combination_ignores_what_is_noise():
    rng = torch.Generator().manual_seed(0)
    theta = 6 * torch.rand(300, 4, generator=rng)
    noise = torch.randn(300, 4, 5, dtype=torch.complex64, generator=rng)
    good = torch.polar(1 + .1 * torch.rand(300, 4, generator=rng), theta + 1.)
    w = constant_modulus(torch.cat([noise, good[..., None]], -1), theta, .01)
    assert float(w[-1].abs()) > 20 * float(w[:-1].abs().max())


def test_poses_are_equivariant_on_unseen_digits(digits, fitted):
    x, views = digits.part("test").images[::5], [polar_coordinates(random_motions(200, seed=s)) for s in (1, 2)]
    e = transfer_error(fitted, x, *views)
    assert e.value < .12 * e.baseline
    wrong = FramePose(fitted.w)
    wrong.direction = lambda *a: FramePose.direction(wrong, *a).conj()  # turned the other way
    assert transfer_error(wrong, x, *views).value > 2 * e.value


def test_motion_and_coordinates_agree_and_standardise_undoes(digits, fitted, tmp_path):
    x = digits.part("test").images[:6]
    w, sure = fitted.find(x)
    assert torch.allclose(polar_matrix(w), fitted.motion(x), atol=1e-9) and bool(((sure >= 0) & (sure <= 1)).all())
    assert torch.allclose(fitted.group.inverse(x, w), fitted.standardise(x), atol=1e-3)
    fitted.save(tmp_path / "pose")
    again = load_action(tmp_path / "pose")
    assert isinstance(again, FramePose) and torch.allclose(again(x), fitted(x))


def test_a_constant_prototype_cannot_win():
    with pytest.raises(SymnbError, match="finite number"): within_over_between(torch.zeros(5, 3, 4))


@pytest.mark.parametrize("x, said", [(torch.zeros(2, 1, 8, 8), "some mass"), (torch.rand(2, 3, 8, 8), r"\(N, 1, S, S\)"),
                                     (torch.rand(1, 1, 8, 8), "N from 2"), (torch.rand(4, 1, 8, 9), r"\(N, 1, S, S\)")])
def test_bad_pictures_are_told_in_one_line(x, said):
    with pytest.raises(SymnbError, match=said): fit_frame(x)


def test_moments_of_a_single_pixel():
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 0, 3] = 1.
    centre, spread = mass_moments(x)
    assert centre.tolist() == [[.75, .75]] and float(spread.abs().max()) == 0
