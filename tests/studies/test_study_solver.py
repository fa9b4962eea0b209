"""The study of the lens solver: its plan, the worst and the typical run, controls and targets."""
from dataclasses import asdict

import numpy as np
import pytest

from symnb.data.worlds import CONTROLS, World
from symnb.ground.board import Row, Scoreboard
from symnb.studies import solver
from symnb.studies.solver import TARGETS, cell, moved_verdict, plan, shares, study, world_of, worst_and_typical


def runs(method, *found):
    "Rows of single runs of a group."
    whole = {"found": 1., "cosine": .9999, "RMSE": .002, "step on held-out signals, error": .001, "filter": .999,
             "hidden signal": .9999, "margin": .04, "stationarity": 1., "CPU time": 5., "agreement of starts": 1.}
    return [Row(task="solver", method=method, measure=k, value=v, chance=.04, floor=1., seeds=[seed], data="worlds")
            for seed, kw in enumerate(found) for k, v in (whole | kw).items()]


def nothing(method, *found):
    return [r for r in runs(method, *found) if r.measure in ("found", "margin", "stationarity")]


def test_rows_tell_the_worst_run_and_both_errors_of_the_verdict(monkeypatch):
    monkeypatch.setenv("SYMNB_PROFILE", "full")
    off = {"step on held-out signals, error": .03}
    rows = runs("wide, N = 33", {}, {"cosine": .9, **off}, {"found": 0.}, {"CPU time": 30.})
    board = worst_and_typical(rows + nothing("white, N = 33", {"found": 0.}, {"found": 1.}))
    value = {r.measure: r for r in board.where(method="wide, N = 33")}
    assert value["cosine, least"].value == .9 and value["success rate"].value == .5
    assert value["found although wrong"].value == value["not found although right"].value == .25
    assert value["CPU time, largest"].value == 30. and value["step on held-out signals, largest error"].value == .03
    assert value["cosine, least"].met is False and value["CPU time, largest"].met is False
    assert value["hidden signal, least correlation"].met and value["cosine, least"].seeds == [0, 1, 2, 3]
    assert value["success rate"].control == .5 and value["cosine, least"].chance == .04
    white = {r.measure: r for r in board.where(method="white, N = 33")}
    assert white["found"].value == .5 and white["found"].met is False and "success rate" not in white


def test_every_target_is_read_against_something_and_binds_a_run_of_the_plan(monkeypatch):
    monkeypatch.setenv("SYMNB_PROFILE", "full")
    full = {m for m, _, _ in plan(study.settings["full"])}
    assert {m for m, _ in TARGETS} - {solver.ALL} <= full
    for r in study.stored():
        assert r.task == "solver" and (r.method in full | {solver.ALL}) and r.target == study.target(r.method, r.measure), asdict(r)


def test_the_full_plan_has_five_fresh_data_sets_a_cell():
    full = plan(study.settings["full"])
    assert len(set(full)) == len(full)
    worlds = {}
    for method, _, seed in full:
        w, samples = world_of(method, seed, study.settings["full"])
        if " with " not in method and " as a " not in method: worlds.setdefault(f"{w!r} {samples}", []).append(method)
    assert all(len(v) == 1 for v in worlds.values()), "two runs share their data"
    for basis in ("identity", "permutation", "dst"):
        for kind in ("narrow", "wide", "legendre"):
            seeds = [s for m, _, s in full if m == f"{kind}, N = 33" and world_of(m, s, study.settings["full"])[0].basis == basis]
            assert len(seeds) == 5
    assert [world_of(m, s, study.size)[0].basis for m, _, s in plan(study.settings["quick"])][:3] == ["permutation"] * 3


@pytest.mark.parametrize("method, wanted", [
    ("wide, ring", dict(circulant=True, N=33, noise=.05)), ("legendre, N = 129", dict(N=129, circulant=False)),
    ("narrow, noise 0.15", dict(noise=.15)), ("dispersive, ring", dict(kind="dispersive")),
    ("wide with a segment moved, N = 33", dict(kind="wide", N=33)), ("narrow, 8000 samples", dict(kind="narrow"))])
def test_names_of_groups_say_what_their_worlds_are(method, wanted):
    w, samples = world_of(method, 100, study.settings["full"])
    assert {k: getattr(w, k) for k in wanted} == wanted and samples == (8000 if "samples" in method else 180_000)


def test_a_moved_segment_does_not_pass():
    verdict = moved_verdict(World("narrow", seed=5).draw(60_000))
    assert verdict.answer == "undecided" and "stationarity" in verdict.lacking()


def test_a_run_is_scored_on_draws_of_its_own(monkeypatch):
    monkeypatch.setattr(solver, "world_of", lambda method, seed, size: (World("narrow", 9, "dst", seed=seed), 4000))
    found = cell("narrow, N = 33", "worlds", 4, study.size)
    assert found["cosine"].value > .99 > .5 > found["cosine"].chance and found["found"].value == 1
    assert found["step on held-out signals, error"].value < .05 and found["hidden signal"].value > .98
    assert all(0 < found[k].chance < .9 for k in ("filter", "hidden signal"))


def test_shares_have_exact_intervals():
    seen = dict(found=np.ones(15), cosine=np.ones(15))
    assert shares(seen)["success rate, lower end of its 95 % interval"] == pytest.approx(.025 ** (1 / 15))
    assert shares(dict(found=np.zeros(4)))["found, upper end of its 95 % interval"] == pytest.approx(1 - .025 ** (1 / 4))
    assert set(CONTROLS) <= {m.split(", ")[0] for m, _ in TARGETS}


def test_nothing_is_merged_away():
    rows = Scoreboard(runs("wide, ring", {}) + runs("wide, noise 0.1", {}))
    assert {r.method for r in worst_and_typical(rows)} == {"wide, ring", "wide, noise 0.1"}


def test_runs_without_one_line_are_counted_together():
    no = {"found": 0., "none": 1.}
    rows = [r for m in ("torus, sensors", "narrow, ring as a line") for r in runs(m, no, no) if r.measure in ("found", "none")]
    rows += runs("narrow, small window", {})
    together = {r.measure: r for r in worst_and_typical(Scoreboard(rows)).where(method=solver.ALL)}
    assert together["found"].n == 4 and together["found"].value == 0 and together["found"].met
    assert together["found, upper end of its 95 % interval"].value == pytest.approx(1 - .025 ** (1 / 4))
    assert [solver.has_line(m) for m in ("torus, sensors", "even bumps, sensors", "wide, ring as a line", "wide, small ring",
                                         "wide with a segment moved, N = 33")] == [False, True, False, True, False]


def test_fresh_seeds_judge_at_least_a_hundred_runs_without_a_line():
    small = [(m, s) for m, _, s in plan(study.settings["full"]) if m.split(", ")[1] in solver.SMALL]
    assert min(s for _, s in small) >= 10_000 and sum(not solver.has_line(m) for m, _ in small) >= 100
    w, n = world_of("torus, sensors as a ring", 20_001, study.settings["full"])
    assert w.kind == "torus" and w.N == 15 and n == 4000
