"""The package is what the notebooks export, and the notebooks are clean.

Both are tried in a copy: uncommitted work is judged as it stands and is not touched.
"""
from conftest import ROOT, notebooks, python


def contents(folder, pattern):
    return {p.name: p.read_bytes() for p in sorted(folder.glob(pattern))}


def differing(a, b):
    return sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))


def test_notebooks_are_clean(copy):
    python("from nbdev.clean import nbdev_clean; nbdev_clean()", cwd=copy)
    unclean = differing(contents(ROOT / "nbs", "*.ipynb"), contents(copy / "nbs", "*.ipynb"))
    assert not unclean, f"run nbdev_clean: {unclean}"


def test_package_is_exported(copy):
    for old in (copy / "symnb").glob("*.py"):
        if old.name != "__init__.py":
            old.unlink()
    python("from nbdev.doclinks import nbdev_export; nbdev_export()", cwd=copy)
    stale = differing(contents(ROOT / "symnb", "*.py"), contents(copy / "symnb", "*.py"))
    assert not stale, f"run nbdev_export, or remove what no notebook exports: {stale}"


def test_notebooks_are_small():
    large = {p.name: p.stat().st_size for p in notebooks() if p.stat().st_size > 1_200_000}
    assert not large
