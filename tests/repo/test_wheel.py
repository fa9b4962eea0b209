"""The package as it is installed: a wheel with all folders and files, imported away from the checkout."""
import importlib.util
import re
import shutil
import sys
import zipfile

import pytest
from conftest import ROOT, call, python


EXTRAS = ["e2cnn", "IPython", "ipywidgets", "anywidget", "traitlets", "jupyterlab", "nbdev", "fastcore", "execnb", "pysindy", "zuko", "distributed"]

ABSENT = f"""
import sys
class Absent:
    def find_spec(name, *others):
        if name.partition(".")[0] in {EXTRAS}: raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent)
"""


def test_a_wheel_holds_what_the_package_needs(tmp_path):
    "Its answer on a small file is given where no extra can be imported."
    source = tmp_path / "source"
    source.mkdir()
    for name in ("settings.ini", "setup.py", "README.md", "LICENSE", "MANIFEST.in", "CHANGELOG.md", "CITATION.cff"):
        shutil.copy2(ROOT / name, source)
    shutil.copytree(ROOT / "symnb", source / "symnb", ignore=shutil.ignore_patterns("__pycache__"))
    done = call(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, source)
    assert done.returncode == 0, done.stdout[-2000:]
    [wheel] = tmp_path.glob("symnb-*.whl")
    with zipfile.ZipFile(wheel) as f: f.extractall(tmp_path / "installed")
    said = python("""
import importlib, pkgutil, symnb
for m in pkgutil.walk_packages(symnb.__path__, "symnb."): importlib.import_module(m.name)
from symnb.show.report import html_page
from symnb.find import procrustes
print(symnb.__file__, len(html_page("a", "b")), procrustes.__module__)""", cwd=tmp_path,
                  PYTHONPATH=str(tmp_path / "installed"))
    assert str(tmp_path / "installed") in said and "symnb.find.supervised" in said
    (tmp_path / "small.csv").write_text("a,b,c\n" + "\n".join(f"{i % 7},{i % 5 + i % 3},{i % 11}" for i in range(300)))
    (tmp_path / "installed" / "sitecustomize.py").write_text(ABSENT)
    done = call(sys.executable, "-m", "symnb.show.cli", "discover", "small.csv", cwd=tmp_path, PYTHONPATH=str(tmp_path / "installed"))
    assert done.returncode == 0 and (tmp_path / "small-discover" / "report.html").exists(), done.stdout
    files = {p.relative_to(tmp_path / "installed").as_posix() for p in (tmp_path / "installed").rglob("*.*")}
    missing = {p.relative_to(ROOT).as_posix() for p in (ROOT / "symnb").rglob("*.*")
               if "__pycache__" not in p.parts and p.is_file()} - files
    assert not missing


def settings():
    text = (ROOT / "settings.ini").read_text(encoding="utf-8")
    return {k: v for k, v in re.findall(r"^(\w+) = (.*)$", text, re.M)}


def names(line):
    return set(re.findall(r"(?:^|[\s\"])([A-Za-z][\w-]*)(?=[<>=\[])", line))


def test_extras_name_packages_and_the_core_needs_no_notebook_tools():
    found = settings()
    assert {"dev", "notebooks", "equations", "e2cnn"} <= {k.removesuffix("_requirements") for k in found}
    assert not names(found["requirements"]) & {"nbdev", "execnb", "fastcore", "ghapi", "pytest", *EXTRAS}
    assert names(found["notebooks_requirements"]) <= names(found["dev_requirements"]) | names(found["requirements"])


@pytest.fixture(scope="module")
def release():
    spec = importlib.util.spec_from_file_location("release", ROOT / "tools" / "release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_release_sets_the_version_everywhere(release):
    made = release.edited(ROOT, "7.8.9", "2031-02-03")
    assert "\nversion = 7.8.9\n" in made["settings.ini"]
    assert "version: 7.8.9\ndate-released: 2031-02-03" in made["CITATION.cff"]
    assert "## 7.8.9 (2031-02-03)" in made["CHANGELOG.md"] and "not released" not in made["CHANGELOG.md"]


@pytest.mark.parametrize("version", ["0.0.1", "1.0", "new"])
def test_a_version_that_cannot_be_meant_stops_the_release(release, version):
    with pytest.raises(SystemExit, match="version: expected"):
        release.edited(ROOT, version, "2031-02-03")


def test_the_citation_names_the_version(release):
    assert f"version: {settings()['version']}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
