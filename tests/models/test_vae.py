"""Variational autoencoders: every member of the zoo, what holds for all of them, and what is refused."""
import pytest
import torch

from symnb.data.digits import load_digits
from symnb.ground.lab import SymnbError, seed_everything
from symnb.models.block_vae import BlockVAE
from symnb.models.vae import PCA, VAE, codes, typical_digit
from symnb.models.zoo import STEPS, ZOO, fit_pca, fit_vae, trained_vae
from symnb.symmetry.warps import rotate

CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))
MPS = pytest.param("mps", marks=pytest.mark.skipif(not torch.backends.mps.is_available(), reason="no MPS device"))
MEMBERS = ["fc256", "conv", "deep", "equivariant"]  # fc512 and fc1024 differ by a number


@pytest.fixture(scope="module")
def data(): return load_digits()


def built(member): return BlockVAE([0, 1, 1, 2], 16) if member == "block" else ZOO[member](16)


@pytest.mark.parametrize("place", ["cpu", CUDA, MPS])
@pytest.mark.parametrize("member", [*MEMBERS, "block"])
def test_a_training_step_on_every_device(member, place, data, monkeypatch, tmp_path):
    monkeypatch.setenv("SYMNB_DEVICE", place)
    seed_everything(0)
    model = built(member)
    before = [p.detach().clone() for p in model.parameters()]
    extra = dict(augment=None) if member == "block" else {}
    run = fit_vae(model, tmp_path, data.part("train", 1).images[:64], steps=2, batch=8, lr=1e-2, **extra)
    assert len(run["history"]["loss"]) == 2 and {"loss", "distortion", "kl"} <= set(run["history"])
    assert (tmp_path / "checkpoint.json").exists()
    after = list(model.parameters())
    assert all(p.device.type == place for p in after)
    assert sum(not torch.equal(a.cpu(), b) for a, b in zip(after, before)) > .9 * len(before)


@pytest.mark.parametrize("member", [*MEMBERS, "block"])
def test_one_interface_and_terms_that_reach_their_weights(member, data):
    seed_everything(0)
    model, x = built(member), data.part("train").images[:16]
    out = model(x)
    for term, part in (("distortion", model), ("kl", model.encoder)):
        weights = {n: p for n, p in part.named_parameters() if not n.endswith("bias")}
        grads = torch.autograd.grad(out[term], list(weights.values()), retain_graph=True, allow_unused=True)
        dead = [n for n, g in zip(weights, grads) if g is None or not g.abs().sum() > 0]
        assert not dead, (term, dead)
    mean, log_variance = model.eval().encode(x)
    assert mean.shape == log_variance.shape == (16, 16)
    assert model.decode(mean).shape == model.reconstruct(x).shape == x.shape
    assert model.elbo(x).shape == (16,)
    with pytest.raises(SymnbError, match="16"): model.decode(mean[:, :3])


def test_loss_is_the_negative_bound(data):
    x, model = data.part("train").images[:200], ZOO["conv"](16)
    seed_everything(0); loss = model(x)["loss"]
    seed_everything(0); bound = model.elbo(x).mean()
    assert torch.allclose(loss, -bound, rtol=1e-4)
    terms = model(x, beta=.3)
    assert torch.allclose(terms["loss"], terms["distortion"] + .3 * terms["kl"])


def test_gaussian_likelihood_against_torch(data):
    x, logits = data.part("train").images[:3], torch.randn(3, 1, 28, 28)
    expected = torch.distributions.Normal(logits.sigmoid(), .2).log_prob(x).sum((1, 2, 3))
    assert torch.allclose(VAE(None, None, 2, sigma=.2).log_likelihood(x, logits), expected, rtol=1e-5)


def test_plain_autoencoder_draws_no_noise(data):
    model, x = ZOO["conv"](16, beta=0.), data.part("train").images[:3]
    mean, log_variance = model.encode(x)
    assert torch.equal(model.reparameterise(mean, log_variance), mean)
    out = model(x)
    assert torch.equal(out["loss"], out["distortion"])


def test_reparameterised_samples_have_the_stated_moments():
    model, n = VAE(None, None, 2), 100_000
    mean, log_variance = torch.tensor([[1., -2.]]).expand(n, 2), torch.tensor([[-1., .5]]).expand(n, 2)
    z = model.reparameterise(mean, log_variance)
    assert torch.allclose(z.mean(0), mean[0], atol=.03)
    assert torch.allclose(z.var(0), log_variance[0].exp(), rtol=.05)


def test_a_block_vae_turns_exactly_by_the_angles_of_its_views(data):
    model, x = BlockVAE([0, 1, 2, 3], 10).eval(), data.part("test").images[:20]
    with torch.no_grad():
        z = model.encode(x)[0]
        off = lambda a, b: float((model.encode(rotate(x, a))[0] - model.action(z, b)).norm())
        assert all(off(a, a) < .01 * off(a, -a) for a in (90., 270.)) and off(180., 180.) < .01 * off(180., 0.)
    with pytest.raises(SymnbError, match="views"): BlockVAE([1], 4, views=0)


def test_pca_is_the_best_linear_map(data):
    x = data.part("train").images[:800]
    full, few = PCA(x, 784), PCA(x, 10)
    assert torch.allclose(full.reconstruct(x), x, atol=1e-3)
    z, _ = few.encode(x)
    covariance = torch.cov(z.T)
    assert torch.allclose(covariance, covariance.diag().diag(), atol=1e-2)
    assert covariance.diag().diff().max() <= 0
    other = torch.linalg.qr(torch.randn(784, 10))[0]
    flat = (x - x.mean(0)).flatten(1)
    residual = lambda axes: (flat - flat @ axes @ axes.T).square().sum()
    assert residual(few.axes) < residual(other)


def test_codes_come_in_parts_and_belong_to_their_images(data):
    x = data.part("test").images[:7]
    model = fit_pca(data.part("train").images[:100], 5)[0]
    angles = torch.arange(7.) * 40
    seen, mean, none = codes(model, x, angles, parts=3)
    assert none is None and torch.allclose(seen, rotate(x, angles))
    assert torch.allclose(mean, model.encode(seen.to(model.axes.device))[0].cpu(), atol=1e-5)
    errors = (model.reconstruct(x.to(model.axes.device)).cpu() - x).square().mean((1, 2, 3))
    assert (errors < (typical_digit(model, x) - model.reconstruct(typical_digit(model, x)[None].to(model.axes.device)).cpu())
            .square().mean()).sum() == 3


def test_what_cannot_be_built_is_refused():
    with pytest.raises(SymnbError, match="member"): trained_vae("transformer")
    assert all(set(STEPS[p]) == {*ZOO, "block"} for p in ("quick", "full"))


def test_training_runs_are_kept_by_what_decides_them(data, monkeypatch, tmp_path):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    first, record = trained_vae("fc256", 2, data, digits=(1, 2), steps=3)
    again, same = trained_vae("fc256", 2, data, digits=(1, 2), steps=3)
    assert torch.equal(first.encoder[1].weight, again.encoder[1].weight) and same["folder"] == record["folder"]
    others = [trained_vae("fc256", 2, data, **{"digits": (1, 2), "steps": 3, **kw})[1]["folder"]
              for kw in (dict(digits=(1, 7)), dict(steps=4), dict(beta=.5), dict(seed=1))]
    assert len({record["folder"], *others}) == 5
