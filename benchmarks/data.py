"""Rotation beside the obvious ways, each at its best, and the writing of a large file: `symnb bench data`."""
import json, os, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import rotate as scipy_rotate
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2.functional import rotate as torchvision_rotate
from symnb.data.digits import load_digits
from symnb.ground.lab import SymnbError, profile
from symnb.symmetry.warps import rotate, rotate_grid

def affine_grid(x, degrees):
    "Each image by its own angle with PyTorch's own grid, all in one call."
    a = torch.deg2rad(degrees)
    A = torch.stack([torch.stack([a.cos(), -a.sin(), 0 * a], -1), torch.stack([a.sin(), a.cos(), 0 * a], -1)], 1)
    return F.grid_sample(x, F.affine_grid(A, x.shape, align_corners=False), align_corners=False)

def ways(images: int, loop: int) -> dict: # way -> (images it turns, function)
    "Ours, and others' ways by batches where they have them, in all threads where they have none."
    x = load_digits().part("all").images[:images]
    grid = torch.arange(0, 360, 30)
    own = torch.rand(12 * len(x), generator=torch.Generator().manual_seed(0)) * 360
    many, some, few = x.repeat(12, 1, 1, 1), x[:loop], own[:loop].tolist()
    pixels, threads = x[:, 0].numpy(), ThreadPoolExecutor(torch.get_num_threads())
    one = lambda p, a: scipy_rotate(p, a, reshape=False, order=1)
    turned = lambda p, a: torchvision_rotate(p, a, InterpolationMode.BILINEAR)
    return {
        "rotate_grid": (12 * len(x), lambda: rotate_grid(x, grid)),
        "rotate": (12 * len(x), lambda: rotate(many, own)),
        "scipy loop": (len(some), lambda: [one(p, a) for p, a in zip(pixels, few)]),
        "scipy, all threads": (len(some), lambda: list(threads.map(one, pixels[:loop], few))),
        "scipy, batched": (12 * len(x), lambda: [scipy_rotate(pixels, a, (2, 1), reshape=False, order=1) for a in grid.tolist()]),
        "torchvision loop": (len(some), lambda: [turned(p, a) for p, a in zip(some, few)]),
        "torchvision, batched": (12 * len(x), lambda: [turned(x, a) for a in grid.tolist()]),
        "affine_grid": (12 * len(x), lambda: affine_grid(many, own))}

def optional_ways(images: int) -> dict: # way -> (images it turns, function)
    "kornia and OpenCV, where they are installed: each image by its own angle."
    x = load_digits().part("all").images[:images].repeat(12, 1, 1, 1)
    own, found = torch.rand(len(x), generator=torch.Generator().manual_seed(0)) * 360, {}
    try:
        from kornia.geometry.transform import rotate as kornia_rotate
        found["kornia, batched"] = len(x), lambda: kornia_rotate(x, own)
    except ImportError: pass
    try:
        import cv2
        cv2.setNumThreads(torch.get_num_threads())
        pixels, angles = x[:, 0].numpy(), own.tolist()
        one = lambda p, a: cv2.warpAffine(p, cv2.getRotationMatrix2D((13.5, 13.5), a, 1.), (28, 28), flags=cv2.INTER_LINEAR)
        found["OpenCV loop"] = len(x), lambda: [one(p, a) for p, a in zip(pixels, angles)]
    except ImportError: pass
    return found

def quartiles(values) -> tuple: # of repeats -> median, half of the distance between the quartiles
    "What a benchmark says of its repeats."
    low, middle, high = np.quantile(values, (.25, .5, .75))
    return middle, (high - low) / 2

def rates_of(ways: dict, repeats: int) -> dict: # way -> images per second, (repeats,)
    "Each way in turn, so that all see the same machine; the first round warms up."
    rates = {k: [] for k in ways}
    for _ in range(repeats + 1):
        for k, (n, way) in ways.items():
            start = time.perf_counter()
            way()
            rates[k].append(n / (time.perf_counter() - start))
    return {k: np.array(v[1:]) for k, v in rates.items()}

