"""The explorer in a real browser: without a kernel as the site serves it, in the report, and in JupyterLab.

Needs the system's Chromium (`.ci/run` installs it); without one these tests are skipped.
"""
import base64
import functools
import http.server
import importlib.util
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import nbformat
import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image
from test_explore import decode, points, turn

from symnb.show.explore import explorer
from symnb.show.moving import signal_explorer
from symnb.data.digits import load_digits
from symnb.ground.files import results_dir, runs_dir
from symnb.measures.angles import best_rotation
from symnb.studies.oracle import paced_flow, study as oracle_study
from symnb.show.site import raw_html
from symnb.find.supervised import procrustes, turned_pairs
from symnb.models.zoo import trained_vae

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(22, 24, 28)"


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    "A page that keeps its requests and whatever went wrong."
    made = chromium.new_page(viewport=dict(width=900, height=1500))
    made.set_default_timeout(180_000)  # a busy machine
    made.asked, made.wrong = [], []
    made.on("request", lambda r: made.asked.append(r.url))
    made.on("requestfailed", lambda r: made.wrong.append(f"failed: {r.url}"))
    made.on("response", lambda r: made.wrong.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
    made.on("pageerror", lambda e: made.wrong.append(f"error: {e}\n{e.stack}"))
    made.on("console", lambda m: made.wrong.append(f"console: {m.text}") if m.type == "error" else None)
    yield made
    made.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    "A folder, and the address at which it is served."
    folder = tmp_path_factory.mktemp("site")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def several(site):
    "A page with a plane, orbits of a larger latent, and signals."
    z, y = points()
    z5, y5 = points(5)
    scores = lambda v: torch.stack([8 * v[:, 0], 0 * v[:, 0]], 1)
    x = torch.exp(-(torch.arange(41.) - torch.tensor([[20.], [15.]])) ** 2 / 20).double()
    moved = [torch.stack([x.roll(s, 1) * a for s in range(-5, 6)]) for a in (.9, 1.)]
    made = [explorer(decode, turn(), z, y, images=decode(z), scores=scores, names=["right", "left"], n=9, title="plane"),
            explorer(decode, turn(5), z5, y5, images=decode(z5), title="orbits"),
            signal_explorer(x, moved[0], moved[1], np.arange(-5, 6), unit="pixels", title="signals")]
    head = '<!doctype html><html><head><meta charset="utf-8"><link rel="icon" href="data:,"></head><body style="max-width:800px">'
    (site[0] / "several.html").write_text(head + "\n<p>and</p>\n".join(e.html for e in made), encoding="utf-8")
    return made, f"{site[1]}/several.html"


def explorers(page, address, count):
    "The explorers of a page, once they are ready."
    page.goto(address)
    page.wait_for_function(f"document.querySelectorAll('iframe').length == {count}")
    boxes = [f.locator(".sx[data-ready]") for f in page.frames[1:]]
    for box in boxes:
        box.wait_for()
    return boxes


def pixels(canvas):
    "The grey values of a canvas, as the reader sees them."
    data = canvas.evaluate("c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)")
    width = canvas.evaluate("c => c.width")
    return np.array(data).reshape(-1, width, 4)[:, :, 0]


def at(box):
    return json.loads(box.get_attribute("data-at"))


def screen(box, spec, p):
    "Where a point of the map is on the screen."
    r = box.locator("canvas.plane").bounding_box()
    (x0, x1), (y0, y1) = spec["viewX"], spec["viewY"]
    u, v = 56 + (p[0] - x0) / (x1 - x0) * 560, 8 + (y1 - p[1]) / (y1 - y0) * 576
    return r["x"] + u * r["width"] / 640, r["y"] + v * r["height"] / 640


def drag(page, start, *places):
    page.mouse.move(*start)
    page.mouse.down()
    for p in places:
        page.mouse.move(*p)
    page.mouse.up()


def blended(spec, p):
    "What lies between the four nearest stored pictures."
    n, tiles = spec["nx"], spec["atlas"]["tiles"].reshape(spec["ny"], spec["nx"], 28, 28)[::-1]
    u, v = ((p[k] - spec[x][0]) / (spec[x][1] - spec[x][0]) * (n - 1) for k, x in enumerate("xy"))
    (i, a), (j, b) = ((int(w), w % 1) for w in (u, v))
    return 255 * ((1 - b) * ((1 - a) * tiles[j, i] + a * tiles[j, i + 1])
                  + b * ((1 - a) * tiles[j + 1, i] + a * tiles[j + 1, i + 1]))


def off(seen, z):
    "Largest difference from the decoder's picture, in grey values."
    z = torch.as_tensor(z, dtype=torch.float32).reshape(1, -1)
    return np.abs(seen - 255 * decode(z)[0, 0].numpy()).max()


def test_dragging_shows_the_decoded_pictures(page, several):
    (made, *_), address = several
    box, spec = explorers(page, address, 3)[0], made.spec
    xs, ys = (np.linspace(*spec[k], 9) for k in "xy")
    seen = []
    for i, j in ((4, 4), (6, 2), (3, 5)):
        drag(page, screen(box, spec, (0, 0)), screen(box, spec, (xs[i], ys[j])))
        place = at(box)["p"]
        assert np.abs(np.array(place) - (xs[i], ys[j])).max() < .01 * (xs[-1] - xs[0])
        seen.append(pixels(box.locator("canvas.seen")))
        assert np.abs(seen[-1] - blended(spec, place)).max() <= 1
        assert off(seen[-1], (xs[i], ys[j])) < 8  # half a screen pixel away from a stored picture
        assert f"latent 1 {round(place[0], 2) + 0.:.2f}, latent 2 {round(place[1], 2) + 0.:.2f}" in box.locator("output").inner_text()
    assert all(np.abs(a - b).max() > 50 for a, b in zip(seen, seen[1:]))
    assert not page.wrong


def test_keys_and_the_slider_follow_the_flow(page, several):
    (made, *_), address = several
    box, (z, _) = explorers(page, address, 3)[0], points()
    assert np.abs(pixels(box.locator("canvas.seen")) - blended(made.spec, z[0].numpy())).max() <= 1
    box.locator("input").evaluate("e => { e.value = 90; e.dispatchEvent(new Event('input')); }")
    there = at(box)
    wanted = turn()(z[:1], 90.)[0]
    assert there["t"] == 90 and np.abs(np.array(there["p"]) - wanted.numpy()).max() < 2e-3
    truth = torch.rot90(decode(z[:1])[0, 0], 1).numpy() * 255
    assert np.abs(pixels(box.locator("canvas.truth")) - truth).max() <= 1
    p = torch.tensor([[8 * wanted[0], 0]]).softmax(1)[0, 0]
    assert abs(float(box.locator(".bar").first.inner_text().split()[-1]) - p) < .05
    box.locator("canvas.plane").focus()
    for key, axis, sense in (("ArrowRight", 0, 1), ("ArrowUp", 1, 1), ("Shift+ArrowLeft", 0, -1)):
        before = np.array(at(box)["p"])
        page.keyboard.press(key)
        moved = np.array(at(box)["p"]) - before
        assert sense * moved[axis] > 0 and moved[1 - axis] == pytest.approx(0)
    assert not page.wrong


def test_orbits_keep_to_the_orbit(page, several):
    (_, made, _), address = several
    box, (z, _) = explorers(page, address, 3)[1], points(5)
    box.locator("select").select_option("2")
    box.locator("input").evaluate("e => { e.value = 40; e.dispatchEvent(new Event('input')); }")
    assert at(box)["t"] == 40 and off(pixels(box.locator("canvas.seen")), turn(5)(z[2:3], 40.)) <= 1
    orbit = turn(5).orbit(z[2:3], torch.tensor([200.]))[:, 0]
    place = np.array(_map_of(made, orbit))
    drag(page, screen(box, made.spec, place + .02), screen(box, made.spec, place))
    assert abs(at(box)["t"] - 200) < 6
    box.get_by_role("button", name="Play").click()
    time.sleep(.4)
    box.get_by_role("button", name="Pause").click()
    t = at(box)["t"]
    time.sleep(.2)
    assert t > 206 and at(box)["t"] == t
    assert not page.wrong


def _map_of(made, z):
    "Where codes lie on a map of principal axes."
    from symnb.ground.plots import principal_axes
    return principal_axes(z, 2, points(5)[0])[0][0]


def test_signals_move_under_both_generators(page, several):
    box = explorers(page, several[1], 3)[2]
    r = box.locator("canvas.plane").bounding_box()
    shot = lambda: box.locator("canvas.plane").evaluate("c => c.toDataURL()")
    before = shot()
    drag(page, (r["x"] + r["width"] / 2, r["y"] + 50), (r["x"] + r["width"] * .95, r["y"] + 50))
    assert at(box)["t"] > 4.5 and shot() != before
    assert "off by 10.0 % of the true signal" in box.locator("output").inner_text()
    assert not page.wrong


def test_several_on_a_page_share_nothing_and_fetch_nothing(page, several):
    boxes = explorers(page, several[1], 3)
    before = [at(b)["t"] for b in boxes[1:]]
    boxes[0].locator("input").evaluate("e => { e.value = 90; e.dispatchEvent(new Event('input')); }")
    assert at(boxes[0])["t"] == 90 and [at(b)["t"] for b in boxes[1:]] == before
    fetched = [a for a in page.asked if not a.startswith("data:") and a != "about:srcdoc"]
    assert fetched == [several[1]] and not page.wrong


def test_names_for_those_who_cannot_see_it(page, several):
    box = explorers(page, several[1], 3)[0]
    for role, name in (("application", "plane. Drag on the map"), ("slider", "flow parameter t in degrees"),
                       ("button", "Play"), ("combobox", "digit"), ("img", "decoded"), ("img", "truly turned")):
        assert box.get_by_role(role, name=name).count() == 1, name
    assert box.locator("output").get_attribute("aria-live") == "polite"
    assert page.locator("iframe").first.get_attribute("title") == "plane"


@pytest.mark.parametrize("scheme, paper", [("light", LIGHT), ("dark", DARK)])
@pytest.mark.parametrize("width", [900, 740, 380])
def test_light_dark_and_narrow(page, several, scheme, paper, width):
    "Nothing is cut off, and a screenshot is neither empty nor of the wrong brightness."
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(dict(width=width, height=1500))
    boxes = explorers(page, several[1], 3)
    page.wait_for_function("Array.from(document.querySelectorAll('iframe')).every(f => f.style.height)")
    for box in boxes:
        assert box.evaluate("b => getComputedStyle(b).backgroundColor") == paper
        assert box.evaluate("b => innerHeight - b.getBoundingClientRect().height") < 2  # and no empty room below
        tall, wide = box.evaluate("b => { const d = document.documentElement;"
                                  "return [d.scrollHeight - innerHeight, d.scrollWidth - innerWidth] }")
        assert tall <= 0 and wide <= 0
    shot = np.asarray(Image.open(io.BytesIO(boxes[0].screenshot())).convert("L"), float)
    share = (np.abs(shot - shot[20, 3]) > 40).mean()
    assert (shot.mean() > 128) == (scheme == "light") and .02 < share < .6


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_switch_of_the_page_goes_before_the_system(page, several, system):
    "As Quarto and JupyterLab mark the body; without a mark the system decides again. Canvases follow."
    from playwright.sync_api import expect
    page.emulate_media(color_scheme=system)
    boxes, drawn = explorers(page, several[1], 3), {}
    own = DARK if system == "dark" else LIGHT
    for mark, paper in [("className = 'nav quarto-light'", LIGHT), ("className = 'quarto-dark'", DARK),
                        ("className = ''", own), ("dataset.jpThemeLight = 'false'", DARK),
                        ("dataset.jpThemeLight = 'true'", LIGHT)]:
        page.evaluate(f"document.body.{mark}")
        for k, box in enumerate(boxes):
            expect(box).to_have_css("background-color", paper)
            url = box.locator("canvas.plane").evaluate("c => c.toDataURL()")
            assert drawn.setdefault((k, paper), url) == url, mark
    assert all(drawn[k, LIGHT] != drawn[k, DARK] for k in range(3)) and not page.wrong


def test_the_report_opens_and_its_explorer_works(page, site):
    from symnb.show.report import run_report
    from symnb.show.run import Result
    z, y = points()
    panel = explorer(decode, turn(), z, y, n=9, title="in the report")
    result = Result("hand", "By hand", [], [], [("Drag.", panel.html)], 1.)
    (site[0] / "report.html").write_text(run_report([result], "1 task", {}), encoding="utf-8")
    box = explorers(page, f"{site[1]}/report.html", 1)[0]
    box.scroll_into_view_if_needed()
    before = pixels(box.locator("canvas.seen"))
    drag(page, screen(box, panel.spec, z[0].tolist()), screen(box, panel.spec, (-z[0]).tolist()))
    assert np.abs(pixels(box.locator("canvas.seen")) - before).max() > 50
    assert not page.wrong and not [a for a in page.asked if not a.startswith(("data:", "about:", site[1]))]


@pytest.mark.parametrize("name", ["find/51_oracle", "use/60_invariant", "show/80_explore", "start/01_methods"])
def test_pages_of_the_site(page, site, name):
    "A static render of stored outputs, as `symnb.show.site.raw_html` hands them over, narrow and in the dark."
    spec = importlib.util.spec_from_file_location("preview", ROOT / "tools" / "preview.py")
    preview = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(preview)
    notebook = json.loads((ROOT / "nbs" / f"{name}.ipynb").read_text(encoding="utf-8"))
    stored = [c.get("outputs", []) for c in notebook["cells"]]
    count = json.dumps(stored).count('class=\\"symnb-explorer\\"')
    for cell in notebook["cells"]:
        raw_html(cell)
    page_name = name.replace("/", "-")
    preview.render({page_name: notebook}, site[0] / "pages")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(dict(width=420, height=900))
    boxes = explorers(page, f"{site[1]}/pages/{page_name}.html", count)
    assert len(boxes) == count and (count > 0) == (name != "start/01_methods")
    for box in boxes:
        before = at(box)["t"]
        box.locator("canvas.plane").focus()
        box.locator("input").evaluate("e => { e.value = +e.max; e.dispatchEvent(new Event('input')); }")
        assert at(box)["t"] != before and box.locator("output").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not page.wrong and not [a for a in page.asked if not a.startswith(("data:", "about:", site[1]))]


CHOICES = """
import sys
sys.path.insert(0, {tests!r})
from test_explore import decode, points, turn
from symnb.show.explore import live
z, y = points(5)
live(decode, turn(5), z, y, n=5)
"""
REAL = "models/32_zoo", "find/51_oracle"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    "JupyterLab with copies of two notebooks, and a small one: its address."
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    folder = tmp_path_factory.mktemp("lab")
    cell = nbformat.v4.new_code_cell(CHOICES.format(tests=str(ROOT / "tests" / "show")).strip())
    meta = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=meta), folder / "choices.ipynb")
    shutil.copytree(ROOT / "nbs" / "results", folder / "results")
    for name in REAL:
        shutil.copy(ROOT / "nbs" / f"{name}.ipynb", folder)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    home = {k: str(folder / k.lower()) for k in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    environment = {**os.environ, **home, "SYMNB_RUNS": str(runs_dir()), "SYMNB_RESULTS": str(results_dir()), "SYMNB_PROFILE": "quick", "IN_TEST": "1",
                   "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0",
               "--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None",
               "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.extension_manager=readonly"]
    log = open(folder / "log.txt", "w")
    server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for left in reversed(range(720)):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5)
                break
            except OSError:
                assert server.poll() is None and left, (folder / "log.txt").read_text()
                time.sleep(.25)
        yield address
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def exact(page, box):
    "The state whose exact picture is shown, once the kernel has answered for the present one."
    handle = box.element_handle()
    page.wait_for_function("b => b.dataset.exact && JSON.parse(b.dataset.exact).t == JSON.parse(b.dataset.at).t", arg=handle,
                           timeout=60_000)
    return json.loads(box.get_attribute("data-exact"))


