"""The explorer asked from Python: what it stores is what the decoder says, and it refuses what does not fit."""
import base64
import html
import io
import json
import re
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from symnb.symmetry.kinds import FlowAction, StepAction, WindowedAction, shift_generator
from symnb.symmetry.matrices import MatrixAction
from symnb.show.explore import blend_error, explorer, live
from symnb.show.moving import film, flow_film, signal_explorer
from symnb.ground.lab import SymnbError

GRID = torch.linspace(-1.5, 1.5, 28)
QUARTER = torch.tensor([[0., -1.], [1., 0.]]) * np.pi / 180  # per degree


def decode(z):
    "A bright spot where the first two numbers say, y upwards."
    x, y = z[:, 0, None, None, None], z[:, 1, None, None, None]
    return torch.exp(-4 * ((GRID - x) ** 2 + (-GRID[:, None] - y) ** 2))


def turn(d=2):
    A = torch.zeros(d, d)
    A[:2, :2] = QUARTER
    return MatrixAction(A, "degrees", 360., skew=True)


def points(d=2, n=40):
    z = torch.randn(n, d, generator=torch.Generator().manual_seed(0)) / 2
    return z, torch.arange(n) % 4


def unpacked(q):
    return q["lo"] + (q["hi"] - q["lo"]) * np.frombuffer(base64.b64decode(q["data"]), "<u2") / 65535


def stored(page):
    "The specification as the browser gets it."
    inner = html.unescape(re.search(r'srcdoc="([^"]*)"', page)[1])
    return json.loads(re.search(r"symnbExplorer\(document\.body, (.*), null\);", inner)[1].replace("<\\/", "</"))


def pictures(spec):
    "The tiles of the stored atlas, as the page reads them."
    a, h, w = spec["atlas"], spec["h"], spec["w"]
    page = np.asarray(Image.open(io.BytesIO(base64.b64decode(a["src"].split(",")[1]))).convert("L")) / 255
    all_ = page.reshape(-1, h, a["cols"], w).swapaxes(1, 2)
    return (all_[::-1] if a.get("flip") else all_).reshape(-1, h, w)[:a["count"]]


@pytest.mark.parametrize("limit, levels", [(300_000, 256), (36_500, 16)])
def test_a_plane_stores_what_the_decoder_says(limit, levels):
    z, y = points()
    made = explorer(decode, turn(), z, y, n=9, limit=limit)
    spec = stored(made.html)
    assert made.levels == levels and len(made.html) <= limit
    xs, ys = (np.linspace(*spec[k], 9) for k in "xy")
    places = torch.tensor([[a, b] for b in ys for a in xs], dtype=torch.float32)
    assert np.abs(pictures(spec) - decode(places)[:, 0].numpy()).max() <= .5 / (levels - 1) + .5 / 255
    field = unpacked(spec["field"]).reshape(-1, 2)
    np.testing.assert_allclose(field, turn().generator(places), atol=1e-5)
    np.testing.assert_allclose(unpacked(spec["points"]).reshape(-1, 2), z, atol=1e-4)


def test_the_middle_of_a_picture_lies_on_its_coordinates():
    z, y = points()
    spec = explorer(decode, turn(), z, y, n=9).spec
    for seen, inner in (("viewX", "x"), ("viewY", "y")):
        (a, b), (low, high) = spec[seen], spec[inner]
        assert low - a == pytest.approx((b - a) / 18) and b - high == pytest.approx((b - a) / 18)


def test_an_atlas_that_does_not_fit_says_what_to_reduce():
    z, y = points()
    with pytest.raises(SymnbError, match="expected at most 30000 characters, found .* choose a smaller n"):
        explorer(decode, turn(), z, y, limit=30_000)


def test_orbits_of_a_larger_latent():
    z, y = points(5)
    spec = stored(explorer(decode, turn(5), z, y, images=decode(z)).html)
    assert spec["kind"] == "orbit" and len(spec["picks"]) == 4 and spec["degrees"] == 1
    path = turn(5).orbit(z[:4], torch.tensor(spec["ts"])).transpose(0, 1).flatten(0, 1)
    assert np.abs(pictures(spec) - decode(path)[:, 0].numpy()).max() <= 1 / 255
    assert unpacked(spec["orbit"]).size == 2 * len(path)