_WRITE_FULL = """
import json, resource, sys, time, torch
from symnb.data.digits import Digits, load_digits
from symnb.data.rotated_file import write_rotated
n, small = int(sys.argv[1]), load_digits()
at = torch.arange(n) % len(small.labels)
digits = Digits(small.images[at], small.labels[at], torch.arange(n), torch.arange(n * 6 // 7),
                torch.arange(n * 6 // 7, n), "mnist5k, tiled", 0)
start = time.perf_counter()
write_rotated(sys.argv[2], digits)
seconds = time.perf_counter() - start
try: peak = next(int(l.split()[1]) * 1024 for l in open("/proc/self/status") if "VmHWM" in l)
except OSError: peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps(dict(seconds=seconds, cpu=time.process_time(), peak=peak)))
"""

def write_full(n: int) -> dict:
    "Write n x 12 images in a fresh process of one thread: seconds, its CPU seconds, peak bytes."
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "full.h5"
        done = subprocess.run([sys.executable, "-c", _WRITE_FULL, str(n), str(path)], text=True,
                              capture_output=True,
                              env={**os.environ, "TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"})
        if done.returncode:
            raise SymnbError(f"writing {n} x 12 images failed: {done.stderr.splitlines()[-1:]}")
        return json.loads(done.stdout) | dict(size=path.stat().st_size)

def bench_data(images: int = 1000, # rotated by 12 angles, or 12 times as many by one each
               loop: int = 400, # images in each of the slow loops
               repeats: int = 7, # of which medians are taken
               full: int = 70_000 # digits in the large file
              ) -> list[dict]: # rows of the scoreboard
    "Time rotation against the obvious ways, and the writing of a large file."
    def row(method, measure, unit, value, **kw):
        keys = ("spread", "n", "chance", "floor", "baseline", "control", "target", "seeds")
        return dict(task="data", method=method, measure=measure, unit=unit, value=float(value),
                    **{k: kw.get(k) for k in keys}, seconds=None, device=None,
                    data=f"mnist5k, {torch.get_num_threads()} threads", profile=profile().name)
    others = optional_ways(images)
    rates, rows = rates_of(ways(images, loop) | others, repeats), []
    plain = np.median(rates["scipy loop"])
    beside = dict(rotate_grid=("scipy, batched", "torchvision, batched"), # all images by the same angles
                  rotate=("scipy, all threads", "torchvision loop", "affine_grid", *others)) # each by its own
    for method, others in beside.items():
        speed, spread = quartiles(rates[method])
        rows += [row(method, "rotation speed", "images/s", speed, spread=spread, n=repeats, baseline=plain),
                 row(method, "time of a pixel and thread", "ns", 1e9 / 784 * torch.get_num_threads() / speed, n=repeats, baseline=1e9 / 784 / plain)]
        for other in ("scipy loop", *others):
            times = rates[method] / rates[other]
            ratio, spread = quartiles(times)
            rows.append(row(method, f"rotation speed over {other}", "x", ratio, spread=spread, n=repeats,
                            baseline=1., target=dict(rotate_grid=">= 25", rotate=">= 5")[method] if other == "scipy loop" else None))
    done = write_full(full)
    what = f"file of {full} x 12 images"
    rows += [row("write_rotated", f"writing speed, {what}", "images/s",
                 12 * full / done["seconds"]),
             row("write_rotated", f"CPU time, {what}", "s", done["cpu"], target="<= 60",
                 baseline=12 * full / plain), # turned by a loop, and not written
             row("write_rotated", f"peak memory, {what}", "MB", done["peak"] / 1e6, target="<= 1000",
                 baseline=12 * full * 784 * 4 / 1e6), # turned at once, as floats
             row("write_rotated", f"size of the {what}", "MB", done["size"] / 1e6)]
    return rows
