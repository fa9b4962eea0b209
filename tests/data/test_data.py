"""symnb.data.digits: sources, split, rotation, the file and its readers."""
import pickle, runpy, subprocess, sys
from pathlib import Path
import h5py
import numpy as np
import pytest
import torch
from scipy.ndimage import rotate as scipy_rotate
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2.functional import rotate as torchvision_rotate
from symnb.data.digits import Digits, load_digits
from symnb.data.rotated_file import RotatedDigits, load_rotated, write_rotated
from symnb.symmetry.warps import rotate, rotate_grid
from symnb.ground.board import Row
from symnb.ground.lab import SymnbError
from test_data_faults import write_idx

BENCH = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "data.py"))

@pytest.fixture(scope="module")
def digits(): return load_digits()

@pytest.fixture(scope="module")
def few(digits):
    "Forty images of four digits, with a split of their own."
    at = torch.cat([torch.arange(500 * d, 500 * d + 10) for d in range(4)])
    test = torch.arange(40) % 10 >= 8
    return Digits(digits.images[at], digits.labels[at], at, torch.where(~test)[0],
                  torch.where(test)[0], "forty", 0)

@pytest.fixture
def file(few, tmp_path): return write_rotated(tmp_path / "few.h5", few)

@pytest.fixture
def images(): return torch.rand(3, 2, 28, 28, generator=torch.Generator().manual_seed(0))

# --- digits

def test_mnist5k(digits):
    assert digits.images.shape == (5000, 28, 28) and digits.images.dtype == torch.uint8
    assert digits.labels.bincount().tolist() == [500] * 10
    for side, n in ((digits.train, 400), (digits.test, 100)):
        assert digits.labels[side].bincount().tolist() == [n] * 10
    assert not set(digits.train.tolist()) & set(digits.test.tolist())

def test_the_split_is_fixed(digits):
    assert digits.fingerprint == load_digits().fingerprint
    assert digits.fingerprint.startswith("395155a3142faea4"), "the default split has changed"
    assert digits.fingerprint != load_digits(seed=1).fingerprint

def test_part(digits):
    part = digits.part("test", (3, 8))
    assert part.images.shape == (200, 1, 28, 28) and part.images.dtype == torch.float32
    assert part.images.min() == 0 and part.images.max() == 1
    assert set(part.labels.tolist()) == {3, 8} and len(part) == 200
    assert torch.equal((part.images[:, 0] * 255).round().byte(), digits.images[part.index])
    assert len(digits.part("all")) == 5000 and set(digits.part("train", 7).labels.tolist()) == {7}

@pytest.mark.parametrize("split, which",
                         [("test", 11), ("test", ()), ("validation", None), ("all", (1, 12))])
def test_part_refuses(digits, split, which):
    with pytest.raises(SymnbError, match="expected"): digits.part(split, which)

def test_idx_folder_official_split(tmp_path, digits):
    x, y = digits.images.numpy(), digits.labels.numpy()
    for name, at in (("train", slice(0, 4000, 100)), ("t10k", slice(50, 4000, 400))):
        write_idx(tmp_path / f"{name}-images-idx3-ubyte", x[at])
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte.gz", y[at])
    found = load_digits(tmp_path)
    assert len(found.train) == 40 and len(found.test) == 10 and found.source == tmp_path.name
    assert np.array_equal(found.images[found.test], x[50:4000:400])
    assert np.array_equal(found.labels[found.train], y[0:4000:100])

def test_idx_folder_of_one_pair_and_npz(tmp_path, digits):
    x, y = digits.images[::50].numpy(), digits.labels[::50].numpy()
    write_idx(tmp_path / "my-images-idx3-ubyte.gz", x)
    write_idx(tmp_path / "my-labels-idx1-ubyte", y)
    np.savez(tmp_path / "my.npz", images=x, labels=y)
    a, b = load_digits(tmp_path), load_digits(tmp_path / "my.npz")
    assert a.fingerprint == b.fingerprint and len(a.test) == 20
    assert a.labels[a.test].bincount().tolist() == [2] * 10

def test_import_is_light():
    code = ("import sys, symnb.data.digits\n"
            "heavy = {'nbdev', 'fastcore', 'IPython', 'matplotlib', 'e2cnn', 'pandas', 'mlxtend', "
            "'torchvision', 'h5py', 'scipy', 'sklearn'} & set(sys.modules)\n"
            "assert not heavy, heavy")
    subprocess.run([sys.executable, "-c", code], check=True)

# --- rotation

def test_sign_is_counter_clockwise():
    x = torch.zeros(1, 1, 9, 9)
    x[0, 0, 4, 8] = 1 # on the right: 0 degrees
    for degrees, row, column in ((90, 0, 4), (180, 4, 0), (-90, 8, 4), (360, 4, 8)):
        assert rotate(x, degrees)[0, 0, row, column] == 1, degrees
    up = rotate(x, 45)[0, 0]
    assert up[:4, 5:].sum() > .9 and up[5:].sum() == 0

