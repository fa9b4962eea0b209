"""Slips planted in the study of oracles and its measures: each is caught from data or numbers."""
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from symnb.data.digits import Digits
from symnb.find import oracle as so
from symnb.ground.lab import SymnbError
from symnb.ground.sides import apart
from symnb.studies import oracle as st

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit")


class Small(nn.Module):
    "Four sums of a picture that a rotation changes: enough for an oracle, and no training."
    latent = 4

    def encode(self, x): return torch.stack([x[..., :14].sum((1, 2, 3)), x[..., 14:].sum((1, 2, 3)),
                                             x[..., :14, :].sum((1, 2, 3)), x[..., 14:, :].sum((1, 2, 3))], 1), None

    def decode(self, z): return z[:, :1, None, None].expand(-1, 1, 28, 28) * torch.linspace(-1, 1, 28)


def sticks(n=120):
    "Sticks that lie to the left or to the right: upright labels that turning mixes."
    labels, at = torch.arange(n) % 2, torch.arange(n)
    images = torch.zeros(n, 28, 28)
    for i in range(n): images[i, 6 + i % 9:20, (5 if labels[i] else 19):(8 if labels[i] else 22)] = 150 + i % 100
    return Digits(images.byte(), labels, at, at[n // 2:], at[:n // 2], "sticks", 0)


SIZE = dict(copies=6, oracle_steps=150, field_steps=20, folds=0, probes=40, jacobians=200)


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    monkeypatch.setattr(st, "latent_model", lambda *a, **kw: Small())


def other_side(monkeypatch, forget=False):
    "Digits whose training part is the test part; with `forget` it says that it is for training."
    part = Digits.part

    def swapped(self, split, digits=None):
        found = part(self, "test" if split == "train" else split, digits)
        return dataclasses.replace(found, side="train") if forget and split == "train" else found
    monkeypatch.setattr(Digits, "part", swapped)


@pytest.mark.parametrize("forget", (False, True))
def test_an_oracle_trained_on_test_digits_is_refused(monkeypatch, forget):
    other_side(monkeypatch, forget)
    with apart(), pytest.raises(SymnbError): st.accuracy_cell("conv", 2, None, 0, SIZE, sticks())


def test_an_oracle_trained_on_raw_test_pictures_is_refused():
    data = sticks()
    with apart(), pytest.raises(SymnbError):
        st.fitting(data.part("test").images)
        st.right_answers(lambda x, a: torch.zeros(len(x)), data.part("test"))


def test_a_control_that_sees_all_angles_is_refused(monkeypatch):
    data, copies = sticks(), st.turned_copies
    model, oracle, _, found = st.asked(2, None, 0, SIZE, data, upright=True)
    assert found["accuracy lost at the worst angle"].value > .3
    monkeypatch.setattr(st, "turned_copies", lambda model, part, n, upright=False, seed=0: copies(model, part, n, False, seed))
    monkeypatch.setattr(st, "latent_oracle", lambda z, labels, *a, **kw: nn.Identity())
    monkeypatch.setattr(st, "namer", lambda oracle, model: lambda x, a: (x[..., :14].sum((1, 2, 3)) > x[..., 14:].sum((1, 2, 3))).long())
    with pytest.raises(SymnbError, match="fails on turned digits"): st.asked(2, None, 0, SIZE, data, upright=True)


@pytest.mark.parametrize("forget", (False, True))
@pytest.mark.parametrize("ceiling", (lambda data: st.best_field(Small(), data.part("train"), steps=2),
                                     lambda data: st.best_skew(*st.true_tangents(Small(), st.fitting(data.part("train"))),
                                                               torch.randn(60, 4))))
def test_a_ceiling_fitted_on_test_digits_is_refused(monkeypatch, forget, ceiling):
    other_side(monkeypatch, forget)
    data = sticks()
    with apart(), pytest.raises(SymnbError):
        ceiling(data)
        st.judging(data.part("test"))


def test_folds_that_share_digits_are_refused(monkeypatch):
    folds = st.folds

    def shared(data, k=5, seed=0):
        return [dataclasses.replace(f, train=torch.cat([f.train, f.test[:3]])) for f in folds(data, k, seed)]
    st.fold_accuracy("conv", 2, sticks(), None, dict(SIZE, folds=2))
    monkeypatch.setattr(st, "folds", shared)
    with pytest.raises(SymnbError): st.fold_accuracy("conv", 2, sticks(), None, dict(SIZE, folds=2))


def commutes(bracket):
    "Largest difference between a bracket and the commutator of two short flows, over the square of their time."
    fields = lambda z: torch.stack([torch.stack([z[:, 1]**2, z[:, 0].sin()], 1), torch.stack([z[:, 0] * z[:, 1], z[:, 0]], 1)], 1)
    z, h = torch.randn(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64), 3e-4

    def flow(z, k, t):
        f = lambda x: fields(x)[:, k]
        a = f(z); b = f(z + t / 2 * a); c = f(z + t / 2 * b); d = f(z + t * c)
        return z + t / 6 * (a + 2 * b + 2 * c + d)
    moved = flow(flow(flow(flow(z, 0, h), 1, h), 0, -h), 1, -h)  # along the first, along the second, and back
    return float(((moved - z) / h**2 - bracket(fields, z)[:, 0, 1]).abs().max())


def test_a_bracket_of_the_wrong_sign_is_seen_by_flows():
    assert commutes(so.lie_bracket) < .02
    assert commutes(lambda f, z: -so.lie_bracket(f, z)) > 1


def test_a_chance_level_that_is_typed_wrong_is_not_that_of_the_labels():
    labels = torch.arange(100) % 3
    assert st.over_angles(np.zeros((12, 100), bool), labels).chance == .34
