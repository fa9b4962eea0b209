"""The console script as a user meets it: exit codes, and one line for bad input."""
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from symnb.show import cli
from symnb.show.cli import main

TASKS = """
import signal, time
from pathlib import Path
from symnb.ground.lab import SymnbError
from symnb.ground.study import Study

def fails(*args): raise SymnbError("no room\\nfor a second line")
def waits(*args):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN: signal.signal(signal.SIGINT, signal.default_int_handler)  # tests run in the background
    for _ in range(600): Path("out/scoreboard.json").exists() or time.sleep(.1)  # cells are made side by side
    signal.raise_signal(signal.SIGINT)  # to this thread: another one would not wake it from a long sleep
    for _ in range(600): time.sleep(.1)
def study(name, cell):
    return Study(name, name, dict(quick=dict(seeds=(0,))), lambda size, data: [("m", None, 0)], cell)
good, fails, waits = study("good", lambda *args: dict(x=1.)), study("fails", fails), study("waits", waits)
"""


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A folder to work in, with a small source of digits."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "small.npz", images=rng.integers(0, 256, (40, 28, 28), dtype=np.uint8),
             labels=np.repeat([1, 2], 20))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.delenv("SYMNB_PROFILE", raising=False)
    return tmp_path


def symnb(*words, cwd, before=""):
    """`python -m symnb.show.cli` in a process of its own; `before` is code to run there first."""
    code = f"{before}\nimport sys\nfrom symnb.show.cli import main\nsys.exit(main({list(words)!r}))"
    how = ["-c", code] if before else ["-m", "symnb.show.cli", *words]
    return subprocess.run([sys.executable, *how], cwd=cwd, capture_output=True, text=True,
                          timeout=300, env={**os.environ, "TQDM_DISABLE": "1"})


def assert_one_line(text, *words):
    assert text.startswith("symnb: ") and text.count("\n") == 1 and text.endswith("\n"), text
    assert "Traceback" not in text and all(w in text for w in words), text


@pytest.mark.parametrize("line, words", [
    ("", ["COMMAND", "symnb --help"]),
    ("dance", ["dance", "data", "run", "bench"]),
    ("data --digits a,b", ["--digits", "a,b"]),
    ("data --nosuch", ["--nosuch"]),
    ("data --step seven", ["--step", "seven"]),
    ("data --seed -1", ["--seed"]),
    ("bench speed", ["speed", "data"]),
    ("data --step 7", ["step", "360", "7"]),
])
def test_bad_input_is_one_line_and_exit_code_2(world, line, words):
    done = symnb(*line.split(), cwd=world)
    assert done.returncode == 2 and done.stdout == ""
    assert_one_line(done.stderr, *words)
    assert not list(world.glob("*.h5")) + list(world.glob(".*"))


@pytest.mark.parametrize("line, words", [
    ("data --step 0", ["step"]), ("data --step nan", ["step"]), ("data --step -30", ["step"]),
    ("data --digits 1,,2", ["1,,2"]), ("data --digits ²", ["²"]),
    ("data --digits 99999999999999999999", ["999"]),
    ("data --seed 4294967296", ["4294967295"]), ("data --split half", ["half"]),
    ("data --source small.npz --digits 1,9", ["9"]),
    ("data --source missing.npz", ["missing.npz"]),
    ("data --source small.npz --out small.npz", ["small.npz", "--force"]),
    ("data --source small.npz --out .", ["folder"]),
    ("data --source small.npz --out small.npz/x.h5", ["small.npz/x.h5"]),
    ("data --source small.npz --out /proc/x.h5", ["/proc/x.h5"]),
    ("run --profile fast", ["fast", "quick"]), ("run --task vea", ["vea", "vae"]),
    ("run --task", ["--task"]),
    ("run --out small.npz", ["small.npz"]), ("run --out /proc/x", ["/proc/x"]),
])
def test_more_bad_input(world, capsys, line, words):
    if "/proc" in line and not Path("/proc").is_dir(): pytest.skip("no /proc to refuse a file")
    before = sorted(world.rglob("*"))
    code = main(line.split())
    said = capsys.readouterr()
    assert code == 2 and said.out == "" and sorted(world.rglob("*")) == before
    assert_one_line(said.err, *words)