@pytest.mark.parametrize("size", [1, 7, 28, 29, 32, 64])
def test_quarter_turns_are_exact(size):
    x = torch.rand(4, 2, size, size)
    k = torch.tensor([-4, -1, 1, 6])
    own, grid = rotate(x, 90. * k), rotate_grid(x, 90 * k)
    for i in range(4):
        assert torch.equal(own[i], torch.rot90(x[i], int(k[i]), (1, 2)))
        assert torch.equal(grid[:, i], torch.rot90(x, int(k[i]), (2, 3)))

def test_shapes_and_agreement(images):
    degrees = torch.tensor([0., 13, 90, -200, 359.5])
    grid = rotate_grid(images, degrees)
    assert grid.shape == (3, 5, 2, 28, 28) and grid.is_contiguous()
    for i, a in enumerate(degrees): assert (rotate(images, a) - grid[:, i]).abs().max() < 1e-5
    own = rotate(images, torch.tensor([10., 20, 30]))
    for i, a in enumerate((10, 20, 30)):
        assert (rotate(images[i:i + 1], a) - own[i]).abs().max() < 1e-5

def test_rectangles_and_many(images):
    x = torch.rand(1100, 1, 6, 9) # more than one chunk, not square, not a power of two
    assert torch.equal(rotate(x, 180), x.flip(2, 3))
    degrees = torch.linspace(0, 360, 1100)
    two = [7, 1090]
    assert torch.allclose(rotate(x, degrees)[two], rotate(x[two], degrees[two]), atol=1e-6)

def test_agrees_with_torchvision_and_scipy(images):
    for a in (17., 90., 200., 300.):
        theirs = torchvision_rotate(images, a, InterpolationMode.BILINEAR)
        assert (rotate(images, a) - theirs).abs().max() < 1e-4
        inner = scipy_rotate(images[0, 0].numpy(), a, reshape=False, order=1)[6:22, 6:22]
        assert np.abs(inner - rotate(images, a)[0, 0, 6:22, 6:22].numpy()).max() < 1e-4

def smooth(n, dtype=torch.float64):
    t = torch.linspace(-1, 1, n, dtype=dtype)
    return torch.exp(-3 * (t[:, None] - .2) ** 2 - 5 * (t - .1) ** 2).expand(2, 1, n, n).clone()

def test_gradients():
    x = smooth(6).requires_grad_()
    a = torch.tensor([13., 171.], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rotate, (x, a))
    assert torch.autograd.gradcheck(rotate_grid, (x, a))

def test_gradient_in_the_angle_at_zero():
    "The angle can be learned from the upright image, where sine and cosine take exact values."
    x, a = smooth(28, torch.float32)[:1], torch.zeros((), requires_grad=True)
    (rotate(x, a) - rotate(x, 10.)).square().sum().backward()
    assert a.grad < 0

def test_types(images):
    assert rotate(images.half(), 30).dtype == torch.float16
    assert rotate(images.double(), 30).dtype == torch.float64
    assert torch.allclose(rotate(images.half(), 30).float(), rotate(images, 30), atol=2e-3)

@pytest.mark.parametrize("bad", [torch.zeros(28, 28), torch.zeros(1, 1, 4, 4, dtype=torch.uint8),
                                 torch.zeros(0, 1, 4, 4)])
def test_rotation_refuses_images(bad):
    for f, a in ((rotate, 30), (rotate_grid, [30])):
        with pytest.raises(SymnbError, match="images: expected"): f(bad, a)

def test_rotation_refuses_angles(images):
    for a in ([1., 2.], torch.zeros(3, 1)):
        with pytest.raises(SymnbError, match="degrees: expected"): rotate(images, a)
    for a in (30, [], [[1., 2.]]):
        with pytest.raises(SymnbError, match="degrees: expected"): rotate_grid(images, a)

@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_rotation_on_cuda(images):
    a = torch.tensor([0., 33, 90])
    for f in (rotate, rotate_grid):
        there = f(images.cuda(), a.cuda())
        assert there.is_cuda and torch.allclose(there.cpu(), f(images, a), atol=1e-5)
    assert torch.equal(rotate(images.cuda(), 90).cpu(), torch.rot90(images, 1, (2, 3)))

# --- the file

def test_layout(file):
    with h5py.File(file) as f:
        assert list(f) == ["test", "train"] and list(f["train"]) == list("0123")
        data = f["train/2"]
        assert data.shape == (8, 12, 1, 28, 28) and data.dtype == np.uint8
        assert data.chunks == (1, 12, 1, 28, 28) and data.compression == "gzip" and data.fletcher32
        assert data.attrs["index"].tolist() == list(range(1000, 1008))
        assert f.attrs["angles"].tolist() == list(range(0, 360, 30))
        assert set(f.attrs) == {"source", "seed", "split", "versions", "format", "version",
                                "fingerprint", "angles"}

