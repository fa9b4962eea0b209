"""The study of oracles: splits, error bars, ceilings, pace, and a control that certifies itself."""
import math

import numpy as np
import pytest
import torch

from symnb.data.digits import Digits
from symnb.find import oracle as so
from symnb.ground.lab import SymnbError, device
from symnb.measures.orbits import tangent_cosine
from symnb.studies import oracle as st
from symnb.symmetry.matrices import MatrixAction

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit")


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def turn(z):
    "The rotation of the first two numbers."
    out = torch.zeros_like(z)
    out[:, 0], out[:, 1] = -z[:, 1], z[:, 0]
    return out


class Flat:
    "Encodes a picture by itself; no network."
    latent = 784

    def encode(self, x): return x.flatten(1), None


RADIUS = (torch.stack(torch.meshgrid(torch.arange(28.), torch.arange(28.), indexing="ij")) - 13.5).norm(dim=0)


def bars(n=30, seed=0):
    "A thick and a thin ring: two classes that no rotation mixes."
    labels, at = torch.arange(n) % 2, torch.arange(n)
    images = torch.stack([((RADIUS - 8).abs() < 1.5, RADIUS < 5)[int(k)] for k in labels]).float()
    images = images * (.6 + .4 * torch.rand(n, 1, 1, generator=torch.Generator().manual_seed(seed))) * 255
    return Digits(images.byte(), labels, at, at[n // 2:], at[:n // 2], "rings", 0)


def test_copies_are_turned_unless_upright_and_come_with_their_labels():
    data = bars()
    z, labels = st.turned_copies(Flat(), data.part("train"), 3)
    assert z.shape == (45, 784) and not torch.allclose(z[:15], z[15:30]) and labels.tolist() == data.part("train").labels.tolist() * 3
    z, _ = st.turned_copies(Flat(), data.part("train"), 2, upright=True)
    assert torch.equal(z[:15], z[15:])


def test_an_error_bar_counts_digits_not_pictures():
    data = bars()
    z, labels = st.turned_copies(Flat(), data.part("train"), 3)
    oracle = so.LatentOracle(784, [0, 1], hidden=8).to(device())
    so.fit_latent_oracle(oracle, z, labels, steps=60)  # some pixels never vary
    test = data.part("test")
    right = st.right_answers(st.namer(oracle, Flat()), test)
    assert st.over_angles(right, test.labels).value == 1. and right.shape == (12, 15)
    assert st.over_angles(right, test.labels).chance == pytest.approx(8 / 15)
    clustered = st.over_angles(np.tile(np.arange(100) < 80, (12, 1)), torch.arange(100) % 2)
    assert clustered.spread == pytest.approx(math.sqrt(.16 / 99), rel=1e-6)  # twelve times the same answer are one


def test_folds_hold_each_digit_once_out_and_keep_the_classes_even():
    parts = st.folds(bars(50), 5)
    assert sorted(torch.cat([p.test for p in parts]).tolist()) == list(range(50))
    for p in parts:
        assert not set(p.test.tolist()) & set(p.train.tolist()) and len(p.test) + len(p.train) == 50
        assert p.part("test").labels.bincount().tolist() == [5, 5]
    assert len({p.fingerprint for p in parts}) == 5


def test_a_control_of_upright_digits_is_certified_by_what_it_loses():
    right = np.ones((12, 200), bool)
    with pytest.raises(SymnbError, match="loses 0.000"): st.certified_upright(right)
    right[6, :80] = False
    assert st.certified_upright(right).value == pytest.approx(.4) and st.lost(right).n == 200
    right[6] = True
    right[3, :24] = False  # .12, within three standard errors of .1
    with pytest.raises(SymnbError, match="loses 0.120"): st.certified_upright(right)


def test_the_best_skew_field_is_better_than_random_ones():
    z = draw(800, 5, seed=10) * torch.linspace(.5, 2., 5)
    A, white = draw(5, 5, seed=11), 1 / torch.linspace(.5, 2., 5)
    tangent = ((z * white) @ (A - A.T)) / white
    best = tangent_cosine(st.best_skew(z, tangent, z), z, tangent).value
    assert best > .98 > max(tangent_cosine(st.random_skew(z, s), z, tangent).value for s in range(10))


def test_a_paced_flow_has_the_speed_and_the_sense_of_the_truth():
    z = draw(200, 2)
    backwards = MatrixAction(torch.tensor([[0., 3.], [-3., 0.]]), "units")
    paced = st.paced(backwards, z, turn(z) * math.pi / 180)
    assert torch.allclose(paced(z, 90.), turn(z), atol=1e-4)
    assert torch.allclose(paced.generator(z), turn(z) * math.pi / 180, atol=1e-6)
    assert torch.allclose(paced.orbit(z, [0., 90.])[1], paced(z, 90.), atol=1e-5)


def test_labels_that_depend_on_a_ring_survive_the_rotation_and_not_a_translation():
    ring = ((RADIUS - 8).abs() < 1.5).float() - (RADIUS < 5).float() * 2

    def rings(x):
        s = (x[:, 0].cpu() * ring).sum((1, 2))
        return torch.stack([s, -s], 1)

    found = {f"affine field: {k}": st.affine_cell(k, 0, bars(60), rings) for k in ("rotation", "translation x", "shear")}
    at = "label agreement at t = 0.8"
    assert found["affine field: rotation"][at].value == 1. and found["affine field: translation x"][at].value < .9
    best = st.best_other(found, "rings", 0)["affine fields but rotation"]["best label agreement at t = 1.57"]
    assert best.value == max(found[f"affine field: {k}"]["label agreement at t = 1.57"].value for k in ("translation x", "shear"))


def test_every_target_belongs_to_a_method_that_is_planned_and_has_a_reference():
    data = bars()
    for size in st.study.settings.values():
        methods = {m for m, _, _ in st.plan(size, data)}
        assert {m for m, _ in st.study.targets} <= methods | {"affine fields but rotation", "conv 64"}
        assert {c for c in st.study.controls} <= methods and all(set(v) <= methods for v in st.study.controls.values())


def test_a_stored_row_with_a_target_has_something_to_be_read_against():
    bare = [f"{r.method}, {r.measure}" for r in st.study.stored()
            if r.target and not any(getattr(r, k) is not None for k in ("chance", "floor", "baseline", "control"))]
    assert not bare


@pytest.mark.parametrize("call, said", (
    (lambda: st.paced(MatrixAction(torch.eye(2)), draw(5, 2), draw(4, 2)), "expected shape (5, 2)"),
    (lambda: st.folds(bars(), 40), "size of the smallest class"),
    (lambda: st.folds(bars(), 1), "size of the smallest class"),
))
def test_bad_input_is_told_in_one_line(call, said):
    with pytest.raises(SymnbError) as e: call()
    assert said in str(e.value) and "\n" not in str(e.value)
