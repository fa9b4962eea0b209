"""Faults planted in what is said of dynamics, each caught from data or numbers."""
import numpy as np
import pytest
import torch

from symnb.data.dynamics import Dynamics
from symnb.data.systems import SYSTEMS, turned
from symnb.find import bracket as br, trajectories as tr
from symnb.find.trajectories import monomials
from symnb.ground.board import Measured, Scoreboard, target_met
from symnb.ground.lab import SymnbError
from symnb.ground.sides import apart, fitting, judging
from symnb.studies import dynamics, forecast

WORLD = Dynamics("damped central", .02)


@pytest.fixture(autouse=True)
def own_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))


@pytest.fixture(scope="module")
def paths(): return WORLD.draw(60)


def test_a_field_is_judged_on_what_it_was_fitted_to(paths):
    with apart(), pytest.raises(SymnbError, match="side"):
        x = fitting(paths[:30])
        judging(x[:5])


def test_trajectories_of_the_judge_are_fitted_too(monkeypatch, paths):
    monkeypatch.setattr(tr, "fitting", judging)
    with apart(), pytest.raises(SymnbError, match="side"):
        tr.learned(paths, WORLD.dt, monomials(2))
        fitting(tr.smoothed(paths, WORLD.dt).states[:3])


def test_a_generator_of_another_rotation_has_a_large_bound(paths):
    found = tr.learned(paths, WORLD.dt, monomials(3))
    wrong, right = turned(2).copy(), turned(2)
    wrong[2:4, 2:4] *= -1 # momenta turn the other way
    value = lambda A: br.unseen_defect(found, br.MatrixGroup(torch.from_numpy(A)[None], affine=True))[1]
    assert value(right) < .15 < value(wrong)


def test_a_bracket_without_its_second_term_finds_other_fields(monkeypatch):
    x = np.random.default_rng(0).normal(size=(400, 2))
    f = tr.known(SYSTEMS["lambda-omega"].field, x)
    true = br.commuting(f).s
    def half(phi, z, f, J): return np.einsum("skj,sa->skaj", J, phi.values(z)).reshape(z.size, -1)
    monkeypatch.setattr(br, "bracket_rows", half)
    assert true[0] < 1e-6 < br.commuting(f).s[0]


def test_a_shuffled_control_that_is_not_shuffled_is_refused(monkeypatch):
    monkeypatch.setattr(dynamics, "world_of", lambda setting, seed: Dynamics("lambda-omega", .02, seed=seed))
    setting, size = f"lambda-omega{dynamics.DEALT}, noise 5 %", dict(paths=40)
    cell = dynamics.counts_cell(setting, 0, size)
    assert "false generator" not in cell # it has a truth now, and would enter the rows of another family


def test_a_count_that_is_always_one_is_stopped_on_unseen_trajectories(monkeypatch):
    x = Dynamics(dynamics.system_of("random field, 2 numbers", 0), .05).draw(40)
    monkeypatch.setattr(br, "count", lambda null: 1)
    found = br.discover_generators(x, .05, monomials(3))
    assert found.answer == "undecided" and "commutator over next, unseen" in found.lacking()
    monkeypatch.setattr(br, "unseen_null", lambda *a: (0., 1.)) # without these legs it is found, and the target missed
    monkeypatch.setitem(br.RULE, "close", 9.)
    row = dynamics.counts_cell("random field, 2 numbers, noise 5 %", 0, dict(paths=40))["false generator"]
    assert row.value == 1 and not target_met(row.value, dynamics.TARGETS[dynamics.COUNT, "false generator", dynamics.CONTROLS])


def test_rows_of_controls_are_counted_whole():
    board = Scoreboard()
    for k in range(40):
        board.add(Measured(float(k == 7), floor=0.), task="dynamics", method=dynamics.COUNT, measure="false generator", seeds=[k % 4],
                  data=dynamics.NOTHING["random fields"][k % 12], seconds=1.)
    [row] = [r for r in dynamics.merged(board) if (r.data, r.measure) == (dynamics.CONTROLS, "false generator")]
    assert row.n == 40 and row.value == 1 / 40 and row.met is False


def test_every_setting_is_in_one_family_and_controls_are_enough():
    some = [s for v in dynamics.ALL.values() for s in v]
    assert len(some) == len(set(some))
    assert sum(map(len, dynamics.NOTHING.values())) * len(dynamics.SETTINGS["full"]["controls"]) >= 240
    for family, settings in dynamics.ALL.items():
        for s in settings: assert bool(dynamics.truth_of(dynamics.world_of(s, 1), s)) == (family in dynamics.FAMILIES), s


def test_an_energy_of_the_wrong_sign_is_no_match():
    row = forecast.equations_cell(forecast.AREA, "Lotka-Volterra, noise 0 %", 0)
    assert row["right terms"].value == 1 and row["error of the coefficients"].value < .02
    wrong = {k: -v for k, v in forecast.ENERGY.items()}
    library = forecast.Library(2, 2, exponentials=True)
    found = forecast.symplectic_equations(Dynamics("Lotka-Volterra").draw(20), .05, library)
    assert found.error(forecast.ENERGY) < .02 and found.error(wrong) > 1


def test_a_forecast_that_sees_the_frame_it_forecasts_is_too_good():
    z = np.stack([np.cos(.1 * np.arange(300)), np.sin(.1 * np.arange(300))], 1)
    outside = np.full(300, .01)
    honest = forecast.forecast_errors(lambda a: a, z, outside, range(200, 250), (1, 10), 1.)
    assert honest[10] > honest[1] > .01 # nothing gets below what lies outside the modes
    with pytest.raises(SymnbError, match="starts: expected at most"): forecast.forecast_errors(lambda a: a, z, outside, [295], (10,), 1.)
