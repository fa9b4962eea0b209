"""Supervised discovery: planted rotations are recovered, their controls are not, and bad input says so."""
import numpy as np
import pytest
import torch

from symnb.find import supervised
from symnb.symmetry.kinds import StepAction, through
from symnb.symmetry.matrices import BlockRotation, MatrixAction
from symnb.data.digits import load_digits
from symnb.symmetry.warps import rotate
from symnb.ground.lab import SymnbError
from symnb.measures.orbits import closure
from symnb.find.supervised import MLPStep, fit_action, frequencies, least_squares, procrustes, turned_pairs
from symnb.models.block_vae import BlockVAE
from symnb.models.vae import VAE, small_conv

WEIGHTS = [0, 0, 1, 1, 2, 2, 3, 4]


def rng(seed=0): return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def data(): return load_digits()


def planted(n=20_000, noise=0., shrink=1., seed=0):
    "Codes with a law that is invariant under a rotation of known weights, seen in a random linear basis."
    basis = torch.linalg.qr(torch.randn(16, 16, generator=rng(seed)))[0]
    true = BlockRotation(WEIGHTS, 16, basis)
    q = torch.randn(n, 16, generator=rng(seed + 1))
    A = torch.linalg.qr(torch.randn(16, 16, generator=rng(seed + 2)))[0]
    A = A * torch.linspace(1, shrink, 16)
    see = lambda v: v @ A.mT + 3
    blurred = lambda v, k: v + noise * torch.randn(n, 16, generator=rng(seed + k))
    return see(blurred(q, 3)), see(blurred(true(q, 30.), 4)), lambda t: see(true(q, t))


@pytest.mark.parametrize("fit", [least_squares, procrustes, lambda a, b: procrustes(a, b, rounded=True),
                                 lambda a, b: procrustes(a, b, whiten=True, rounded=True)])
def test_planted_rotation_is_recovered_at_all_angles(fit):
    z, moved, truth = planted()
    action = fit(z, moved)
    assert np.allclose(frequencies(action), WEIGHTS, atol=.01)
    for t in (30., 15., 45., 330.): assert torch.allclose(action(z, t), truth(t), atol=.1), t


def test_whitening_finds_what_unequal_scales_hide():
    z, moved, truth = planted(noise=.02, shrink=.01)
    off = lambda action: float((action(z, 180.) - truth(180.)).norm() / (truth(180.) - 3).norm())
    white, raw = (procrustes(z, moved, whiten=w, rounded=True) for w in (True, False))
    assert np.allclose(frequencies(white), WEIGHTS) and off(white) < .05 and off(raw) > .5


def test_noise_shrinks_least_squares_and_not_procrustes():
    z, moved, _ = planted(noise=1.)
    size = lambda action: float((action(z, 330.) - 3).norm() / (z - 3).norm())
    assert size(least_squares(z, moved)) < .2 and abs(size(procrustes(z, moved)) - 1) < .05


def test_pairs_dealt_at_random_give_no_weights():
    z, moved, truth = planted()
    dealt = procrustes(z, moved[torch.randperm(len(z), generator=rng())], whiten=True)
    assert float((frequencies(dealt) - frequencies(dealt).round()).abs().mean()) > .1
    assert closure(dealt, z).value > .7 and float((dealt(z, 30.) - moved).norm() / (moved - 3).norm()) > .9


def test_a_reflection_gives_the_nearest_rotation():
    z = torch.randn(500, 4, generator=rng())
    action = procrustes(z, z * torch.tensor([1., 1., 1., -1.]))
    assert torch.allclose(action.A, -action.A.mT, atol=1e-6)
    assert torch.linalg.det(action.matrix(30.)) > 0


def test_least_squares_without_a_logarithm_still_steps():
    z = torch.randn(500, 3, generator=rng())
    M = torch.diag(torch.tensor([1., .5, -.3]))
    action = least_squares(z, z @ M)
    assert isinstance(action, StepAction)
    assert torch.allclose(action(z, 2), z @ M @ M, atol=.05)
    with pytest.raises(SymnbError, match="multiples"): action.parameter(15)


class Flat(VAE):
    "The identity on 784 pixels, as an autoencoder."
    def __init__(self): super().__init__(torch.nn.Identity(), torch.nn.Identity(), 784, beta=0.)
    def encode(self, x): return x.flatten(1), None
    def decode(self, z): return z.view(-1, 1, 28, 28).clamp(1e-4, 1 - 1e-4).logit()


