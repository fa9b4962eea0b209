"""The package is what the notebooks export, and the notebooks are clean.

Both are tried in a copy: uncommitted work is judged as it stands and is not touched.
"""
import re
import shutil

from conftest import ROOT, call, notebooks, python

IGNORED = {".git", ".venv", "runs", "_proc", "_docs", "build", "dist", "__pycache__", ".pytest_cache",
           ".hypothesis", ".ipynb_checkpoints", "symnb.egg-info"}


def contents(folder, pattern):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob(pattern))
            if "__pycache__" not in p.parts and ".ipynb_checkpoints" not in p.parts}


def differing(a, b):
    return sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))


def test_notebooks_are_clean(copy):
    python("from nbdev.clean import nbdev_clean; nbdev_clean()", cwd=copy)
    unclean = differing(contents(ROOT / "nbs", "*.ipynb"), contents(copy / "nbs", "*.ipynb"))
    assert not unclean, f"run nbdev_clean: {unclean}"


def test_package_is_exported(copy):
    for old in (copy / "symnb").rglob("*.py"):
        if old.name != "__init__.py":
            old.unlink()
    python("from nbdev.doclinks import nbdev_export; nbdev_export()", cwd=copy)
    stale = differing(contents(ROOT / "symnb", "*.py"), contents(copy / "symnb", "*.py"))
    assert not stale, f"run nbdev_export, or remove what no notebook exports: {stale}"


def test_notebooks_are_small():
    large = {p.name: p.stat().st_size for p in notebooks() if p.stat().st_size > 1_200_000}
    assert not large


def test_no_path_of_a_machine_is_left():
    "Home folders and the like come with a traceback or a printed path, and mean nothing elsewhere."
    local = re.compile(r"(?<![\w.])/(?:home/\w|Users/\w|root/|work/)|(?<!\w)[A-Z]:\\\\?Users\b")
    left = [p.relative_to(ROOT) for p in tracked() if local.search(p.read_text(encoding="utf-8"))]
    assert not left


def tracked():
    "The text files of the repository; all but ignored folders where there is no git."
    if (ROOT / ".git").exists() and shutil.which("git"):
        paths = [ROOT / name for name in call("git", "ls-files").stdout.splitlines()]
    else:
        paths = [p for p in ROOT.rglob("*") if not set(p.relative_to(ROOT).parts) & IGNORED]
    return [p for p in paths if p.is_file() and p.suffix != ".png"]
