"""The pages as nbdev hands them to Quarto, without Quarto.

`nbdev_docs` prepares every notebook in `_proc` and lets Quarto render that folder; what is wrong
there is wrong on the site.
"""
import ast
import json
import os
import posixpath
import re

import pytest
import yaml
from conftest import ROOT, make_copy, notebooks, python

SITE = "https://symnb.github.io/symnb/"
HOSTED = re.compile(r"""(?:src|href)=["'](?:https?:)?//|@import|url\(["']?(?:https?:)?//""")
RAW = re.compile(r"`````\{=html\}.*?`````", re.S)
WIDGETS = ("application/vnd.jupyter.widget", "application/javascript", "text/html")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    "The prepared pages, by the name of their notebook, and what nbdev said."
    at = make_copy(tmp_path_factory.mktemp("site"))
    said = python("from nbdev.serve import proc_nbs; proc_nbs(n_workers=0)", cwd=at, timeout=600)
    made = sorted((at / "_proc").rglob("*.ipynb"))
    return {name_of(p, at / "_proc"): json.loads(p.read_text(encoding="utf-8")) for p in made}, said


def name_of(path, root=ROOT / "nbs"):
    "Folder and name of a page, such as find/51_oracle."
    return path.relative_to(root).with_suffix("").as_posix()


@pytest.fixture
def pages(built):
    return built[0]


def front(page):
    "The front matter that Quarto reads."
    first = "".join(page["cells"][0]["source"])
    assert page["cells"][0]["cell_type"] == "raw" and first.startswith("---")
    return yaml.safe_load(first.strip().strip("-"))


def address(name, page):
    "Where Quarto puts the page: in its folder, at its output-file, if it names one."
    folder, _, own = name.rpartition("/")
    return (folder + "/" if folder else "") + front(page).get("output-file", own + ".html")


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
    assert sorted(pages) == sorted(map(name_of, notebooks()))
    assert len({address(*item) for item in pages.items()}) == len(pages)


def test_cells_with_imports_hold_nothing_else():
    "nbdev's own docs would execute such a cell again whenever the site is built."
    mixed = []
    for path in notebooks():
        raw = path.read_text(encoding="utf-8")
        for cell in json.loads(raw)["cells"] if "default_exp" in raw else (): # others are never executed
            source = "".join(cell["source"])
            if cell["cell_type"] == "code" and not re.search(r"nbdev_export\(\)|eval: false|^#\| ?exporti?\b", source, re.M):
                body = ast.parse(re.sub(r"^\s*[%!].*$", "pass", source, flags=re.M)).body
                found = [isinstance(x, (ast.Import, ast.ImportFrom)) for x in body]
                if any(found) and not all(found): mixed.append((path.name, source[:60]))
    assert not mixed


def test_front_matter(pages):
    for path in notebooks():
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        title, description = "".join(cells[0]["source"]).split("\n\n> ")
        assert "\n" not in title + description, f"{path.name}: more than a title and a line about it"
        found = front(pages[name_of(path)])
        assert (f"# {found['title']}", found["description"]) == (title, description)


def test_pages_need_neither_kernel_nor_other_hosts(pages):
    for name, page in pages.items():
        for shown in outputs(page):
            assert not [kind for kind in shown if kind.startswith(WIDGETS)], name
            assert not HOSTED.search(shown.get("text/markdown", "")), name
        assert not re.search(r"!\[[^\]]*\]\(https?:", text(page)), f"{name} shows a picture from elsewhere"


def test_no_output_is_an_error(pages):
    for name, page in pages.items():
        assert "error" not in {o["output_type"] for c in page["cells"] for o in c.get("outputs", ())}, name


def test_pages_are_small(pages):
    assert not {name: size for name, page in pages.items() if (size := len(json.dumps(page))) > 1_500_000}


def test_links_resolve(pages):
    known = {address(n, p): p for n, p in pages.items()} | {f"{n}.ipynb": p for n, p in pages.items()}
    broken = []
    for name, page in pages.items():
        for link in re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", RAW.sub("", text(page))):
            target, _, anchor = link.removeprefix(SITE).partition("#")
            if re.match(r"\w+:", target):
                continue
            if target and not link.startswith(SITE):
                target = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
            if target and target not in known and (ROOT / "nbs" / target).is_file():
                continue
            there = known.get(target) if target else page
            if not there or anchor and anchor.lower() not in anchors(there):
                broken.append((name, link))
    assert not broken


