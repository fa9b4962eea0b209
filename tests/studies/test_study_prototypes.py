"""The study of prototypes: its cells measure what they say, and slips are seen in the numbers."""
import pytest
import torch

from symnb.data.digits import load_digits
from symnb.ground.lab import SymnbError
from symnb.studies.prototypes import EXPECTED, colour_cell, law_cell, modes_right, pose_cell, sprite_cell, study, twelve

DIGITS, SMALL = load_digits(), dict(fitted=400, judged=80, turns=1, turned=300, asked=10)


def test_poses_beside_no_pose_and_dealt_views():
    m = pose_cell("frame, waves", "affine", 0, SMALL, DIGITS)
    assert m["error of two views"].value < .3 * m["error of two views"].baseline
    assert m["views beside digits"].value < .3 * m["views beside digits"].baseline < m["views beside digits"].chance
    assert m["three nearest right"].value > m["three nearest right"].baseline + .2


def test_colours_and_sprites():
    assert (e := colour_cell(0, SMALL, DIGITS)["error of two views"]).value < .2 * e.baseline
    m = sprite_cell("waves of a shape", 0, SMALL)
    assert m["error where nothing is cut"].value < .01 and m["stabiliser right"].value > m["stabiliser right"].chance + .2


def test_a_network_sees_where_sprites_are_cut():
    m = sprite_cell("residual net", 0, dict(SMALL, sprites=400, sprite_steps=80))["error of two views"]
    assert m.value < .9 * m.control < .9 * m.baseline and m.control == sprite_cell("waves of a shape", 0, SMALL)["error of two views"].value


def test_noise_has_no_law_and_a_wrong_law_is_far():
    m = law_cell("noise", 0, SMALL, DIGITS)["largest distance to uniform"]
    assert m.value < .005
    p = torch.eye(72)[18].roll(-18)
    assert modes_right(p, EXPECTED[2]) and not modes_right(p.roll(18), EXPECTED[2]) and int(twelve(p.roll(6)).argmax()) == 1


def test_fitting_and_judging_stay_apart():
    "Planted: a study that judges what it fitted."
    from symnb.ground.sides import apart
    swapped = type("Swapped", (), dict(part=lambda self, side: DIGITS.part("train")))()
    with apart(), pytest.raises(SymnbError, match="judging: expected samples of the side test"): pose_cell("frame, waves", "rotation", 0, SMALL, swapped)


def test_each_cell_of_both_profiles_has_a_method():
    for size in study.settings.values():
        cells = list(study.plan(size))
        assert len(set(cells)) == len(cells) and len({m for m, _, _ in cells}) >= 7
