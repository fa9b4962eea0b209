"""Prepared pages as a reader meets them: rendered by Pandoc with the site's own styles, on a phone, and for a screen reader.

Quarto's theme is not part of it. Needs Chromium and the packages pypandoc_binary and axe-core-python.
"""
import importlib.util
import json
import shutil

import pytest
from conftest import ROOT
from test_browser import chromium, page, site  # fixtures
from test_explore import decode, points, turn

PAGES = ["ground/04_board", "symmetry/13_groups", "find/51_oracle", "studies/76_lens", "start/09_names"]


@pytest.fixture(scope="module")
def preview():
    pytest.importorskip("pypandoc", reason="pypandoc_binary is not installed")
    spec = importlib.util.spec_from_file_location("preview", ROOT / "tools" / "preview.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prepared(name):
    "A notebook as nbdev hands it to Quarto."
    from execnb.nbio import nb2dict, read_nb
    from nbdev.processors import FilterDefaults
    notebook = read_nb(ROOT / "nbs" / f"{name}.ipynb")
    processor = FilterDefaults().nb_proc(notebook)
    processor.process()
    return json.loads(json.dumps(nb2dict(processor.nb)))


def critical(page):
    "What axe calls critical: rule, and the first place."
    axe = pytest.importorskip("axe_core_python.sync_playwright", reason="axe-core-python is not installed")
    page.evaluate(axe.Axe().axe_script)
    quick = "axe.run({rules: {'color-contrast': {enabled: false}}})"  # contrast is slow, and never critical
    found = page.evaluate(f"{quick}.then(found => found.violations)")
    return [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] == "critical"]


def wider(page):
    "Elements that reach over the right edge of the window, unless something around them scrolls."
    return page.evaluate("""() => { const edge = document.documentElement.clientWidth, scrolls = e => e && e != document.body
      && (["auto", "scroll", "hidden"].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
      return document.documentElement.scrollWidth <= edge ? [] : Array.from(document.querySelectorAll("main *"))
        .filter(e => e.getBoundingClientRect().right > edge + 1 && !scrolls(e.parentElement))
        .slice(0, 5).map(e => e.outerHTML.slice(0, 160)); }""")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone_and_can_be_heard(page, site, preview, name):
    preview.render({name: prepared(name)}, site[0] / "rendered")
    shutil.copytree(ROOT / "nbs" / "images", site[0] / "rendered" / "images", dirs_exist_ok=True)
    page.set_viewport_size(dict(width=390, height=800))
    page.goto(f"{site[1]}/rendered/{name}.html")
    page.locator(".symnb-head").wait_for()
    page.wait_for_timeout(300)
    assert not wider(page) and page.evaluate("document.documentElement.scrollWidth <= 390")
    if name == "start/09_names": # one list like the other: the first shows all that axe could say
        page.evaluate("document.querySelectorAll('main ul > li:nth-child(n + 4)').forEach(e => e.remove())")
    assert not critical(page) and not page.wrong


@pytest.mark.parametrize("name", ["studies/71_vae", "studies/75_invariant"])
def test_no_column_of_a_wide_table_is_out_of_sight(page, site, preview, name):
    "In a text column of 750 pixels, which Quarto leaves between two menus; and no table is wider than a phone without scrolling."
    preview.render({name: prepared(name)}, site[0] / "rendered")
    page.goto(f"{site[1]}/rendered/{name}.html")
    page.locator("main").evaluate("e => e.style.cssText = 'flex: 0 0 800px; max-width: 800px'")
    boxes = page.evaluate("""Array.from(document.querySelectorAll(".cell-output-display table"))
      .map(t => [t.scrollWidth, t.closest(".cell-output-display").clientWidth, t.caption && t.caption.innerText])""")
    assert len(boxes) > 3 and all(own <= room and said for own, room, said in boxes), boxes
    page.locator("main").evaluate("e => e.style.cssText = ''")
    page.set_viewport_size(dict(width=390, height=800))
    assert not wider(page)


def test_formulas_are_set_and_tables_have_numbers_to_the_right(page, site, preview):
    preview.render({"symmetry/10_actions": prepared("symmetry/10_actions")}, site[0] / "rendered")
    page.goto(f"{site[1]}/rendered/symmetry/10_actions.html")
    assert page.locator("math[display=block]").count() and "\\\\mapsto" not in page.locator("main").inner_text()
    entry = page.locator("[id='action.orbit']")
    assert entry.count() == 1 and "Action.orbit" in entry.inner_text()


def test_the_report_and_an_explorer_have_no_critical_fault(page, site):
    from symnb.ground.board import Row
    from symnb.show.explore import explorer
    from symnb.show.report import html_page, run_report
    from symnb.show.run import Result
    z, y = points()
    rows = [Row("toy", "a method", "error", value=.123, control=1., target="<= .2")]
    panel = explorer(decode, turn(), z, y, n=5, title="in the report")
    (site[0] / "heard.html").write_text(run_report([Result("hand", "By hand", rows, rows, [("Drag.", panel.html)], 1.)], "1 task", {"seed": "0"}))
    (site[0] / "alone.html").write_text(panel.html.split('srcdoc="')[1].split('"')[0].replace("&quot;", '"').replace("&lt;", "<")
                                        .replace("&gt;", ">").replace("&#x27;", "'").replace("&amp;", "&"))
    (site[0] / "answer.html").write_text(html_page("An answer", f"<h1>An answer</h1><pre>moved = found.group(x){'  # a long line' * 9}</pre>"))
    page.set_viewport_size(dict(width=390, height=800))
    for name in ("heard", "alone", "answer"):
        page.goto(f"{site[1]}/{name}.html")
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert not critical(page), name
