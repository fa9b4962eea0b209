"""The shape of a page: short, a little code at a time, something that runs after each step."""
import json
import re

import pytest
from conftest import ROOT, notebooks

PAGES = {str(p.relative_to(ROOT / "nbs")): p for p in notebooks()}
LIMITS = dict(cells=60, median=5, most=20, silent=3, words=30)
# Pages that still exceed a limit, with what they may reach; an entry may only become smaller.
ALLOWED = json.loads((ROOT / "tests" / "repo" / "pages.json").read_text(encoding="utf-8"))


def source(cell): return "".join(cell["source"]).strip()


def sentences(cells):
    "Prose without tables, headings, formulas and code."
    text = "\n\n".join(source(c) for c in cells if c["cell_type"] == "markdown")
    text = re.sub(r"```.*?```|\$\$.*?\$\$|<details>.*?</details>", "", text, flags=re.S)
    text = re.sub(r"\$[^$]*\$", "x", re.sub(r"^(\||#|>).*$", "", text, flags=re.M))
    for block in re.split(r"\n\s*\n|^\s*[-*] |^\s*\d+\. ", text, flags=re.M):
        yield from re.split(r"(?<=[.!?:;])\s+", block.strip())


def shape(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [source(c) for c in cells if c["cell_type"] == "code" and source(c)]
    sizes = sorted(len(s.splitlines()) for s in code) or [0]
    run = silent = 0
    for s in code:
        run = run + 1 if re.search(r"^#\|\s*exporti?s?\b", s, re.M) else 0
        silent = max(silent, run)
    words = max((len(s.split()) for s in sentences(cells)), default=0)
    return dict(cells=len(cells), median=sizes[len(sizes) // 2], most=sizes[int(.9 * len(sizes))], silent=silent,
                words=words)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_keeps_its_shape(name):
    found, allowed = shape(PAGES[name]), ALLOWED.get(name, {})
    over = {k: v for k, v in found.items() if v > max(LIMITS[k], allowed.get(k, 0))}
    assert not over, f"{name}: at most {LIMITS}"


def test_what_is_allowed_is_needed():
    for name, allowed in ALLOWED.items():
        found = shape(PAGES[name])
        assert all(found[k] > LIMITS[k] for k in allowed), f"{name} has become smaller: take it from pages.json"


@pytest.mark.parametrize("name", PAGES)
def test_figures_have_alternative_texts(name):
    for cell in json.loads(PAGES[name].read_text(encoding="utf-8"))["cells"]:
        shown = [o for o in cell.get("outputs", ()) if "image/png" in o.get("data", {})]
        explorer = any("text/html" in o["data"] for o in shown)
        if shown and not explorer: assert "#| fig-alt:" in "".join(cell["source"]), "".join(cell["source"])[:80]
