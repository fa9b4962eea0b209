"""Figures hold what they were given, say what their axes count, and survive the smallest input."""
import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from symnb.ground import plots
from symnb.ground.lab import SymnbError

rng = np.random.default_rng(0)


def pixels(fig):
    return np.asarray(Image.open(io.BytesIO(plots.figure_png(fig))).convert("RGB")).astype(int)


def ticks(axis):
    return [t.get_text() for t in axis.get_ticklabels()]


def legend(ax):
    return [t.get_text() for t in ax.get_legend().get_texts()]


def angle_bar(fig):
    return next(ax for ax in fig.axes if ax.get_ylabel() == "angle (degrees)")


def test_importing_the_package_does_not_load_matplotlib():
    code = "import sys, symnb, symnb.ground.lab; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_plots_do_not_load_pyplot_or_ipython():
    code = "import sys, symnb.ground.plots; assert not {'matplotlib.pyplot', 'IPython'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("i", range(10))
def test_a_single_marker_keeps_its_colour_in_the_png(i):
    fig, (ax, other) = plots.figure(1, 2, height=1)
    other.imshow(np.arange(360)[None], cmap=plots.ANGLES, aspect="auto")
    ax.imshow(rng.random((32, 32)), cmap="gray", aspect="auto")
    ax.plot(16, 16, "s", ms=12, color=plots.COLOURS[i])
    wanted = [int(plots.COLOURS[i][k:k + 2], 16) for k in (1, 3, 5)]
    assert np.abs(pixels(fig) - wanted).max(-1).min() <= 16


@pytest.mark.parametrize("lacks", ["red-green (deuteranopia)", "red-green (protanopia)", "nothing"])
def test_angles_sixty_degrees_apart_stay_apart(lacks):
    """Vision after Machado, Oliveira, Fernandes (2009), severity 1; distances in Oklab."""
    see = {"red-green (deuteranopia)": [[.367322, .860646, -.227968], [.280085, .672501, .047413],
                                        [-.011820, .042940, .968881]],
           "red-green (protanopia)": [[.152286, 1.052583, -.204868], [.114503, .786281, .099216],
                                      [-.003882, -.048116, 1.051998]], "nothing": np.eye(3)}[lacks]
    c = plots.ANGLES.colors[::10]
    linear = np.where(c <= .04045, c / 12.92, ((c + .055) / 1.055) ** 2.4) @ np.array(see).T
    lms = np.cbrt(linear.clip(0) @ np.array([[.4122214708, .2119034982, .0883024619],
                                             [.5363325363, .6806995451, .2817188376],
                                             [.0514459929, .1073969566, .6299787005]]))
    lab = lms @ np.array([[.2104542553, 1.9779984951, .0259040371],
                          [.7936177850, -2.4285922050, .7827717662],
                          [-.0040720468, .4505937099, -.8086757660]])
    apart = np.abs((np.arange(36)[:, None] - np.arange(36) + 18) % 36 - 18) >= 6
    assert np.linalg.norm(lab[:, None] - lab, axis=-1)[apart].min() > .1


def test_style_does_not_leak_and_is_not_overridden():
    import matplotlib
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"figure.facecolor": "black", "savefig.facecolor": "black"}):
        fig = plots.curves([0, 1], {"a": [0, 1]}, "step", "loss (nats)")
        assert (pixels(fig)[0, 0] == 255).all()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("n, cols, shape", [(1, 1, (1, 1)), (5, 3, (2, 3)), (6, 3, (2, 3))])
def test_image_grid_places_every_image(n, cols, shape):
    images = torch.rand(n, 1, 28, 28) * .5
    fig = plots.image_grid(images, cols=cols)
    page = fig.axes[0].images[0].get_array()
    assert page.shape[:2] == (shape[0] * 30 - 2, shape[1] * 30 - 2)
    for i in range(n):
        y, x = i // cols * 30, i % cols * 30
        np.testing.assert_allclose(page[y:y + 28, x:x + 28, 0], images[i, 0], atol=1 / 255)


