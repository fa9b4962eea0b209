"""The leaderboard: rules for answers, sources of published figures, and a grid that loses nothing when a worker is killed."""
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from joblib.externals.loky import get_reusable_executor

from symnb.ground.board import Row, Scoreboard
from symnb.ground.lab import SymnbError
from symnb.show import run
from symnb.show.cli import main
from symnb.studies.leaderboard import (answer_shares, by_targets, leaderboard_html, published, run_grid, standings, stored_board)

TINY = '''
import os, time
from symnb.ground.board import Measured
from symnb.ground.lab import SymnbError
from symnb.ground.study import Study

def cell(method, world, seed, size, data):
    if method == "fails": raise SymnbError("expected luck, found none")
    time.sleep(size["wait"])
    with open(os.environ["TINY_LOG"], "a") as f: f.write(f"{os.getpid()} {method} {seed}\\n")
    return {"error": Measured(seed + len(method), chance=10., n=1)}

def made(*methods):
    sizes = dict(seeds=tuple(range(4)), wait=WAIT)
    return Study("tiny", "tiny", dict(quick=sizes, full=sizes), cell=cell, targets={("short", "error"): "<= 3"},
                 plan=lambda size, data: [(m, "w", s) for m in methods for s in size["seeds"]])

study, faulty = made("short", "longer"), made("short", "fails")
'''
PLACE = {"tiny": "tiny_grid_study:study"}


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    "A study of eight cells that can be imported by any process, with a log of who made which."
    def ready(wait=.01):
        (tmp_path / "tiny_grid_study.py").write_text(TINY.replace("WAIT", str(wait)))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setitem(sys.modules, "tiny_grid_study", None)
        sys.modules.pop("tiny_grid_study")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
        monkeypatch.setenv("SYMNB_RUNS", str(tmp_path / "runs"))
        monkeypatch.setenv("TINY_LOG", str(tmp_path / "log"))
        get_reusable_executor().shutdown()  # workers of an earlier test write into its log
        return lambda: [line.split() for line in (tmp_path / "log").read_text().splitlines()] if (tmp_path / "log").exists() else []
    return ready


def numbers(rows): return [(r.method, r.value, r.spread, r.seeds, r.met) for r in rows]


def test_a_run_on_two_processes_reports_what_one_does(tiny, tmp_path, monkeypatch):
    log = tiny()
    monkeypatch.setitem(run.TASKS, "tiny", PLACE["tiny"])
    two = numbers(run.run_all(["tiny"], out=tmp_path / "out", jobs=2))
    assert len(log()) == 8 and str(os.getpid()) not in {line[0] for line in log()}
    assert numbers(run.run_all(["tiny"], out=tmp_path / "out")) == two and len(log()) == 8
    monkeypatch.setitem(run.TASKS, "tiny", "tiny_grid_study:faulty")
    with pytest.raises(SymnbError, match="task tiny: expected luck, found none"): run.run_all(["tiny"], out=tmp_path / "out", jobs=2)
    assert len(log()) == 8  # the short ones were kept, and the others made nothing


def test_a_grid_in_one_process_is_kept_cell_by_cell(tiny):
    log = tiny()
    first = numbers(run_grid(PLACE, None))
    assert len(log()) == 8 and first == numbers(run_grid(PLACE, None)) and len(log()) == 8
    assert first[0] == ("short", 6.5, first[0][2], [0, 1, 2, 3], False)


def test_two_processes_make_the_same_rows(tiny, tmp_path, monkeypatch):
    log = tiny()
    two = numbers(run_grid(PLACE, None, jobs=2))
    assert str(os.getpid()) not in {pid for pid, *_ in log()} and len(log()) == 8
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path / "alone"))
    assert two == numbers(run_grid(PLACE, None))


def test_a_fault_is_told_at_the_end_and_loses_nothing(tiny):
    log = tiny()
    with pytest.raises(SymnbError, match="4 of 8 cells failed, the others are kept; the first: .*expected luck, found none"):
        run_grid({"tiny": "tiny_grid_study:faulty"}, None)
    assert len(log()) == 4


