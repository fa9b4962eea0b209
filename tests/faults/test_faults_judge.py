"""Planted faults of the judge of rotations."""
import numpy as np
import pytest
import torch

from symnb.find import algebra, characters, verdict
from symnb.find.algebra import discover_rotation
from symnb.find.characters import Features, Reading, read
from symnb.find.moments import synthetic_law
from symnb.find.planes import Planes
from symnb.find.verdict import Trial
from symnb.ground.lab import SymnbError


def test_a_judge_that_sees_what_proposed_is_refused(monkeypatch):
    z = synthetic_law([1, 2], 2000, 4)[0]
    discover_rotation(z)
    honest = algebra.Trial
    monkeypatch.setattr(algebra, "Trial", lambda a, b, groups, told, *more: honest(a, a, None, (told[0],) * 2, *more))
    with pytest.raises(SymnbError, match="samples that proposed nothing, found 1000 that did"): discover_rotation(z)


def readings(level):
    "How many of 40 laws whose defect is the tolerance pass; the angle has the density 1 + .2 cos t."
    passed = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        t = rng.uniform(0, 2 * np.pi, 30000)
        t = t[1.2 * rng.random(30000) < 1 + .2 * np.cos(t)][:10000]
        passed += len(read(Features(torch.tensor(np.stack([np.cos(t), np.sin(t)], 1))), .1, None, level).weights)
    return passed


def test_a_point_estimate_in_place_of_the_bound_shows_in_the_level():
    assert readings(.05) <= 6 < 10 < readings(.5)


@pytest.mark.parametrize("sure, kept", [(1, [(3, [1])]), (0, [])])
def test_an_order_needs_characters_that_are_surely_there(monkeypatch, sure, kept):
    "Three corners; with the rank of the sure lattice left out of the rule, the second case would be named as well."
    rng = np.random.default_rng(0)
    t = 2 * np.pi * rng.integers(3, size=8000) / 3 + .05 * rng.standard_normal(8000)
    y = torch.tensor(np.stack([np.cos(t), np.sin(t)], 1))
    trial, frame = Trial(y[::2], y[1::2]), Planes(torch.eye(2))
    told = lambda f, *a: (lambda r: Reading(r.weights, r.finite, sure, r.outside, r.defect, r.bound, r.p))(read(f, *a))
    monkeypatch.setattr(verdict, "read", told)
    found = trial.judge(frame, Features(frame(trial.a))).finite
    assert [(n, list(map(abs, v))) for n, v in found] == kept


def test_a_judge_without_smooth_functions_takes_arcs_for_circles(monkeypatch):
    z = synthetic_law([1, 2], 20000, 4, arc=270, seed=0)[0]
    assert discover_rotation(z).answer != "found"
    monkeypatch.setattr(Trial, "smooth", lambda self, *a: ((0., 0.), 1.))
    assert discover_rotation(z).answer == "found"