def test_image_grid_reads_bytes_as_0_to_255_and_writes_labels():
    images = torch.full((4, 8, 8), 255, dtype=torch.uint8)
    fig = plots.image_grid(images, row_labels=["r0", "r1"], col_labels=["c0", "c1"], titles="abcd",
                           title="all")
    ax = fig.axes[0]
    assert ax.images[0].get_array().min() == 1
    assert (ticks(ax.yaxis), ticks(ax.xaxis), ax.get_title()) == (["r0", "r1"], ["c0", "c1"], "all")
    assert [t.get_text() for t in ax.texts] == list("abcd")


@pytest.mark.parametrize("T, written", [(1, 1), (12, 12), (24, 12), (36, 12)])
def test_strip_writes_every_angle_or_every_kth(T, written):
    angles = np.linspace(0, 360, T, endpoint=False)
    fig = plots.strip({"true": torch.rand(T, 1, 28, 28), "decoded": torch.rand(T, 28, 28)}, angles)
    ax = fig.axes[0]
    assert ticks(ax.yaxis) == ["true", "decoded"] and len(ticks(ax.xaxis)) == written
    assert ticks(ax.xaxis)[0] == "0" and "degrees" in ax.get_xlabel()


@pytest.mark.parametrize("n", [1, 2, 50])
@pytest.mark.parametrize("kind", ["class", "angle"])
def test_latent_scatter(n, kind):
    value = np.arange(n) % 10 if kind == "class" else np.linspace(-30, 400, n)
    fig = plots.latent_scatter(rng.normal(size=(n, 2)), value, kind, title="z")
    assert sum(len(c.get_offsets()) for c in fig.axes[0].collections) == n
    assert len(fig.axes) == (2 if kind == "angle" else 1)
    if kind == "angle":
        assert ticks(angle_bar(fig).yaxis) == ["0", "60", "120", "180", "240", "300", "360"]
    else: assert legend(fig.axes[0]) == [str(i) for i in range(min(n, 10))]
    assert pixels(fig).size


def test_classes_differ_in_colour_and_in_marker():
    assert len(set(plots.COLOURS)) == len(set(plots.MARKERS)) == 10


def test_principal_axes_find_a_planted_plane():
    plane = np.linalg.qr(rng.normal(size=(8, 2)))[0]
    points = rng.normal(size=(500, 2)) * [3, 1]
    z, share = plots.principal_axes(torch.tensor(points @ plane.T + 5))
    assert share.sum() == pytest.approx(1) and share[0] > .8
    lengths = np.linalg.norm(points - points.mean(0), axis=1)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), lengths)


def test_principal_axes_of_another_cloud():
    cloud, orbits = rng.normal(size=(100, 4)), rng.normal(size=(3, 7, 4))
    z, _ = plots.principal_axes(orbits, 3, like=cloud)
    both, _ = plots.principal_axes(cloud, 3)
    assert z.shape == (3, 7, 3)
    np.testing.assert_allclose(plots.principal_axes(cloud[:5], 3, like=cloud)[0], both[:5])


@pytest.mark.parametrize("angles, segments", [
    (np.arange(0, 360, 30), 12), (np.linspace(0, 360, 13), 12), (np.linspace(-45, 45, 7), 6),
    ([0], 0), ([0, 30], 1)])
def test_orbits_close_only_when_they_go_round(angles, segments):
    T = len(angles)
    fig = plots.latent_orbits(rng.normal(size=(2, T, 2)), angles, cloud=rng.normal(size=(5, 2)))
    lines = next(c for c in fig.axes[0].collections if type(c).__name__ == "LineCollection")
    assert len(lines.get_segments()) == 2 * segments
    assert angle_bar(fig) and pixels(fig).size


