"""Models behind a pose by round trip and at any angle, and standardised files with words and numbers."""
import numpy as np
import pytest
import torch
from torch import nn

from symnb.data.digits import load_digits
from symnb.data.levels import LevelWorld
from symnb.find.registration import LevelReading, RegisteredPose, find_levels
from symnb.ground.lab import SymnbError
from symnb.symmetry.found import Found
from symnb.symmetry.warps import rotate
from symnb.use.standardised import Canonicalised, Symmetrised, outside_chance, outside_law, read_standardised, spectral_groups, with_levels, within_law, write_standardised


@pytest.fixture(scope="module")
def some():
    part = LevelWorld("none", load_digits(), seed=0).turned()[0]
    x, labels = part.images[:700], part.labels[:700]
    return x, labels, find_levels(x, "uniform")


class Template(nn.Module):
    "The class of the nearest mean picture."
    def __init__(self, x, labels):
        super().__init__()
        self.means = torch.stack([x[labels == d].mean(0).flatten() for d in range(10)])

    def forward(self, x): return -torch.cdist(x.flatten(1), self.means)


def test_a_model_behind_a_pose_answers_alike_at_any_angle(some):
    x, labels, found = some
    model, test = Template(x, labels), LevelWorld("none", load_digits(), "test", 0).turned()[0]
    judged, y = test.images[:250], test.labels[:250]
    turned = rotate(judged, 360 * torch.rand(250, generator=torch.Generator().manual_seed(0)))
    right = lambda f, x: float((f(x).argmax(1) == y).float().mean())
    ways = [Canonicalised(model, found.pose), Symmetrised(model, found.pose.registered)]
    for way in ways: assert right(way, turned) > right(model, turned) + .15
    assert (ways[0](judged).argmax(1) == ways[0](rotate(judged, 90.)).argmax(1)).float().mean() > .9


def test_round_trip_through_a_file(some, tmp_path):
    x, labels, found = some
    path = write_standardised(tmp_path / "s.h5", found, x[:40], np.array([f"a {d}" for d in labels[:40]]))
    kept = read_standardised(path)
    assert kept["labels"][3] == f"a {int(labels[3])}" and len(kept["law"]) == 40 and kept["level"].shape == (40,)
    back = rotate(kept["images"], kept["pose"])
    assert (back - x[:40]).square().mean() < .02 and torch.equal(read_standardised(write_standardised(path, found, x[:9], labels[:9]))["labels"], labels[:9])
    colour = x[:9].expand(-1, 3, -1, -1)
    assert read_standardised(write_standardised(path, found, colour))["images"].shape == colour.shape


def test_what_cannot_be_meant(some, tmp_path):
    x, labels, found = some
    with pytest.raises(SymnbError, match="expected poses by registration"): write_standardised(tmp_path / "s.h5", Found(pose=None), x)
    with pytest.raises(SymnbError, match="labels: expected 9, found 3"): write_standardised(tmp_path / "s.h5", found, x[:9], labels[:3])
    np.savez(tmp_path / "x.h5", a=1)
    with pytest.raises(SymnbError, match="symnb standardised"): read_standardised(tmp_path / "x.h5.npz")
    with pytest.raises(SymnbError, match="count: expected 2 to 699 groups, found 1"): spectral_groups(found.pose.registered, 1)


def test_a_turned_copy_lies_outside_and_augmentation_stays_inside(some):
    x, _, found = some
    seen = found.pose.registered.read(rotate(x[:60], 90.))
    assert outside_law(seen).float().mean() > .9
    seen.level[:] = 0.
    carried = with_levels(rotate(x[:60], 90.), seen)
    assert torch.equal(within_law(carried), rotate(carried[:, :1], torch.zeros(60)))


def test_outside_is_what_most_of_a_posterior_says():
    "Two peaks: the higher one lies inside, and most of the mass outside."
    q = torch.full((3, 60), 1e-6)
    q[0, 0], q[0, 20:40] = .4, .03  # half a turn away, spread out
    q[1, 0], q[2, 30] = 1., 1.
    seen = LevelReading(torch.zeros(3), torch.full((3,), 45.), torch.full((3,), 9.), q, None, None, "uniform", 10.)
    assert outside_law(seen).tolist() == [True, False, True] and outside_chance(seen)[0] == pytest.approx(.6, abs=.01)
    steps = LevelReading(torch.zeros(3), torch.full((3,), 2.), torch.full((3,), 9.), q, None, None, "cyclic", 10.)
    assert not outside_law(steps).any()
