"""`symnb levels` as a user meets it: files for pictures of any form, one line for bad input, and the map in a browser."""
import json

import numpy as np
import pytest
import torch
from PIL import Image
from test_browser import chromium, page  # noqa: F401, the fixtures

from symnb.data.digits import load_digits
from symnb.data.levels import LevelWorld
from symnb.show.cli import main
from symnb.show.own_pictures import LEVEL_FILES, laid_on, symmetry_map
from symnb.symmetry.found import load_found
from symnb.symmetry.warps import rotate
from symnb.use.standardised import read_standardised


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    here = tmp_path_factory.mktemp("levels")
    part = LevelWorld("multiple", load_digits(), seed=0).turned()[0]
    shots = here / "shots"
    for i in range(300):  # in colour, of another size, in folders
        at = shots / f"a{int(part.labels[i])}" / f"{i}.png"
        at.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 * part.images[i, 0]).byte().numpy()).convert("RGB").resize((40, 40)).save(at)
    with pytest.MonkeyPatch.context() as m:
        m.chdir(here)
        assert main(["levels", "shots", "--family", "uniform"]) == 0
    return here, part


def test_a_folder_of_pictures_becomes_a_folder_of_answers(world):
    here, _ = world
    out = here / "shots-levels"
    assert {p.name for p in out.iterdir()} == set(LEVEL_FILES)
    kept, table = read_standardised(out / "standardised.h5"), (out / "levels.csv").read_text().splitlines()
    assert kept["images"].shape == (300, 3, 40, 40) and set(kept["labels"]) == {f"a{d}" for d in range(10)}
    assert len(table) == 301 and table[0] == "number,label,group,pose,level,margin,certainty,law"
    found, page = load_found(out / "levels"), (out / "report.html").read_text()
    assert found.found and page.count("<figure>") == 4 and "symnb-explorer" in page and page.rstrip().endswith("-->")


X = np.random.default_rng(0).random((40, 12, 12))
BAD = {"one image": (X[:1], "more than 8, the neighbours of each, found 1 image"), "constant": (X * 0, "found 40 of one grey value"),
       "not square": (X[:, :, :10], "expected square images"), "identical": (X[:1].repeat(40, 0), "found 40 that are all the same"),
       "NaN": (np.where(X > .999, np.nan, X), "expected finite numbers"), "fewer than neighbours": (X[:8], "found 8 images"),
       "flat": (X.reshape(40, -1), "expected pictures (n, h, w)"), "tiny": (X[:, :5, :5], "at least 8 x 8 pixels")}


@pytest.mark.parametrize("name", BAD)
def test_bad_pictures_are_one_line(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", BAD[name][0])
    assert main(["levels", "x.npy"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and BAD[name][1] in said.err
    assert [p.name for p in tmp_path.iterdir()] == ["x.npy"]


@pytest.mark.parametrize("line", ["--family round", "--noise 95", "--noise x", "--groups 1", "--key y", "--labels nothing"])
def test_bad_options_are_one_line(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("x.npz", a=X, b=X)
    assert main(["levels", "x.npz", *(["--key", "a"] * ("--key" not in line)), *line.split()]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_neighbours_are_laid_on_the_picture():
    x = LevelWorld("none", load_digits(), seed=0).turned()[0].images[:60]
    from symnb.find.orientation import steerable_coder
    both = torch.cat([x, rotate(x, 40.)])
    coder = steerable_coder(both)
    near, turn = laid_on(coder(both), torch.arange(60), coder.orders, 1)
    twin = near[:, 0] == torch.arange(60) + 60
    assert twin.float().mean() > .9 and (turn[twin, 0] + 40).abs().median() < 2


def test_the_map_in_a_browser(world, page, tmp_path):
    here, part = world
    known = load_found(here / "shots-levels" / "levels").pose.registered
    x = torch.nn.functional.interpolate(part.images[:200], size=(40, 40), mode="bilinear")
    made = symmetry_map(known, x, part.labels[:200], count=40)
    made.save(tmp_path / "map.html")
    page.set_viewport_size(dict(width=900, height=600))
    page.goto((tmp_path / "map.html").as_uri())
    inside = page.frame_locator("iframe")
    box, said = inside.locator(".sx[data-ready]"), inside.locator("output")
    box.wait_for()
    at = lambda: json.loads(box.get_attribute("data-at"))
    for pick in (3, 17):  # click on pictures
        place = inside.locator("canvas.plane").bounding_box()
        spec = made.spec
        u = [(spec["picks"][pick]["p"][d] - lo) / (hi - lo) for d, (lo, hi) in enumerate((spec["viewX"], spec["viewY"]))]
        page.mouse.click(place["x"] + (56 + u[0] * 560) / 640 * place["width"], place["y"] + (8 + (1 - u[1]) * 576) / 640 * place["height"])
        assert at()["pick"] == pick and at()["t"] == 0
        assert said.inner_text().startswith(f"{spec['pose'][pick]:.0f} degrees from upright, {spec['words'][pick]}".replace("-0 ", "0 "))
    for _ in range(4): page.keyboard.press("Shift+ArrowRight")
    assert at()["t"] == 60
    assert not page.wrong
