"""Training, checkpoints and what is kept: killed, damaged, doubled, and on several processes."""
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from symnb.ground import code, files, keeping, lab, runs
from symnb.ground.lab import SymnbError

# One small network with dropout, trained on random batches: every random generator matters.
SCRIPT = """
import json, sys, time, torch
from symnb.ground.lab import seed_everything
from symnb.ground.runs import train
folder, pause, steps = sys.argv[1], float(sys.argv[2]), 60
seed_everything(1)
model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Dropout(.5), torch.nn.Linear(32, 1))
def step(m, i):
    time.sleep(pause)
    x = torch.randn(16, 8)
    return (m(x) - x.sum(1, keepdim=True)).square().mean()
run = train(model, step, steps, lr=.01, folder=folder, every=10)
torch.save({"state": model.state_dict(), "history": run["history"]}, folder + "/end.pt")
"""
ENV = dict(os.environ, TQDM_DISABLE="1", OMP_NUM_THREADS="1", SYMNB_DEVICE="cpu")


def start(folder, pause=0.):
    folder.mkdir(exist_ok=True)
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), str(pause)], env=ENV,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(folder):
    process = start(folder)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    return torch.load(folder / "end.pt")


def wait_for(condition, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        if condition(): return
        time.sleep(.02)
    raise AssertionError("waited in vain")


def test_killed_training_resumes_to_identical_weights(tmp_path):
    whole = finish(tmp_path / "whole")
    folder = tmp_path / "killed"
    for kills in range(2):
        process = start(folder, pause=.05)
        here = folder / "checkpoint.json"
        seen = json.loads(here.read_text())["step"] if here.exists() else 0
        wait_for(lambda: here.exists() and json.loads(here.read_text())["step"] > seen)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert json.loads(here.read_text())["step"] < 60
    resumed = finish(folder)
    assert resumed["history"] == whole["history"]
    assert all(torch.equal(resumed["state"][k], v) for k, v in whole["state"].items())
    assert not list(folder.glob("*.part")) and not list(folder.glob(".*.part"))
    assert [p.name for p in folder.glob("step-*")] == ["step-0000060.safetensors"]


def test_kill_while_writing_leaves_old_file_and_no_half(tmp_path):
    target = tmp_path / "file.bin"
    target.write_bytes(b"old")
    script = ("import sys, time\nfrom symnb.ground.files import atomic_path\n"
              "with atomic_path(sys.argv[1]) as p:\n"
              "    with open(p, 'wb') as f:\n        f.write(b'new' * 1000); f.flush(); time.sleep(60)")
    process = subprocess.Popen([sys.executable, "-c", script, str(target)], env=ENV)
    wait_for(lambda: any(p.stat().st_size for p in tmp_path.glob(".file.bin.*.part")))
    process.kill()
    process.wait()
    assert target.read_bytes() == b"old"
    with files.atomic_path(target) as part: part.write_bytes(b"newer")
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"] and target.read_bytes() == b"newer"


CACHED = """
import sys, time, torch
from pathlib import Path
from symnb.ground.keeping import trained
from symnb.ground.runs import train
def fit(model, folder):
    with open(sys.argv[1], "a") as f: f.write("trained\\n")
    time.sleep(1)
    return train(model, lambda m, i: m(torch.ones(4, 2)).square().mean(), 20, folder=folder)
model, record = trained("pair", lambda: torch.nn.Linear(2, 1), fit, dict(steps=20))
print(model.weight.flatten().tolist())
"""


def test_two_processes_train_once(tmp_path):
    log = tmp_path / "log"
    command = [sys.executable, "-c", CACHED, str(log)]
    env = dict(ENV, SYMNB_RUNS=str(tmp_path / "runs"))
    both = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [p.communicate(timeout=120)[0] for p in both]
    last = [s.splitlines()[-1] for s in said]
    assert last[0] == last[1] and last[0].startswith("[")
    assert log.read_text().splitlines() == ["trained"]


def cached_line(folder, monkeypatch, fit=None):
    monkeypatch.setenv("SYMNB_RUNS", str(folder))
    default = lambda m, folder: runs.train(m, lambda m, i: (m(torch.ones(4, 1, device=lab.device())) - 2)
                                          .square().mean(), 20, folder=folder)
    return keeping.trained("line", lambda: torch.nn.Linear(1, 1), fit or default, dict(steps=20))


@pytest.mark.parametrize("damage", ["flip", "truncate", "json", "missing", "empty json"])
def test_damaged_cache_entry_is_made_again_with_a_warning(tmp_path, monkeypatch, damage):
    model, record = cached_line(tmp_path, monkeypatch)
    weights, about = record["folder"] / "model.safetensors", record["folder"] / "run.json"
    blob = bytearray(weights.read_bytes())
    if damage == "flip": blob[-1] ^= 1; weights.write_bytes(blob)
    if damage == "truncate": weights.write_bytes(blob[:-3])
    if damage == "json": about.write_text(about.read_text()[:-20])
    if damage == "missing": weights.unlink()
    if damage == "empty json": about.write_text("{}")
    with pytest.warns(UserWarning, match="damaged"): again, _ = cached_line(tmp_path, monkeypatch)
    assert torch.equal(model.weight, again.weight)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written = about.stat().st_mtime_ns
        cached_line(tmp_path, monkeypatch)
        assert about.stat().st_mtime_ns == written


def test_key_follows_settings_data_code_and_seed(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    f, g = (lambda m, folder: {}), (lambda m, folder: dict(a=1))
    def folder(settings={"a": 1}, data="x", fit=f, seed=0):
        return keeping.trained("k", lambda: torch.nn.Linear(1, 1), fit, settings, data, seed)[1]["folder"]
    folders = [folder(), folder({"a": 2}), folder(data="y"), folder(fit=g), folder(seed=1)]
    assert len(set(folders)) == 5 and folder() == folders[0]


def stopping(model, folder):
    "Trains until the step that the environment names; the code is the same wherever it stops."
    def step(m, i):
        if i == int(os.environ["STOP_AT"]): raise KeyboardInterrupt
        with open(os.environ["STEPS_TO"], "a") as f: f.write(f"{i} ")
        return (m(torch.ones(4, 1, device=lab.device())) - 2).square().mean()
    return runs.train(model, step, 20, folder=folder, every=5)


def stopped(tmp_path, monkeypatch, at):
    monkeypatch.setenv("STOP_AT", str(at))
    monkeypatch.setenv("STEPS_TO", str(tmp_path / "steps"))
    return cached_line(tmp_path, monkeypatch, stopping)


def test_interrupted_training_resumes(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt): stopped(tmp_path, monkeypatch, 12)
    stopped(tmp_path, monkeypatch, -1)
    assert list(map(int, (tmp_path / "steps").read_text().split())) == [*range(12), *range(10, 20)]


def test_damaged_checkpoint_starts_anew_with_a_warning(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt): stopped(tmp_path, monkeypatch, 12)
    [weights] = tmp_path.glob("kept/*/step-*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="is damaged and is made again"):
        model, _ = stopped(tmp_path, monkeypatch, -1)
    (tmp_path / "other").mkdir()
    whole, _ = stopped(tmp_path / "other", monkeypatch, -1)
    assert torch.equal(model.weight, whole.weight)


@pytest.mark.parametrize("change", [dict(steps=20), dict(lr=.5), dict(seed=3)])
def test_checkpoint_of_another_run_is_refused(tmp_path, change):
    step = lambda m, i: m(torch.ones(4, 2, device=lab.device())).square().mean()
    runs.train(torch.nn.Linear(2, 1), step, **{"steps": 10, "folder": tmp_path})
    with pytest.raises(SymnbError, match="not a checkpoint of this run"):
        runs.train(torch.nn.Linear(2, 1), step, **{"steps": 10, "folder": tmp_path, **change})


def test_a_lock_that_cannot_be_made_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("filelock.FileLock.acquire", _denied)
    with pytest.raises(SymnbError, match="cannot be made: Permission denied"): cached_line(tmp_path, monkeypatch)


def _denied(*args, **kw): raise PermissionError(13, "Permission denied")


def test_checkpoint_of_another_model_is_refused(tmp_path):
    step = lambda m, i: m(torch.ones(4, m.in_features, device=lab.device())).square().mean()
    runs.train(torch.nn.Linear(2, 1), step, 10, folder=tmp_path)
    with pytest.raises(SymnbError, match="checkpoint"): runs.train(torch.nn.Linear(3, 1), step, 10, folder=tmp_path)


def test_gradients_are_clipped():
    for clip, bound in ((1e-3, 1.1e-3), (None, None)):
        model = torch.nn.Linear(1, 1, bias=False)
        seen, step = [], lambda m, i: 1e3 * m(torch.ones(1, 1, device=lab.device())).sum()
        original = torch.optim.AdamW.step
        def spy(self, *a, **k):
            seen.append(self.param_groups[0]["params"][0].grad.norm().item())
            return original(self, *a, **k)
        torch.optim.AdamW.step = spy
        try: runs.train(model, step, 3, clip=clip)
        finally: torch.optim.AdamW.step = original
        assert all(s <= bound for s in seen) if bound else all(abs(s - 1e3) < 1 for s in seen)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(cut=st.integers(0, 400), flip=st.integers(0, 3199), how=st.sampled_from(["cut", "flip"]))
def test_damaged_safetensors_never_pass_for_whole(tmp_path_factory, cut, flip, how):
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / "w.safetensors"
    tensors = dict(a=torch.arange(40.), b=torch.ones(3, 3))
    sha = files.save_tensors(path, tensors)
    blob = bytearray(path.read_bytes())
    if how == "cut": del blob[len(blob) - 1 - cut % len(blob):]
    else: blob[flip // 8 % len(blob)] ^= 1 << flip % 8
    path.write_bytes(blob)
    with pytest.raises(SymnbError, match="w.safetensors"): files.load_tensors(path, sha)
    try: files.load_tensors(path)  # without its checksum: read, or told as damaged, never a crash
    except SymnbError: pass


DDP = """
import os, sys, torch
from symnb.ground.lab import seed_everything
from symnb.ground.runs import train
seed_everything(0)
model = torch.nn.Linear(3, 1)
drawn = []
def step(m, i):
    x = torch.randn(8, 3); drawn.append(x[0, 0].item())
    return (m(x) - x.sum(1, keepdim=True)).square().mean()
train(model, step, 20, lr=.1, folder=sys.argv[1], every=10)
with open(sys.argv[1] + "/rank" + os.environ["RANK"], "w") as f: f.write(f"{model.weight.tolist()}|{drawn[0]}")
"""


def test_two_processes_share_gradients_and_draw_their_own_batches(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(DDP)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2",
               str(script), str(tmp_path)]
    done = subprocess.run(command, env=dict(ENV, ACCELERATE_USE_CPU="true"), capture_output=True,
                          text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-2000:]
    (w0, x0), (w1, x1) = ((tmp_path / f"rank{r}").read_text().split("|") for r in (0, 1))
    assert w0 == w1 and x0 != x1


def test_kept_results_refuse_several_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SymnbError, match="single process"): cached_line(tmp_path, monkeypatch)


def test_unusable_device_and_profile(monkeypatch):
    monkeypatch.setenv("SYMNB_DEVICE", "nonsense:7")
    with pytest.raises(SymnbError, match="nonsense:7"): lab.device()
    monkeypatch.setenv("SYMNB_PROFILE", "slow")
    with pytest.raises(SymnbError, match="quick or full"): lab.profile()


def test_read_only_target_is_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SymnbError, match="folder is a file") as e:
        with files.atomic_path(tmp_path / "file" / "y") as part: part.write_text("y")
    assert "\n" not in str(e.value)
    with pytest.raises(SymnbError, match="exists already"):
        with files.atomic_path(tmp_path / "file", force=False) as part: part.write_text("y")
    assert Path(tmp_path / "file").read_text() == "x"


# what code does

MODULE = """
LIMIT, TABLE = 3, dict(a=[1, 2])
def lowest(x): return min(x, LIMIT)
class Shape:
    sides = 4
    def area(self, x): return lowest(x) * self.sides
def middle(x, start=TABLE): return Shape().area(x) + start["a"][0]
def top(x): return [middle(y) for y in x]
square = lambda x: top(x), lambda x: x
"""


def module(folder, text, name):
    "A module of one's own, read from a file."
    import importlib.util
    (folder / f"{name}.py").write_text(text)
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    sys.modules[name] = made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.mark.parametrize("old, new, same", [
    ("LIMIT, TABLE = 3", "LIMIT, TABLE = 4", False), ("a=[1, 2]", "a=[1, 3]", False), ("min(", "max(", False),
    ("sides = 4", "sides = 5", False), ("* self.sides", "+ self.sides", False),
    ("def lowest(x): return", "def lowest(x):\n    'The smaller one.' # of two\n    return", True),
    ("lowest", "least", True), ("Shape", "Form", True), ("x, LIMIT)", "x,\n        LIMIT)", True)])
def test_a_version_follows_what_code_does(tmp_path, old, new, same):
    a, b = module(tmp_path, MODULE, "version_a"), module(tmp_path, MODULE.replace(old, new), "version_b")
    assert old in MODULE
    for name in ("top", "middle"):
        assert (code.version(getattr(a, name)) == code.version(getattr(b, name))) is same
    assert (code.version(a.square[0]) == code.version(b.square[0])) is same
    assert code.version(a.square[1]) == code.version(b.square[1]) != code.version(a.square[0])


def test_a_version_follows_closures_partials_and_imports_inside():
    from functools import partial
    def of(n): return lambda x: x + n
    assert code.version(of(1)) == code.version(of(1)) != code.version(of(2))
    assert code.version(partial(max, 1)) != code.version(partial(max, 2))
    def inside():
        from symnb.ground.runs import cosine
        return cosine
    before = code.version(inside)
    original, runs.cosine = runs.cosine, lambda i, steps: 1.
    try: assert code.version(inside) != before
    finally: runs.cosine = original


def test_an_edit_deep_in_the_package_changes_the_key_of_a_study():
    "What hand-written keys missed: `max` became `min` in a function that no list named."
    from symnb.ground import study
    before = code.version(study.Study)
    original = study.over_seeds
    study.over_seeds = lambda rows: rows
    try: assert code.version(study.Study) != before
    finally: study.over_seeds = original
    assert code.version(study.Study) == before


def test_kept_gives_back_what_it_was_given(tmp_path, monkeypatch):
    import numpy as np
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    value = dict(a=[1, 2.5, None, True], b=(1, "x"), t=torch.arange(3), n=np.eye(2), c={2: {"d": (torch.ones(1),)}})
    for _ in range(2):
        back = keeping.kept("all", {}, "", lambda: value)
        assert back["a"] == value["a"] and back["b"] == (1, "x") and torch.equal(back["t"], value["t"])
        assert isinstance(back["n"], np.ndarray) and (back["n"] == np.eye(2)).all()
        assert isinstance(back["c"][2]["d"], tuple)


def test_kept_is_made_again_when_data_or_a_module_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    model = torch.nn.Linear(2, 1)
    ask = lambda data: keeping.kept("k", {}, data, lambda: dict(made=str(time.perf_counter_ns())))["made"]
    first = ask([model, "x"])
    assert ask([model, "x"]) == first != ask([model, "y"])
    with torch.no_grad(): model.weight += 1
    assert ask([model, "x"]) != first


def test_several_losses_reach_their_own_parameters_only(tmp_path):
    class Pair(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = torch.nn.Parameter(torch.ones(())), torch.nn.Parameter(torch.ones(()))
    def run(folder=None, stop=None):
        torch.manual_seed(0)
        m = Pair()
        def step(m, i):
            if i == stop: raise KeyboardInterrupt
            noise = torch.randn(())
            return dict(up=(m.a - 3 + .1 * noise) ** 2, down=(m.b + m.a) ** 2, log=m.a)
        runs.train(m, step, 200, folder=folder, every=10, pairs=dict(up=([m.a], .1), down=([m.b], .1)))
        return m
    whole = run()  # the second loss would pull a to 1.5, if it reached it
    assert abs(whole.a.item() - 3) < .2 and abs(whole.b.item() + 3) < .3
    with pytest.raises(KeyboardInterrupt): run(tmp_path, 125)
    again = run(tmp_path)
    assert torch.equal(again.a, whole.a) and torch.equal(again.b, whole.b)
