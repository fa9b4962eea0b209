"""The pages as nbdev hands them to Quarto, without Quarto.

`nbdev_docs` prepares every notebook in `_proc` and lets Quarto render that folder; what is wrong
there is wrong on the site.
"""
import json
import re
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, make_copy, notebooks, python

NAMES = [p.stem for p in notebooks()]
SITE = "https://symnb.github.io/symnb/"
HOSTED = re.compile(r"""(?:src|href)=["'](?:https?:)?//|@import|url\(["']?(?:https?:)?//""")
WIDGETS = ("application/vnd.jupyter.widget", "application/javascript", "text/html")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    "The prepared pages, by the name of their notebook."
    at = make_copy(tmp_path_factory.mktemp("site"))
    python("from nbdev.serve import proc_nbs; proc_nbs(n_workers=0)", cwd=at, timeout=600)
    return {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in (at / "_proc").glob("*.ipynb")}


def front(page):
    "The front matter that Quarto reads."
    first = "".join(page["cells"][0]["source"])
    assert page["cells"][0]["cell_type"] == "raw" and first.startswith("---")
    return yaml.safe_load(first.strip().strip("-"))


def address(name, page):
    "Where Quarto puts the page: at its output-file, if it names one."
    return front(page).get("output-file", name + ".html")


def text(page):
    "All the Markdown of a page, outputs included."
    parts = ["".join(c["source"]) for c in page["cells"] if c["cell_type"] == "markdown"]
    return "\n".join(parts + [shown.get("text/markdown", "") for shown in outputs(page)])


def outputs(page):
    for cell in page["cells"]:
        for output in cell.get("outputs", ()):
            yield {kind: "".join(content) for kind, content in output.get("data", {}).items()}


def anchors(page):
    "What a link to a part of the page can name: headings as Pandoc names them, and given ids."
    names = set(re.findall(r"\{[^}]*#([\w.-]+)", text(page)) + re.findall(r"id=\"([^\"]+)", text(page)))
    for heading in re.findall(r"^#+ +(.*)$", text(page), re.M):
        plain = re.sub(r"[^\w\s.-]", "", re.sub(r"\{.*\}", "", heading)).strip().lower()
        names.add(re.sub(r"^[^a-z]+", "", re.sub(r"\s+", "-", plain)))
    return names


def test_every_notebook_becomes_a_page(pages):
    assert sorted(pages) == sorted(NAMES)
    at = [address(name, page) for name, page in pages.items()]
    assert len(set(at)) == len(at)


@pytest.mark.parametrize("name", NAMES)
def test_front_matter(name, pages):
    first = "".join(json.loads((ROOT / "nbs" / f"{name}.ipynb").read_text())["cells"][0]["source"])
    title, description = first.split("\n\n> ")
    assert "\n" not in title + description, "the first cell holds a title and one line about it"
    assert front(pages[name])["title"] == title.removeprefix("# ")
    assert front(pages[name])["description"] == description


@pytest.mark.parametrize("name", NAMES)
def test_page_needs_neither_kernel_nor_other_hosts(name, pages):
    for shown in outputs(pages[name]):
        assert not [kind for kind in shown if kind.startswith(WIDGETS)]
        assert not HOSTED.search(shown.get("text/markdown", "").replace(f'href="{SITE}', ""))
    assert not re.search(r"!\[[^\]]*\]\(https?:", text(pages[name]))


@pytest.mark.parametrize("name", NAMES)
def test_no_output_is_an_error(name, pages):
    kinds = {o["output_type"] for c in pages[name]["cells"] for o in c.get("outputs", ())}
    assert "error" not in kinds


@pytest.mark.parametrize("name", NAMES)
def test_page_is_small(name, pages):
    assert len(json.dumps(pages[name])) < 1_500_000


@pytest.mark.parametrize("name", NAMES)
def test_links_resolve(name, pages):
    known = {address(n, p): p for n, p in pages.items()}
    known |= {f"{n}.ipynb": p for n, p in pages.items()}
    for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", text(pages[name])):
        target, _, anchor = target.removeprefix(SITE).partition("#")
        if re.match(r"\w+:", target):
            continue
        page = known.get(target) if target else pages[name]
        assert page or (ROOT / "nbs" / target).is_file(), f"{name} links to {target}"
        assert not anchor or anchor in anchors(page), f"{name} links to {target}#{anchor}"


def test_site_loads_nothing_from_other_hosts():
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text())
    html = config["format"]["html"]
    assert html["html-math-method"] in ("mathml", "plain")
    themes = [layer for theme in html["theme"].values() for layer in theme]
    own = {layer for layer in themes if layer.endswith(".scss")} | {html["css"], config["website"]["favicon"]}
    styles = {name: (ROOT / "nbs" / name).read_text() for name in own}
    assert "$web-font-path: false;" in styles["site.scss"]
    for style in styles.values():
        assert not HOSTED.search(style)
    assert not config["execute"]["enabled"]


def test_site_configuration_is_found_from_the_notebooks():
    files = yaml.safe_load((ROOT / "nbs" / "_quarto.yml").read_text())["metadata-files"]
    assert (ROOT / "nbs" / files[0]).resolve() == (ROOT / "_quarto.yml").resolve()
