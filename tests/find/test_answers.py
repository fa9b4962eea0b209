"""From rulings on planes to groups on codes, and words for them."""
import torch

from symnb.data.laws import CodeWorld
from symnb.find.algebra import discover_rotation
from symnb.find.answers import gaussian, planes_action
from symnb.find.planes import Planes
from symnb.find.whitening import whiten


def test_an_action_turns_planes_of_whitened_codes_forwards():
    codes = torch.randn(2000, 5, generator=torch.Generator().manual_seed(0)).double() @ torch.randn(5, 5, generator=torch.Generator().manual_seed(1)).double()
    q, there, back = whiten(codes)
    action, w = planes_action(Planes(torch.eye(5)), [-2, 1], there, back)
    assert w == [1, 2] and torch.allclose(action(codes[:9], 360.), codes[:9], atol=1e-6)
    moved = there(action(codes[:9], 90.))
    assert torch.allclose(moved[:, [2, 3]], torch.stack([-q[:9, 3], q[:9, 2]], 1), atol=1e-6) # once per turn
    assert torch.allclose(moved[:, :2], -q[:9, :2], atol=1e-6) and torch.allclose(moved[:, 4], q[:9, 4], atol=1e-6)


def test_lengths_of_a_gaussian():
    x = torch.randn(5000, 4, generator=torch.Generator().manual_seed(0))
    assert gaussian(x.square().sum(1), 4) and not gaussian(x.sign().square().sum(1), 4)


def test_words_say_what_was_found():
    said = {name: discover_rotation(CodeWorld(name, 1).draw(n)) for name, n in (("SO(2) 1 2", 10_000), ("C 5", 5_000), ("T2", 10_000), ("SO(3) 1", 10_000))}
    for name, start in (("SO(2) 1 2", "A circle"), ("C 5", "A finite group"), ("T2", "A torus of 2 circles"), ("SO(3) 1", "3 generators that do not all commute")):
        assert said[name].words.startswith(start), said[name].words
    circle = said["SO(2) 1 2"].certificates["smooth functions"]
    assert circle.value <= .1 and circle.null > .3 # what planes at random show