def test_a_plane_of_two_axes_says_how_much_of_the_flow_leaves_it():
    z, y = points(5)
    assert "note" not in explorer(decode, turn(5), z, y, axes=(0, 1), n=5).spec
    assert explorer(decode, turn(5), z, y, axes=(2, 3), n=5).spec["note"].startswith("100%")
    with pytest.raises(SymnbError, match="axes: expected two of 0 to 4, found 1 and 1"):
        explorer(decode, turn(5), z, y, axes=(1, 1), n=5)


def test_the_plane_of_two_group_parameters():
    z, y = points(4)
    B = torch.zeros(4, 4)
    B[:2, :2] = torch.eye(2) / 500
    grow = MatrixAction(B, "units", 100.)
    made = explorer(decode, turn(4), z, y, second=grow, n=5)
    spec, at = made.spec, torch.tensor([[90., 25.]])
    assert spec["x"] == [-180, 180] and spec["y"] == [-50, 50] and len(spec["picks"]) == 1
    wanted = decode(turn(4)(grow(z[:1], 25.), 90.))[0, 0].numpy()
    np.testing.assert_allclose(spec["atlas"]["tiles"].reshape(5, 5, 28, 28)[::-1][2, 2], decode(z[:1])[0, 0], atol=1e-6)
    answer = made.exact(dict(pick=-1, p=at[0].tolist(), t=0))
    assert np.abs(answer["pixels"] / 255 - wanted).max() <= .5 / 255 + 1e-6


def test_probabilities_angles_and_nearest_pictures():
    z, y = points(3)
    scores = lambda v: torch.stack([v[:, 0], -v[:, 0]], 1)
    angle = lambda first, seen: torch.arange(len(seen)) % 360.
    near = decode(z), [f"no. {k}" for k in range(40)], z
    spec = stored(explorer(decode, turn(3), z, y, scores=scores, names="ab", angle=angle, near=near).html)
    p = unpacked(spec["scores"]).reshape(-1, 2)
    path = turn(3).orbit(z[:4], torch.tensor(spec["ts"])).transpose(0, 1).flatten(0, 1)
    np.testing.assert_allclose(p, scores(path).softmax(1), atol=1e-4)
    assert unpacked(spec["angle"])[5] == pytest.approx(5, abs=.01)
    names, table = spec["near"]["names"], np.array(spec["near"]["table"]).reshape(-1, 3)
    assert [names[table[37 * k, 0]] for k in range(4)] == [f"no. {k}" for k in range(4)]


def test_steps_and_flows_work_too():
    z, y = points()
    step = StepAction(lambda v: v @ torch.linalg.matrix_exp(30 * QUARTER).mT, 30.)
    spec = explorer(decode, step, z, y).spec
    assert spec["kind"] == "orbit" and spec["step"] == 1 and len(spec["ts"]) == 13
    flow = FlowAction(lambda v: torch.stack([-v[:, 1], v[:, 0]], 1), "radians")
    with pytest.raises(SymnbError, match="ts: expected the times of an orbit"):
        explorer(decode, flow, z, y)
    assert explorer(decode, flow, z, y, ts=np.linspace(0, 2, 9), n=5).spec["kind"] == "plane"


def test_a_point_outside_the_unit_range_is_refused():
    z, y = points()
    with pytest.raises(SymnbError, match="decode: expected values from 0 to 1, found -1"):
        explorer(lambda v: decode(v) - 1, turn(), z, y)
    with pytest.raises(SymnbError, match=r"labels: expected \(40,\), found \(39,\)"):
        explorer(decode, turn(), z, y[:39])
    with pytest.raises(SymnbError, match="points: expected codes"):
        explorer(decode, turn(), z.numpy(), y)


def test_nothing_in_a_title_escapes_into_the_page():
    z, y = points()
    made = explorer(decode, turn(), z, y, n=3, title='</script><img src=x onerror="x">')
    assert "</script><img" not in made.html and stored(made.html)["label"].startswith("</script>")
    inner = html.unescape(re.search(r'srcdoc="([^"]*)"', made.html)[1])
    assert inner.count("</script>") == 1


def test_pages_ask_no_other_host():
    z, y = points()
    page = explorer(decode, turn(), z, y, n=3).html
    assert "default-src 'none'" in html.unescape(page) and not re.search(r"https?://", page)


