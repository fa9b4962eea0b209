"""Slips in symmetries of functions, rotations, equations and codes that must be caught from numbers."""
import numpy as np
import pytest
import torch

import symnb.find.pdes as pdes
from symnb.data.fields import LorentzLabels, PlaneFunction, TurnedFunction
from symnb.data.shapes import DoubleBump
from symnb.data.waves import Waves, solution_jets
from symnb.find.finite_rotations import discover_finite_rotation, harmonics, order_of, rotation_axis
from symnb.find.functions import acting_alike, all_affine, discover_invariance, still_fields, unseen_change
from symnb.find.prescribed import CodeOf, equivariance, fit_code
from symnb.find.surfaces import Surface, surface
from symnb.ground.lab import SymnbError
from symnb.ground.sides import apart
from symnb.ground.study import Study
from symnb.measures.orbits import tangent_cosine
from symnb.measures.spans import span_distance
from symnb.studies.functions import study


def distance(world, x, t, u):
    law = pdes.fit_law(x, t, u, pdes.law_degree(x, t, u))
    c = pdes.null_of_law(x, t, u, law)[1][:, :world.truth.dim]
    points = torch.from_numpy(np.c_[x, t, u[:, :, 0, 0], np.ones(len(x))])
    return span_distance(list(all_affine(3).group(c).basis), list(world.truth.basis), points, draws=1).value


def test_a_gradient_in_the_coordinates_of_the_frame(monkeypatch):
    "Without the chain rule the field is off where coordinates have different spreads."
    x, y = PlaneFunction("affine").draw(2000)
    world, stretch = PlaneFunction("affine"), np.array([1., 5.])
    z = torch.from_numpy(x[:300])
    cos = lambda: tangent_cosine(discover_invariance(x * stretch, y, degree=2).candidate.generators[0], z * torch.from_numpy(stretch),
                                 world.truth.generator(z) * torch.from_numpy(stretch)).value
    assert cos() > .999
    monkeypatch.setattr(Surface, "gradient", lambda h, x: np.einsum("spj,p->sj", h.features.gradients(h.frame.to(x)), h.c))
    assert cos() < .99


def test_fields_judged_by_the_fit_that_they_come_from():
    "A fit of noise keeps its own fields, and not those of another."
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(600, 2)), rng.normal(size=600)
    h, other = (surface(x[w], y[w], 2) for w in (np.arange(600) < 300, np.arange(600) >= 300))
    c = still_fields(h, all_affine(2), x[:300])[1][:, :1]
    assert unseen_change(h, all_affine(2), c, x[:300]) < .1 < .3 < unseen_change(other, all_affine(2), c, x[300:])
    assert discover_invariance(x, y, degree=2).answer != "found"


def test_an_axis_with_a_wrong_sign():
    "The seven harmonics are lost, and no order is found."
    world = TurnedFunction(7, seed=1)
    x, y = world.draw(8000)
    axis = rotation_axis(x, y)[0]
    assert order_of(harmonics(x, y, axis)) == 7 != order_of(harmonics(x, y, axis * [1, -1, 1]))


def test_powers_from_one_half_only():
    "Noise has power in every harmonic of a single fit, and none in the product of two."
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4000, 3)), rng.normal(size=4000)
    h = harmonics(x, y, np.array([0, 0, 1.]))
    assert abs(h.power[0].sum()) < .03 < .05 < 240 / 2000
    assert discover_finite_rotation(x, y).answer == "none"


def test_product_rule_without_its_binomials(monkeypatch):
    "The textbook's stretching is no longer a symmetry of heat."
    world = Waves("heat")
    x, t, u = solution_jets(world, 600)
    assert distance(world, x, t, u) < 1e-3
    real = pdes.product_jet
    def plain(a, b):
        out = real(a, b)
        if out.shape[2] > 2: out[:, 0, 2] -= a[:, 0, 1] * b[:, 0, 1]
        return out
    monkeypatch.setattr(pdes, "product_jet", plain)
    assert distance(world, x, t, u) > .1


def test_measured_rates_in_the_determining_equation(monkeypatch):
    "Noise enters twice, and the distance exceeds its target."
    world = Waves("Burgers", .01)
    x, t, u = solution_jets(world, 2000)
    ours = distance(world, x, t, u)
    real = pdes.longer
    def measured(x, t, u, law):
        v = real(x, t, u, law)
        v[:, :, :u.shape[2], :] = u
        return v
    monkeypatch.setattr(pdes, "longer", measured)
    assert ours < .01 < distance(world, x, t, u)


def test_labels_of_another_draw():
    p, y = LorentzLabels("mass").draw(6000)
    assert discover_invariance(p, LorentzLabels("mass").draw(6000, seed=1)[1], acting_alike(4, 2), degree=2).answer == "undecided"


def test_judging_pairs_that_were_fitted():
    x, w, moved, _ = (torch.from_numpy(a).float() for a in DoubleBump().draw(200))
    model = CodeOf(64, DoubleBump().truth, 4, 8)
    with apart():
        fit_code(model, x, w, moved, 2)
        with pytest.raises(SymnbError, match="side train"): equivariance(model.encode, model.decode, model.group, x[:50], w[:50], moved[:50])


def test_a_control_that_is_its_method():
    "A control column filled by the method itself is refused."
    same = Study("functions", "", study.settings, lambda size, data: [("a", "w", 0), ("b", "w", 0)],
                 lambda method, world, seed, size, data: dict(found=1.), {"b": ("a",)})
    with pytest.raises(SymnbError, match="expected a control of its own"): same.rows()
