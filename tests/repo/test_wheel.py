"""The package as it is installed: a wheel with all folders and files, imported away from the checkout."""
import shutil
import sys
import zipfile

from conftest import ROOT, call, python


def test_a_wheel_holds_what_the_package_needs(tmp_path):
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
    files = {p.relative_to(tmp_path / "installed").as_posix() for p in (tmp_path / "installed").rglob("*.*")}
    missing = {p.relative_to(ROOT).as_posix() for p in (ROOT / "symnb").rglob("*.*")
               if "__pycache__" not in p.parts and p.is_file()} - files
    assert not missing
