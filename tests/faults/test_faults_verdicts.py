"""Planted faults of the calibration: a judge that is wrong, however it is wrong, is seen in the numbers."""
import math

import pytest
import torch

from symnb.data.laws import CodeWorld
from symnb.ground.lab import SymnbError
from symnb.studies import verdicts
from symnb.symmetry.found import Found
from symnb.symmetry.groups import MatrixGroup


class Judged(Found): gap = 2.


def told(setting, group, answer="found", monkeypatch=None):
    "What the study writes down of a judge that answers with this group."
    monkeypatch.setattr(verdicts, "discover_rotation", lambda x, seed=0, **kw: Judged(answer=answer, candidate=group))
    return {k: getattr(m, "value", m) for k, m in verdicts.cell("verdict", setting, 3, {}).items()}


def truth(name, seed=3): return CodeWorld(name, seed).truth


def scaled(group, factor, periods=None):
    return MatrixGroup(factor * group.basis, units=group.units, periods=periods or group.periods)


@pytest.mark.parametrize("setting", ["arc 150, n = 2000", "C 12, n = 2000", "part 0.9, n = 2000", "two_circles, n = 2000"])
def test_a_judge_that_always_finds_a_circle_is_caught(setting, monkeypatch):
    circle = MatrixGroup(torch.eye(verdicts.world_of(setting, 3)[0].d)[None], periods=[1.])
    assert told(setting, circle, monkeypatch=monkeypatch)["false found"] == 1


def test_a_judge_that_never_finds_anything_is_caught(monkeypatch):
    assert told("SO(2) 1 2, n = 2000", truth("SO(2) 1 2"), "none", monkeypatch)["right group"] == 0


def test_the_right_line_with_twice_the_turns_is_caught(monkeypatch):
    right = truth("SO(2) 1 2")
    said = lambda g: told("SO(2) 1 2, n = 2000", g, monkeypatch=monkeypatch)
    assert said(right)["right group"] == 1 and said(scaled(right, 2.))["other group"] == 1


def test_the_planes_of_another_world_are_caught(monkeypatch):
    assert told("SO(2) 1 2, n = 2000", truth("SO(2) 1 2", 4), monkeypatch=monkeypatch)["other group"] == 1


def test_half_a_torus_is_no_torus(monkeypatch):
    one = MatrixGroup(truth("T2").basis[:1], periods=[2 * math.pi])
    found = told("T2, n = 2000", one, monkeypatch=monkeypatch)
    assert found["right group"] == 0 and found["part of the group"] == 1


def test_a_subgroup_of_a_polygon_is_not_its_order(monkeypatch):
    found = told("C 12, n = 2000", truth("C 6"), monkeypatch=monkeypatch)
    assert found["right order"] == 0 and found["part of the order"] == 1
    assert told("C 12, n = 2000", truth("C 24"), monkeypatch=monkeypatch)["false order"] == 1


def test_seeds_for_tuning_are_not_reported():
    size = dict(verdicts.study.settings["full"], seeds=(3, 10_000))
    with pytest.raises(SymnbError, match="seeds: expected"): list(verdicts.plan(size))


def test_a_normal_interval_would_not_do():
    "Of no errors in 20 runs the normal interval knows too little: it has no width."
    high = verdicts.interval(0, 20)[1]
    assert (1 - high) ** 20 == pytest.approx(.025) and high > 0 + 1.96 * math.sqrt(0)
