"""The README is what nbs/index.ipynb renders to today, and works wherever it is shown."""
import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from conftest import ROOT, call

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def readme():
    "The script that renders the README."
    spec = importlib.util.spec_from_file_location("readme", ROOT / "tools" / "readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def executed(nbs, to):
    "Execute the index in a folder of notebooks and return it."
    exec_nb = shutil.which("exec_nb", path=Path(sys.executable).parent)
    done = call(exec_nb, "index.ipynb", "--dest", to / "index.ipynb", "--exc_stop", cwd=nbs)
    assert done.returncode == 0, done.stdout
    return json.loads((to / "index.ipynb").read_text(encoding="utf-8"))


def test_readme_is_current(readme, tmp_path):
    text, pictures = readme.render(executed(ROOT / "nbs", tmp_path))
    assert README == text, "run make readme"
    assert pictures and all((ROOT / "nbs" / "images" / name).exists() for name in pictures)


def test_stored_index_is_current(readme):
    stored = json.loads((ROOT / "nbs" / "index.ipynb").read_text(encoding="utf-8"))
    text, pictures = readme.render(stored)
    assert README == text, "run make readme"
    for name, png in pictures.items():
        assert (ROOT / "nbs" / "images" / name).read_bytes() == png


def test_results_are_read_from_their_files(readme, copy, tmp_path):
    row = dict.fromkeys("task method measure unit value spread n chance floor baseline control "
                        "target seeds seconds device data profile code date".split())
    row.update(task="zoo", method="a method", measure="a measure", value=.2468, target="<= .1")
    (copy / "nbs" / "results").mkdir(exist_ok=True)
    (copy / "nbs" / "results" / "vae.json").write_text(json.dumps([row]))
    text, _ = readme.render(executed(copy / "nbs", tmp_path))
    line = next(line for line in text.splitlines() if "a method " in line)
    assert ".2468" in line and "missed" in line


def test_hidden_cells_are_left_out(readme):
    cell = dict(cell_type="code", outputs=[dict(text=["shown\n"])])
    mark = lambda m: dict(cell, source=[f"#| {m}\n", "x = 1"])
    text = lambda *cells: readme.render(dict(cells=cells))[0]
    assert "shown" not in text(mark("hide"))
    assert "shown" in text(mark("echo: false")) and "x = 1" not in text(mark("echo: false"))
    assert "x = 1" in text(mark("eval: true")) and "#|" not in text(mark("eval: true"))


def test_links_work_wherever_the_readme_is_shown():
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)", README)
    assert len(links) > 5
    for picture, target in links:
        if picture:
            assert (ROOT / target).is_file()
        else:
            assert target.startswith("https://")


def test_links_into_the_repository_exist():
    inside = re.findall(r"https://github\.com/symnb/symnb/(?:blob|tree)/main/([^)\s]+)", README)
    assert inside and all((ROOT / target).exists() for target in inside)
