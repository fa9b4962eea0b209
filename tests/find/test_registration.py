"""Levels: features that turn, registration of turned pictures, kernels, ideal curves, controls, bad input in one line."""
import math

import pytest
import torch

from symnb.data.digits import load_digits
from symnb.data.levels import LevelWorld
from symnb.find.orientation import OrientationFields, curves, neighbours, peak_angles, shortlisted, steerable_coder, steerable_codes
from symnb.find.registration import (LEVELS, Registered, best_level, below_best, evidence, find_levels, law_kernels, log_likelihood,
                                     loops_closed, over_neighbours, pooled, registered)
from symnb.ground.lab import SymnbError
from symnb.symmetry.found import load_found
from symnb.symmetry.warps import rotate

DIGITS = load_digits()


def drawn(name, n=900, seed=0):
    part, degrees = LevelWorld(name, DIGITS, seed=seed).turned()
    return part.images[:n], part.labels[:n], degrees[:n]


@pytest.fixture(scope="module")
def some(): return drawn("multiple")


@pytest.fixture(scope="module")
def found(some): return find_levels(some[0], "uniform")


@pytest.mark.parametrize("size", [28, 16, 33])
def test_quarter_turns_multiply_waves(size):
    fields, x = OrientationFields(size), torch.rand(4, 1, size, size)
    turned = fields(x) * torch.polar(torch.ones(()), -fields.orders * math.pi / 2)
    assert (fields(rotate(x, 90.)) - turned).abs().max() < 1e-5 * turned.abs().max()


def test_a_turned_picture_is_registered_with_the_right_sign(some):
    x, coder = some[0][:300], steerable_coder(some[0])
    z, pairs = coder(x), torch.arange(300)[:, None]
    for a in (30., -100., 170.):
        seen = peak_angles(curves(coder(rotate(x, a)), z, pairs, coder.orders))[:, 0]
        assert ((seen - a + 180) % 360 - 180).abs().median() < 1.


def test_blocks_do_not_change_neighbours(some):
    coder = steerable_coder(some[0])
    z = coder(some[0][:250])
    whole = neighbours(z, None, coder.orders, 10)
    parts = neighbours(z, None, coder.orders, 10, block=70, rows=30)
    other = neighbours(z, z, coder.orders, 11, block=90)
    assert torch.allclose(whole[0], parts[0], atol=1e-5) and (whole[1] == parts[1]).float().mean() > .99
    assert (other[1][:, 0] == torch.arange(250)).all() and torch.allclose(other[0][:, 1:], whole[0], atol=1e-5)


def test_a_shortlist_of_all_is_exact(some):
    coder = steerable_coder(some[0])
    z = coder(some[0][:200])
    exact, listed = neighbours(z, None, coder.orders, 5)[0], shortlisted(z, coder.orders, 5, count=199)[0]
    assert torch.allclose(exact, listed, atol=1e-4)


@pytest.mark.parametrize("family", LEVELS)
def test_kernels(family):
    K = law_kernels(family)
    assert torch.allclose(K.sum(1), torch.ones(len(K)), atol=1e-5) and (K >= 0).all()
    assert torch.allclose(K, K.roll(-1, 1).flip(1), atol=1e-5)  # as likely to the left as to the right


@pytest.mark.parametrize(("family", "level", "centre"), [("uniform", 45., 20.), ("uniform", 135., -60.), ("gaussian", 30., 100.), ("cyclic", 3., 10.)])
def test_ideal_curves(family, level, centre):
    u = (torch.arange(60) + .5) / 60
    moves = dict(uniform=level * (2 * u - 1), gaussian=level * torch.special.ndtri(u.double()).float(),
                 cyclic=(level * u).floor() * 360 / level)[family]
    W = torch.nn.functional.one_hot((torch.round((centre - moves) / 6) % 60).long(), 60).float()[None]
    L = log_likelihood(W, law_kernels(family))
    seen, grid = float(best_level(below_best(evidence(L)), family)[0]), LEVELS[family]
    assert abs(seen - level) <= (0 if family == "cyclic" else float(grid[1] - grid[0]))
    off = 6 * int(L[0, int(evidence(L).argmax())].argmax()) - centre
    turn = 360 / level if family == "cyclic" else 360
    assert abs((off + turn / 2) % turn - turn / 2) <= 9


def test_ends_of_the_grid_are_reached():
    grid = LEVELS["uniform"]
    peak = lambda at: -(grid[None] - torch.tensor(at)[:, None]).square()
    assert torch.allclose(best_level(peak([0., 5., 90., 176., 180.]), "uniform"), torch.tensor([0., 5., 90., 176., 180.]), atol=4.5)
    assert best_level(peak([-30., 200.]), "uniform").tolist() == [0., 180.]
    assert (best_level(peak([40., 100.]), "uniform") - torch.tensor([40., 100.])).abs().max() < 1e-3


