"""Sliders over laws: densities beside uniform ones, colours as three planes, and a page that runs."""
import json

import pytest
import torch
from test_browser import chromium, page  # noqa: F401, the fixtures

from symnb.find.colour_pose import ColourPose, coloured
from symnb.find.pose_laws import PoseLaw, prototype_codes
from symnb.ground.lab import SymnbError
from symnb.show.law_explorer import RANGES, density_curves, law_sliders, moved_in_one


@pytest.fixture(scope="module")
def hues():
    x = torch.zeros(30, 1, 16, 16)
    x[:, :, 4:12, 6:10] = .5
    x = coloured((x + .02 * torch.rand(x.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1), 0)
    pose = ColourPose()
    return x, PoseLaw(pose, prototype_codes(pose, x), pose(x), torch.tensor([20., .1, .1]).double(), .3)


def test_curves_are_densities_beside_a_uniform_one(hues):
    x, law = hues
    names, values, dense = density_curves(law, x[:1], 181)
    assert names == ["hue", "saturation", "value"] and abs(float(dense[0, :-1].mean()) - 1) < 1e-3
    assert float(values[0, 0]) == -RANGES["hue"] and float(dense.min()) >= 0


def test_one_coordinate_moves_and_the_pose_follows(hues):
    x, law = hues
    names, values, _ = density_curves(law, x[:1], 7)
    shown = moved_in_one(law, x[:1], values, names)
    seen = law.pose(shown[0, 1:-1])[:, 0]
    assert ((seen - values[0, 1:-1] + 180) % 360 - 180).abs().max() < 1
    made = law_sliders(x[:1], hues=law, steps=7)
    assert made.spec["colours"] == 3 and len(made.spec["atlas"]["tiles"]) == 3 * 7 * 3 and len(made.html) < 300_000
    with pytest.raises(SymnbError, match=r"\(1, 3, S, S\)"): law_sliders(x[:2], hues=law)


def test_the_page_in_a_browser(hues, page, tmp_path):
    x, law = hues
    law_sliders(x[:1], hues=law, steps=7).save(tmp_path / "law.html")
    page.set_viewport_size(dict(width=900, height=600))
    page.goto((tmp_path / "law.html").as_uri())
    inside = page.frame_locator("iframe")
    box, seen = inside.locator(".sx[data-ready]"), inside.locator("canvas.seen")
    box.wait_for()
    mean = lambda: seen.evaluate("c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, s = [0, 0, 0]; "
                                 "d.forEach((v, i) => { if (i % 4 < 3) s[i % 4] += v; }); return s; }")
    inside.locator("canvas.plane").press("Home")
    red, green, blue = mean()
    assert red > 1.5 * green and red > 1.5 * blue  # hue 0 of the prototype
    for _ in range(8): inside.locator("canvas.plane").press("Shift+ArrowRight")  # two thirds of half a turn: green
    at = json.loads(box.get_attribute("data-at"))
    assert abs(at["t"] - 2 / 3) < .01 and mean()[1] > 1.3 * mean()[0]
    assert not page.wrong