@pytest.mark.parametrize("n", [1, 2, 5])
def test_traversal_puts_pictures_at_their_points(n):
    def decode(p): return p[:, 0, None, None] / 9 + p[:, 1, None, None].expand(-1, 4, 4) / 90
    ax = plots.traversal(decode, (1, 2), (3, 6), n).axes[0]
    picture = ax.images[0]
    page, (left, right, bottom, top) = picture.get_array()[..., 0], picture.get_extent()
    for x in np.linspace(1, 3, n):
        for y in np.linspace(2, 6, n):
            column = int((x - left) / (right - left) * 4 * n)
            row = int((top - y) / (top - bottom) * 4 * n)
            assert page[row, column] == pytest.approx(x / 9 + y / 90, abs=.005)
    assert "latent" in ax.get_xlabel() and "latent" in ax.get_ylabel()


def test_curves_draw_mean_and_band():
    x, seeds = np.arange(4), np.array([[0., 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]])
    series = {"three": seeds, "one": seeds[0], "known": seeds[1]}
    fig = plots.curves(x, series, "step", "loss (nats)", bands={"known": [.5] * 4},
                       levels={"chance": .1})
    ax = fig.axes[0]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [2, 3, 4, 5])
    (low, high), known = [c.get_paths()[0].get_extents().get_points()[:, 1] for c in ax.collections]
    assert (low, high) == (0, 7) and list(known) == [1.5, 5.5]
    assert legend(ax) == ["three", "one", "known", "chance (0.1)"]


def test_curves_of_one_point_and_of_angles():
    assert pixels(plots.curves([0], {"a": [1]}, "step", "loss")).size
    angles = np.arange(0, 361, 15)
    ax = plots.curves(angles, {"a": angles}, "angle (degrees)", "error", angle=True).axes[0]
    assert {30., 60., 330.} <= set(ax.get_xticks())
    plots.angle_ticks(ax, 720)
    assert set(np.diff(ax.get_xticks())) == {60.}


def test_spectrum_sorts_and_shows_what_was_expected():
    ax = plots.spectrum({"a": [2, 0, 1], "b": [.1]}, expected=[0, 1, 2]).axes[0]
    assert list(ax.lines[0].get_ydata()) == [0, 1, 2] and len(ax.patches) == 3
    assert sorted(legend(ax)) == ["a", "b", "expected"]
    assert pixels(plots.spectrum({"one": [3.]})).size


@pytest.mark.parametrize("M", [[[2.]], np.zeros((2, 3)), -np.eye(12), [[np.nan]]])
def test_matrix_is_white_at_zero(M):
    fig = plots.matrix(M, label="weight", numbers=True)
    norm = fig.axes[0].images[0].norm
    assert norm(0) == .5 and norm.vmin == -norm.vmax
    assert fig.axes[1].get_ylabel() == "weight" and pixels(fig).size


@pytest.mark.parametrize("n", [2, 10])
@pytest.mark.parametrize("field", [torch.zeros_like, torch.ones_like, lambda z: -z])
def test_streamlines(n, field):
    fig = plots.streamlines(field, (-1, 0), (1, 4), n, background=lambda z: z[:, 0],
                            background_label="logit")
    assert fig.axes[0].get_ylim() == (0, 4) and fig.axes[1].get_ylabel() == "logit"
    assert pixels(fig).size


def test_everything_draws_on_the_axes_it_is_given():
    fig, axes = plots.figure(3, 3, height=9)
    z, calls = rng.normal(size=(12, 2)), iter(axes.flat)
    images = rng.random((12, 8, 8))
    for draw in (lambda ax: plots.image_grid(images, ax=ax),
                 lambda ax: plots.strip({"a": images}, range(12), ax=ax),
                 lambda ax: plots.latent_scatter(z, range(12), ax=ax),
                 lambda ax: plots.latent_orbits(z[None], np.arange(12) * 30, ax=ax),
                 lambda ax: plots.traversal(lambda p: torch.rand(len(p), 4, 4), ax=ax),
                 lambda ax: plots.curves(range(12), {"a": range(12)}, "x", "y", ax=ax),
                 lambda ax: plots.spectrum({"a": [1]}, ax=ax), lambda ax: plots.matrix(z, ax=ax),
                 lambda ax: plots.streamlines(lambda z: z, ax=ax)):
        assert draw(next(calls)) is fig
    assert pixels(fig).shape[1] <= 7.6 * plots.DPI


