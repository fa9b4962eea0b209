"""What all tests share: their order, the folders, and a working copy of the notebooks."""
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
FIRST = ["test_sync.py", "test_notebooks.py"]  # as nbdev users expect of their CI

os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side, one to a core
settings.register_profile("symnb", deadline=None, print_blob=True)
settings.load_profile("symnb")


def pytest_collection_modifyitems(items):
    rank = {name: i for i, name in enumerate(FIRST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(FIRST)))


def pytest_xdist_make_scheduler(config, log):
    "A file's tests stay together on one worker, but notebooks are dealt singly."
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            path = nodeid.split("::")[0]
            return nodeid if path.endswith("test_notebooks.py") else path

    return ByFile(config, log)


def call(*command, cwd=ROOT, timeout=300, **environment):
    "Run a program to its end; returns the completed process with its output as text."
    return subprocess.run([str(c) for c in command], cwd=cwd, timeout=timeout, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, **environment})


def python(code, **kw):
    "Run Python code in a fresh interpreter and return what it printed; it must succeed."
    done = call(sys.executable, "-c", code, **kw)
    assert done.returncode == 0, done.stdout
    return done.stdout


def make_copy(folder):
    "Copy to a folder what nbdev reads and writes, to run its commands there."
    folder.mkdir(exist_ok=True)
    for name in ("settings.ini", "_quarto.yml"):
        shutil.copy2(ROOT / name, folder)
    for name in ("nbs", "symnb"):
        shutil.copytree(ROOT / name, folder / name,
                        ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "nbdev.yml"))
    return folder


@pytest.fixture(autouse=True)
def own_random_numbers(request):
    "Each test draws from its own stream, whatever ran before it."
    import torch
    torch.manual_seed(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture
def copy(tmp_path):
    return make_copy(tmp_path / "copy")


def notebooks():
    "The notebooks, in order, without those that nbdev skips."
    return sorted((p for p in (ROOT / "nbs").rglob("*.ipynb") if p.name[0] not in "_." and ".ipynb_checkpoints" not in p.parts),
                  key=lambda p: (p.name == "index.ipynb", p.name))