def test_cached_actions_know_where_they_began(data, monkeypatch, tmp_path):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    model, part = small_conv(4), data.part("train", (1, 2)).images[:40]
    bases = torch.linalg.qr(torch.randn(2, 4, 4, generator=rng()))[0]
    starts = [MatrixAction(BlockRotation([1, 2], basis=Q).A, turn=360., skew=True, centre=torch.zeros(4)) for Q in bases]
    made = [supervised.trained_action("learned generator", model, part, 2, a, batch=8) for a in (*starts, starts[0])]
    folders = [r["folder"] for _, r in made]
    assert folders[0] != folders[1] and folders[0] == folders[2]
    assert torch.equal(made[0][0].A, made[2][0].A) and not torch.equal(made[0][0].A, starts[0].A)


def test_turned_pairs_are_the_angle_apart(data):
    x = data.part("train").images[::400]
    z, moved = turned_pairs(Flat(), x, 30., copies=2)
    assert z.shape == moved.shape == (2 * len(x), 784)
    again = rotate(z.view(-1, 1, 28, 28), 30.)
    apart = lambda a, b: float((a - b).square().mean())
    assert apart(again, moved.view_as(again)) < .1 * apart(z, moved)
    assert torch.equal(z, turned_pairs(Flat(), x, 30., copies=2)[0])


def test_an_untrained_step_is_the_identity_and_trains_through_the_decoder(data, tmp_path):
    step, z = MLPStep(5), torch.randn(3, 5, generator=rng())
    assert torch.equal(step(z), z)
    model, action = small_conv(6), StepAction(MLPStep(6))
    before = [p.clone() for p in model.parameters()]
    run = fit_action(action, tmp_path, model, data.part("train").images[::100], (1, 3), 4, 8, 1e-2)
    assert len(run["history"]["loss"]) == 4 and not torch.equal(action.step(torch.ones(1, 6)), torch.ones(1, 6))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters())), "the VAE must stay frozen"


def test_block_vae_turns_with_its_input(data):
    torch.manual_seed(0)
    model, x = BlockVAE(WEIGHTS, 16), data.part("test").images[::100]
    mean, log_variance = model.encode(x)
    for turn in (90., 180., 270.): # on the grid of views, and no pixel is resampled
        turned, same = model.encode(rotate(x, turn))
        assert torch.allclose(turned, model.action(mean, turn), atol=1e-4)
        assert torch.allclose(same, log_variance, atol=1e-4)
    pairs = log_variance.view(-1, 8, 2)
    assert torch.equal(pairs[..., 0], pairs[..., 1])
    wrong = BlockVAE([0, 0, 1, 1, 2, 2, 3, 5], 16).action
    assert not torch.allclose(model.encode(rotate(x, 90.))[0], wrong(mean, 90.), rtol=1e-3, atol=1e-5)


def test_block_vae_with_fixed_numbers_beside_its_planes(data):
    model = BlockVAE([1, 2], 7, beta=.5, consistency=2.)
    out = model(data.part("test").images[:3])
    total = out["distortion"] + .5 * out["kl"] + 2 * out["consistency"]
    assert torch.isclose(out["loss"], total) and out["consistency"] > 0
    assert model.encode(data.part("test").images[:3])[1].shape == (3, 7)


@pytest.mark.parametrize("bad, says", [
    (lambda z: procrustes(z, z[:5]), "one shape"), (lambda z: procrustes(z[:3], z[:3]), "at least 16"),
    (lambda z: least_squares(z * torch.nan, z), "finite"),
    (lambda z: procrustes(z * (torch.arange(16) > 0), z * (torch.arange(16) > 0), whiten=True), "full rank 16"),
    (lambda z: through(small_conv(8), procrustes(z, z)), "latent size"),
    (lambda z: through(small_conv(8), procrustes(z, z, whiten=True)), "latent size"),
    (lambda z: through(small_conv(8), StepAction(MLPStep(16)))(torch.zeros(2, 1, 28, 28), 1),
     "step: cannot be applied"),
    (lambda z: through(torch.nn.Identity(), procrustes(z, z)), "attribute latent"),
    (lambda z: procrustes(z.numpy(), z.numpy()), "expected tensors"),
    (lambda z: frequencies(StepAction(MLPStep(16))), "linear"), (lambda z: BlockVAE([1], 2, views=0), "views"),
    (lambda z: turned_pairs(None, torch.empty(3, 28, 28)), "images"),
    (lambda z: turned_pairs(None, torch.empty(3, 1, 28, 28), degrees=float("nan")), "finite angle"),
    (lambda z: turned_pairs(None, torch.empty(0, 1, 28, 28)), "at least one digit"),
    (lambda z: supervised.trained_action("spline", None, None, 1), "spline"),
    (lambda z: supervised.trained_action("learned generator", None, None, 1), "start"),
])
def test_bad_input_is_told_in_one_line(bad, says):
    with pytest.raises(SymnbError, match=says) as e: bad(torch.randn(50, 16, generator=rng()))
    assert "\n" not in str(e.value)
