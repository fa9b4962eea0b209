"""Laws of poses: densities that are densities, laws that are found where they are and dealt ones that are worse."""
import math

import pytest
import torch

from symnb.data.digits import load_digits
from symnb.data.hidden_laws import TurnedByLaws
from symnb.find.frames import fit_frame
from symnb.find.colour_pose import ColourPose, coloured, random_colours
from symnb.find.pose_laws import PoseLaw, find_prototypes, fit_pose_law, gains, log_kernels, prototype_codes
from symnb.ground.lab import SymnbError
from symnb.symmetry.actions import load_action
from symnb.symmetry.colours import Colours
from symnb.symmetry.warps import rotate

RNG = torch.Generator().manual_seed(0)


def test_kernels_are_densities_and_go_round():
    one = log_kernels(torch.tensor([[359.]]).double(), torch.tensor([[-2.]]).double(), torch.tensor([8.]), [360.])
    near = log_kernels(torch.tensor([[1.]]).double(), torch.zeros(1, 1).double(), torch.tensor([8.]), [360.])
    assert torch.allclose(one, near, atol=1e-4)
    line = torch.linspace(-5, 5, 2001)[:, None].double()
    assert abs(float(log_kernels(line, torch.zeros(1, 1).double(), torch.tensor([.5]), [None]).exp().sum() * .005) - 1) < 1e-6


@pytest.fixture(scope="module")
def hues():
    "Two patterns: one is red within 30 degrees, the other has any hue."
    x = torch.zeros(240, 1, 28, 28)
    x[::2, :, 4:24, 10:18] = .5
    x[1::2, :, 10:18, 4:24] = .5
    x = coloured((x + .02 * torch.rand(x.shape, generator=RNG)).clamp(0, 1), 0)
    red = x * 0 + x.amax(1, keepdim=True) * torch.tensor([1., .25, .25])[:, None, None]
    w = random_colours(240, 1) * torch.tensor([1., 0, .3])
    w[::2, 0] /= 6
    return Colours()(red, w), w


def test_each_prototype_has_its_own_law(hues, tmp_path):
    x, w = hues
    law = fit_pose_law(ColourPose(), x[:200])
    rest, grid = x[200:], torch.arange(-180., 180, 5)
    p = 5 * law.marginal(rest, 0, grid)
    inside = p[:, grid.abs() <= 45].sum(1)
    assert inside[::2].min() > .7 > .5 > inside[1::2].max() and (p.sum(1) - 1).abs().max() < 1e-3
    given = law.log_prob(law.pose(rest), rest)
    assert given.mean() > law.log_prob(law.pose(rest), rest.roll(1, 0)).mean() + .3  # dealt to the other pattern
    many = law.sample(rest[:1].expand(400, -1, -1, -1), seed=1)
    assert many.shape == (400, 3) and (many[:, 0].abs() < 60).float().mean() > .9
    law.save(tmp_path / "law")
    again = load_action(tmp_path / "law")
    assert isinstance(again, PoseLaw) and torch.allclose(again.log_prob(w[200:], rest), law.log_prob(w[200:], rest))


def test_a_picture_judged_by_itself_is_too_sure(hues):
    "Planted: copies of a picture under other ids."
    x = hues[0][:60].repeat(2, 1, 1, 1)
    honest, planted = (fit_pose_law(ColourPose(), x, ids) for ids in (torch.arange(60).repeat(2), None))
    assert planted.widths[0] <= honest.widths[0] and planted.near <= honest.near


def test_codes_have_unit_length_and_few_pictures_are_told():
    x = torch.rand(30, 1, 16, 16, generator=RNG)
    pose = fit_frame(x, "rotation", draws=1)
    assert torch.allclose(prototype_codes(pose, x).norm(dim=1), torch.ones(30), atol=1e-5)
    with pytest.raises(SymnbError, match="at least 20, found 5"): fit_pose_law(pose, x[:5])
    assert math.isfinite(float(fit_pose_law(pose, x).log_prob(pose(x), x).mean()))


def test_upright_pictures_have_narrow_laws_and_no_symmetry():
    part = load_digits().part("train")
    turned, upright = rotate(TurnedByLaws().of(part, per=1).images[::10], 7.), rotate(part.images[::20], 3.)  # none as it came
    assert find_prototypes(turned).found and find_prototypes(upright).answer == "none"
    assert find_prototypes(torch.rand(100, 1, 28, 28, generator=RNG)).answer == "undecided"


def test_one_law_for_all_is_no_law_of_each(hues):
    x, _ = hues
    law, one = (fit_pose_law(ColourPose(), x[:200], near=near) for near in ((.1, .3), (1e6,)))
    assert torch.allclose(one.shares(x[200:]), torch.full((40, 200), 1 / 200), atol=1e-6)
    assert float(gains(law, x[200:], law.pose, one).mean()) > .2
