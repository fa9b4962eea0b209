"""Faults planted in the models and their study: each must be caught from data or from numbers."""
import numpy as np
import pytest
import torch

from symnb.data.digits import Digits, load_digits
from symnb.ground import board
from symnb.ground.board import Row, over_seeds
from symnb.ground.lab import SymnbError
from symnb.models.block_vae import BlockVAE, trained_block_vae
from symnb.models.classifiers import digit_oracle, fit_classifier, mlp
from symnb.models.vae import PCA, VAE, small_conv
from symnb.models.zoo import fit_pca, fit_vae, trained_vae
from symnb.studies.vae import evaluate, study


@pytest.fixture(scope="module")
def data(): return load_digits()


def dealt(part, left="train", right="test"):
    "The fault: who asks for one side gets the other."
    return lambda self, split, *rest: part(self, {left: right}.get(split, split), *rest)


# trained on test digits

@pytest.mark.parametrize("make", [
    lambda data: trained_vae("conv", 16, data, steps=1),
    lambda data: trained_vae("PCA", 16, data),
    lambda data: trained_block_vae([0, 1], data, latent=6),
    lambda data: digit_oracle(data, steps=1),
], ids=["VAE", "PCA", "block VAE", "oracle"])
def test_a_model_trained_on_test_digits(make, data, monkeypatch, tmp_path):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    monkeypatch.setattr(Digits, "part", dealt(Digits.part))
    with pytest.raises(SymnbError, match="test"): make(data)


@pytest.mark.parametrize("disguise", [lambda x: x, lambda x: x.clone(), lambda x: x[torch.randperm(len(x))][:100],
                                      lambda x: x.double().float()], ids=["itself", "copy", "shuffled", "converted"])
@pytest.mark.parametrize("fit", [
    lambda x, y: fit_vae(small_conv(4), None, x, steps=1),
    lambda x, y: fit_pca(x, 4),
    lambda x, y: PCA(x, 4),
    lambda x, y: fit_classifier(torch.nn.Sequential(torch.nn.Flatten(), mlp(784, 10)), x, y[:len(x)], 1),
], ids=["VAE", "PCA by name", "PCA", "classifier"])
def test_raw_images_of_the_test_side(fit, disguise, data):
    part = data.part("test")
    with pytest.raises(SymnbError, match="test"): fit(disguise(part.images), part.labels)


# judged on training digits

def test_a_member_judged_on_training_digits(data):
    model, train, test = small_conv(16), data.part("train"), data.part("test")
    with pytest.raises(SymnbError, match="train"): evaluate(model, train, train)
    with pytest.raises(SymnbError, match="test"): evaluate(model, test, test)


def test_the_cell_of_the_study_judges_on_training_digits(data, monkeypatch, tmp_path):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    monkeypatch.setattr("symnb.studies.vae.trained_vae", lambda *a, **kw: (small_conv(16), None))
    monkeypatch.setattr(Digits, "part", dealt(Digits.part, "test", "train"))
    with pytest.raises(SymnbError, match="train"): study.cell("conv 16", data.source, 0, study.size, data)


# the loss

class Distant(torch.nn.Module):
    "An encoder whose codes are far from the prior, so that the KL is large."
    def forward(self, x): return torch.cat([torch.full((len(x), 6), 12.), torch.full((len(x), 6), 3.)], 1).to(x)


def check_loss(model, x):
    "The KL is what torch computes itself, and it is in the loss, times beta, where it is large."
    normal, (mean, log_variance) = torch.distributions.Normal, 4 * torch.randn(2, 50, 6)
    true = torch.distributions.kl_divergence(normal(mean, (.5 * log_variance).exp()), normal(0., 1.)).sum(1)
    assert torch.allclose(model.kl(mean, log_variance), true, rtol=1e-3)
    model.encoder = Distant()
    out = {k: float(v.detach()) for k, v in model(x, beta=.7).items()}
    rest = out["loss"] - out["distortion"] - out.get("consistency", 0)
    assert out["kl"] > 50 and abs(rest - .7 * out["kl"]) < .02 * out["kl"]


def without_kl(forward):
    def faulty(self, x, beta=None):
        out = forward(self, x, beta)
        return dict(out, loss=out["loss"] - (self.beta if beta is None else beta) * out["kl"])
    return faulty


FAULTS = {"left out": lambda cls: ("forward", without_kl(cls.forward)),
          "zero": lambda cls: ("kl", lambda self, mean, log_variance: 0 * mean.sum(1)),
          "halved": lambda cls: ("kl", lambda self, mean, log_variance: .25 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)),
          "beta forgotten": lambda cls: ("forward", lambda self, x, beta=None, f=cls.forward: f(self, x, 1.))}


@pytest.mark.parametrize("build", [lambda: small_conv(6), lambda: BlockVAE([0, 1, 2], 6)], ids=["VAE", "block VAE"])
@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_the_kl_is_left_out_of_the_loss(fault, build, data, monkeypatch):
    model, x = build(), data.part("train").images[:20]
    if fault is None: return check_loss(model, x)
    monkeypatch.setattr(type(model), *FAULTS[fault](type(model)))
    with pytest.raises(AssertionError): check_loss(model, x)


# the spread

def check_spread():
    "Over many draws of three seeds the squared spread is the variance of one seed, on average."
    rng, seen = np.random.default_rng(0), []
    for draw in range(400):
        rows = [Row("t", "m", "x", value=v, seeds=[s], profile="quick") for s, v in enumerate(rng.standard_normal(3))]
        seen.append(over_seeds(rows)[0].spread ** 2)
    assert abs(np.mean(seen) - 1) < 4 * np.std(seen) / len(seen) ** .5


class Biased:
    "numpy, but for a standard deviation that divides by n."
    def __getattr__(self, name): return getattr(np, name)
    def std(self, x, **kw): return np.std(x)


def test_a_spread_with_ddof_0(monkeypatch):
    check_spread()
    monkeypatch.setattr(board, "np", Biased())
    with pytest.raises(AssertionError): check_spread()
