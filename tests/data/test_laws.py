"""Laws of codes: their truth keeps them, what resembles them is not kept, and bad names are one line."""
import math

import numpy as np
import pytest
import torch

from symnb.data.laws import (LAWS, CodeWorld, arc_angles, corner_angles, full_turns, partly_turned, real_form, spin_generators,
    torus_generators, turned_points, turned_frames, uneven_angles)
from symnb.data.worlds import AnyWorld
from symnb.ground.lab import SymnbError

NAMES = ["SO(2) 1 2", "SO(2)odd 1 2", "SO(2)alone 1", "SO(2)noise .3 1 3", "C 5", "arc 150", "density .3", "part .9", "digits",
         "digits_arc 90", "digits_C 6", "independent 3", "mixture 3", "two_circles", "heavy 4", "cube 4", "integers 3", "bits 8",
         "repeated 3", "repeated_SO(2) 1 2", "T2", "T3", "T2locked", "SO(3) 1", "SO(3) 2", "U(2)", "Gaussian 4", "shells 4",
         "orbit 2 4 2", "orbit_SO(3)", "orbit_SU(2) 3"]


def change(world, truth, w, n=40_000):
    "Largest relative change of fourth moments along some directions under the elements w of a group."
    x = torch.tensor(world.draw(n, 5))
    a = torch.randn(x.shape[1], 40, generator=torch.Generator().manual_seed(0)).double()
    y = truth(x, w)
    before, after = ((v - v.mean(0)) @ a for v in (x, y))
    return float((after.pow(4).mean(0) / before.pow(4).mean(0) - 1).abs().max())


def test_every_law_is_named_here(): assert {n.split()[0] for n in NAMES} == set(LAWS)


@pytest.mark.parametrize("name", NAMES)
def test_a_law_is_kept_by_its_truth(name):
    world = CodeWorld(name, 2)
    assert isinstance(world, AnyWorld) and world.draw(7, 1).shape == (7, world.d)
    assert np.array_equal(world.draw(50, 3), CodeWorld(name, 2).draw(50, 3)) and not np.array_equal(world.draw(50, 3), world.draw(50, 4))
    assert all(w.truth == "none" for w in world.controls)
    if world.truth == "none": return
    w = torch.ones(1, dtype=torch.float64) if world.hidden.order else world.truth.sample(40_000, 1)
    assert change(world, world.truth, w) < .25


def test_the_wrong_truth_does_not_keep_a_law():
    world = CodeWorld("SO(2) 1 2", 2)
    assert change(world, CodeWorld("SO(2) 1 2", 3).truth, torch.tensor([1.])) > .5
    x = CodeWorld("C 5").hidden.draw(np.random.default_rng(0), 20_000)
    u = np.exp(1j * np.arctan2(x[:, 1], x[:, 0]))
    means = [abs((u ** k).mean()) for k in range(1, 6)]
    assert max(means[:4]) < .03 and means[4] > .8


@pytest.mark.parametrize("draw, defect", [(full_turns, 0), (arc_angles(150.), math.sin(150 * math.pi / 180) / (150 * math.pi / 180)),
                                          (uneven_angles(.4), .2), (partly_turned(.8), .2), (corner_angles(7), 0)])
def test_defects_are_those_that_are_said(draw, defect):
    t = draw(np.random.default_rng(0), 200_000)
    assert t.shape[1] == 1 and abs(abs(np.exp(1j * t).mean()) - abs(defect)) < .01


def test_generators_are_those_of_groups():
    A, = torus_generators([[2, 1]], 5)
    x = turned_points(np.array([[.3]]), [[2, 1]], np.ones((1, 2)))
    assert np.allclose((torch.linalg.matrix_exp(.3 * A) @ torch.tensor([1., 0, 1, 0, 0]).double())[:4], x) and not A[4].any()
    J = spin_generators(3)
    assert np.allclose(J[0] @ J[1] - J[1] @ J[0], -J[2]) or np.allclose(J[0] @ J[1] - J[1] @ J[0], J[2])
    assert np.allclose(real_form(J) + real_form(J).swapaxes(1, 2), 0)
    Q = turned_frames(np.random.default_rng(0), 2000)
    assert np.allclose(np.linalg.det(Q), 1) and abs(Q.mean(0)).max() < .05


@pytest.mark.parametrize("name", ["ring 1", "arc", "C many", "independent", "SO(2) a"])
def test_bad_names_are_one_line(name):
    with pytest.raises(SymnbError, match="law: expected"): CodeWorld(name)


def test_no_samples_are_refused():
    with pytest.raises(SymnbError, match="n: expected"): CodeWorld("C 3").draw(0)
