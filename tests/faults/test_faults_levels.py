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


def test_steps_judged_by_the_rule_for_arcs():
    "Equal steps of a turn lie within their law; the rule for arcs calls most of them outside."
    from symnb.data.levels import beyond
    from symnb.symmetry.laws import CyclicLaw
    n = torch.full((900,), 4.)
    a = (CyclicLaw(4, 0., 360.).sample(900, 0)[:, 0] + 180) % 360 - 180
    assert not beyond(a, n, "cyclic").any() and beyond(a, n, "uniform").float().mean() > .7


def test_neighbours_turned_the_wrong_way():
    "What lies on a picture at the right angle is twice as far off at the opposite one."
    from symnb.show.own_pictures import laid_on
    from symnb.symmetry.warps import rotate
    x = drawn(n=80)
    both = torch.cat([x, rotate(x, 50.)])
    coder = steerable_coder(both)
    near, turn = laid_on(coder(both), torch.arange(80), coder.orders, 1)
    off = lambda sign: (rotate(both[near[:, 0]], sign * turn[:, 0]) - x).square().mean()
    assert off(1) < .3 * off(-1)


def test_a_network_fitted_on_the_judged_side():
    from symnb.find.ssl_sym import find_ssl_sym
    with pytest.raises(SymnbError, match="side train"): find_ssl_sym(LevelWorld("multiple", DIGITS, "test").turned()[0])


def test_a_search_that_finds_nothing_like_the_exact_one():
    "A shortlist by anything but invariants loses most neighbours."
    from symnb.find.orientation import listed, neighbours, ring_invariants
    coder = steerable_coder(drawn())
    z = coder(drawn())
    exact = neighbours(z, None, coder.orders, 20)[1]
    kept = lambda points: (exact[:, :, None] == listed(points, 60)[:, None]).any(2).float().mean()
    assert kept(ring_invariants(z, coder.orders)) > .75 > .6 > kept(torch.view_as_real(z).flatten(1))
