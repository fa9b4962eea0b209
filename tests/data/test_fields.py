"""Worlds of functions, labels and a spiral: truths hold, controls have none, bad settings say so."""
import numpy as np
import pytest
import torch

from symnb.data.fields import LABELS, LEVELS, LorentzLabels, PlaneFunction, TurnedFunction, part_value, spiral, spiral_modes
from symnb.data.worlds import AnyWorld
from symnb.ground.lab import SymnbError

WORLDS = [PlaneFunction("affine"), PlaneFunction("bent", .1), TurnedFunction(7), TurnedFunction(0, seed=3), LorentzLabels("scale"), LorentzLabels("mass", .05)]


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_worlds_are_worlds(world):
    x, y = world.draw(500, seed=2)
    assert isinstance(world, AnyWorld) and len(x) == len(y) == 500 and np.isfinite(x).all() and np.isfinite(y).all()
    assert all(np.array_equal(a, b) for a, b in zip((x, y), world.draw(500, seed=2))) and not np.array_equal(x, world.draw(500, seed=3)[0])
    assert world.controls and all(c.truth == "none" and c.noise == world.noise for c in world.controls)


def test_noise_is_of_the_size_that_was_asked_for():
    for of in (lambda noise: PlaneFunction("bent", noise), lambda noise: TurnedFunction(5, noise)):
        (_, y), (_, clean) = of(.1).draw(20_000), of(0.).draw(20_000)
        assert np.std(y - clean) / clean.std() == pytest.approx(.1, rel=.03)


@pytest.mark.parametrize("parts, kept, changed", [(3, 120, 60), (12, 30, 15), (0, 17, None), (1, 360, 120)])
def test_a_function_in_parts(parts, kept, changed):
    world = TurnedFunction(parts, seed=1)
    x = world.draw(2000)[0]
    value = lambda x: part_value(x @ world.basis, parts)
    off = lambda angle: np.median(np.abs(value(world.turn(torch.from_numpy(x), float(angle)).numpy()) - value(x)))
    assert off(kept) < 1e-9 and (changed is None or off(changed) > 1e-3)


@pytest.mark.parametrize("kind", ["scale", "mass"])
def test_each_generator_keeps_the_label_s_probability(kind):
    world = LorentzLabels(kind)
    p, logit = world.draw(300)[0], lambda p: LABELS[kind](p, 0)
    assert world.truth.dim == {"scale": 7, "mass": 6}[kind]
    for a in world.truth.generators:
        assert np.abs(logit(a(torch.from_numpy(p), .3).numpy()) - logit(p)).max() < 1e-9


def test_the_label_is_neither_certain_nor_a_coin():
    for kind in LABELS:
        p, y = LorentzLabels(kind).draw(20_000)
        h = LABELS[kind](p, 0)
        assert .6 < ((h > np.median(h)) == (y > .5)).mean() < .9


def test_level_lines_of_the_control_have_no_field():
    assert LEVELS["random"].field is None and PlaneFunction("random").truth == "none" and PlaneFunction("random").controls == ()


def test_spiral_modes_hold_the_frames():
    u, s = spiral(201, 20)[2:].reshape(199, -1), spiral_modes(201, 20, 6)
    back = s.mean + s.z @ s.modes
    assert s.fit == 159 and np.allclose(((u - back) ** 2).sum(1), s.outside(), atol=1e-2)
    assert ((u - back) ** 2).sum() < .01 * ((u - u.mean(0)) ** 2).sum()


def test_bad_settings():
    with pytest.raises(SymnbError, match="parts: expected a whole number from 0, found -1"): TurnedFunction(-1)
    with pytest.raises(SymnbError, match="kind"): LorentzLabels("jets")
    with pytest.raises(SymnbError, match="name"): PlaneFunction("cubic")