def test_what_is_shown_without_a_kernel_names_no_widget():
    made = explorer(decode, turn(), *points(), n=3)
    assert sorted(made._repr_mimebundle_()) == ["image/png", "text/html", "text/plain"]
    made.widget.question = dict(id=1, pick=0, p=None, t=90.)
    wanted = 255 * decode(turn()(points()[0][:1], 90.))[0, 0].numpy().ravel()
    shown = np.frombuffer(base64.b64decode(made.widget.answer["pixels"]), np.uint8)
    assert made.widget.answer["id"] == 1 and np.abs(shown - wanted).max() <= .5 + 1e-3


def test_blending_is_exact_where_pictures_are_linear():
    ramp = torch.linspace(0, 1, 64).view(1, 1, 8, 8)
    linear = lambda z: (.5 + .1 * z[:, 0, None, None, None] * ramp + .1 * z[:, 1, None, None, None]).clamp(0, 1)
    made = explorer(linear, turn(), *points(), n=5)
    mixed, near = blend_error(made, linear)
    assert mixed < 1e-12 < near


def test_signals():
    x = torch.randn(2, 21, dtype=torch.float64)
    moves = WindowedAction(MatrixAction(shift_generator(41), "pixels", skew=True), 21)
    ts = np.linspace(-3, 3, 13)
    spec = stored(signal_explorer(x, moves, moves.orbit(x, torch.tensor(ts)), ts, names="ab").html)
    assert spec["zero"] == 6 and [p["name"] for p in spec["picks"]] == ["a", "b"]
    moved = unpacked(spec["moved"]).reshape(2, 13, 21)
    np.testing.assert_allclose(moved[:, 6], x, atol=1e-3)
    np.testing.assert_allclose(moved[1, 12], moves(x, 3.)[1], atol=1e-3)
    assert spec["true"] == spec["moved"]
    with pytest.raises(SymnbError, match=r"action: expected \(13, 2, 21\), found \(2, 13, 21\)"):
        signal_explorer(x, np.zeros((2, 13, 21)), None, ts)
    with pytest.raises(SymnbError, match="evenly spaced"):
        signal_explorer(x, moves, None, [0, 1, 3])


@pytest.mark.parametrize("ending", [".gif", ".png"])
def test_films_hold_every_frame(tmp_path, ending):
    z, _ = points()
    path = flow_film(tmp_path / f"a{ending}", decode, turn(), z[0], decode(z[:1])[0], frames=8, scale=2)
    with Image.open(path) as made:
        assert made.n_frames == 8 and made.size == (2 * 57, 2 * 28) and made.info["loop"] == 0
        made.seek(2)
        shown = np.asarray(made.convert("L"), float)[::2, ::2][:, 29:] / 255
    assert np.abs(shown - decode(turn()(z[:1], 90.))[0, 0].numpy()).max() < .02


def test_films_refuse_what_they_cannot_write(tmp_path):
    with pytest.raises(SymnbError, match="expected .gif or .png, found '.mp4'"):
        film(tmp_path / "a.mp4", {"a": torch.zeros(2, 8, 8)})
    with pytest.raises(SymnbError, match="rows of one length"):
        film(tmp_path / "a.gif", {"a": torch.zeros(2, 8, 8), "b": torch.zeros(3, 8, 8)})


def test_a_widget_answers_exactly_and_changes_its_map():
    z, y = points(5)
    widget = live(decode, turn(5), z, y, n=3)
    widget.question = dict(id=1, pick=2, p=None, t=123.4)
    wanted = decode(turn(5)(z[2:3], 123.4)).numpy().ravel()
    seen = np.frombuffer(base64.b64decode(widget.answer["pixels"]), np.uint8) / 255
    assert widget.answer["id"] == 1 and np.abs(seen - wanted).max() <= .5 / 255 + 1e-6
    widget.view = [1, 0, 3]
    assert json.loads(widget.spec)["axes"] == ["latent 1", "latent 4"]
    widget.view = [1, 3, 3]  # no plane: the map stays as it was
    assert json.loads(widget.spec)["axes"] == ["latent 1", "latent 4"]


def test_a_live_explorer_says_which_extra_it_needs(monkeypatch):
    from symnb.show.page import widget_class
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(SymnbError, match=r"pip install 'symnb\[notebooks\]'"): widget_class.__wrapped__()
