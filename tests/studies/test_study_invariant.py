"""The study of invariant networks: one question for all, and cells that can be told apart by their numbers."""
import numpy as np
import pytest
import torch
from torch import nn

from symnb.data.digits import Digits, load_digits
from symnb.find.supervised import procrustes, turned_pairs
from symnb.ground.lab import SymnbError
from symnb.measures.labels import prediction_consistency
from symnb.models.block_vae import BlockVAE
from symnb.models.classifiers import DigitCNN
from symnb.models.zoo import ZOO
from symnb.studies import invariant
from symnb.studies.invariant import (ANGLES, BEST, DEALT, PLAIN, PUBLISHED, SETTINGS, SHOWN, Answers, asked, cell, judge, over_angle,
                                     plan, probabilities, rotation_correlation, six_nine, study)
from symnb.symmetry.warps import rotate


@pytest.fixture(scope="module")
def data(): return load_digits()


class Sized(nn.Module):
    "Digits to scores that depend on how much ink there is only: invariant but for resampling."
    def __init__(self): super().__init__()
    def forward(self, x): return -(x.sum((1, 2, 3))[:, None] - torch.linspace(30, 170, 10)).abs()


def test_judge_is_the_measures_of_the_package(data):
    part = data.part("test")
    x, y = part.images[::20], part.labels[::20]
    p = probabilities(Sized(), x, asked(len(x)))
    found, same = judge(p, y), prediction_consistency(Sized(), x, ANGLES)
    assert dict(found["one label at 12 angles"]) == pytest.approx(dict(same), nan_ok=True)
    right = np.mean([(Sized()(rotate(x, a)).argmax(1) == y).float().mean() for a in ANGLES])
    assert found["accuracy, 12 angles"].value == pytest.approx(right)
    assert found["accuracy, 12 angles"].n == len(x) and found["accuracy, any angle"].chance == pytest.approx(.1, abs=.03)
    many, one = found["accuracy, 12 angles"].spread, np.sqrt(right * (1 - right) / (12 * len(x)))
    assert many > 2 * one, "the angles of one digit are no independent samples"


def test_random_angles_are_the_same_each_time_and_not_the_twelve():
    a = asked(50)
    assert torch.equal(a, asked(50)) and torch.equal(a[:12, 0], torch.tensor(ANGLES, dtype=torch.float32))
    assert (a[12:] % 30 != 0).all() and a[12:].std() > 80 and not torch.equal(a[12], a[13])


def test_rotation_correlation():
    rng = torch.Generator().manual_seed(0)
    p = torch.rand(1, 50, 10, generator=rng).expand(12, -1, -1).clone()
    assert np.allclose(rotation_correlation(p), 1)
    p[3] = torch.rand(50, 10, generator=rng)
    C = rotation_correlation(p)
    assert abs(C[3, 0]) < .2 and C[3, 3] == pytest.approx(1) and np.allclose(C, C.T)


def test_six_and_nine_are_counted():
    labels = torch.tensor([6, 9, 6, 1])
    p = torch.zeros(14, 4, 10)
    p[:, torch.arange(4), torch.tensor([9, 6, 6, 7])] = 1.
    assert six_nine(p, labels).value == pytest.approx(2 / 3)
    p[:] = 0
    p[:, torch.arange(4), labels] = 1.
    with pytest.raises(SymnbError, match="at least one"): six_nine(p, labels)
    with pytest.raises(SymnbError, match=r"\(14, 3, C\)"): judge(torch.rand(12, 3, 10), torch.arange(3))


def test_the_plan_names_each_cell_once(data):
    for size in SETTINGS.values():
        jobs = list(plan(size, data))
        assert len(set(jobs)) == len(jobs)
        methods = {method for method, world, _ in jobs if world == data.source}
        assert {*SHOWN, BEST, DEALT, PLAIN} <= methods and {k[0] for k in study.targets} <= methods
        assert {k for names in study.controls.values() for k in names} | set(study.controls) <= methods
    assert any(world.endswith(" 1,2") for _, world, _ in jobs)


def test_published_figures_are_rows_of_their_own(data):
    for method, world in PUBLISHED:
        assert 0 < list(cell(method, world, 0, SETTINGS["quick"], data).values())[0] < 1


def test_a_cell_has_its_measures_its_cost_and_the_baseline_of_its_time(monkeypatch, data):
    y = torch.arange(100) % 10
    p = torch.eye(10)[y].expand(14, -1, -1).clone()
    p[:, 0] = torch.eye(10)[1]
    said = lambda method, *more: Answers(p, y, 10, 20, 2. if method == PLAIN else 3.)
    monkeypatch.setattr(invariant, "answers", said)
    found = cell("steerable C8", data.source, 0, SETTINGS["quick"], data)
    assert found["accuracy, any angle"].value == .99 and found["parameters"] == 10
    assert found["errors between 6 and 9"].value == 0 and found["errors between 6 and 9"].chance == pytest.approx(.2 / 9)
    assert (found["time of training"].value, found["time of training"].baseline) == (3., 2.)
    assert "errors between 6 and 9" not in cell("CNN, turned", f"{data.source} 1,2", 0, SETTINGS["quick"], data)


def test_cells_of_every_kind_can_be_run_and_are_kept(monkeypatch, tmp_path, data):
    """With networks as they are before training, on a twentieth of the digits."""
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    few = Digits(data.images, data.labels, data.index, data.train[::20], data.test[::20], "few", 0)
    record = dict(settings=dict(steps=1, batch=2), result=dict(cpu_seconds=1., seconds=1.), device="cpu", sha256="")
    vae, plain = ZOO["conv"](16, beta=1.).eval(), DigitCNN(4).eval()
    monkeypatch.setattr(invariant, "trained_vae", lambda *a, **kw: (vae, record))
    monkeypatch.setattr(invariant, "cnn", lambda *a, **kw: (plain, record))
    block = BlockVAE([0, 0, 1, 1, 2, 2, 3, 4], 16, views=2).eval()
    monkeypatch.setattr(invariant, "trained_block_vae", lambda w, *a, **kw: (block, record))
    monkeypatch.setattr(invariant, "discovered_action", lambda m, x, seed: procrustes(*turned_pairs(m, x), whiten=True, rounded=True))
    size = dict(SETTINGS["quick"], copies=1, steps=3, averaged=10, tested=20)
    for method in (f"{PLAIN}, mean of 12 features", "VAE, mean of 12 logits, discovered", "VAE, bispectrum, random planes",
                   "block VAE, orbit features", DEALT):
        found = cell(method, "few", 0, size, few)
        assert 0 <= found["accuracy, any angle"].value <= 1 and found["time of training"].baseline == 1
        assert found["training images seen"] == 2 + (300 * 256 if "features" in method and "CNN" in method else
                                                     3 * (128 if "orbit" in method else 256))
        again = cell(method, "few", 0, size, few)
        assert all(found[k] == again[k] for k in found)


def test_the_pictures_are_over_the_twelve_angles():
    p = torch.eye(10)[torch.arange(20) % 10].expand(14, -1, -1)
    fig = over_angle({"a": Answers(p, torch.arange(20) % 10, 1, 1, 1.)}, "accuracy")
    assert fig.axes[0].lines[0].get_ydata().tolist() == [1.] * 12