def test_content(file, few):
    for split in ("train", "test", "all"):
        r = load_rotated(file, split)
        x = few.images[torch.searchsorted(few.index, r.index)][:, None].float() / 255
        assert (rotate_grid(x, r.angles) - r.images).abs().max() * 255 < .501
        assert torch.equal(r.images[:, 0], x), "angle 0 is the digit itself"
        assert torch.equal(r.labels, r.index // 500)
    assert len(r) == 40 and r.images.shape == (40, 12, 1, 28, 28) and r.source == "forty"

@pytest.mark.parametrize("step", [360, 120, 30, 7.5, 7.2])
def test_no_digit_on_both_sides(few, tmp_path, step):
    path = write_rotated(tmp_path / "a.h5", few, step=step)
    train, test = load_rotated(path, "train"), load_rotated(path, "test")
    assert train.images.shape[1] == 360 / step
    assert not set(train.index.tolist()) & set(test.index.tolist())
    assert len(train) == 32 and len(test) == 8

def test_dataset_equals_memory(file):
    for chosen in (("train", None, None), ("all", (1, 3), (330, 30)), ("test", 2, -90)):
        data, r = RotatedDigits(file, *chosen), load_rotated(file, *chosen)
        T = len(r.angles)
        assert len(data) == len(r) * T
        for i in range(len(data)):
            image, digit, angle, index = data[i]
            assert torch.equal(image, r.images[i // T, i % T])
            assert (digit, angle, index) == (r.labels[i // T], r.angles[i % T], r.index[i // T])

def test_dataset_indices(file):
    data = RotatedDigits(file, "test")
    assert torch.equal(data[-1][0], data[len(data) - 1][0])
    with pytest.raises(IndexError): data[len(data)]

@pytest.mark.parametrize("context, workers", [("fork", 2), ("spawn", 1)])
def test_workers(file, context, workers):
    data = RotatedDigits(file, "all")
    data[0] # an open file here must not disturb the workers
    if context not in torch.multiprocessing.get_all_start_methods(): pytest.skip(f"no {context}")
    loader = torch.utils.data.DataLoader(data, 32, num_workers=workers,
                                         multiprocessing_context=context)
    images, digits, angles, index = (torch.cat(c) for c in zip(*loader))
    r = load_rotated(file, "all")
    assert torch.equal(images, r.images.flatten(0, 1)) and torch.equal(index[::12], r.index)
    assert angles.dtype == torch.float32 and digits.dtype == torch.int64

def test_dataset_opens_lazily_and_pickles(file):
    data = RotatedDigits(file, "train")
    assert data._file is None
    data[0]
    again = pickle.loads(pickle.dumps(data))
    assert again._file is None and torch.equal(again[5][0], data[5][0])

def test_without_split(few, tmp_path):
    path = write_rotated(tmp_path / "a.h5", few, split=False, keep=(0, 3), angles=(0, 15, 45))
    with h5py.File(path) as f: assert list(f) == ["0", "3"]
    r = load_rotated(path, "all")
    assert r.images.shape == (20, 3, 1, 28, 28) and r.angles.tolist() == [0, 15, 45]
    with pytest.raises(SymnbError, match="split: expected all, found train"):
        load_rotated(path, "train")

def test_bytes_do_not_depend_on_chunk(few, tmp_path):
    a, b = (write_rotated(tmp_path / f"{c}.h5", few, chunk=c) for c in (3, 256))
    assert a.read_bytes() == b.read_bytes()

def test_memory_does_not_grow():
    "10 000 digits more: 94 MB of bytes or 376 MB of floats, if their rotations were kept."
    small, large = (BENCH["write_full"](n)["peak"] for n in (2000, 12_000))
    assert large - small < 94e6

def test_large_index(digits, tmp_path):
    "More indices than fit into HDF5's compact attributes."
    n = 9000
    at = torch.zeros(n, dtype=torch.int64)
    many = Digits(digits.images[at], at, torch.arange(n) * 3, torch.arange(n - 1),
                  torch.tensor([n - 1]), "many", 0)
    path = write_rotated(tmp_path / "a.h5", many, step=360)
    assert load_rotated(path, "train").index[-1] == 3 * (n - 2)
    content = bytearray(path.read_bytes())
    where = content.index((np.arange(2000, 2100) * 3).astype("<i8").tobytes())
    content[where] ^= 3
    path.write_bytes(content)
    with pytest.raises(SymnbError, match="train/0, SHA-256 of index"): load_rotated(path, "train")

def test_bench_rows():
    rows = BENCH["bench_data"](images=20, loop=10, repeats=1, full=100)
    keys = {"task", "method", "measure", "unit", "value", "spread", "n", "chance", "floor",
            "baseline", "control", "target", "seeds", "seconds", "device", "data", "profile"}
    assert len(rows) == 15 + len(BENCH["optional_ways"](1)) and all(set(r) == keys and r["value"] > 0 for r in rows)
    over = [r["target"] for r in rows if r["measure"] == "rotation speed over scipy loop"]
    assert over == [">= 25", ">= 5"] and len([Row(**r) for r in rows]) == len(rows)
