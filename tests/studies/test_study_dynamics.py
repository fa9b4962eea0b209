"""The studies of closed forms and of forecasts: settings, truths, rows and targets."""
import numpy as np
import pytest

from symnb.data.systems import SYSTEMS
from symnb.studies import dynamics as so, forecast as sf


def test_settings_name_worlds_and_noise():
    world = so.world_of("hidden torus, noise 5 %", 3)
    assert world.noise == .05 and world.seed == 3 and len(world.system.generators) == 2
    dealt = so.world_of(f"damped{so.DEALT}, noise 5 %", 0)
    assert dealt.shuffled and dealt.system is SYSTEMS["damped"] and not so.truth_of(dealt, "")
    assert not so.system_of("hidden ball, broken", 0).generators and len(so.system_of("hidden ball", 0).generators) == 3
    assert len(so.truth_of(so.world_of("three-body, blocks, noise 0 %", 0), "three-body, blocks, noise 0 %")) == 1


def test_a_gap_alone_always_finds_one():
    null = so.commuting(so.known(SYSTEMS["lambda-omega"].field, np.random.default_rng(0).normal(size=(300, 2))))
    assert so.gap_alone(null) == 1


def test_plans_hold_what_they_say():
    full, cells = so.SETTINGS["full"], list(so.plan(so.SETTINGS["full"]))
    assert len(cells) == len(set(cells)) and len(full["seeds"]) >= 3 and len(full["more"]) >= 3
    controls = [c for c in cells if so.labels(c[0], c[1])[-1] == so.CONTROLS]
    assert len(controls) >= 240
    kinds = {(m, label) for m, s, _ in cells for label in so.labels(m, s)}
    assert {(k[0], k[2]) for k in so.TARGETS} <= kinds
    wanted = {(m, w) for m, w, _ in sf.plan(sf.SETTINGS["full"])}
    assert {(k[0], k[2]) for k in sf.TARGETS if len(k) == 3} <= wanted


@pytest.mark.parametrize("setting", ["damped, noise 5 %", "random field, 2 numbers, noise 5 %"])
def test_a_cell_says_right_or_wrong(setting):
    cell = so.counts_cell(setting, 0, dict(paths=50))
    if "random" in setting: assert cell["false generator"].value == 0
    else: assert cell["right number"].value == 1 and cell["Grassmann distance"].value < .05 < cell["Grassmann distance"].chance
