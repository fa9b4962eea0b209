"""Every notebook runs from top to bottom, in a process of its own.

They share the cache of trained models under runs/ with each other and with the other tests.
"""
import pytest
from conftest import notebooks
from page_process import FORKS, execute

MINUTES = 40  # for one notebook, with nothing trained yet, on a slow machine
ALL = notebooks()


@pytest.mark.parametrize("path", ALL, ids=[p.stem for p in ALL])
def test_notebook(path, tmp_path):
    process = FORKS.Process(target=execute, args=(path, tmp_path / "said"))
    process.start()
    process.join(60 * MINUTES)
    said = (tmp_path / "said").read_text()
    if process.is_alive():
        process.kill()
        pytest.fail(f"did not end within {MINUTES} minutes; it said {said}")
    assert process.exitcode == 0, said
