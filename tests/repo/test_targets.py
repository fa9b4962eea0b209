"""Targets are set beforehand: a copy stands here, so that loosening one is a visible change."""
import json
import pkgutil

import pytest
from conftest import ROOT

from symnb.ground.board import REFERENCES, Scoreboard
from symnb.show.run import TASKS

KNOWN = json.loads((ROOT / "tests" / "targets.json").read_text(encoding="utf-8"))


def declared(name):
    "The targets of a study as JSON knows them."
    study = pkgutil.resolve_name(TASKS[name])
    return {" | ".join(map(str, k)): v for k, v in study.targets.items()}


@pytest.mark.parametrize("name", TASKS)
def test_targets_are_those_that_were_set(name):
    assert declared(name) == KNOWN.get(name, {})


@pytest.mark.parametrize("name", KNOWN)
def test_stored_rows_have_the_targets_of_their_study(name, monkeypatch):
    monkeypatch.setenv("SYMNB_PROFILE", "full")
    path = ROOT / "nbs" / "results" / f"{name}.json"
    if not path.exists(): pytest.skip("nothing is stored")
    study = pkgutil.resolve_name(TASKS[name])
    differ = {(r.method, r.measure): (r.target, now) for r in Scoreboard.load(path)
              if (now := study.target(r.method, r.measure, r.data)) != r.target}
    assert not differ


@pytest.mark.parametrize("name", KNOWN)
def test_no_stored_figure_with_a_target_stands_alone(name):
    path = ROOT / "nbs" / "results" / f"{name}.json"
    if not path.exists(): pytest.skip("nothing is stored")
    alone = {(r.method, r.measure) for r in Scoreboard.load(path)
             if r.target and all(getattr(r, k) is None for k in REFERENCES)}
    assert not alone
