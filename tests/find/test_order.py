"""Whether an order is the only one: certificates of lines, rings and of what is neither."""
import numpy as np
import pytest

from symnb.data.sensors import Sensors
from symnb.data.worlds import World
from symnb.find.order import (LIMITS, Dependence, found_again, information, judged_order, locality, ordered_anew, revival,
    weakest_link)

AROUND = np.array([(i % 3) * 5 + i % 5 for i in range(15)]) # of a torus, one step in both directions at once


def lacking(y, circulant=False):
    told, why = judged_order(y, circulant)
    return {k for k, (v, limit, _, *least) in told.items() if (v < limit if least else v > limit)}, why


@pytest.mark.parametrize("kind, N", [("narrow", 9), ("wide", 15), ("legendre", 33), ("wide", 5)])
def test_lines_hold_and_are_not_contradicted(kind, N):
    assert lacking(World(kind, N, seed=4).draw(8000)) == (set(), "")


@pytest.mark.parametrize("kind", ("narrow", "wide"))
def test_rings_hold_as_rings_and_are_told_when_read_as_lines(kind):
    y = World(kind, 11, circulant=True, seed=4).draw(20_000)
    assert lacking(y, True) == (set(), "")
    missing, why = lacking(y)
    assert "revival" in missing and "ends are neighbours" in why
    missing, why = lacking(World(kind, 11, seed=4).draw(20_000), True)
    assert "weakest link" in missing and "gap" in why


@pytest.mark.parametrize("kind", ("independent uniform", "independent poisson", "common scale", "three on", "shuffled line"))
@pytest.mark.parametrize("circulant", (False, True))
def test_no_order_of_exchangeable_sensors_is_better(kind, circulant):
    missing, why = lacking(Sensors(kind, 11, seed=4).draw(8000), circulant)
    assert {"locality", "order found again"} <= missing and "no order" in why


def test_a_torus_has_more_than_one_direction():
    missing, why = lacking(Sensors("torus", 15, "identity", seed=4).draw(20_000)[:, AROUND], True)
    assert "revival" in missing and "direction" in why


def test_a_shuffled_line_is_not_local_and_its_direction_does_not_matter():
    y = World("wide", 15, seed=4).draw(8000)
    a, b = (Dependence(v) for v in (y, y[:, ::-1]))
    assert locality(a)[0] == pytest.approx(locality(b)[0]) and revival(a)[1] == pytest.approx(revival(b)[1])
    rng = np.random.default_rng(0)
    others = [locality(Dependence(y[:, rng.permutation(15)]))[0] for _ in range(20)]
    assert np.median(others) < LIMITS["locality"] and max(others) < locality(a)[0] - .2
    assert found_again(a) == 1


def test_information_of_a_normal_pair_and_none_of_scale_and_shift():
    rng = np.random.default_rng(0)
    y = rng.standard_normal((50_000, 2)) @ np.array([[1, .8], [0, .6]])
    d = Dependence(y) # .511 nats of values; .222 of sizes, which correlate by .599
    assert d.value[0, 1] == pytest.approx(.733, rel=.05) and d.value[0, 0] == 0
    assert Dependence(3 * y).value[0, 1] == pytest.approx(d.value[0, 1])
    assert np.allclose(information(d.all), d.value)


def test_errors_shrink_with_samples_and_know_the_spread():
    near = [(lambda v, e: (v[0], e[0]))(*(d := Dependence(World("wide", 9, seed=s).draw(2000))).measured(d.profile)) for s in range(20)]
    value, error = np.array(near).T
    assert .6 < error.mean() / value.std() < 1.7
    big = Dependence(World("wide", 9).draw(32_000))
    assert big.measured(big.profile)[1][0] < .5 * error.mean()


def test_an_order_is_found_anew_from_a_shuffled_one():
    d = Dependence(World("wide", 15).draw(8000))
    o = ordered_anew(d.value, np.random.default_rng(1))
    assert sorted(o) == list(range(15)) and weakest_link(d) > .8


def test_what_few_samples_cannot_show_is_not_found():
    "A ring of narrow bumps, read as a line: with few samples its rise is not shown, nor is its absence."
    y = World("narrow", 9, circulant=True, seed=3).draw(1000)
    high, low, _ = revival(Dependence(y))
    assert low < LIMITS["back"] and high > LIMITS["revival"] and "revival" in lacking(y)[0]
