"""Pictures from files and folders: the same bytes in every form, and one line for whatever is wrong."""
import gzip

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from symnb.data.pictures import read_pictures, shrunk
from symnb.ground.lab import SymnbError

X = np.random.default_rng(0).integers(0, 256, (6, 9, 9), dtype=np.uint8)
Y = np.array([0, 1, 1, 0, 2, 2], np.uint8)


def idx(path, x):
    raw = bytes([0, 0, 8, x.ndim]) + np.array(x.shape, ">u4").tobytes() + x.tobytes()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "a.npy", X)
    np.savez(tmp_path / "a.npz", images=X, kind=Y, other=Y)
    with h5py.File(tmp_path / "a.h5", "w") as f: f["set/images"], f["set/kind"] = X, Y
    idx(tmp_path / "some-images-idx3-ubyte.gz", X)
    idx(tmp_path / "some-labels-idx1-ubyte.gz", Y)
    for i, (x, y) in enumerate(zip(X, Y)):
        (tmp_path / "shots" / f"kind{y}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(x).save(tmp_path / "shots" / f"kind{y}" / f"{i}.png")
    return tmp_path


def test_all_forms_hold_the_same_pictures(files):
    true = torch.from_numpy(X)[:, None].float() / 255
    for name, how in {"a.npy": {}, "a.npz": dict(labels="kind"), "a.h5": dict(key="set/images", labels="set/kind"), "some-images-idx3-ubyte.gz": {}}.items():
        read = read_pictures(files / name, **how)
        assert torch.equal(read.images, true) and (read.labels is None or (read.labels == Y).all()), name
    order, read = np.argsort(Y, kind="stable"), read_pictures(files / "shots")
    assert torch.equal(read.images, true[order]) and read.labels.tolist() == [f"kind{k}" for k in Y[order]]


def test_colour_stands_before_or_after_the_pixels(files):
    colour = np.stack([X, X // 2, X // 3], 3)
    np.save(files / "last.npy", colour)
    np.save(files / "first.npy", colour.transpose(0, 3, 1, 2))
    last, first = (read_pictures(files / f"{k}.npy").images for k in ("last", "first"))
    assert torch.equal(last, first) and last.shape == (6, 3, 9, 9)
    Image.fromarray(colour[0]).save(files / "shots" / "kind0" / "colour.png")
    assert read_pictures(files / "shots").images.shape == (7, 3, 9, 9)  # one in colour, all in colour


def test_large_pictures_are_shrunk_evenly():
    x = torch.rand(2, 1, 128, 128)
    assert torch.allclose(shrunk(x), x.view(2, 1, 64, 2, 64, 2).mean((3, 5)), atol=1e-6) and shrunk(x[..., :20, :20]).shape[-1] == 20


def test_one_line(files):
    np.save(files / "flat.npy", X.reshape(6, -1))
    np.save(files / "words.npy", np.array(["a", "b"]))
    np.save(files / "deep.npy", np.zeros((4, 5, 7, 7)))
    (files / "empty").mkdir()
    Image.fromarray(X[0, :4, :4]).save(files / "shots" / "kind0" / "small.png")
    bad = {("flat.npy", None): r"expected pictures \(n, h, w\).*found \(6, 81\)", ("words.npy", None): "expected numbers",
           ("deep.npy", None): "expected 1, 3 or 4 channels, found 5", ("none.npy", None): "expected a file or a folder", ("empty", None): "found none",
           ("shots", None): "small.png: expected 9 x 9 pixels, as 0.png has, found 4 x 4", ("a.npz", "nokey"): "labels: expected a key",
           ("a.npy", str(files / "a.npz") + ":images"): "expected one label a sample"}
    for (name, labels), message in bad.items():
        with pytest.raises(SymnbError, match=message) as e: read_pictures(files / name, labels=labels)
        assert "\n" not in str(e.value)
