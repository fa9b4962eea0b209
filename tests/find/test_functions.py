"""Symmetries of functions and labels: counts, spans, gradients, verdicts and what is refused."""
import numpy as np
import pytest
import torch

from symnb.data.fields import LEVELS, LorentzLabels, PlaneFunction
from symnb.find.functions import (AffineFields, PolynomialFields, acting_alike, all_affine, change_under, count_still, discover_invariance,
                                  invariant_form, still_fields)
from symnb.find.surfaces import Surface, best_degree, logit_of, relabelled, surface
from symnb.find.trajectories import Monomials
from symnb.ground.lab import SymnbError
from symnb.measures.orbits import tangent_cosine
from symnb.measures.spans import span_distance
from symnb.symmetry.found import load_found


@pytest.fixture(scope="module")
def mass():
    p, y = LorentzLabels("mass", seed=5).draw(12_000)
    return p, y, discover_invariance(p, y, acting_alike(4, 2), degree=2)


def test_a_label_by_mass_has_six_generators(mass):
    p, _, found = mass
    assert found.found and found.told == "labels" and found.bound >= found.certificates["defect, unseen"].value
    d = span_distance(list(found.group.basis[:, :4, :4]), list(LorentzLabels("mass").truth.basis[:, :4, :4]), 2 * torch.eye(4).double())
    assert d.value < .3 and d.chance > 1
    J = invariant_form(found.group.basis[:, :4, :4].numpy())
    assert abs(J[0, 0] - np.trace(J[1:, 1:])) / 2 / np.linalg.norm(J) > .98


def test_a_random_label_has_none():
    p, y = LorentzLabels("random", seed=6).draw(12_000)
    found = discover_invariance(p, y, acting_alike(4, 2), degree=2)
    assert found.answer == "none" and found.group is None and "next over it" in found.lacking()


def test_labels_that_were_dealt(mass):
    p, y, _ = mass
    found = discover_invariance(p, np.random.default_rng(0).permutation(y), acting_alike(4, 2), degree=2)
    assert found.answer == "undecided" and found.certificates["loss over that of a constant, unseen"].value > .999


@pytest.mark.parametrize("name, fields", [("affine", all_affine(2)), ("bent", PolynomialFields(2, 2))])
def test_level_lines(name, fields, tmp_path):
    world = PlaneFunction(name, .01, seed=3)
    found = discover_invariance(*world.draw(2000), fields)
    x = torch.from_numpy(world.draw(500, seed=9)[0])
    assert found.found and tangent_cosine(found.group.generators[0], x, world.truth.generator(x)).value > .998
    if name == "affine":
        found.save(tmp_path / "f")
        assert torch.allclose(load_found(tmp_path / "f").group(x, .1), found.group(x, .1))


def test_no_affine_field_keeps_bent_lines_or_random_ones():
    for name in ("bent", "random"):
        assert not discover_invariance(*PlaneFunction(name, .01).draw(3000)).found


def test_two_exact_null_vectors_of_a_function_of_one_coordinate():
    x = np.random.default_rng(0).normal(size=(1000, 2))
    s, _ = still_fields(surface(x, x[:, 0], 1), all_affine(2), x)
    assert count_still(s, 2) == 3 and (s[:3] < 1e-6).all() # anything along the second


def test_gradients_are_those_of_the_fit():
    x, y = PlaneFunction("bent", seed=1).draw(800)
    for values in (y, (y > 0).astype(float)):
        h = surface(x, values, 3)
        e = np.array([1e-5, 0])
        assert np.allclose((h(x + e) - h(x - e)) / 2e-5, h.gradient(x)[:, 0], atol=1e-4)


def test_the_error_of_coefficients_is_their_spread():
    rng, fits = np.random.default_rng(0), []
    for _ in range(60):
        P = np.c_[np.ones(800), rng.normal(size=(800, 2))]
        fits.append(logit_of(P, (rng.random(800) < 1 / (1 + np.exp(-P @ [0, 1, -1]))).astype(float))) # a fresh draw each
    said, seen = np.mean([np.sqrt(np.diag(cov)) for _, cov in fits], 0), np.std([c for c, _ in fits], 0)
    assert (.7 < said / seen).all() and (said / seen < 1.4).all()


def test_relabelling_finds_the_function_that_is_hidden():
    x, y = PlaneFunction("affine").draw(3000)
    knots, values = relabelled(Monomials(2, 2).values(x), y)
    assert abs(np.corrcoef(np.interp(y, knots, values), LEVELS["affine"].value(x))[0, 1]) > .99


def test_degrees_of_plain_polynomials():
    x = np.random.default_rng(0).normal(size=(2000, 2))
    assert best_degree(x, x[:, 0] + .1 * x[:, 1] + .5 * np.random.default_rng(1).normal(size=2000)) <= 2


def test_groups_of_dictionaries_move_points():
    x = torch.randn(5, 8, dtype=torch.float64)
    assert acting_alike(4, 2).group(np.eye(16)[:, :2]).shape == (8,) and all_affine(8).group(np.eye(72)[:, :1])(x, .1).shape == x.shape
    turn = AffineFields([np.pad([[0., -1], [1, 0]], ((0, 1), (0, 1)))])
    assert isinstance(change_under(surface(x[:, :2].numpy().repeat(50, 0), x[:, 0].numpy().repeat(50), 1), turn.group(np.ones((1, 1))), x[:, :2].numpy(), np.array([.1])), float)


@pytest.mark.parametrize("x, y, message", [
    (np.zeros((200, 2)), np.zeros(100), "expected shapes"), (np.random.rand(50, 2), np.random.rand(50), "at least 100 samples, found 50"),
    (np.full((200, 2), np.nan), np.random.rand(200), "finite"), (np.random.rand(200, 2) * [1, 0], np.random.rand(200), "constants: 1"),
    (np.random.rand(200, 2), np.ones(200), "values that vary"), ([["a"]], [1], "expected numbers")])
def test_bad_input(x, y, message):
    with pytest.raises(SymnbError, match=message): discover_invariance(x, y)
