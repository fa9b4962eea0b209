"""Slips in levels that must be caught from numbers: sides, signs, truth dealt."""
import pytest
import torch

from symnb.data.digits import load_digits
from symnb.data.levels import LevelWorld, turned_anyhow
from symnb.find.orientation import curves, peak_angles, steerable_coder
from symnb.find.registration import LevelReading, find_levels
from symnb.ground.lab import SymnbError
from symnb.studies.levels import level_errors

DIGITS = load_digits()


def drawn(side="train", n=300): return LevelWorld("multiple", DIGITS, side).turned()[0].images[:n]


def test_fitting_the_judged_side():
    with pytest.raises(SymnbError, match="fitting: expected samples of the side train, found the side test"):
        find_levels(LevelWorld("multiple", DIGITS, "test").turned()[0])
    with pytest.raises(SymnbError, match="side train"): find_levels(turned_anyhow(LevelWorld("multiple", DIGITS, "test"))[0])


def test_a_wrong_sign_of_the_waves():
    "Codes that turn the other way do not lie on themselves."
    from symnb.symmetry.warps import rotate
    x = drawn()
    coder, pairs = steerable_coder(x), torch.arange(len(x))[:, None]
    z, again = coder(x), coder(rotate(x, 50.))
    miss = lambda a, b: ((peak_angles(curves(a, b, pairs, coder.orders))[:, 0] - 50 + 180) % 360 - 180).abs().median()
    assert miss(again, z) < 1 and miss(z, again) > 90


def test_truth_that_was_dealt():
    "Levels scored against the truth of other pictures are no better than one level for all."
    truth = 18. * torch.arange(10.).repeat(30)
    seen = LevelReading(None, truth, torch.ones(300), None, None, None, "uniform", 10.)
    m = level_errors(seen, truth, (truth / 18).long())["error of the level"]
    assert m.value == 0 and m.control > m.chance * .9
