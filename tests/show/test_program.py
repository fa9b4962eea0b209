"""The explorer's program asked under node: no browser, no kernel. Without node these tests are skipped."""
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import torch

from symnb.show.page import packed_numbers, program
from symnb.symmetry.warps import rotate

NODE = shutil.which("node")
SCRIPTS = ["explorer.js", "switch.js", "widget.js"]
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def node(code, timeout=60):
    done = subprocess.run([NODE, "-"], input=code, text=True, capture_output=True, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ask(expression, name="explorer.js", before="", **known):
    "The value of an expression after the program has been read, in strict mode; `known` become constants."
    lines = [f"const {k} = {json.dumps(v)};" for k, v in known.items()]
    return node("\n".join(['"use strict";', before, program(name), *lines, f"console.log(JSON.stringify({expression}));"]))


@pytest.mark.parametrize("name", SCRIPTS)
def test_lint(name, tmp_path):
    text = program(name)
    path = tmp_path / name.replace(".js", ".mjs")  # a module is strict
    path.write_text(text, encoding="utf-8")
    done = subprocess.run([NODE, "--check", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    long = [i for i, line in enumerate(text.splitlines(), 1) if len(line) > 120]
    assert not long and "\t" not in text and not re.search(r"[ \t]+$", text, re.M)
    assert not re.search(r"\b(var|eval|debugger|alert)\b\s*[({\w]|console\.|innerHTML|https?://|fetch\(", text)
    for defined in re.findall(r"^(?:async )?function (\w+)|^const (\w+)", text, re.M):
        word = "".join(defined)
        uses = sum(len(re.findall(rf"\b{word}\b", program(n))) for n in SCRIPTS)
        assert uses > 1 or word == "symnbExplorer", f"{word} is never used"


def test_braces_of_the_stylesheet_match():
    text = re.sub(r"/\*.*?\*/", "", program("explorer.css"), flags=re.S)
    depth = np.cumsum([(c == "{") - (c == "}") for c in text])
    assert depth.min() == 0 and depth[-1] == 0 and depth.max() == 2 and "url(" not in text and "@import" not in text
    used = set(re.findall(r"var\((--\w+)\)", text))
    assert used <= set(re.findall(r"(--\w+):", text))


def test_numbers_arrive():
    x = np.random.default_rng(0).standard_normal((5, 3))
    assert np.abs(np.array(ask("unpack(q)", q=packed_numbers(x))) - x.ravel()).max() < 1e-4
    assert ask("unpack(q)", q=None) is None and ask("unpack(q)", q=packed_numbers([2., 2.])) == [2., 2.]


def test_numbers_are_written_without_a_negative_zero():
    assert ask("[tidy(-.001, 2), tidy(1.005, 1), tidy(-3, 0)]") == ["0.00", "1.0", "-3"]


@pytest.mark.parametrize("u, v, nx, ny", [(.5, .25, 3, 3), (1.9, 0, 3, 1), (-4, 9, 3, 4), (0, 0, 1, 1)])
def test_cells_around_a_place_have_weights_that_place_it(u, v, nx, ny):
    cells = ask(f"around({u}, {v}, {nx}, {ny})")
    at, weight = (np.array(c) for c in zip(*cells))
    assert weight.min() >= 0 and weight.sum() == pytest.approx(1) and at.min() >= 0 and at.max() < nx * ny
    assert (at % nx) @ weight == pytest.approx(np.clip(u, 0, nx - 1))
    assert (at // nx) @ weight == pytest.approx(np.clip(v, 0, ny - 1))


def test_angles_are_mixed_on_the_circle():
    assert ask("mixAngle([[0, .5], [1, .5]], c => [350, 20][c])") == pytest.approx(5)


@pytest.mark.parametrize("degrees", [0., 37., 90., -120.])
def test_pictures_turn_as_in_python(degrees):
    x = torch.rand(1, 1, 6, 8)
    seen = ask("Array.from(turned(Float64Array.from(x), 6, 8, a))", x=x.flatten().tolist(), a=degrees)
    assert np.abs(np.array(seen) - rotate(x, degrees).flatten().numpy()).max() < 1e-5


def plane(n=9):
    "A plane whose stored field turns counter-clockwise, one degree a unit of time."
    xs = np.linspace(-2, 2, n)
    field = np.array([[-b, a] for b in xs for a in xs]) * np.pi / 180
    return dict(kind="plane", x=[-2, 2], y=[-2, 2], viewX=[-2, 2], viewY=[-2, 2], nx=n, ny=n, span=360,
                ts=list(range(0, 361, 10)), field=field.ravel().tolist(), picks=[dict(p=[1, 0])], step=None)


def test_a_flow_follows_the_stored_field():
    seen = ask("[flow(spec, [1, 0], 90), flow(spec, [1, 0], 360), flow(spec, flow(spec, [1, .5], 50), -50)]", spec=plane())
    np.testing.assert_allclose(seen, [[0, 1], [1, 0], [1, .5]], atol=1e-6)


def test_a_place_outside_the_map_shows_the_nearest_picture():
    inside, outside = ask("[place(spec, {p: [1, 0], t: 30, pick: 0}), place(spec, {p: [5, 0], t: 0, pick: -1})]", spec=plane())
    np.testing.assert_allclose(inside["here"], [np.cos(np.pi / 6), .5], atol=1e-6)
    assert not inside["outside"] and outside["outside"] and sum(f for _, f in outside["cells"]) == pytest.approx(1)


def test_orbits_close_and_the_nearest_time_is_found():
    spec, state = plane(), dict(p=[1, 0], t=0, pick=0)
    path = np.array(ask("orbitOf(spec, s)", spec=spec, s=state))
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(path[0], path[-1], atol=1e-6)
    around = np.deg2rad(spec["ts"])
    orbit = dict(spec, kind="orbit", orbit=np.stack([np.cos(around), np.sin(around)], 1).ravel().tolist())
    a, b = ask("[nearestTime(spec, s, [0, 3]), nearestTime(whole, s, [.2, .9])]", spec=orbit, s=state, whole=dict(orbit, step=10))
    assert a == pytest.approx(90, abs=1.3) and b == 80  # whole steps stay whole


def test_the_map_and_the_screen_agree():
    back = ask("(f => f.from(...f.to([.3, -1.2])))(frame({width: 640, height: 640}, [-2, 2], [-2, 2]))")
    np.testing.assert_allclose(back, [.3, -1.2])


@pytest.mark.parametrize("theme, name, said", [("true", "", False), ("false", "", True), (None, "quarto-dark", True),
                                               (None, "fullcontent quarto-light", False), (None, "", None)])
def test_the_switch_of_the_page_around(theme, name, said):
    body = {"dataset": {} if theme is None else {"jpThemeLight": theme}, "className": name}
    stub = f"globalThis.document = {{body: {json.dumps(body)}}}; globalThis.MutationObserver = class {{ observe() {{}} }};"
    assert ask("(seen => { onSwitch(d => seen.push(d)); return seen; })([])", "switch.js", stub) == [said]
