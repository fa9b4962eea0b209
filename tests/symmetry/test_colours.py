"""Colours as a group, and their pose."""
import colorsys

import pytest
import torch

from symnb.data.digits import load_digits
from symnb.find.colour_pose import ColourPose, coloured, random_colours
from symnb.ground.lab import SymnbError
from symnb.measures.transfers import transfer_error
from symnb.symmetry.colours import Colours, clipped, to_hsv, to_rgb


def pictures(n=3, seed=0): return torch.rand(n, 3, 5, 5, dtype=torch.double, generator=torch.Generator().manual_seed(seed))


def test_colours_are_those_of_the_standard_library():
    x = torch.cat([pictures(), torch.tensor([[0., 0, 0], [1, 1, 1], [.5, .5, .5], [1, 0, 0], [0, 1, 0], [0, 0, 1]]).double()
                   .T.reshape(1, 3, 2, 3).repeat(1, 1, 3, 2)[:, :, :5, :5]])
    hsv = torch.stack(to_hsv(x), -1).reshape(-1, 3)
    for rgb, found in zip(x.permute(0, 2, 3, 1).reshape(-1, 3).tolist(), hsv.tolist()):
        assert found == pytest.approx(colorsys.rgb_to_hsv(*rgb), abs=1e-9)
    assert torch.allclose(to_rgb(*to_hsv(x)), x)


def test_a_turn_of_the_hue_is_that_of_the_standard_library():
    x = pictures(1)
    moved = Colours()(x, [90., -.2, -.1]).permute(0, 2, 3, 1).reshape(-1, 3)
    for rgb, found in zip(x.permute(0, 2, 3, 1).reshape(-1, 3).tolist(), moved.tolist()):
        h, s, v = colorsys.rgb_to_hsv(*rgb)
        assert found == pytest.approx(colorsys.hsv_to_rgb((h + .25) % 1, s * 2.718281828 ** -.2, v * 2.718281828 ** -.1), abs=1e-6)


def test_the_law_of_a_group_where_nothing_is_cut_off():
    g, x = Colours(), pictures()
    v, w = torch.tensor([200., -.3, -.2]).double(), torch.tensor([190., -.1, -.4]).double()
    assert torch.allclose(g(g(x, w), v), g(x, g.compose(v, w))) and torch.allclose(g.inverse(g(x, w), w), x)
    assert torch.allclose(g(x, [360., 0, 0]), x)


def test_gradients_of_what_is_cut_off_and_of_grey():
    v = torch.tensor([-.5, .5, 1.5], requires_grad=True)
    clipped(v).sum().backward()
    assert clipped(v).tolist() == [0, .5, 1] and v.grad.tolist() == [1, 1, 1]
    for shade in (0., .5, 1.):
        x = torch.full((1, 3, 2, 2), shade, requires_grad=True)
        w = torch.zeros(3, requires_grad=True)
        Colours()(x, w).square().sum().backward()
        assert x.grad.isfinite().all() and w.grad.isfinite().all()


def test_bad_pictures_are_told():
    with pytest.raises(SymnbError, match="three colours, found 1"): Colours()(torch.rand(2, 1, 4, 4), [0., 0, 0])
    with pytest.raises(SymnbError, match="one channel, found 3"): coloured(torch.rand(2, 3, 4, 4))


def test_the_pose_follows_the_hue_and_ignores_the_shape():
    x = coloured(load_digits("mnist5k").part("test").images[::50])
    turn = torch.linspace(0, 350, len(x)).double()
    off = ColourPose()(Colours()(x, torch.stack([turn, 0 * turn, 0 * turn], 1))) - ColourPose()(x)
    assert float(((off[:, 0] - turn + 180) % 360 - 180).abs().max()) < .1
    upside = ColourPose()(x.flip(2)) - ColourPose()(x)
    assert float(upside.abs().max()) < 1e-3


def test_grey_has_no_hue_and_says_so():
    grey = load_digits("mnist5k").part("test").images[:3].expand(-1, 3, -1, -1)
    w, sure = ColourPose().find(grey)
    assert w.isfinite().all() and float(sure.max()) < .01


def test_transfer_error_is_far_below_doing_nothing():
    x = coloured(load_digits("mnist5k").part("test").images[::20])
    e = transfer_error(ColourPose(), x, random_colours(50, 1), random_colours(50, 2))
    assert e.value < .25 * e.baseline
    brightest = ColourPose(1.)
    only = torch.tensor([0., 0, 1])
    views = [random_colours(50, s) * only for s in (1, 2)]
    assert transfer_error(brightest, x, *views).value > transfer_error(ColourPose(), x, *views).value
