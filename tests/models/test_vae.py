"""The zoo: every member, on every device there is; what holds for all of them, and what must fail."""
import pytest
import torch

from symnb.ground import lab
from symnb.models import vae
from symnb.data.digits import load_digits
from symnb.symmetry.warps import rotate
from symnb.ground.lab import SymnbError, seed_everything
from symnb.ground.board import Scoreboard

CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))
MPS = pytest.param("mps", marks=pytest.mark.skipif(not torch.backends.mps.is_available(), reason="no MPS device"))


@pytest.fixture(scope="module")
def data(): return load_digits()


@pytest.mark.parametrize("place", ["cpu", CUDA, MPS])
@pytest.mark.parametrize("member", vae.ZOO)
def test_a_training_step_on_every_device(member, place, data, monkeypatch, tmp_path):
    monkeypatch.setenv("SYMNB_DEVICE", place)
    seed_everything(0)
    model = vae.ZOO[member](16)
    before = [p.detach().clone() for p in model.parameters()]
    run = vae.fit_vae(model, tmp_path, data.part("train", 1).images[:64], steps=2, batch=8, lr=1e-2)
    assert len(run["history"]["loss"]) == 2 and {"loss", "distortion", "kl"} == set(run["history"])
    assert (tmp_path / "checkpoint.json").exists()
    after = list(model.parameters())
    assert all(p.device.type == place for p in after)
    assert sum(not torch.equal(a.cpu(), b) for a, b in zip(after, before)) > .9 * len(before)


@pytest.mark.parametrize("member", vae.ZOO)
def test_one_interface(member, data):
    model, x = vae.ZOO[member](16).eval(), data.part("test").images[:5]
    mean, log_variance = model.encode(x)
    assert mean.shape == log_variance.shape == (5, 16)
    assert model.decode(mean).shape == model.reconstruct(x).shape == x.shape
    assert model.elbo(x).shape == (5,)
    with pytest.raises(SymnbError, match="16"): model.decode(mean[:, :3])


@pytest.mark.parametrize("member", vae.ZOO)
def test_each_loss_term_reaches_its_weights(member, data):
    seed_everything(0)
    model = vae.ZOO[member](16)
    out = model(data.part("train").images[:16])
    for term, part in (("distortion", model), ("kl", model.encoder)):
        weights = {n: p for n, p in part.named_parameters() if not n.endswith("bias")}
        grads = torch.autograd.grad(out[term], list(weights.values()), retain_graph=True, allow_unused=True)
        dead = [n for n, g in zip(weights, grads) if g is None or not g.abs().sum() > 0]
        assert not dead, (term, dead)


def test_loss_is_the_negative_bound(data):
    x, model = data.part("train").images[:200], vae.ZOO["conv"](16)
    seed_everything(0); loss = model(x)["loss"]
    seed_everything(0); bound = model.elbo(x).mean()
    assert torch.allclose(loss, -bound, rtol=1e-4)
    terms = model(x, beta=.3)
    assert torch.allclose(terms["loss"], terms["distortion"] + .3 * terms["kl"])


def test_gaussian_likelihood_against_torch(data):
    x, logits = data.part("train").images[:3], torch.randn(3, 1, 28, 28)
    model = vae.ZOO["conv"](16, sigma=.2)
    expected = torch.distributions.Normal(logits.sigmoid(), .2).log_prob(x).sum((1, 2, 3))
    assert torch.allclose(model.log_likelihood(x, logits), expected, rtol=1e-5)


def test_plain_autoencoder_draws_no_noise(data):
    model = vae.ZOO["conv"](16, beta=0.)
    mean, log_variance = model.encode(data.part("train").images[:3])
    assert torch.equal(model.reparameterise(mean, log_variance), mean)
    out = model(data.part("train").images[:3])
    assert torch.equal(out["loss"], out["distortion"])


def test_reparameterised_samples_have_the_stated_moments():
    model, n = vae.ZOO["conv"](2), 100_000
    mean, log_variance = torch.tensor([[1., -2.]]).expand(n, 2), torch.tensor([[-1., .5]]).expand(n, 2)
    z = model.reparameterise(mean, log_variance)
    assert torch.allclose(z.mean(0), mean[0], atol=.03)
    assert torch.allclose(z.var(0), log_variance[0].exp(), rtol=.05)


@pytest.mark.parametrize("latent", [16, 64])
def test_equivariant_member_turns_exactly(latent, data):
    seed_everything(1)
    model, x = vae.EquivariantVAE(latent).eval(), data.part("test").images[:20]
    with torch.no_grad():
        for a in (90., 180., 270.):
            mean, log_variance = model.encode(x)
            turned_mean, turned_log = model.encode(rotate(x, a))
            assert torch.allclose(model.turn_latent(mean, a), turned_mean, atol=1e-4)
            assert torch.allclose(model.turn_latent(log_variance, a), turned_log, atol=1e-4)
            z = torch.randn(4, latent)
            assert torch.allclose(rotate(model.decode(z), a), model.decode(model.turn_latent(z, a)), atol=1e-4)


def test_the_action_is_a_group_action():
    model, z = vae.EquivariantVAE(40), torch.randn(3, 40)
    turn = model.turn_latent
    assert torch.equal(turn(turn(z, 60), 90), turn(z, 150))
    assert torch.equal(turn(z, 360), z) and torch.equal(turn(turn(z, 30), -30), z)
    assert not torch.equal(turn(z, 30), z) and torch.equal(turn(z, 30)[:, :4], z[:, :4])
    with pytest.raises(SymnbError, match="multiple of 30"): turn(z, 15)


