"""Signals at random moments of `symnb data`, and writers that lose data: a file is whole, or it is not there."""
import json, os, signal, subprocess, sys, threading

import numpy as np
import pytest

from symnb.data import rotated_file
from symnb.data.files import reading
from symnb.data.rotated_file import load_rotated, write_rotated
from symnb.ground.lab import SymnbError
from test_data_faults import here, tiny

FORKS = """
import contextlib, io, json, os, random, signal, sys, time
import numpy as np, torch
torch.set_num_threads(1) # OpenMP's pool does not survive a fork
import symnb.data.rotated_file, symnb.ground.plots
from symnb.show.cli import main
from test_data_faults import tiny
os.chdir(sys.argv[1])
digits = tiny(200)
np.savez("d.npz", images=digits.images, labels=digits.labels)
command = lambda name: ["data", "--source", "d.npz", "--step", "30", "--force", "--out", name]
for _ in range(2): # the second one is as fast as those that follow
    start = time.perf_counter()
    assert main(command("whole.h5")) == 0
whole, seconds = open("whole.h5", "rb").read(), time.perf_counter() - start
signal.signal(signal.SIGINT, signal.default_int_handler)
random.seed(0)
for k in range(int(sys.argv[2])):
    name, old = f"y{k}.h5", k % 4 == 0
    if old: open(name, "wb").write(b"as it was")
    sent = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[k % 3]
    to, back = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        for (_, w), n in ((to, 1), (back, 2)): os.dup2(w, n)
        try: code = main(command(name))
        except BaseException as e: code = 99; print(repr(e), file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    for _, w in (to, back): os.close(w)
    time.sleep(random.uniform(0, 1.2 * seconds))
    for _ in range(1 + k % 2): # every other time twice
        with contextlib.suppress(ProcessLookupError): os.kill(child, sent)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = [open(r).read() for r, _ in (to, back)]
    found = open(name, "rb").read() if os.path.exists(name) else None
    state = "whole" if found == whole else "old" if old and found == b"as it was" else "none" if found is None else "damaged"
    print(json.dumps(dict(sent=int(sent), code=code, out=said[0], err=said[1], state=state, old=old)), flush=True)
    if found: os.unlink(name)
print(json.dumps(sorted(os.listdir("."))))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_signals_at_random_moments(tmp_path):
    done = subprocess.run([sys.executable, "-c", FORKS, str(tmp_path), "100"], env=here(), timeout=600,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    _, _, *tries, left = done.stdout.splitlines()
    tries, stopped = [json.loads(t) for t in tries], 0
    assert len(tries) == 100 and set(json.loads(left)) == {"d.npz", "whole.h5"}
    for t in tries:
        stopped += t["code"] != 0
        assert t["state"] in ("whole", "old" if t["old"] else "none"), t
        assert t["state"] == "whole" if t["out"] else t["code"] != 0, t
        assert t["code"] in (0, 128 + t["sent"], -t["sent"]), t
        if t["code"] > 0: assert t["err"].startswith("symnb: interrupted") and t["err"].count("\n") == 1, t
    assert stopped > 25, "the signals came too late to test anything"


def test_an_interruption_that_compiled_code_wraps_is_one_still():
    "What CPython raises where a C function returns a result although a signal's handler has raised."
    with pytest.raises(KeyboardInterrupt) as e, reading("a.h5", "a file"):
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt(15)
    assert e.value.args == (15,)
    with pytest.raises(SymnbError, match="found damage: inner"), reading("a.h5", "a file"):
        raise SystemError("inner") from ValueError()


def broken(monkeypatch, write):
    "A writer whose file object has another `write`."
    own = type("Broken", (rotated_file._Target,), dict(write=write))
    monkeypatch.setattr(rotated_file, "_Target", own)
    return own


LOSSES = {
    "forgets a chunk": lambda self, data: len(data) if self.tell() > 8000 else super(type(self), self).write(data),
    "writes zeros": lambda self, data: super(type(self), self).write(
        bytes(len(memoryview(data).cast("B"))) if self.tell() > 8000 else data),
    "flips a bit": lambda self, data: super(type(self), self).write(
        bytes([bytes(data)[0] ^ 1]) + bytes(data)[1:] if self.tell() > 8000 else data),
}


@pytest.mark.parametrize("name", LOSSES)
def test_what_was_lost_on_the_way_is_found_before_the_file_has_its_name(tmp_path, monkeypatch, name):
    path = write_rotated(tmp_path / "a.h5", tiny(40))
    before = path.read_bytes()
    broken(monkeypatch, LOSSES[name])
    with pytest.raises(SymnbError, match="a.h5: ") as e: write_rotated(path, tiny(40), force=True)
    assert "\n" not in str(e.value) and path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_an_image_left_out_is_found(tmp_path, monkeypatch):
    "No byte is lost on the way: the writer itself skips one image."
    def skips(data, images, angles, chunk, after, fill=rotated_file._fill):
        written = fill(data, images, angles, chunk, after)
        data[0] = 0
        return written
    monkeypatch.setattr(rotated_file, "_fill", skips)
    with pytest.raises(SymnbError, match="read back, test/0, SHA-256|read back, train/0, SHA-256"):
        write_rotated(tmp_path / "a.h5", tiny(40))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError("a bug"), MemoryError(), OSError(5, "Input/output error")])
def test_what_is_raised_inside_a_callback_reaches_the_caller(tmp_path, monkeypatch, fault):
    calls = []
    def attempt(self, action, *args):
        calls.append(1)
        def fails(*args): raise fault
        return rotated_file_attempt(self, fails if len(calls) == 5 else action, *args)
    rotated_file_attempt = rotated_file._Target._attempt
    monkeypatch.setattr(rotated_file._Target, "_attempt", attempt)
    expected = SymnbError if isinstance(fault, OSError) else fault if isinstance(fault, type) else type(fault)
    with pytest.raises(expected): write_rotated(tmp_path / "a.h5", tiny(40))
    assert not list(tmp_path.iterdir())


def test_a_signal_whose_handler_raises_anything(tmp_path):
    "Not only KeyboardInterrupt, and through the function, not the command."
    class Other(Exception): pass
    def raises(number, frame): raise Other
    before = signal.signal(signal.SIGALRM, raises)
    digits, hit = tiny(300), 0
    try:
        for k in range(40):
            signal.setitimer(signal.ITIMER_REAL, .003 * (k + 1))
            try: write_rotated(tmp_path / f"{k}.h5", digits)
            except (Other, KeyError, SymnbError): hit += 1 # KeyError: CPython's own, if it comes while a thread starts; SymnbError: while the file is read back, and so refused
            finally: signal.setitimer(signal.ITIMER_REAL, 0)
            for path in tmp_path.glob("*"):
                assert path.suffix == ".h5" and len(load_rotated(path, "all")) == 300
                path.unlink()
    finally: signal.signal(signal.SIGALRM, before)
    assert hit > 2 and threading.active_count() < 20