def test_neighbours_that_share_little_count_little():
    x, near = torch.tensor([[0.], [1.], [10.]]), torch.tensor([[1, 2]] * 3)
    even, uneven = (over_neighbours(x, near, torch.tensor([w] * 3)) for w in ([.5, .5], [.9, .1]))
    assert torch.allclose(even, torch.full((3, 1), 5.5), atol=1e-4) and uneven.max() < 1.2
    assert torch.allclose(pooled(torch.ones(3, 2), near, torch.rand(3, 2)), torch.ones(3, 2))
    assert torch.allclose(over_neighbours(x, near, torch.zeros(3, 2)), torch.full((3, 1), 5.5))


def test_opposite_angles_share_their_waves(some):
    coder, z = steerable_codes(some[0][:120])
    value, at = neighbours(z, None, coder.orders, 5)
    assert torch.allclose(value, curves(z, z, at, coder.orders, 24).amax(2), atol=1e-5)
    assert torch.allclose(z, coder(some[0][:120]), atol=1e-6)


def test_levels_rise_with_the_digit(some, found):
    x, labels, degrees = some
    seen = found.pose.registered.read(x[:400])
    mean = torch.stack([seen.level[labels[:400] == d].mean() for d in range(10)])
    assert found.found and (mean - 18 * torch.arange(10)).abs().mean() < 15
    assert float(found.pose.error(found.pose(x[:200]), degrees[:200, None]).median()) < 15


def test_controls(some):
    none, full = (find_levels(drawn(name)[0], "uniform") for name in ("none", "full"))
    assert none.answer == "none" and full.found and full.what == "SO(2), no centre"
    assert set(full.pose.registered.read(drawn("full", 200)[0]).words()) == {"SO(2), no centre"}
    assert none.pose.registered.read(drawn("none", 400)[0]).words().count("none") > 300
    deal = lambda z, orders, k: (None, torch.randint(len(z), (len(z), k)))
    assert "loops that close" in find_levels(some[0], "uniform", search=deal).lacking()


def test_equal_steps_are_told_from_arcs():
    x, labels, _ = drawn("c2c4", 700)
    found = find_levels(x)
    seen = found.pose.registered.read(x[:300])
    assert found.found and seen.family == "cyclic"
    assert (seen.level == torch.where(labels[:300] < 5, 2., 4.)).float().mean() > .8


def test_saved_and_loaded(some, found, tmp_path):
    found.save(tmp_path / "levels")
    again, x = load_found(tmp_path / "levels"), some[0][:50]
    assert torch.equal(found.pose(x), again.pose(x)) and torch.equal(found.law.level(x), again.law.level(x))
    assert str(again) == str(found) and isinstance(again.law.levels, Registered)


def test_nothing_to_register():
    "Neither noise nor pictures without direction give loops that close better than chance."
    x = torch.rand(300, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    assert "loops that close" in find_levels(x, "uniform").lacking()


X = torch.rand(40, 1, 12, 12, generator=torch.Generator().manual_seed(0))
BAD = {
    "one image": (X[:1], {}, "images: expected more than 8, the neighbours of each, found 1 image$"),
    "fewer than neighbours": (X, dict(k=60), "expected more than 60, the neighbours of each, found 40 images"),
    "constant": (torch.zeros(40, 1, 12, 12), {}, "expected something to see in each, found 40 of one grey value"),
    "identical": (X[:1].expand(40, 1, 12, 12), {}, "expected different ones, found 40 that are all the same"),
    "not square": (X[..., :10], {}, r"expected square images \(N, C, H, H\), found \(40, 1, 12, 10\)"),
    "NaN": (X / 0 * 0, {}, "expected finite numbers, found 5760 of 5760"),
    "tiny": (X[..., :5, :5], {}, "expected at least 8 x 8 pixels, found 5 x 5"),
    "family": (X, dict(family="round"), "family: expected auto, uniform, gaussian, cyclic, found 'round'"),
    "noise": (X, dict(noise=0.), "noise: expected between 0 and 90 degrees, found 0")}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(name):
    x, how, message = BAD[name]
    with pytest.raises(SymnbError, match=message) as e: find_levels(x, **how)
    assert "\n" not in str(e.value)


def test_other_sizes_are_refused(found):
    with pytest.raises(SymnbError, match=r"expected \(n, C, 28, 28\), found \(40, 1, 12, 12\)"): found.pose(X)