def run_all(page, address, name):
    "Open a notebook, run all its cells, of which none may fail, and return its explorer."
    page.set_viewport_size(dict(width=1300, height=1600))
    page.goto(f"{address}/lab/workspaces/{name}/tree/{name}.ipynb", timeout=180_000)  # no tabs of other tests
    page.wait_for_function("name => { const shown = window.jupyterapp?.shell.currentWidget?.context;"
                           "return shown?.path == name && shown.sessionContext.session?.kernel?.status == 'idle' }",
                           arg=f"{name}.ipynb", timeout=180_000)
    page.wrong.clear()  # JupyterLab's own start is not what is tested here
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells')"
                  ".then(() => { window.ended = true }) }")
    page.wait_for_function("window.ended", timeout=1_800_000)
    cells = page.evaluate("window.jupyterapp.shell.currentWidget.content.model.toJSON().cells")
    assert not [o for c in cells for o in c.get("outputs", ()) if o["output_type"] == "error"]
    assert all(c["execution_count"] for c in cells if c["cell_type"] == "code" and c["source"])
    box = page.locator(".sx[data-ready]")
    box.scroll_into_view_if_needed()
    return box


def move_time(box, t):
    box.locator("input").evaluate("(e, t) => { e.value = t; e.dispatchEvent(new Event('input')); }", t)


