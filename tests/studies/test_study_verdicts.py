"""The calibration of verdicts: how answers are read, pooled and bounded, and which seeds it may use."""
import json

import pytest
import torch
from conftest import ROOT

from symnb.data.laws import CodeWorld
from symnb.ground.board import Row
from symnb.ground.lab import SymnbError
from symnb.measures.laws import interval
from symnb.studies.verdicts import (ALL_WITHOUT, KINDS, UPPER, WITH, WITHOUT, answers, by_kind, plan, relation, same_lattice,
    study, trial, world_of)
from symnb.symmetry.found import Found
from symnb.symmetry.groups import MatrixGroup

SEEDS = json.loads((ROOT / "tests" / "seeds.json").read_text(encoding="utf-8"))["verdicts"]


def test_what_is_reported_is_not_what_was_tuned():
    first, last = SEEDS["reported"]
    for size in study.settings.values(): assert all(first <= s <= last for s in size["seeds"])
    assert SEEDS["development"][1] < first
    with pytest.raises(SymnbError, match="seeds: expected less than"): trial("arcs", [first])
    with pytest.raises(SymnbError, match="seeds: expected"): list(plan(dict(seeds=(5,), kinds=None)))


def test_there_are_enough_worlds():
    runs = [list(plan(study.settings[name])) for name in ("quick", "full")]
    of = lambda kinds, some: sum(s in {x for _, settings in kinds.values() for x in settings} for _, s, _ in some)
    assert of(WITHOUT, runs[1]) >= 240 and of(WITH, runs[1]) >= 100 and len(runs[0]) <= len(runs[1]) / 5
    assert min(n for n, _ in (WITHOUT | WITH).values()) >= 20
    assert len(set(runs[1])) == len(runs[1])
    for kind, (n, some) in KINDS.items():
        assert n <= len(study.settings["full"]["seeds"]) and all(world_of(s, 0)[1] >= 1000 for s in some)
        none = world_of(some[0], 0)[0].truth
        assert (none == "none" or not none.dim) == (kind not in WITH)


@pytest.mark.parametrize("k, n, ends", [(0, 20, (0, .1684)), (1, 260, (.0001, .0212)), (20, 20, (.8316, 1)), (3, 10, (.0667, .6525))])
def test_intervals_are_exact(k, n, ends):
    assert interval(k, n) == pytest.approx(ends, abs=1e-4)


def named(generators, periods): return MatrixGroup(generators, units=["radians"] * len(generators), periods=periods)


def test_relations_of_groups():
    world = CodeWorld("T2")
    x, truth = world.draw(3000), world.truth
    a, b = truth.basis
    turn = truth.periods[0]
    how = lambda A, periods: relation(named(torch.stack(A), periods), world, x)
    assert how([a, b], [turn] * 2) == how([a + b, b], [turn] * 2) == "the same"
    assert how([a + b, a - b], [turn] * 2) == "other"  # index 2
    assert how([2 * a, b], [turn / 2, turn]) == "the same" and how([2 * a, b], [turn] * 2) == "other"
    assert how([a], [turn]) == "part" and relation(CodeWorld("SO(3) 1").truth, world, x) == "other"
    circle = CodeWorld("SO(2)alone 4 5")
    near, periods = circle.hidden.generators.clone(), [turn]
    near[:, 0:2, 0:2] *= 5 / 4; near[:, 2:, 2:] *= 6 / 5  # weights 5 6: nearly the same line of matrices
    M = torch.tensor(circle.mix)
    assert relation(named(M @ near @ torch.linalg.inv(M), periods), circle, circle.draw(3000)) == "other"


def test_tori_are_compared_as_lattices():
    A = CodeWorld("T2locked").hidden.generators
    mixed = torch.einsum("ij,jkl->ikl", torch.tensor([[2., 1.], [1., 1.]]).double(), A)
    assert same_lattice(mixed, A) and not same_lattice(2 * A, A) and not same_lattice(A[:, :8, :8], A[:, :8, :8].roll((2, 2), (1, 2)))


def test_answers():
    cyclic, none, arc = CodeWorld("C 8"), CodeWorld("independent 4"), CodeWorld("arc 150")
    found = lambda world, group, **kw: answers(Found(answer="found", candidate=group, **kw), world, world.draw(2000))
    a = found(cyclic, CodeWorld("C 4").truth)
    assert a["part of the order"] == 1 and a["right order"] == a["false found"] == a["false order"] == 0
    assert found(cyclic, CodeWorld("C 8").truth)["right order"] == 1 and found(cyclic, CodeWorld("C 3").truth)["false order"] == 1
    assert found(none, CodeWorld("C 3").truth)["false order, up to 6 numbers"] == 1
    assert found(arc, CodeWorld("SO(2) 1 2").truth)["false found"] == 1 and "false order" not in found(CodeWorld("cube 4"), CodeWorld("C 4").truth)
    silent = answers(Found(answer="undecided"), arc, arc.draw(2000))
    assert silent["undecided"] == 1 and sum(silent.values()) == 1


def rows(answer):
    return [Row(task="verdicts", method="verdict", measure=m, value=v, floor=0., seeds=[seed], data=setting)
            for _, setting, seed in plan(study.settings["full"]) for m, v in answer(setting).items()]


def test_pooling(monkeypatch):
    monkeypatch.setenv("SYMNB_PROFILE", "full")
    outside = {s for _, settings in WITHOUT.values() for s in settings}
    board = by_kind(rows(lambda s: {"none": 1., "false found": float(s.startswith("part"))} if s in outside else {"right group": 1.}))
    at = {(r.measure, r.data): r for r in board}
    total, n = at["false found", ALL_WITHOUT], sum(n for n, _ in WITHOUT.values())
    assert total.n == n and total.value == pytest.approx(WITHOUT["part not turned"][0] / n) and total.met is False
    assert at[f"false found, {UPPER}", ALL_WITHOUT].value == pytest.approx(interval(WITHOUT["part not turned"][0], n)[1])
    assert at["false found, largest share of a kind", ALL_WITHOUT].value == 1
    assert at["right group", "SO(2)"].met and at["right group", "SO(2)"].n == WITH["SO(2)"][0]
