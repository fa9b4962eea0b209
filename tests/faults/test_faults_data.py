"""Slips planted in the data: each is caught from data or numbers, whatever the code says about itself."""
import numpy as np
import pytest
import torch

from symnb.data import digits as digits_module, worlds
from symnb.data.digits import Digits, Part, load_digits
from symnb.data.rotated_file import load_rotated, write_rotated
from symnb.data.worlds import CONTROLS, AnyWorld, TurnedDigits, World, check_control, shape_of_law
from symnb.ground.lab import SymnbError
from symnb.ground.sides import apart, fitting, judging
from symnb.studies.data import shared_digits, split_after_rotation, swapped, upright_error


@pytest.fixture(scope="module")
def digits(): return load_digits()


# --- sides

@pytest.mark.parametrize("use, wrong", [(fitting, "test"), (judging, "train")])
def test_the_wrong_side_is_refused_as_a_part_and_as_a_bare_tensor(digits, use, wrong):
    part = digits.part(wrong, (3, 8))
    right = digits.part("test" if wrong == "train" else "train", 3)
    assert use(right) is right and use(right.images) is right.images
    for x in (part, part.images, part.images[5:9], part.images.numpy(), part.images.double(), part.images[:, 0]):
        with pytest.raises(SymnbError, match="expected samples of the side"): use(x)


def test_a_part_that_lies_about_its_content_is_refused_where_it_is_judged(digits):
    test = digits.part("test", 1)
    part = Part(test.images, test.labels, test.index, "train")
    with apart():
        fitting(part)
        with pytest.raises(SymnbError): judging(test)


def test_both_sides_at_once_are_neither(digits):
    for use in (fitting, judging):
        with pytest.raises(SymnbError): use(digits.part("all"))


def test_other_digits_are_known_once_they_are_used(digits, tmp_path):
    "An earlier source is forgotten, the present one is not."
    own = Digits(digits.images[:100] ^ 255, digits.labels[:100], digits.index[:100], torch.arange(80), torch.arange(80, 100), "own", 0)
    images = own.part("test").images
    with pytest.raises(SymnbError): fitting(images)
    with pytest.raises(SymnbError): fitting(digits.part("test", 2).images)


def test_a_split_that_shares_digits_is_counted(digits, tmp_path):
    "Twenty training digits slip into the test side."
    test = torch.cat([digits.test, digits.train[:20]])
    slipped = Digits(digits.images, digits.labels, digits.index, digits.train, test, "slipped", 0)
    path = write_rotated(tmp_path / "a.h5", slipped, step=180)
    sides = [load_rotated(path, side, angles=[0]).index for side in ("train", "test")]
    assert shared_digits(*sides) == 20
    assert shared_digits(digits.index[digits.train], digits.index[digits.test]) == 0
    assert split_after_rotation(digits) > .9 * len(digits.labels) # the control: nearly all


def test_other_images_under_the_same_labels_are_measured(digits, tmp_path):
    path = write_rotated(tmp_path / "a.h5", digits, step=360, keep=(0, 1))
    assert upright_error(path, digits) == 0 and upright_error(path, swapped(digits)) > 100


# --- controls

@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("signal", ["narrow", "wide", "legendre"])
def test_a_control_replaced_by_a_signal_is_caught_by_its_own_numbers(monkeypatch, control, signal):
    honest = worlds._sampler
    monkeypatch.setattr(worlds, "_sampler", lambda kind, *rest: honest(signal if kind == control else kind, *rest))
    with pytest.raises(SymnbError, match="of a control, found"): check_control(World(control, N=17, basis="permutation"))
    with pytest.raises(SymnbError): World("wide", N=17).controls # whoever asks a world for its controls


@pytest.mark.parametrize("N", (7, 33))
@pytest.mark.parametrize("circulant", (False, True))
def test_honest_controls_pass(N, circulant):
    for seed in range(2):
        world = World("narrow", N=N, circulant=circulant, basis="dst", seed=seed)
        assert [w.kind for w in world.controls] == list(CONTROLS) and all(w.truth == "none" for w in world.controls)


def test_a_control_widened_to_the_circle_is_no_control(digits):
    "An arc of 360 degrees has a truth; arcs that are called controls have none, and their angles show it."
    world = TurnedDigits(digits)
    for w in world.controls:
        degrees = w.drawn(2000)[2]
        assert w.truth == "none" and degrees.abs().max() <= w.arc / 2 and (w.arc == 0 or degrees.abs().max() > .99 * w.arc / 2)
    assert world.drawn(2000)[2].abs().max() > 178 and not world.controls == () and TurnedDigits(digits, arc=90).controls == ()


# --- the form

@pytest.mark.parametrize("world", [World("wide", 9), World("white", 9, "dst"), TurnedDigits(), TurnedDigits(arc=90.)], ids=str)
def test_every_world_draws_knows_and_names(world):
    assert isinstance(world, AnyWorld) and (world.truth == "none" or callable(world.truth))
    a, b, c = (np.asarray(world.draw(40, seed)) for seed in (0, 0, 1))
    assert np.array_equal(a, b) and not np.array_equal(a, c) and len(a) == 40
    assert all(isinstance(w, AnyWorld) and w.truth == "none" and not w.controls for w in world.controls)
    with pytest.raises(SymnbError, match="at least 1 sample"): world.draw(0)


def test_the_truth_of_turned_digits_turns_them(digits):
    world, arc = TurnedDigits(digits, "test"), TurnedDigits(digits, "test", 0.)
    x = arc.draw(5, seed=3)
    assert torch.allclose(world.truth(x, 90.), x.rot90(1, (2, 3)), atol=1e-5)
    with pytest.raises(SymnbError): TurnedDigits(digits, arc=361.)


def test_numbers_of_a_law_are_those_of_a_formula():
    found = shape_of_law(World("gaussian", 9, noise=0.), 50_000)
    C = worlds.bump_covariance(9)
    assert abs(found["correlation"] - (C[0, 1] / C[0, 0])) < .02 and found["kurtosis"] < .25
