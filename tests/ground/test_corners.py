"""Corner plots: densities that are densities, and circles that go round."""
import numpy as np
import pytest

from symnb.ground.corners import corner, levels_holding, smoothed, spans
from symnb.ground.lab import SymnbError

X = np.random.default_rng(0).normal(0, [20, .1, 1], (800, 3))


def test_a_density_has_mass_one_and_goes_round():
    x = (X[:, :2] + [180, 0] + 180) % 360 - 180
    d, (a, b) = smoothed(x, [(-180, 180), (-181, -179)], [360, None])
    assert np.ndim(d) == 2 and smoothed(X[:, 2:], [(-4, 4)], [None])[0].sum() * 8 / 48 == pytest.approx(1, abs=1e-6)
    half, _ = smoothed(x[:, :1], [(-180, 180)], [360])
    assert half[0] == pytest.approx(half[-1], rel=.2) and half[0] > 10 * half[24]


def test_levels_hold_what_they_say():
    d = np.random.default_rng(1).random(500)
    low, high = levels_holding(d)
    assert low < high and d[d >= low].sum() >= .9 * d.sum() > d[d > low].sum()
    assert .5 * d.sum() <= d[d >= high].sum() < .5 * d.sum() + 1


def test_a_corner_shows_pairs_below_the_diagonal():
    fig = corner({"law": X, "seen": X[:30]}, ["a", "b", "c"], [360, None, None])
    shown = [ax.get_visible() for ax in fig.axes]
    assert sum(shown) == 6 and fig.axes[6].get_xlim() == (-180, 180) and fig.axes[8].get_xlabel() == "c"
    assert len(fig.axes[3].collections) == 2 and len(fig.axes[4].lines) == 2
    assert spans(X, [None] * 3)[0][0] < -20
    from symnb.ground import plots
    assert plots.figure_png(fig)[:4] == b"\x89PNG"


@pytest.mark.parametrize("x", [X[:, :2], X[:1], X * np.nan])
def test_bad_draws_are_told_in_one_line(x):
    with pytest.raises(SymnbError, match=r"corner 'law': expected finite numbers \(N, 3\)"): corner({"law": x}, ["a", "b", "c"])
