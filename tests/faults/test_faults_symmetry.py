"""Planted faults in groups and poses: each is a line that would run, and each is caught by the mathematics alone."""
import math

import pytest
import torch

from symnb.symmetry import actions, warps
from symnb.symmetry.actions import Group
from symnb.symmetry.groups import MatrixGroup, rigid_motions, rotations, structure_of
from symnb.symmetry.laws import UniformLaw
from symnb.symmetry.matrices import BlockRotation, MatrixAction
from symnb.symmetry.poses import PlanePose, Pose
from symnb.symmetry.warps import Warps, affine_plane

F64 = torch.float64


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def law_fails(g, x, scale=.5):
    "Largest |g(g(x, w), v) - g(x, compose(v, w))|."
    v, w = g.sample(len(x), 1, scale), g.sample(len(x), 2, scale)
    return float((g(g(x, w), v) - g(x, g.compose(v, w))).abs().max())


def bracket_fails(g):
    "Largest difference of the bracket from the commutator of small elements."
    k, h = len(g.names), 1e-3
    v, w = normal(k, seed=3), normal(k, seed=4)
    there = lambda h: g.compose(g.compose(h * v, h * w), g.compose(-h * v, -h * w)) / h ** 2
    return float(((there(h) + there(-h)) / 2 - g.bracket(v, w)).abs().max())


@pytest.mark.parametrize("make", [rotations, rigid_motions])
def test_order_of_a_composition(make, monkeypatch):
    g = make()
    x, right = normal(6, g.shape[0]), MatrixGroup.compose
    assert law_fails(g, x) < 1e-9
    monkeypatch.setattr(MatrixGroup, "compose", lambda self, v, w: right(self, w, v))
    assert law_fails(g, x) > .05 and bracket_fails(g) > .5


def test_order_of_a_composition_of_images(monkeypatch):
    "A turn and a shift of a picture without symmetry."
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, 32, dtype=F64)] * 2, indexing="ij")
    picture, right = torch.exp(-((x - .2) ** 2 + (y + .3) ** 2) / .03)[None, None], MatrixGroup.compose
    turn, shift = torch.tensor([[math.pi / 2, 0, 0, 0, 0, 0], [0, .25, 0, 0, 0, 0]])
    def fails():
        g = Warps()
        return float((g(g(picture, shift), turn) - g(picture, g.compose(turn, shift))).abs().max())
    assert fails() < 1e-6
    monkeypatch.setattr(MatrixGroup, "compose", lambda self, v, w: right(self, w, v))
    assert fails() > .3


@pytest.mark.parametrize("make", [rotations, rigid_motions])
def test_sign_of_a_bracket(make, monkeypatch):
    "Against small elements, and against the vector fields."
    g = make()
    fields = structure_of(g.velocities, normal(20, g.shape[0]))
    assert bracket_fails(g) < 1e-3 and torch.allclose(fields, g.structure, atol=1e-6)
    right = MatrixGroup.structure.fget
    monkeypatch.setattr(MatrixGroup, "structure", property(lambda self: -right(self)))
    assert bracket_fails(g) > .5 and not torch.allclose(fields, g.structure, atol=.1)


def test_sign_of_a_bracket_in_the_series(monkeypatch):
    "`composed` knows brackets only: a flipped one composes in the other order."
    g = rotations()
    v, w = g.sample(5, 1, .5), g.sample(5, 2, .5)
    assert torch.allclose(actions.composed(v, w, g.structure), g.compose(v, w), atol=1e-6)
    assert float((actions.composed(v, w, -g.structure) - g.compose(v, w)).abs().max()) > .05


def test_inverse_that_is_none(monkeypatch):
    g, x = rotations(), normal(5, 3)
    w = g.sample(5, 1, .5)
    monkeypatch.setattr(Group, "invert", lambda self, w: w)
    assert float((g.inverse(g(x, w), w) - x).abs().max()) > .1


def test_warp_that_goes_the_other_way(monkeypatch):
    "A picture read where the points go: found by one whole pixel."
    right = warps.resample
    picture = torch.zeros(1, 1, 16, 16); picture[..., 3, 4] = 1
    g = Warps(affine_plane(["translation x"]))
    assert float(g(picture, [1 / 8])[0, 0, 3, 5]) == pytest.approx(1)
    def other(images, back, *how):
        inverse = torch.linalg.inv(torch.nn.functional.pad(back, (0, 0, 0, 1)) + torch.diag(torch.tensor([0., 0, 1])).to(back))
        return right(images, inverse[..., :2, :], *how)
    monkeypatch.setattr(warps, "resample", other)
    assert float(g(picture, [1 / 8])[0, 0, 3, 5]) == 0


def test_stabiliser_that_is_forgotten():
    "A plane of weight 2 cannot tell half turns: without its stabiliser half of the poses are 180 degrees wrong."
    group = BlockRotation([1, 2])
    pose, t = PlanePose(group, 1), torch.arange(0., 360., 30.)[:, None]
    w = pose(group(torch.tensor([[0., 0, 1, 0]]).expand(12, 4), t))
    assert float(pose.error(w, t).max()) < 1e-4
    assert float(Pose(group).error(w, t).mean()) == pytest.approx(90, abs=1e-3)


def test_degrees_taken_for_radians():
    with pytest.warns(actions.SymnbWarning, match="is that the unit"):
        MatrixAction([[0., -1.], [1., 0.]], "radians")(normal(3, 2), 90.)


def test_arc_taken_for_half_of_it():
    "A law twice as wide as the data says: the data's likelihood tells."
    w = UniformLaw(30., period=360.).sample(500)
    right, wide, narrow = (float(UniformLaw(h, 0., 360., 1.).log_prob(w).mean()) for h in (30., 60., 15.))
    assert right > wide + .5 and right > narrow + 1