def walk(page, box, model, action, t=90.):
    """Move the slider, then drag: the exact picture, and the read-outs, must be what Python says there.

    Returns the codes of the two places, as they are on the page, with the probabilities shown.
    """
    decoded = lambda z: 255 * model.decode(z).sigmoid().detach()[0, 0].numpy()
    shown = lambda: (pixels(box.locator("canvas.seen")), box.locator("output").inner_text(),
                     np.array([float(b.split()[-1]) for b in box.locator(".bar").all_inner_texts()]))
    start = torch.tensor([at(box)["p"]])
    first = pixels(box.locator("canvas.seen"))
    move_time(box, t)
    assert exact(page, box)["t"] == t
    z, (seen, said, bars) = action(start, t), shown()
    assert np.abs(seen - decoded(z)).max() <= 1 and np.abs(seen - first).max() > 50
    numbers = [float(v) for v in re.findall(r"latent \d (-?[\d.]+)|measured (-?[\d.]+)", said) for v in v if v]
    assert np.abs(np.array(numbers[:2]) - z[0].detach().numpy()).max() < .02
    moved = best_rotation(*(torch.as_tensor(decoded(v) / 255)[None, None].float() for v in (start, z)))[0]
    assert f"t = {t:.0f} degrees" in said and abs(numbers[2] - float(moved)) < .2
    found = [(z, bars)]
    r = box.locator("canvas.plane").bounding_box()
    drag(page, (r["x"] + 90, r["y"] + 90), *[(r["x"] + 90 + 10 * k, r["y"] + 90 + 8 * k) for k in range(1, 12)])
    z, (seen_, said, bars) = torch.tensor([exact(page, box)["p"]]), shown()
    assert np.abs(seen_ - decoded(z)).max() <= 1 and np.abs(seen_ - seen).max() > 50
    assert ", ".join(f"latent {k + 1} {round(v, 2) + 0.:.2f}" for k, v in enumerate(z[0].tolist())) in said
    return found + [(z, bars)]