def test_the_wheel_holds_its_eigenvalues_and_spokes():
    values = torch.linalg.eigvals(torch.tensor([[0., -1.], [1., 0.]]))
    ax = plots.wheel({"quarter": values}, spokes=4).axes[0]
    drawn = ax.lines[-1].get_xydata()
    np.testing.assert_allclose(sorted(drawn[:, 1]), [-1, 1], atol=1e-6)
    assert len(ax.lines) == 1 + 4 + 1 and legend(ax) == ["quarter"]


@pytest.mark.parametrize("call, says", [
    (lambda: plots.image_grid(np.zeros((2, 3))),
     r"images: expected shape \(any, any, any\), found \(2, 3\)"),
    (lambda: plots.image_grid(np.zeros((0, 8, 8))), "images: expected shape"),
    (lambda: plots.image_grid(np.zeros((4, 8, 8)), cols=2, row_labels="abc"),
     "row_labels: expected 2, found 3"),
    (lambda: plots.strip({}, [0]), "at least one row"),
    (lambda: plots.strip({"a": np.zeros((3, 8, 8))}, [0, 30]), "strip row 'a': expected shape"),
    (lambda: plots.latent_scatter(np.zeros((3, 3)), np.zeros(3)), r"z: expected shape \(any, 2\)"),
    (lambda: plots.latent_scatter(np.zeros((3, 2)), np.zeros(4)), r"value: expected shape \(3\)"),
    (lambda: plots.latent_scatter(np.zeros((3, 2)), np.zeros(3), "hue"),
     "class or angle, found 'hue'"),
    (lambda: plots.latent_scatter(["a"], [0]), "z: expected numbers"),
    (lambda: plots.latent_orbits(np.zeros((1, 3, 2)), [0, 30]), "z: expected shape"),
    (lambda: plots.principal_axes(np.zeros((5, 2)), 3), "k: expected 1 to 2"),
    (lambda: plots.principal_axes(np.zeros((5, 2)), like=np.zeros((5, 3))), "like: expected shape"),
    (lambda: plots.traversal(lambda p: torch.zeros(3, 4, 4)), "decoded images: expected shape"),
    (lambda: plots.traversal(lambda p: p, n=0), "n: expected at least 1"),
    (lambda: plots.traversal(lambda p: p, 1, 1), "lo < hi"),
    (lambda: plots.curves([0, 1], {"a": [1]}, "x", "y"), "series 'a': expected shape"),
    (lambda: plots.spectrum({}), "at least one set"),
    (lambda: plots.wheel({}), "at least one set"),
    (lambda: plots.wheel({"a": [1]}, spokes=0), "spokes: expected at least 1"),
    (lambda: plots.wheel({"a": [[1j]]}), r"wheel 'a': expected finite values \(K,\), found shape \(1, 1\)"),
    (lambda: plots.matrix(np.zeros(3)), "M: expected shape"),
    (lambda: plots.matrix(np.eye(2), row_labels="abc"), "labels: expected 2, found 3"),
    (lambda: plots.streamlines(lambda z: z, n=1), "at least 2 grid points"),
    (lambda: plots.streamlines(lambda z: z[:, 0]), "field: expected shape"),
    (lambda: plots.figure_html(plots.figure()[0], " "), "a text that says"),
])
def test_bad_input_is_told_in_one_line(call, says):
    with pytest.raises(SymnbError, match=says) as e: call()
    assert "\n" not in str(e.value)