def prose(page):
    "Markdown of a page as the reader gets it, without outputs."
    return "\n".join("".join(c["source"]) for c in page["cells"] if c["cell_type"] == "markdown")


def test_a_page_names_its_module_and_its_notebook(pages):
    for name, page in pages.items():
        raw = (ROOT / "nbs" / f"{name}.ipynb").read_text(encoding="utf-8")
        module = re.search(r'"#\| ?default_exp ([\w.]+)', raw)
        top = "".join(page["cells"][1]["source"])
        assert f"/blob/main/nbs/{name}.ipynb" in top and "colab.research.google.com" in top, name
        assert not module or f"Module `symnb.{module[1]}`" in top and f"from symnb.{module[1]} import *" in top, name


def test_examples_can_be_pasted_after_the_imports_that_the_page_names(pages):
    "In a fresh process, for a page whose imports are hidden; nothing but the page is known there."
    page = pages["ground/04_board"]
    first = re.findall(r"```python\n(.*?)```", "".join(page["cells"][1]["source"]), re.S)[0]
    cells = [c for c in page["cells"] if c["cell_type"] == "code"]
    code = [re.sub(r"^#\|.*$", "", "".join(c["source"]), flags=re.M) for c in cells if "nbdev" not in "".join(c["source"])]
    python(first + "\n" + "\n".join(code[:5]))


def test_every_function_and_method_has_an_entry(pages):
    from symnb.show.reference import methods, modules, page_of, public
    at = {address(n, p): prose(p) for n, p in pages.items()}
    for module in modules():
        heads = set(re.findall(r"^#+ (\S+) \{\.symnb-name\}$", at[page_of(module)], re.M))
        for name, node in public(module).items():
            wanted = [] if isinstance(node, (ast.Assign, ast.AnnAssign)) else [name]
            wanted += [f"{name}.{m.name}" for m in methods(node)] if isinstance(node, ast.ClassDef) else []
            assert heads.issuperset(wanted), f"{module}: {set(wanted) - heads} is not on its page"


def test_signatures_are_python_without_links(pages):
    found = [block for p in pages.values() for block in re.findall(r"\.symnb-name\}\n\n```python\n(.*?)\n```", prose(p), re.S)]
    assert len(found) > 1000
    for block in found:
        assert "NoneType" not in block and "](" not in block
        if not block.startswith("class "): ast.parse(f"def {block.lstrip('.')}: pass")


def test_every_public_name_is_found_from_a_to_z(pages):
    from symnb.show.reference import names
    said = prose(pages["start/09_names"])
    missing = [n for n in names() if f"[`{n.name}`](../{n.module[6:].replace('.', '/')}.html#" not in said]
    assert not missing and len(names()) > 1500


def test_all_options_of_all_commands_are_documented(pages):
    from symnb.show.cli import COMMANDS
    said = prose(pages["show/83_cli"])
    for command, (_, _, options, *_) in COMMANDS.items():
        part = said.split(f"{{#options-{command}}}")[1].split("\n### ")[0]
        assert all(f"`{' '.join(names)}`" in part for names, _ in options), command


def test_building_the_site_leaves_the_readme_alone(tmp_path):
    "`nbdev_docs` writes README.md anew where its notebook is newer; ours is made by tools/readme.py."
    copy = make_copy(tmp_path / "copy")
    (copy / "README.md").write_text("as it is")
    os.utime(copy / "README.md", (1, 1))
    said = python("from nbdev.quarto import nbdev_readme; nbdev_readme.__wrapped__(chk_time=True)", cwd=copy, PATH=str(tmp_path))
    assert "Could not find" in said and (copy / "README.md").read_text() == "as it is"


def test_tables_have_captions(pages):
    from symnb.show.site import ROWS
    bare = [name for name, page in pages.items() for shown in outputs(page) for t in re.findall(r"<table.*?</table>", shown.get("text/markdown", ""), re.S)
            if "<iframe" not in shown["text/markdown"] and (not re.search(r"<caption>[^<]+", t) or ">NaN<" in t or t.count("<tr") > ROWS + 4 and "standings" not in t)]
    assert not bare


