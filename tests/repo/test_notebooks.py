"""Every notebook runs from top to bottom, in a process of its own.

They share the cache of trained models under runs/ with each other and with the other tests.
"""
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import call, notebooks

MINUTES = 40  # for one notebook, with nothing trained yet, on a slow machine
NBDEV_TEST = shutil.which("nbdev_test", path=Path(sys.executable).parent)
ALL = notebooks()


@pytest.mark.parametrize("path", ALL, ids=[p.stem for p in ALL])
def test_notebook(path):
    try:
        done = call(NBDEV_TEST, "--path", path, "--n_workers", 0, timeout=60 * MINUTES)
    except subprocess.TimeoutExpired:
        pytest.fail(f"did not end within {MINUTES} minutes")
    assert done.returncode == 0 and "Success." in done.stdout, done.stdout
