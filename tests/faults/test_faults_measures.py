"""Faults planted in measures and in the supervised study: each must be caught from data or from numbers."""
import pytest
import torch

from symnb.data.digits import Digits, load_digits
from symnb.find.supervised import MLPStep, fit_action, procrustes, trained_action, turned_pairs
from symnb.ground.board import Measured
from symnb.ground.lab import SymnbError
from symnb.ground.sides import apart, judging
from symnb.measures import labels as label_measures, orbits
from symnb.models.vae import VAE, small_conv
from symnb.studies import supervised
from symnb.studies.supervised import DEALT, evaluate_action, study
from symnb.symmetry.kinds import StepAction
from symnb.symmetry.matrices import BlockRotation
from symnb.symmetry.warps import rotate


@pytest.fixture(scope="module")
def data(): return load_digits()


class Flat(VAE):
    "The identity on 784 pixels, as an autoencoder."
    def __init__(self): super().__init__(torch.nn.Identity(), torch.nn.Identity(), 784, beta=0.)
    def encode(self, x): return x.flatten(1), None
    def decode(self, z): return z.view(-1, 1, 28, 28).clamp(1e-4, 1 - 1e-4).logit()


TURN = StepAction(lambda z: rotate(z.view(-1, 1, 28, 28), 30.).flatten(1), 30.)


def oracle(x): return x.flatten(1)[:, 300:310]


# the two sides

@pytest.mark.parametrize("raw", [lambda p: p, lambda p: p.images, lambda p: p.images.clone()[::7]], ids=["part", "tensor", "copy"])
def test_pairs_from_test_digits(data, raw):
    assert len(turned_pairs(Flat(), data.part("train").images[:20], copies=1)[0]) == 20
    with pytest.raises(SymnbError, match="side"): turned_pairs(Flat(), raw(data.part("test")), copies=1)


def test_a_step_trained_on_test_digits(data, tmp_path):
    images = data.part("test").images
    with pytest.raises(SymnbError, match="side"):
        fit_action(StepAction(MLPStep(4)), tmp_path, small_conv(4), images, (1,), 1, 4, 1e-2)
    with pytest.raises(SymnbError, match="side"):
        trained_action("MLP, one step", small_conv(4), data.part("test"), 1)


def test_a_study_that_fits_pairs_of_test_digits(data, monkeypatch, tmp_path):
    "The slip inside the study: who asks for the training side gets the other."
    part = Digits.part
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    monkeypatch.setattr(Digits, "part", lambda self, side, *rest: part(self, "test", *rest))
    with pytest.raises(SymnbError, match="side"): supervised.made("Procrustes", data, None, 0, study.size)


def test_an_action_judged_on_training_digits(data):
    evaluate = lambda part: evaluate_action(Flat(), TURN, part, oracle, 10)
    assert evaluate(data.part("test"))["net angle of a step"].value == pytest.approx(30, abs=.5)
    with pytest.raises(SymnbError, match="side"): evaluate(data.part("train"))


def test_rows_of_unknown_origin_on_both_sides():
    "Raw tensors that belong to no known split, fitted and then judged."
    x = torch.rand(50, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    with apart():
        turned_pairs(Flat(), x[:30], copies=1)
        judging(x[30:])
        with pytest.raises(SymnbError, match="side"): judging(x.clone()[25:45])


# labels

def label_kept_is_measured_against_labels(label_kept):
    "A classifier with a known share of errors must read that share."
    x, labels = torch.rand(200, 1, 28, 28, generator=torch.Generator().manual_seed(0)), torch.arange(200) % 10
    def careless(v):
        scores = torch.nn.functional.one_hot(labels, 10).float()
        return torch.where((torch.arange(len(v)) % 4 == 0)[:, None], scores.roll(1, 1), scores)
    m = label_kept(lambda v, t: v, x, labels, careless, [90., 180.], t=[0, 0])
    assert m.value == m.floor == m.baseline == .75 and m.chance == .1


def test_label_kept_against_predictions(monkeypatch):
    check, right = label_kept_is_measured_against_labels, label_measures.label_kept
    check(right)
    def wrong(action, x, labels, classifier, at, **kw):
        return right(action, x, label_measures.predicted(classifier, x), classifier, at, **kw)
    with pytest.raises(AssertionError): check(wrong)


# chance

def chance_is_that_of_random_directions(d):
    z, tangent = torch.randn(2, 4000, d, generator=torch.Generator().manual_seed(d)).double()
    m = orbits.tangent_cosine(lambda x: x.flip(0), z, tangent)
    assert abs(m.value - m.chance) < 5 * m.spread


@pytest.mark.parametrize("typed", [.65, .065, 0.])
def test_chance_typed_wrong(typed, monkeypatch):
    for d in (2, 16, 150): chance_is_that_of_random_directions(d)
    monkeypatch.setattr(orbits, "chance_cosine", lambda d: typed)
    with pytest.raises(AssertionError): chance_is_that_of_random_directions(16)


def test_chance_of_another_dimension(monkeypatch):
    right = orbits.chance_cosine
    monkeypatch.setattr(orbits, "chance_cosine", lambda d: right(d - 1))
    with pytest.raises(AssertionError): chance_is_that_of_random_directions(2)


# controls

def test_a_control_copied_from_its_method(data, monkeypatch, tmp_path):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    numbers = {"Procrustes": 1.1, "least squares": 1.2, DEALT: 7.}
    def cell(method, world, seed, size, data): return {"image error": Measured(numbers[method], chance=9.), "net angle": 30.}
    monkeypatch.setattr(study, "cell", cell)
    monkeypatch.setattr(study, "plan", lambda size, data: [(m, "", 0) for m in numbers])
    monkeypatch.setattr(study, "derived", None)
    assert [r.control for r in study.rows(data).where(method="Procrustes", measure="image error")] == [7.]
    numbers[DEALT] = numbers["Procrustes"]
    study_settings = dict(quick=dict(study.settings["quick"], copied=True), full=study.settings["full"])
    monkeypatch.setattr(study, "settings", study_settings)
    with pytest.raises(SymnbError, match="control of its own"): study.rows(data)


def test_a_control_that_sees_the_true_pairs():
    "Pairs that were not dealt give whole weights: the control then reads like the method."
    rng = torch.Generator().manual_seed(0)
    true, z = BlockRotation([1, 2, 3], 6), torch.randn(2000, 6, generator=rng)
    moved = true(z, 30.)
    off = lambda action: float((action(z, 30.) - moved).norm() / moved.norm())
    assert off(procrustes(z, moved)) < .05 < .5 < off(supervised.CLOSED[DEALT](z, moved))