def test_pages_of_methods_say_what_to_cite(pages):
    methods = [name for name in pages if name.split("/")[0] in ("find", "use", "models")]
    assert len(methods) > 40
    for name in methods: assert "CITATION.cff" in prose(pages[name]).split("\n## Cite\n")[1], name
    assert "*A Generative Model of Symmetry Transformations*" in prose(pages["find/89_generative"])


def test_links_within_the_site_are_relative(pages):
    assert not [name for name, page in pages.items() if f"]({SITE}" in prose(page)]


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


def test_the_sidebar_names_every_page_once():
    "In reading order; a new notebook needs a line in nbs/sidebar.yml."
    def named(contents):
        for entry in contents:
            yield from named(entry["contents"]) if isinstance(entry, dict) else [entry]
    bar = yaml.safe_load((ROOT / "nbs" / "sidebar.yml").read_text())["website"]["sidebar"]
    names = list(named(bar["contents"]))
    assert sorted(names) == sorted(name_of(p) + ".ipynb" for p in notebooks())
    assert names[0] == "index.ipynb"
    for section in bar["contents"][1:]:
        numbers = [posixpath.basename(n)[:2] for n in named([section])]
        assert numbers == sorted(numbers), section


def test_light_dark_and_search():
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text())
    assert set(config["format"]["html"]["theme"]) == {"light", "dark"} and config["website"]["search"]
    ini = (ROOT / "settings.ini").read_text()
    assert "custom_sidebar = True" in ini and "procs = symnb.show.site:raw_html" in ini


def explorers(page):
    return [s["text/markdown"] for s in outputs(page) if "symnb-explorer" in s.get("text/markdown", "")]


TASKS = ["studies/70_data", "models/32_zoo", "find/50_supervised", "find/51_oracle", "find/52_algebra",
         "find/53_lens", "find/54_solver", "use/60_invariant", "use/61_adaptor", "studies/74_algebra"]


@pytest.mark.parametrize("name", ["models/32_zoo", "find/50_supervised", "find/51_oracle", "find/54_solver",
                                  "use/60_invariant", "studies/74_algebra", "show/80_explore"])
def test_a_task_page_has_its_explorer(pages, name):
    found = explorers(pages[name])
    assert found
    for block in found:
        assert block.strip().startswith("`````{=html}") and len(block) <= 300_100
        assert not re.search(r"https?://", block) and "default-src &#x27;none&#x27;" in block


@pytest.mark.parametrize("name", TASKS)
def test_a_task_page_says_what_it_ran_on_and_what_to_try(pages, name):
    "The banner stands on top, exercises at the end."
    cells = pages[name]["cells"]
    printed = ["".join(o.get("text", "")) for c in cells[:9] for o in c.get("outputs", ())]
    assert any(re.match(r"profile (quick|full) · ", t) for t in printed)
    prose = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    exercises = re.split(r"^## What to try$", prose, flags=re.M)[-1].split("## Cite")[0].split("## Constants")[0]
    assert len(re.findall(r"^- .*\w{4}", exercises, re.M)) >= 3 and not re.search(r"^#+ ", exercises, re.M)


def test_the_methods_page_shows_the_stored_results():
    "Its tables are those that its code makes now: else `make notebooks NB=start/01_methods`."
    cells = json.loads((ROOT / "nbs" / "start" / "01_methods.ipynb").read_text(encoding="utf-8"))["cells"]
    code = [c for c in cells if c["cell_type"] == "code"]
    stored = ["".join(o["data"]["text/markdown"]) for c in code for o in c["outputs"]]
    program = "import ast\nshown = []\n"
    for c in code:
        *lines, last = re.split(r"^(?=table\()", "".join(c["source"]), flags=re.M)
        program += "".join(lines) + (f"shown.append({last.strip()})\n" if last.startswith("table(") else last + "\n")
    said = python(program + "import json; print(json.dumps([m.data for m in shown]))", cwd=ROOT / "nbs" / "start")
    assert json.loads(said) == stored and len(stored) == 7
