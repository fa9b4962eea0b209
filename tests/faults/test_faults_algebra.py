"""Slips planted in the algebra and its study: each is caught from data or numbers."""
import dataclasses
import inspect
import linecache

import pytest
import torch
from torch import nn

from symnb.data.digits import Digits
from symnb.find import algebra, moments as tensors, verdict, weights as selection
from symnb.find.algebra import discover_rotation
from symnb.find.moments import halved_law, synthetic_law
from symnb.ground.board import Measured
from symnb.ground.lab import SymnbError
from symnb.ground.code import version
from symnb.ground.sides import apart
from symnb.studies import algebra as st, rotations
from symnb.symmetry.kinds import Conjugated, through
from symnb.symmetry.matrices import BlockRotation
from symnb.use import consistent

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit")


class Small(nn.Module):
    "Four sums of a picture that a rotation changes: no training."
    latent = 4

    def encode(self, x): return torch.stack([x[..., :14].sum((1, 2, 3)), x[..., 14:].sum((1, 2, 3)),
                                             x[..., :14, :].sum((1, 2, 3)), x[..., 9:, :5].sum((1, 2, 3))], 1), None

    def decode(self, z): return z[:, :1, None, None].expand(-1, 1, 28, 28) * torch.linspace(-1, 1, 28)


def sticks(n=160):
    labels, at = torch.arange(n) % 2, torch.arange(n)
    images = torch.zeros(n, 28, 28)
    for i in range(n): images[i, 6 + i % 9:20, (5 if labels[i] else 19):(8 if labels[i] else 22)] = 150 + i % 100
    return Digits(images.byte(), labels, at, at[n // 2:], at[:n // 2], "sticks", 0)


def rotation():
    eye = nn.Linear(4, 4).requires_grad_(False)
    eye.weight.copy_(torch.eye(4)), eye.bias.zero_()
    return Conjugated(BlockRotation([1, 2], 4), eye, eye)


def test_a_control_of_ninety_degrees_that_covers_the_circle_is_refused(monkeypatch):
    part = sticks().part("train")
    rotations.turned_codes(Small(), part, 60, "+-90 degrees")
    monkeypatch.setitem(rotations.ANGLES, "+-90 degrees", 360.)
    with pytest.raises(SymnbError, match="90 degrees, found digits turned by 1"):
        rotations.turned_codes(Small(), part, 60, "+-90 degrees")


def test_upright_digits_that_are_turned_are_refused(monkeypatch):
    monkeypatch.setitem(rotations.ANGLES, "upright", 90.)
    with pytest.raises(SymnbError, match="upright"): rotations.turned_codes(Small(), sticks().part("train"), 60, "upright")


def test_labels_of_upright_digits_only(monkeypatch):
    data, model = sticks(), Small()
    ask = lambda: consistent.upright_accuracy(model, data, rotation(), steps=2)
    assert isinstance(ask(), Measured)
    honest = consistent.codes
    monkeypatch.setattr(consistent, "codes", lambda m, x, a: honest(m, x, 360 * torch.rand(len(x))))
    with pytest.raises(SymnbError, match="upright digits only"): ask()


def test_halves_that_share_digits_are_refused(monkeypatch):
    z, ids = synthetic_law([1, 2], 600, 4)[0], torch.arange(600) // 3
    halved_law(z, groups=ids)
    monkeypatch.setattr(tensors, "halves", lambda groups, n, seed=0: torch.arange(n) % 2)
    with pytest.raises(SymnbError, match="no id in both halves, found 200"): halved_law(z, groups=ids)


def rewritten(function, old, new):
    "The function with a word of its source replaced."
    source, name = inspect.getsource(function).replace(old, new), f"<{function.__name__} rewritten>"
    assert source != inspect.getsource(function)
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    exec(compile(source, name, "exec"), function.__globals__, made := {})
    return made[function.__name__]


def test_rho_by_the_better_reading_is_another_version(monkeypatch):
    "The key of kept cells follows the rule, three calls below them."
    before = version(st.cell), version(discover_rotation)
    worse = rewritten(selection.rho, "return max(", "return min(")
    for module in (selection, algebra): monkeypatch.setattr(module, "rho", worse)
    assert version(st.cell) != before[0] and version(discover_rotation) != before[1]


def test_a_threshold_that_is_loosened_is_another_version(monkeypatch):
    before = version(discover_rotation)
    monkeypatch.setitem(verdict.FINITE, "witness", .5)
    assert version(discover_rotation) != before


@pytest.mark.filterwarnings("ignore")
def test_a_label_that_is_compared_with_itself_is_refused(monkeypatch):
    class Same(nn.Module):
        latent = 784
        def encode(self, x): return x.flatten(1), None
        def decode(self, z): return torch.logit(z.view(-1, 1, 28, 28).clamp(1e-4, 1 - 1e-4))
    seen = through(Same(), BlockRotation([1], 784))
    part = sticks().part("test")
    x = part.images[part.labels.argsort()] # so that half the sticks away stands one of the other label
    oracle = lambda v: torch.stack([v[..., :14].sum((1, 2, 3)), v[..., 14:].sum((1, 2, 3))], 1)
    assert 0 <= rotations._kept(seen, x, oracle, range(45, 360, 45)).value <= 1
    honest = rotations.label_agreement
    def planted(action, images, classifier, degrees): # the label of the moved picture, not of the first
        moved = lambda v, t: action(v, action.parameter(degrees))
        moved.parameter = action.parameter
        return honest(moved, images, classifier, degrees)
    monkeypatch.setattr(rotations, "label_agreement", planted)
    with pytest.raises(SymnbError, match="another label"): rotations._kept(seen, x, oracle, range(45, 360, 45))


@pytest.mark.parametrize("forget", (False, True))
def test_fitting_to_test_digits_is_refused(monkeypatch, forget):
    "Codes of test digits, and a ceiling that is fitted to them; with `forget` they say that they are for training."
    part = Digits.part
    def swapped(self, split, digits=None):
        found = part(self, "test" if split == "train" else split, digits)
        return dataclasses.replace(found, side="train") if forget and split == "train" else found
    monkeypatch.setattr(st, "trained_vae", lambda *a, **kw: (Small(), {}))
    data = sticks()
    monkeypatch.setattr(Digits, "part", swapped)
    with apart(), pytest.raises(SymnbError): rotations.judge(Small(), rotation(), data, None)
    if not forget:
        with apart(), pytest.raises(SymnbError): st.condition(data, "", 0, 100)


def test_judging_on_training_digits_is_refused(monkeypatch):
    part = Digits.part
    monkeypatch.setattr(Digits, "part", lambda self, split, digits=None: part(self, "train", digits))
    with apart(), pytest.raises(SymnbError): rotations.judge(Small(), rotation(), sticks(), None)


def test_a_rotation_in_random_planes_is_not_the_rotation():
    "The control does not copy the method."
    like = rotation()
    found = rotations.random_planes(like, 0)
    assert not torch.allclose(found.action.A.float(), like.action.A.float(), atol=1e-3)
