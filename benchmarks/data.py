"""Rotation beside the obvious loops, and the writing of a large file."""
import json, os, subprocess, sys, tempfile, time
from pathlib import Path
import numpy as np
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2.functional import rotate as torchvision_rotate
from symnb.data.digits import load_digits
from symnb.ground.lab import SymnbError, profile
from symnb.symmetry.warps import rotate, rotate_grid

def _rates(images: int, loop: int, repeats: int) -> dict[str, np.ndarray]:
    "Images per second of each way to rotate, `repeats` times each, in turn."
    from scipy.ndimage import rotate as scipy_rotate
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2.functional import rotate as torchvision_rotate
    x = load_digits().part("all").images[:images]
    grid = torch.arange(0, 360, 30)
    own = torch.rand(12 * len(x), generator=torch.Generator().manual_seed(0)) * 360
    many, some = x.repeat(12, 1, 1, 1), x[:loop]
    few, pixels = own[:loop].tolist(), some[:, 0].numpy()
    ways = {
        "rotate_grid": (12 * len(x), lambda: rotate_grid(x, grid)),
        "rotate": (12 * len(x), lambda: rotate(many, own)),
        "scipy loop": (len(some), lambda: [
            scipy_rotate(p, a, reshape=False, order=1) for p, a in zip(pixels, few)]),
        "torchvision loop": (len(some), lambda: [
            torchvision_rotate(p, a, InterpolationMode.BILINEAR) for p, a in zip(some, few)])}
    rates = {k: [] for k in ways}
    for _ in range(repeats + 1):
        for k, (n, way) in ways.items():
            start = time.perf_counter()
            way()
            rates[k].append(n / (time.perf_counter() - start))
    return {k: np.array(v[1:]) for k, v in rates.items()} # the first round warms up

_WRITE_FULL = """
import json, resource, sys, time, torch
from symnb.data.digits import Digits, load_digits, write_rotated
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

def _write_full(n: int) -> dict:
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
    "Time rotation against the obvious loops, and the writing of a large file."
    def row(method, measure, unit, value, **kw):
        keys = ("spread", "n", "chance", "floor", "baseline", "control", "target", "seeds")
        return dict(task="data", method=method, measure=measure, unit=unit, value=float(value),
                    **{k: kw.get(k) for k in keys}, seconds=None, device="cpu",
                    data="mnist5k", profile=profile().name)
    rates, rows = _rates(images, loop, repeats), []
    plain = np.median(rates["scipy loop"])
    for method, target in (("rotate_grid", ">= 25"), ("rotate", ">= 5")):
        rows.append(row(method, "rotation speed", "images/s", np.median(rates[method]),
                        spread=rates[method].std(), n=repeats, baseline=plain))
        for other, goal in (("scipy loop", target), ("torchvision loop", None)):
            times = rates[method] / rates[other]
            rows.append(row(method, f"rotation speed over {other}", "x", np.median(times),
                            spread=times.std(), n=repeats, baseline=1., target=goal))
    done = _write_full(full)
    what = f"file of {full} x 12 images"
    rows += [row("write_rotated", f"writing speed, {what}", "images/s",
                 12 * full / done["seconds"]),
             row("write_rotated", f"CPU time, {what}", "s", done["cpu"], target="<= 60"),
             row("write_rotated", f"peak memory, {what}", "MB", done["peak"] / 1e6,
                 target="<= 1000"),
             row("write_rotated", f"size of the {what}", "MB", done["size"] / 1e6)]
    return rows
