"""The study of SymmetryLens: its plan, its rows of single seeds, its control, and what the page reads."""
import math

import numpy as np
import pytest
import torch

from symnb.find.lens import LensFit, LensModel, PUBLISHED
from symnb.studies import lens
from symnb.studies.lens import CHEAP, COLD, CONTROL, PUBLIC, plan, spacing_entropy, study


@pytest.fixture
def untrained(monkeypatch):
    "Lenses that were not trained, of the size that was asked for."
    asked = []
    def run(world, P=None, recipe=PUBLISHED, restarts=1, choose=(), seed=0, *a, **kw):
        asked.append((world.kind, world.N, P, restarts, seed))
        torch.manual_seed(seed + (P or 0) + (world.kind == "white"))
        model = LensModel(world.N, P, recipe)
        with torch.no_grad():
            model.lens.W.normal_(), model.lens.psi.normal_()
        return LensFit(model.eval(), {}, {}, [], [], 1., 2.)
    monkeypatch.setattr(lens, "lens_run", run)
    return asked


def test_entropy_by_spacings():
    rng = np.random.default_rng(0)
    assert abs(spacing_entropy(rng.standard_normal(60_000)) - .5 * math.log(2 * math.pi * math.e)) < .03
    assert abs(spacing_entropy(rng.uniform(0, 3, 60_000)) - math.log(3)) < .03


def test_plans_hold_every_run_once():
    full, quick = (plan(study.settings[k]) for k in ("full", "quick"))
    assert quick == [("cheap form, P = 7", "narrow, N = 7", 0)] and len(set(full)) == len(full) == 22
    assert {m for m, _, _ in full} == {*CHEAP, CONTROL, PUBLIC, COLD}
    assert {m for m, _ in study.targets} == {*CHEAP, PUBLIC, COLD}


def test_rows_are_of_single_seeds_and_hold_what_they_are_read_against(untrained, monkeypatch, tmp_path):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    monkeypatch.setitem(study.settings, "quick", dict(seeds=(0, 1), restarts=5, paddings=(2, 7), control=True,
                                                      published=False, large={}))
    rows = study.rows().where(measure="cosine to the true step")
    assert [(r.method, r.seeds) for r in rows] == [(m, [s]) for s in (0, 1) for m in (*CHEAP[:2], CONTROL)]
    for r in rows:
        assert 0 < r.chance < .4 and abs(r.baseline) < .3 and r.floor == 1
        assert (r.target, r.control is not None) == ((None, False) if r.method == CONTROL else (">= 0.95", True))
    white = {r.seeds[0]: r.value for r in rows if r.method == CONTROL}
    assert all(r.control == white[r.seeds[0]] for r in rows if r.control is not None)
    assert sorted(set(untrained)) == [("narrow", 7, P, 5, s) for P in (2, 7) for s in (0, 1)] + \
        [("white", 7, 7, 5, s) for s in (0, 1)]


def test_stored_rows_are_those_that_the_study_would_make():
    rows = study.stored()
    known = {(m, w, s) for m, w, s in plan(study.settings["full"])}
    runs = {(r.method, r.data, r.seeds[0]) for r in rows if r.measure == "cosine to the true step"}
    assert runs == {k for k in known if k[0] != CONTROL} # control rows were not kept when these were made
    assert all(r.task == "lens" and r.target == study.target(r.method, r.measure, r.data) for r in rows if r.data in
               ("narrow, N = 7", "wide, N = 33", "narrow, N = 33"))