def faults(page):
    "What went wrong, without what JupyterLab's own code threw all by itself: every script in the stack is its own."
    scripts = {w: re.findall(r"(?:https?|data|blob|file):\S+", w.partition("\n")[2]) for w in page.wrong}
    return [w for w in page.wrong if not scripts[w] or not all("/static/lab/" in s for s in scripts[w])]


@pytest.mark.parametrize("source", ["data:text/javascript,", "/static/lab/main.js#"])
def test_errors_are_told_apart(page, site, source):
    "An error of JupyterLab's bundles is forgiven, one of any other script, or a message in the console, is not."
    (site[0] / "static" / "lab").mkdir(parents=True, exist_ok=True)
    broken = "document.body.removeChild(document.createElement('p'))"
    (site[0] / "static" / "lab" / "main.js").write_text(broken)
    (site[0] / "broken.html").write_text(f'<link rel="icon" href="data:,"><body><script src="{source}{broken}"></script>')
    page.goto(f"{site[1]}/broken.html")
    assert len(page.wrong) == 1 and "not a child" in page.wrong[0]
    assert len(faults(page)) == source.startswith("data")
    page.evaluate("console.error('wrong')")
    assert len(faults(page)) == 1 + source.startswith("data")


def test_the_notebook_of_autoencoders_in_jupyterlab(page, lab):
    "The real notebook, run with a kernel: its map asks the kernel, in the colours of JupyterLab."
    box = run_all(page, lab, "32_zoo")
    data = load_digits("mnist5k")
    model, _ = trained_vae("conv", 2, data, (1, 2))
    walk(page, box, model.cpu(), procrustes(*turned_pairs(model, data.part("train", (1, 2)).images)))
    for theme, paper in ("JupyterLab Dark", DARK), ("JupyterLab Light", LIGHT):
        page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
        page.wait_for_function("([b, c]) => getComputedStyle(b).backgroundColor == c", arg=[box.element_handle(), paper])
    assert not faults(page)


def test_the_notebook_of_the_oracle_in_jupyterlab(page, lab):
    "The probabilities beside the picture are the oracle's own, too."
    box = run_all(page, lab, "51_oracle")
    data = load_digits("mnist5k")
    model, oracle, _, flow, _ = paced_flow(2, (1, 2), 0, oracle_study.size, data)
    for z, bars in walk(page, box, model.cpu(), flow.cpu()):
        assert np.abs(bars - oracle.cpu()(z).softmax(1)[0].detach().numpy()).max() < .006
    assert not faults(page)


def test_another_map_is_chosen_in_jupyterlab(page, lab):
    large = run_all(page, lab, "choices")
    assert "principal axis" in large.locator("output").inner_text()
    large.locator(".views select").first.focus()
    large.locator(".views select").first.select_option("1")
    large.locator("output", has_text="latent 1").wait_for()
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.ariaLabel") == "map"
    r = large.locator("canvas.plane").bounding_box()
    drag(page, (r["x"] + 200, r["y"] + 200), (r["x"] + 120, r["y"] + 100))
    there = torch.tensor([[*exact(page, large)["p"], *points(5)[0][0, 2:]]])
    assert off(pixels(large.locator("canvas.seen")), there) <= .6
    assert not faults(page)
