"""A phase point in the browser: it keeps to the orbit that was found, and the page says how far the true point is."""
import numpy as np
import pytest
import torch
from PIL import Image

from symnb.ground.lab import SymnbError
from symnb.show.explore import explorer
from symnb.show.moving import orbit_film, phase_explorer, spot_of
from symnb.symmetry.groups import rotations
from symnb.symmetry.matrices import MatrixAction
from test_browser import at, chromium, drag, explorers, page, screen, site  # noqa: F401, the fixtures

TURN = MatrixAction(torch.tensor([[0., -1.], [1., 0.]]).double(), "radians", 2 * np.pi, 2 * np.pi)
STATES = torch.tensor([[1., 0.], [.5, 0.], [0., .8]]).double()


def made(true):
    return phase_explorer(TURN, STATES, [0, 1], true, np.linspace(0, 2 * np.pi, 33), title="phase")


def test_a_point_is_dragged_along_its_orbit_beside_the_true_one(page, site):  # noqa: F811
    late = torch.stack([TURN(STATES[:2], torch.tensor(1.1 * t)) for t in np.linspace(0, 2 * np.pi, 33)])
    e = made(late)
    (site[0] / "phase.html").write_text(f'<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">{e.html}', encoding="utf-8")
    [box] = explorers(page, f"{site[1]}/phase.html", 1)
    drag(page, screen(box, e.spec, np.array([1., 0.])), screen(box, e.spec, np.array([0., 1.])))
    here = at(box)
    assert abs(here["t"] - np.pi / 2) < .25 and np.hypot(*here["p"]) == pytest.approx(1, abs=.02)
    said = box.inner_text()
    assert "from the true point" in said
    far = float(said.split(" from the true point")[0].split()[-1])
    assert far == pytest.approx(2 * np.sin(.05 * here["t"]), abs=.03) and not page.wrong


def test_specifications():
    e = made(TURN)
    assert e.spec["kind"] == "orbit" and e.spec["trueOrbit"] == e.spec["orbit"] and "trueOrbit" not in made(None).spec
    assert spot_of([-1, -1], [1, 1])(STATES).shape == (3, 1, 20, 20)
    with pytest.raises(SymnbError, match="true: expected"): made(torch.zeros(3, 2, 2))
    with pytest.raises(SymnbError, match="states: expected"): phase_explorer(TURN, torch.zeros(4, 3), [0])
    with pytest.raises(SymnbError, match="a map of orbits, found a plane"):
        explorer(spot_of([-1, -1], [1, 1]), TURN, STATES, true=TURN, ts=np.linspace(0, 6, 9))


def test_a_film_of_moved_orbits(tmp_path):
    x = torch.stack([torch.linspace(0, 1, 9), torch.zeros(9), torch.zeros(9)], 1).double()
    path = orbit_film(tmp_path / "a.gif", x, rotations(3), np.linspace(0, 3, 5), ((0, 1), (0, 2)), size=40)
    assert Image.open(path).n_frames == 5
