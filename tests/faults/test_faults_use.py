"""Faults planted in the use of symmetries: each is caught from data or numbers."""
import numpy as np
import pytest
import torch

from symnb.data import digits
from symnb.data.digits import load_digits
from symnb.data.worlds import World
from symnb.find.solver import chain_step
from symnb.ground.lab import SymnbError
from symnb.ground.sides import apart, fitting, judging
from symnb.measures.lines import generator_cosine
from symnb.models.classifiers import fit_classifier
from symnb.studies import adaptor, invariant
from symnb.studies.invariant import Answers, cell, check_upright, study
from symnb.use.adaptor import PatternCNN


@pytest.fixture(scope="module")
def data(): return load_digits()


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path): monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))


def test_networks_judged_on_training_digits(monkeypatch, data):
    assert len(invariant.tested(data, None, 50)[0]) == 50
    whole = digits.Digits.part
    monkeypatch.setattr(digits.Digits, "part", lambda self, side, digits=None: whole(self, "train", digits))
    with pytest.raises(SymnbError, match="side"): invariant.tested(data, None, 50)


def test_networks_judged_on_training_digits_as_raw_tensors(data):
    part = data.part("train")
    with pytest.raises(SymnbError, match="side"): judging(part.images[:50].clone())
    with pytest.raises(SymnbError, match="side"): fitting(data.part("test").images[:50].clone())


def test_an_adaptor_tested_on_its_training_samples(monkeypatch):
    world, net, patterns = World("wide", N=33), PatternCNN(), adaptor.patterns
    with apart():
        adaptor.fit_patterns(net, *patterns(world, 40, 1), 2)
        adaptor.right(net, *patterns(world, 40, 2))
        with pytest.raises(SymnbError, match="side"): adaptor.right(net, *patterns(world, 40, 1))
    size = dict(steps=2, tested=40)
    monkeypatch.setattr(adaptor, "solution", lambda *a, **kw: dict(W=world.U))
    with apart(): adaptor.accuracies(adaptor.OURS, "permutation", 0, size, {40: 1})
    monkeypatch.setattr(adaptor, "patterns", lambda world, n, seed: patterns(world, n, 0)) # whatever the seed
    with apart(), pytest.raises(SymnbError, match="side"): adaptor.accuracies(adaptor.OURS, "permutation", 0, size, {40: 1})


def test_a_solver_judged_on_the_samples_it_was_fitted_to():
    world = World("wide", N=33)
    with apart():
        fitting(world.draw(300))
        judging(adaptor.patterns(world, 300, 1000)[0])
        with pytest.raises(SymnbError, match="side"): judging(torch.from_numpy(world.draw(300)))


def upright_only(turned: float):
    "Answers of a network that is right upright, and on a share of the digits elsewhere."
    y = torch.arange(100) % 10
    p = torch.eye(10)[y].expand(14, -1, -1).clone()
    lost = torch.arange(100) >= 100 * turned
    p[1:, lost] = torch.eye(10)[(y[lost] + 1) % 10]
    return Answers(p, y, 1, 1, 1.)


@pytest.mark.parametrize("method", ["CNN, upright only", "VAE, codes, upright only"])
def test_a_network_called_upright_only_that_has_seen_all_angles(monkeypatch, data, method):
    monkeypatch.setattr(invariant, "answers", lambda *a: upright_only(.3))
    cell(method, data.source, 0, invariant.SETTINGS["quick"], data)
    monkeypatch.setattr(invariant, "answers", lambda *a: upright_only(.95))
    with pytest.raises(SymnbError, match="turned digits"): cell(method, data.source, 0, invariant.SETTINGS["quick"], data)
    cell("CNN, turned", data.source, 0, invariant.SETTINGS["quick"], data)  # which may


@pytest.mark.parametrize("turn", [False, True])
def test_upright_labels_at_all_angles(data, turn):
    """The same for a network that is trained: the flag decides what it can do at 90 degrees."""
    from symnb.models.classifiers import DigitCNN, varied
    part, test = data.part("train", (1, 2)), data.part("test", (1, 2))
    torch.manual_seed(0)
    net = DigitCNN(8)
    fit_classifier(net, part.images, part.labels, 40, 64, 1e-2, augment=lambda x: varied(x, turn))
    p = invariant.probabilities(net, test.images[::4], invariant.asked(len(test.images[::4])))
    look = lambda: check_upright("CNN, upright only", p, test.labels[::4])
    if not turn: return look()
    with pytest.raises(SymnbError, match="turned digits"): look()


def test_a_control_that_is_its_method():
    """A control network that sees all angles, or true planes in place of random ones, has the rows of what it stands beside."""
    same = {"accuracy, any angle": .9, "one label at 12 angles": .8}
    with pytest.raises(SymnbError, match="control"): rows_with(lambda method: same)
    board = rows_with(lambda method: {k: v / 2 for k, v in same.items()} if "control" in method else same)
    assert board.where(method=invariant.BEST, measure="accuracy, any angle")[0].control == pytest.approx(.45)


def rows_with(found):
    from dataclasses import replace
    plan = lambda size, data: ((m, "mnist5k", 0) for m in (invariant.BEST, invariant.DEALT))
    return replace(study, plan=plan, cell=lambda method, *more: found(method)).rows(None)


def test_a_ring_given_for_a_window():
    world = World("wide", N=33, basis="permutation")
    cosine = lambda ring: generator_cosine(chain_step(world.U, ring), world.step)
    assert cosine(False) > 1 - 1e-6 and cosine(True) < 1 - 1 / (3 * world.N)
    ring = World("slices", N=7, circulant=True)
    assert generator_cosine(chain_step(ring.U, True), ring.step) > 1 - 1e-6 > generator_cosine(chain_step(ring.U, False), ring.step)