def test_mnist_that_cannot_be_downloaded(world, monkeypatch, capfd):
    """All proxies lead to a closed port."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"): monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("urllib.request._opener", None)  # an earlier one has other proxies
    assert main(["data", "--source", "mnist", "--root", "nothing"]) == 2
    assert_one_line(capfd.readouterr().err, "mnist5k", "download")
    assert not Path("rotated.h5").exists()


def test_help_and_version_do_not_load_torch():
    code = ("import sys; from symnb.show.cli import main; "
            "codes = [main(c + ['--help']) for c in ([], ['data'], ['run'], ['bench'])]; "
            "codes += [main(['--version'])]; "
            "assert codes == [0] * 5; assert not {'torch', 'numpy', 'h5py'} & set(sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert all(w in done.stdout for w in ("--digits", "--task", "--json", "symnb 0."))


def test_the_console_script_is_installed():
    script = Path(sys.executable).with_name("symnb")
    if not script.exists(): pytest.skip("symnb is not installed beside this Python")
    done = subprocess.run([script, "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == f"symnb {cli.__version__}\n"
    assert subprocess.run([script, "dance"], capture_output=True).returncode == 2


def test_data_writes_what_was_asked_for(world, capsys):
    words = ["data", "--source", "small.npz", "--digits", "2,1", "--step", "90", "--seed", "3"]
    assert main(words + ["--out", "a.h5"]) == 0
    assert main(words + ["--out", "b.h5", "--split", "none"]) == 0
    with h5py.File("a.h5") as a, h5py.File("b.h5") as b:
        assert set(a) == {"train", "test"} and set(a["train"]) == {"1", "2"} == set(b)
        assert a["train/1"].shape == (16, 4, 1, 28, 28) and b["2"].shape == (20, 4, 1, 28, 28)
        assert a.attrs["seed"] == 3
    assert "a.h5: digits 1,2 of small.npz every 90 degrees" in capsys.readouterr().out


def test_data_replaces_a_file_only_by_force(world, capsys):
    words = ["data", "--source", "small.npz"]
    assert main(words) == 0
    first = Path("rotated.h5").read_bytes()
    assert main(words + ["--step", "60"]) == 2 and Path("rotated.h5").read_bytes() == first
    assert main(words + ["--step", "60", "--force"]) == 0
    assert Path("rotated.h5").read_bytes() != first


@pytest.fixture
def tasks(world, monkeypatch):
    """Code that puts tasks of our own in the place of the real ones."""
    (world / "our_tasks.py").write_text(TASKS)
    names = {n: f"our_tasks:{n}" for n in ("good", "fails", "waits")}
    return f"import sys; sys.path.insert(0, '.')\nfrom symnb.show import run\nrun.TASKS.update({names})"


@pytest.mark.parametrize("stops, code, words", [
    ("fails", 2, ["fails", "no room for a second line", "kept in out"]),
    ("waits", 130, ["interrupted"])])
def test_a_run_that_stops_says_one_line_and_keeps_its_results(world, tasks, stops, code, words):
    done = symnb("run", "--source", "small.npz", "--task", "good", stops, "--out", "out", cwd=world, before=tasks)
    assert done.returncode == code
    assert_one_line(done.stderr, *words)
    rows = json.loads((world / "out" / "scoreboard.json").read_text())
    assert [r["task"] for r in rows] == ["good"]
    assert f"Not finished: {stops}." in (world / "out" / "report.html").read_text()


def test_a_run_succeeds_and_names_its_report(world, monkeypatch, capsys):
    assert main(["run", "--task", "data", "--source", "small.npz"]) == 0
    said = capsys.readouterr()
    page = world / "runs" / "quick" / "report.html"
    assert said.out.splitlines()[-1].startswith(f"Report: {page}") and said.err == ""


@pytest.fixture
def bench(monkeypatch):
    """A benchmark that takes no time."""
    rows = [dict(task="t", method="m", measure="speed", unit="x", value=30., baseline=1., target=">= 25"),
            dict(task="t", method="m", measure="memory", value=2., baseline=3., target="<= 1", seconds=4.)]
    monkeypatch.setitem(cli.BENCHES, "toy", "symnb_toy_bench:rows")
    module = type(sys)("symnb_toy_bench")
    module.rows = lambda: rows
    monkeypatch.setitem(sys.modules, "symnb_toy_bench", module)


def test_bench_prints_and_keeps_the_same_rows(world, bench, capsys):
    assert main(["bench", "toy", "--json", "deep/toy.json"]) == 0
    out, rows = capsys.readouterr().out, json.loads(Path("deep/toy.json").read_text())
    assert ">= 25 (met)" in out and "<= 1 (missed)" in out and "1 met, 1 missed" in out
    assert [r["value"] for r in rows] == [30., 2.]
    assert rows[1]["seconds"] == 4. and rows[0]["seconds"] is not None
    assert rows[0]["profile"] == "quick"


def test_bench_shows_its_rows_even_if_they_cannot_be_kept(world, bench, capsys):
    assert main(["bench", "toy", "--json", "small.npz/toy.json"]) == 2
    said = capsys.readouterr()
    assert "(missed)" in said.out
    assert_one_line(said.err, "small.npz/toy.json")