def test_a_killed_worker_of_a_cluster_loses_nothing(tiny, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    log, killed = tiny(wait=.3), []
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
                                  local_directory=str(tmp_path / "dask"), silence_logs=50) as cluster:
        def kill():
            while len(log()) < 2: time.sleep(.02)
            time.sleep(.1)  # in the middle of its next cell
            killed.append(log()[-1][0])
            os.kill(int(killed[0]), signal.SIGKILL)
        thread = threading.Thread(target=kill, daemon=True)
        thread.start()
        rows = numbers(run_grid(PLACE, None, cluster=cluster.scheduler_address))
        thread.join(30)
    assert killed and killed[0] != str(os.getpid())
    made = [tuple(rest) for _, *rest in log()]
    assert len(set(made)) == 8 and len(made) <= 9  # at most the cell in hand was begun again
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path / "alone"))
    assert rows == numbers(run_grid(PLACE, None)) and len(rows) == 2


def test_a_cluster_that_is_not_there_is_one_line(tiny, capsys):
    tiny()
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    with pytest.raises(SymnbError, match="cluster: expected a scheduler at nowhere"): run_grid(PLACE, None, cluster="nowhere")


def test_every_published_figure_has_a_source():
    found = published()
    assert len(found) >= 15 and all(p["source"] and isinstance(p["value"], float) for p in found)
    stored = {(r.task, r.data) for r in stored_board()}
    assert {(p["study"], p["world"]) for p in found if p["study"]} <= stored  # each stands beside a row


def test_a_figure_without_its_source_is_refused(tmp_path, monkeypatch):
    "Planted: a figure that somebody remembers."
    monkeypatch.setenv("SYMNB_RESULTS", str(tmp_path))
    one = dict(system="X", source="heard it", study=None, world="w", measure="m", value=1., unit=None, same=True, note="")
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "figures.json").write_text(json.dumps([one]))
    with pytest.raises(SymnbError, match="entry 0: expected .* with a source"): published()


@pytest.mark.parametrize(("values", "shares"), [
    ({"right group": .5, "part of the group": .2, "undecided": .1, "none": .1, "other group": .1}, (.7, .1, .2)),
    ({"false found": .25, "undecided": .5, "none": .25}, (.25, .5, .25)),
    ({"right order": 1., "false found": 0., "false order": .1}, (.9, 0., .1)),
    ({"success rate": .9, "found although wrong": .05, "not found although right": .2}, (.7, .25, .05))])
def test_shares_of_answers(values, shares): assert answer_shares(values) == pytest.approx(shares)


def test_a_wrong_answer_is_red_and_cannot_be_hidden():
    "Planted: one world in ten is wrong; one method is no better than chance; a control stands among the methods."
    rows = Scoreboard([Row("s", "m", "false found", value=.1, data="w", seeds=[0]), Row("s", "n", "cosine", value=.1, chance=.3, target=">= 0.9", data="w"),
                       Row("s", "o", "cosine", value=.95, chance=.3, data="w"), Row("s", "control: x", "cosine", value=.1, chance=.3, data="w")])
    lines = standings(rows)
    assert {s.method: s.answer for s in lines} == dict(m="wrong", n="wrong", o="right")
    assert leaderboard_html(lines).count('<td class="wrong"') == 2
    assert by_targets([Row("s", "m", "time of fitting", value=9., chance=1., target="<= 5", data="w")], {}) is None


def test_the_command_writes_the_stored_board(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYMNB_RESULTS", str(Path(__file__).parents[2] / "nbs" / "results"))
    assert main(["leaderboard", "--stored"]) == 0
    page = Path("leaderboard/leaderboard.html").read_text()
    assert 'class="standings"' in page and "arXiv 2312.12223" in page and "lines:" in capsys.readouterr().out
    assert main(["leaderboard", "--task", "vea"]) == 2 and "expected data or" in capsys.readouterr().err