def test_a_latent_that_no_fields_make_is_refused():
    for latent in (2, 4, 15): 
        with pytest.raises(SymnbError, match="multiple of 12"): vae.EquivariantVAE(latent)
    with pytest.raises(SymnbError, match="member"): vae.trained_vae("transformer")


def test_pca_is_the_best_linear_map(data):
    x = data.part("train").images[:800]
    full, few = vae.PCA(x, 784), vae.PCA(x, 10)
    assert torch.allclose(full.reconstruct(x), x, atol=1e-3)
    z, _ = few.encode(x)
    covariance = torch.cov(z.T)
    assert torch.allclose(covariance, covariance.diag().diag(), atol=1e-2)
    assert covariance.diag().diff().max() <= 0
    other = torch.linalg.qr(torch.randn(784, 10))[0]
    flat = (x - x.mean(0)).flatten(1)
    residual = lambda axes: (flat - flat @ axes @ axes.T).square().sum()
    assert residual(few.axes) < residual(other)


def test_evaluate_reads_the_truth_and_noise(data, monkeypatch):
    monkeypatch.setattr(data.__class__, "part", _few(data.__class__.part))
    exact = vae.PCA(torch.eye(784).view(784, 1, 28, 28), 784)  # keeps every pixel
    exact.centre.zero_(); exact.axes.copy_(torch.eye(784))
    truth = vae.evaluate(_Narrow(exact), data)
    assert truth["image error"].value < 1e-10 and truth["image error at random angles"].value < 1e-10
    noise = vae.evaluate(_Noise(), data)
    assert abs(noise["equivariance gap"].value - noise["equivariance gap"].chance) < .2
    assert abs(noise["linear probe"].value - .1) < .06
    assert noise["image error"].value > noise["image error"].chance


def _few(part):
    "Every fifth image: enough for these checks."
    def fewer(self, *args, **kw):
        p = part(self, *args, **kw)
        return type(p)(p.images[::5], p.labels[::5], p.index[::5])
    return fewer


class _Narrow(torch.nn.Module):
    "Reconstructs exactly, and shows twelve of its pixels as codes."
    def __init__(self, inner): super().__init__(); self.inner = inner
    def encode(self, x): return x.flatten(1)[:, 300:312] + 1e-3 * torch.randn(len(x), 12), None
    def reconstruct(self, x): return self.inner.reconstruct(x)


class _Noise(torch.nn.Module):
    "Knows nothing of its input."
    def encode(self, x): return torch.randn(len(x), 8), None
    def reconstruct(self, x): return torch.rand_like(x)


def test_variance_by_weight_adds_up_and_finds_a_planted_weight(data):
    x = data.part("train").images[:60]
    spectra = vae.variance_by_weight(x)
    from symnb.symmetry.warps import rotate_grid
    orbits = rotate_grid(x, torch.arange(0., 360., 30.)).flatten(2)
    total = (orbits - orbits.mean((0, 1))).square().sum() / (12 * len(x))
    assert torch.isclose(sum(v.sum() for v in spectra.values()), total, rtol=1e-3)
    grid = torch.linspace(-1, 1, 28)
    angle, radius = torch.atan2(-grid[:, None], grid), (grid[:, None]**2 + grid**2).sqrt()
    for w in (1, 3, 5):
        wave = ((w * angle).cos() * radius * (radius < .9))[None, None]
        found = {k: v.sum().item() for k, v in vae.variance_by_weight(wave).items()}
        assert max(found, key=found.get) == w and found[w] > .9 * sum(found.values())


def test_training_runs_are_cached_by_what_decides_them(data, monkeypatch, tmp_path):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    first, record = vae.trained_vae("fc256", 2, data, digits=(1, 2), steps=3)
    again, same = vae.trained_vae("fc256", 2, data, digits=(1, 2), steps=3)
    assert torch.equal(first.encoder[1].weight, again.encoder[1].weight) and same["folder"] == record["folder"]
    others = [vae.trained_vae("fc256", 2, data, **{"digits": (1, 2), "steps": 3, **kw})[1]["folder"]
              for kw in (dict(digits=(1, 7)), dict(steps=4), dict(beta=.5), dict(seed=1))]
    assert len({record["folder"], *others}) == 5


@pytest.mark.parametrize("place", ["cpu", CUDA, MPS])
def test_the_task_of_the_main_job_on_every_device(place, data, monkeypatch, tmp_path):
    monkeypatch.setenv("SYMNB_DEVICE", place)
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    monkeypatch.setattr(data.__class__, "part", _few(data.__class__.part))
    settings = dict(lab.SETTINGS["quick"], vae_steps=dict.fromkeys(vae.ZOO, 2))
    monkeypatch.setitem(lab.SETTINGS, "quick", settings)
    board = Scoreboard()
    panels = vae.vae_task(board, data)
    assert len(panels) == 5 and all(caption for caption, _ in panels)
    assert {r.method for r in board} == {"conv 16", "equivariant 16", "PCA 16"}
    for name in ("image error", "linear probe", "parameters", "training time", "equivariance gap"):
        assert len(board.where(measure=name)) == 3, name
    assert all(r.value is not None and r.seeds == [0] for r in board)


def test_full_profile_asks_for_the_whole_zoo(monkeypatch):
    monkeypatch.setenv("SYMNB_PROFILE", "full")
    jobs = vae.zoo_members()
    assert {m for m, *_ in jobs} == {"PCA", *vae.ZOO} and len(set(jobs)) == len(jobs)
    assert ("conv", 2, (1, 2), None) in jobs and ("conv", 16, None, 0.) in jobs
    assert all(set(vae.ZOO) == set(lab.profile(name).vae_steps) for name in ("quick", "full"))
