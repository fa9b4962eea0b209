"""Slips of an experiment, each planted, each caught from data or numbers."""
import dataclasses
import json
import pkgutil

import numpy as np
import pytest
import torch
from conftest import ROOT

from symnb.ground.board import Measured
from symnb.ground.lab import SymnbError
from symnb.ground.sides import apart, fitting, judging, register
from symnb.ground.study import Study
from symnb.show.run import TASKS

SIZES = dict.fromkeys(("quick", "full"), dict(n=50, seeds=(0, 1, 2)))


def draw(seed, n): return np.random.default_rng(seed).normal(3, 1, n)


def cell(method, world, seed, size, data):
    x, y = fitting(draw(seed, size["n"])), judging(draw(seed + 1000, 500))
    guess = dict(mean=x.mean(), zero=0.)[method]
    return {"error": Measured(abs(guess - y.mean()), floor=0.), "size": float(guess)}


def plan(size, data): return [(m, "normal", s) for m in ("mean", "zero") for s in size["seeds"]]


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    return Study("means", "Means", SIZES, plan, cell, controls={"zero": ("mean",)},
                 targets={("mean", "error"): dict(quick="<= 0.5", full="<= 0.2")}, units={"error": "units"})


def test_the_study_itself_is_sound(study):
    rows = study.rows()
    mean, zero = (rows.where(method=m, measure="error")[0] for m in ("mean", "zero"))
    assert mean.met and mean.control == zero.value > 2 and mean.unit == "units" and mean.seeds == [0, 1, 2]
    assert mean.code == study.code and len(mean.date) == 10


def test_a_control_copied_from_the_method(study):
    copied = lambda method, *rest: cell("mean", *rest)
    with pytest.raises(SymnbError, match="a control of its own beside mean, found zero"):
        dataclasses.replace(study, cell=copied).rows()


def test_judging_on_what_was_fitted(study):
    def mixed(method, world, seed, size, data):
        x = fitting(draw(seed, size["n"]))
        return {"error": Measured(abs(x.mean() - judging(x[::2]).mean()), floor=0.)}
    with pytest.raises(SymnbError, match="judging: expected samples of the side test, found 25 of 25"):
        dataclasses.replace(study, cell=mixed).rows()


def test_a_target_that_stands_alone(study):
    alone = lambda *a: {"error": cell(*a)["error"].value}
    with pytest.raises(SymnbError, match="no figure stands alone"):
        dataclasses.replace(study, cell=alone, controls={}).rows()


def test_an_edited_cell_is_made_again(study):
    before = study.rows().where(method="mean", measure="error")[0]
    def other(method, world, seed, size, data): return {"error": Measured(cell(method, world, seed, size, data)["error"].value * 2, floor=0.)}
    changed = dataclasses.replace(study, cell=other, controls={})
    after = changed.rows().where(method="mean", measure="error")[0]
    assert after.value == pytest.approx(2 * before.value) and after.code != before.code


def test_another_size_is_measured_anew(study):
    before = study.rows().where(method="mean", measure="error")[0].value
    larger = dataclasses.replace(study, settings=dict.fromkeys(("quick", "full"), dict(n=60, seeds=(0, 1, 2))))
    assert larger.rows().where(method="mean", measure="error")[0].value != before


def test_the_spread_over_seeds_is_that_of_a_sample(study):
    "With ddof 0 it would be smaller by the root of 2 / 3."
    rows = [study.measured("mean", "normal", s)[0]["error"].value for s in range(3)]
    assert study.rows().where(method="mean", measure="error")[0].spread == pytest.approx(np.std(rows, ddof=1))


@pytest.mark.parametrize("name", TASKS)
def test_a_target_loosened_tenfold(name, monkeypatch):
    "Every target of every study differs from its copy once it is loosened."
    known = json.loads((ROOT / "tests" / "targets.json").read_text(encoding="utf-8")).get(name, {})
    study = pkgutil.resolve_name(TASKS[name])
    for key in study.targets:
        loose = study.targets | {key: "<= 1000"}
        assert {" | ".join(map(str, k)): v for k, v in loose.items()} != known


@pytest.mark.parametrize("how", ["as it is", "double", "shuffled", "one of many"])
def test_raw_test_images_are_known_by_their_content(how):
    x = torch.rand(100, 1, 8, 8)
    register(x[:80], x[80:])
    wrong = dict([("as it is", x[80:]), ("double", x[80:].double()), ("shuffled", x[80:][torch.randperm(20)]),
                  ("one of many", x[10:81])])[how]
    with pytest.raises(SymnbError, match="of the side test"): fitting(wrong)
    fitting(x[:80])
    judging(x[80:])
    with pytest.raises(SymnbError, match="of the side train"): judging(x[:1])


def test_sides_are_forgotten_after_a_cell():
    x = torch.rand(5, 3)
    with apart(): fitting(x)
    with apart(): judging(x)
