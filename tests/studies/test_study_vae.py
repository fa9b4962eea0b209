"""The study of the zoo: what it measures, what it asks for."""
import pytest
import torch

from symnb.data.digits import load_digits
from symnb.ground.board import Measured
from symnb.models.vae import PCA
from symnb.models.zoo import ZOO
from symnb.studies import vae
from symnb.studies.vae import derived, evaluate, plan, study, variance_by_weight
from symnb.symmetry.warps import rotate_grid


@pytest.fixture(scope="module")
def data(): return load_digits()


def few(part): return type(part)(**{f: (v[::5] if torch.is_tensor(v) else v) for f, v in vars(part).items()})


class Narrow(torch.nn.Module):
    "Reconstructs exactly, and shows twelve of its pixels as codes."
    def encode(self, x): return x.flatten(1)[:, 300:312] + 1e-3 * torch.randn(len(x), 12), None
    def reconstruct(self, x): return x


class Noise(torch.nn.Module):
    "Knows nothing of its input."
    def encode(self, x): return torch.randn(len(x), 8), None
    def reconstruct(self, x): return torch.rand_like(x)


def test_evaluate_reads_the_truth_and_noise(data):
    parts = few(data.part("train")), few(data.part("test"))
    truth = evaluate(Narrow(), *parts)
    assert truth["image error"].value < 1e-10 and truth["image error at random angles"].value < 1e-10
    noise = evaluate(Noise(), *parts)
    assert abs(noise["equivariance gap"].value - noise["equivariance gap"].chance) < .2
    assert abs(noise["linear probe"].value - .1) < .06
    assert noise["image error"].value > noise["image error"].chance


def test_variance_by_weight_adds_up_and_finds_a_planted_weight(data):
    x = data.part("train").images[:60]
    spectra = variance_by_weight(x)
    orbits = rotate_grid(x, torch.arange(0., 360., 30.)).flatten(2)
    total = (orbits - orbits.mean((0, 1))).square().sum() / (12 * len(x))
    assert torch.isclose(sum(v.sum() for v in spectra.values()), total, rtol=1e-3)
    grid = torch.linspace(-1, 1, 28)
    angle, radius = torch.atan2(-grid[:, None], grid), (grid[:, None]**2 + grid**2).sqrt()
    for w in (1, 3, 5):
        wave = ((w * angle).cos() * radius * (radius < .9))[None, None]
        found = {k: v.sum().item() for k, v in variance_by_weight(wave).items()}
        assert max(found, key=found.get) == w and found[w] > .9 * sum(found.values())


def test_the_plan_of_both_profiles(data):
    quick, full = (list(plan(study.settings[p], data)) for p in ("quick", "full"))
    assert {m for m, *_ in quick} == {"conv 16", "equivariant 16", "PCA 16"} and set(quick) <= set(full)
    assert {m.split()[0] for m, *_ in full} == {"PCA", "autoencoder", *ZOO} and len(set(full)) == len(full)
    assert ("conv 2", "mnist5k 1,2", 2) in full and ("autoencoder 16", "mnist5k", 0) in full
    assert not any(m == "equivariant 2" for m, *_ in full)


def test_a_cell_trains_on_the_classes_of_its_world(data, monkeypatch):
    asked = []
    def spy(*args):
        asked.append(args)
        return PCA(data.part("train").images[:50], 2), dict(device="cpu", result=dict(cpu_seconds=3.))
    monkeypatch.setattr(vae, "trained_vae", spy)
    monkeypatch.setattr(vae, "evaluate", lambda model, train, test: {"digits": float(set(test.labels.tolist()) == {1, 2})})
    assert study.cell("autoencoder 2", "mnist5k 1,2", 4, study.size, data)["digits"] == 1
    found = study.cell("conv 16", "mnist5k", 5, study.size, data)
    assert asked[0] == ("conv", 2, data, (1, 2), 0., 4) and asked[1] == ("conv", 16, data, None, None, 5)
    assert found["training time"] == 3. and found["digits"] == 0


def test_ratios_carry_the_chance_of_the_mean_image():
    one = lambda v: {"image error": Measured(v, chance=.06)}
    found = derived({"conv 16": one(.02), "conv 64": one(.01), "PCA 16": one(.03)}, "mnist5k", 0)
    m = found["conv 64"]["image error over that of conv 16"]
    assert m.value == .5 and m.chance == pytest.approx(3) and set(found) == {"conv 64"}
