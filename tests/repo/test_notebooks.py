"""Every notebook runs from top to bottom, each in a process of its own, two at a time.

They share the cache of trained models under runs/ with each other and with the other tests.
"""
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import call, notebooks

WORKERS = 2
MINUTES = 40  # for one notebook, with nothing trained yet, on a slow machine
NBDEV_TEST = shutil.which("nbdev_test", path=Path(sys.executable).parent)
ALL = notebooks()


def run(path):
    threads = str(max(1, (os.cpu_count() or 1) // WORKERS))
    command = NBDEV_TEST, "--path", path, "--n_workers", 0
    try:
        done = call(*command, timeout=60 * MINUTES, OMP_NUM_THREADS=threads)
    except subprocess.TimeoutExpired:
        return f"did not end within {MINUTES} minutes"
    return "" if done.returncode == 0 and "Success." in done.stdout else done.stdout


@pytest.fixture(scope="module")
def outcomes(request):
    "Starts the notebooks that were selected; the outcome of each can be waited for."
    wanted = [item.callspec.params["path"] for item in request.session.items
              if item.path == request.path and hasattr(item, "callspec")]
    with ThreadPoolExecutor(WORKERS) as pool:
        yield {path: pool.submit(run, path) for path in wanted}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("path", ALL, ids=[p.stem for p in ALL])
def test_notebook(path, outcomes):
    complaint = outcomes[path].result()
    assert not complaint, complaint
