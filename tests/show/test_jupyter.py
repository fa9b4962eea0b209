"""Notebooks restart and run all in a real Jupyter kernel too, not only under nbdev_test."""
import os

import nbformat
import pytest
from conftest import ROOT

from symnb.ground.files import runs_dir

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.mark.parametrize("name", ["ground/06_plots", "show/80_explore"])
def test_restart_and_run_all(name, monkeypatch):
    "With the widgets and explorers that are then shown."
    client = pytest.importorskip("nbclient", reason="nbclient is not installed")
    monkeypatch.setenv("SYMNB_RUNS", str(runs_dir()))
    monkeypatch.setenv("SYMNB_PROFILE", "quick")
    monkeypatch.setenv("IN_TEST", "1")  # as nbdev_test: the last cell exports nothing
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(ROOT / "nbs" / f"{name}.ipynb", as_version=4)
    client.NotebookClient(notebook, timeout=2400, kernel_name="python3",
                          resources=dict(metadata=dict(path=str((ROOT / "nbs" / name).parent)))).execute()
    shown = [o.data for c in notebook.cells for o in c.get("outputs", []) if "data" in o]
    assert all("image/png" in d for d in shown if "symnb-explorer" in d.get("text/html", ""))
    assert any("image/png" in d for d in shown)
    asking = [d for d in shown if "symnb-explorer" in d.get("text/html", "") and VIEW in d]
    assert bool(asking) == (name == "show/80_explore")
