"""Worlds of levels: sides that do not meet, angles within their laws, one line for what is not there."""
import pytest
import torch

from symnb.data.levels import LEVEL_WORLDS, LevelWorld, beyond, level_split, off_steps, turned_anyhow
from symnb.data.digits import load_digits
from symnb.data.worlds import AnyWorld
from symnb.ground.lab import SymnbError

DIGITS = load_digits()


@pytest.mark.parametrize("name", LEVEL_WORLDS)
def test_angles_follow_the_law_of_their_digit(name):
    world = LevelWorld(name, DIGITS, seed=3)
    part, degrees = world.turned()
    level = world.law.level(part.labels)
    if world.family == "uniform": assert (degrees.abs() <= level + 1e-4).all()
    if world.family == "cyclic": assert off_steps(degrees, level).max() < 1e-3
    if world.family == "gaussian":
        far = degrees[part.labels == 9]
        assert abs(float(far.std()) - 81) < 10 and degrees[part.labels == 0].abs().max() == 0
    assert isinstance(world, AnyWorld) and all(w.truth == "none" and not w.controls for w in world.controls)
    assert (world.truth == "none") == (name == "none")


def test_sides_share_no_digit_and_seeds_matter():
    a, b = level_split(DIGITS, 0), level_split(DIGITS, 1)
    assert not set(a.train.tolist()) & set(a.test.tolist()) and len(a.train) == 4 * len(a.test)
    assert not torch.equal(a.test, b.test)
    train, test = (LevelWorld("rot60", DIGITS, side, 0).turned()[0] for side in ("train", "test"))
    assert not set(train.index.tolist()) & set(test.index.tolist()) and (train.side, test.side) == ("train", "test")
    assert len(level_split(DIGITS, 0, most=1000).train) == 800


def test_same_seed_same_draw():
    world = LevelWorld("multiple", DIGITS, seed=0)
    assert torch.equal(world.draw(5, 1), world.draw(5, 1)) and not torch.equal(world.draw(5, 1), world.draw(5, 2))
    assert torch.equal(world.turned(0)[1], world.turned(0)[1])


@pytest.mark.parametrize("name", ["multiple", "gaussian", "c2c4", "none"])
def test_what_lies_outside(name):
    world = LevelWorld(name, DIGITS, "test", 0)
    part, degrees, outside = turned_anyhow(world)
    assert (beyond(degrees, world.law.level(part.labels), world.family) == outside).all()
    assert 0 < float(outside.float().mean()) and (name != "none" or outside.float().mean() > .99)


def test_one_line():
    with pytest.raises(SymnbError, match="world: expected multiple or"): LevelWorld("rot61", DIGITS)
    with pytest.raises(SymnbError, match="split: expected train"): LevelWorld("rot60", DIGITS, "left")
    with pytest.raises(SymnbError, match="at least 1 sample"): LevelWorld("rot60", DIGITS).draw(0)
