"""Worlds of sensors that do not lie on one line: laws, truth and seeds."""
import numpy as np
import pytest

from symnb.data.sensors import LINES, SENSORS, Sensors, sides
from symnb.data.worlds import AnyWorld
from symnb.ground.lab import SymnbError


@pytest.mark.parametrize("kind", SENSORS)
def test_worlds_are_worlds(kind):
    w = Sensors(kind, 9, "dst", seed=1)
    x = w.draw(3000, seed=2)
    assert isinstance(w, AnyWorld) and x.shape == (3000, 9) and np.isfinite(x).all() and np.array_equal(x, w.draw(3000, seed=2))
    assert (w.truth == "none") == (kind not in LINES) and not np.array_equal(x, w.draw(3000, seed=3))
    assert .6 < w.hidden(3000).std() < 1.4


@pytest.mark.parametrize("kind", [k for k in SENSORS if k.startswith("independent")] + ["common scale", "three on", "shuffled line"])
def test_exchangeable_sensors_are(kind):
    h = Sensors(kind, 9, "identity").hidden(40_000)
    C = np.corrcoef(np.abs(h).T)[np.triu_indices(9, 1)]
    assert np.ptp(C) < .08 and (np.abs(C).max() < .04 or not kind.startswith("independent"))


def test_the_torus_wraps_both_ways_and_the_grid_does_not():
    torus, grid = (np.cov(Sensors(k, 15, "identity").hidden(60_000).T).reshape(3, 5, 3, 5) for k in ("torus", "grid"))
    moved = np.roll(torus, (1, 1, 1, 1), (0, 1, 2, 3))
    assert np.abs(moved - torus).max() < .1 < np.abs(np.roll(grid, (1, 1, 1, 1), (0, 1, 2, 3)) - grid).max()


def test_sides_and_refusals():
    assert sides(15) == (3, 5) and sides(63) == (7, 9)
    with pytest.raises(SymnbError, match="product of two"): Sensors("torus", 11).draw(10)
    with pytest.raises(SymnbError, match="kind: expected"): Sensors("a heap")


def test_controls_of_a_hidden_line_have_none():
    assert {w.truth for w in Sensors("even bumps", 9).controls} == {"none"} and not Sensors("torus", 9).controls
