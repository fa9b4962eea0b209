"""The rough tier: arcs that cannot be excluded, spikes, and readings of laws whose planes are known."""
import math

import numpy as np
import pytest
import torch

from symnb.data.laws import CodeWorld
from symnb.find.approximate import APPROXIMATE, RoughCircle, missing_arc, rough_circle, spike
from symnb.find.planes import Planes
from symnb.find.verdict import Trial

TURNS = np.array([1, 1, 2, 2, 3, 4, 0, 0])


@pytest.mark.parametrize("half", [30, 90, 150, 175])
def test_the_missing_arc_of_an_arc(half):
    w = math.radians(half)
    assert missing_arc(math.sin(w) / w) == pytest.approx(360 - 2 * half, abs=1e-6)


def test_ends_of_missing_arcs():
    assert missing_arc(0) == 0 and missing_arc(1) == 360 and missing_arc(APPROXIMATE["first"]) < 120


def test_spikes():
    flat = [(k, .02, .0, .04) for k in range(1, 25)]
    at = lambda n, R, low: [(k, R, low, R + .02) if k == n else x for k, x in enumerate(flat, 1)]
    assert spike(flat) == 0 and spike(at(12, .1, .08)) == 12 and spike(at(24, .1, .08)) == 24
    assert spike(at(12, .1, .03)) == 0 and spike(at(12, .05, .045)) == 12 and spike(at(12, .038, .045)) == 0
    assert spike(at(3, .5, .4)) == 0  # an encoder's own errors are there


def read(name, seed=3, n=8000):
    w = CodeWorld(name, seed)
    y = w.draw(n) @ np.linalg.inv(w.mix).T
    y = (y - y.mean(0)) / y.std()
    return rough_circle(Trial(torch.tensor(y[::2]), torch.tensor(y[1::2]), np.arange(n // 2)), Planes(torch.eye(w.d)), TURNS)


def test_first_harmonics_are_those_of_the_law():
    full, arc, corners = map(read, ("digits", "digits_arc 90", "digits_C 12"))
    assert full.first < .1 and full.seen < .5 * full.null and full.locked and not full.order
    assert arc.first > APPROXIMATE["first"] and missing_arc(arc.first) > 150
    assert corners.order == 12 and "charge 12" in corners.words()


def test_words_name_the_arc():
    r = RoughCircle([(1, .3, .28, .32)], .1, True, .5)
    assert f"{missing_arc(.32):.0f} degrees" in r.words() and not [k for k, c in r.certificates(.05).items() if not c.met]
    assert not r.certificates(.2)["rho"].met and not RoughCircle([], .1, False, .5).certificates(.05)["planes locked"].met
