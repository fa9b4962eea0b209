"""Time and memory of the closed forms as samples and dimensions grow: `symnb bench methods`."""
import math, multiprocessing, resource, time
import numpy as np
import torch
from symnb.data.digits import load_digits
from symnb.data.dynamics import Dynamics
from symnb.data.worlds import World
from symnb.find.algebra import discover_rotation
from symnb.find.bracket import discover_generators
from symnb.find.functions import discover_invariance
from symnb.find.liepca import lie_pca
from symnb.find.moments import synthetic_law
from symnb.find.registration import registered
from symnb.find.solver import solve
from symnb.find.trajectories import waves
from symnb.ground.lab import profile

def normal(n: int, d: int): return np.random.default_rng(0).standard_normal((n, d))

def trajectories(n: int, d: int): # by a rotation in d / 2 planes
    "Linear motion in d numbers, with noise."
    t = .1 * np.arange(100)[None, :, None] * (1 + np.arange(d // 2))
    start = np.random.default_rng(0).standard_normal((n, 1, d // 2)) + 1j * np.random.default_rng(1).standard_normal((n, 1, d // 2))
    z = start * np.exp(1j * t)
    return np.concatenate([z.real, z.imag], 2)

# method -> (make the data of n samples in d numbers, the method, small and large n, small and large d)
FORMS = {
    "algebra: cumulants": (lambda n, d: synthetic_law(list(range(1, d // 2)), n, d)[0], discover_rotation, (4_000, 40_000), (4, 40)),
    "LiePCA": (normal, lie_pca, (500, 5_000), (4, 40)),
    "solver": (lambda n, d: World("narrow", d).draw(n), solve, (10_000, 100_000), (9, 91)),
    "null space of generators": (trajectories, lambda x: discover_generators(x, .1, waves(100, 4.)), (20, 200), (2, 20)),
    "invariance of functions": (lambda n, d: (normal(n, d), (normal(n, d)[:, :2] ** 2).sum(1)), lambda a: discover_invariance(*a), (1_000, 10_000), (2, 20)),
    "registration": (lambda n, d: load_digits().part("all").images[:n].repeat_interleave(d // 28, 2).repeat_interleave(d // 28, 3), registered, (400, 4_000), (28, 280))}

def spent(make, method, n: int, d: int, first, pipe): # in a process of its own; a small size to warm up on, or None
    "CPU seconds and megabytes beyond the data; what a method refuses is told in words."
    torch.set_num_threads(1)
    try:
        if first: method(make(*first))
        x = make(n, d)
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        method(x)
        pipe.send((time.process_time() - began, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3))
    except Exception as e: pipe.send(f"{type(e).__name__}: {e}")

def measured(make, method, n: int, d: int, first: tuple = None):
    "One size in a forked process."
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    child = fork.Process(target=spent, args=(make, method, n, d, first, theirs))
    child.start()
    found = ours.recv() if ours.poll(600) else "no answer in ten minutes"
    child.kill()
    child.join()
    return found

def bench_methods(forms: dict = FORMS, repeats: int = None) -> list[dict]: # rows of the scoreboard
    "CPU time and peak memory of each closed form, and the slopes of their logarithms."
    rows, repeats = [], repeats or dict(quick=1, full=3)[profile().name]
    for name, (make, method, ns, ds) in forms.items():
        sizes, seen = [(ns[0], ds[0]), (ns[1], ds[0]), (ns[0], ds[1])], []
        for n, d in sizes:
            cold, *runs = [measured(make, method, n, d)] + [measured(make, method, n, d, sizes[0]) for _ in range(repeats)]
            if bad := [r for r in (cold, *runs) if isinstance(r, str)]:
                print(f"{name}, n = {n}, d = {d}: {bad[0]}", flush=True)
                seen.append(None)
                continue
            seconds, memory = np.quantile([r[0] for r in runs], (.25, .5, .75)), cold[1] # a warm process has its memory already
            seen.append((seconds[1], memory))
            common = dict(task="methods", method=name, data=f"n = {n}, d = {d}, 1 thread")
            rows += [dict(common, measure="CPU time", unit="s", value=seconds[1], spread=(seconds[2] - seconds[0]) / 2 if repeats > 1 else None, n=repeats),
                     dict(common, measure="memory beyond the data", unit="MB", value=memory, n=1)]
        for axis, at, ratio in (("samples", 1, ns[1] / ns[0]), ("dimensions", 2, ds[1] / ds[0])):
            if seen[0] is None or seen[at] is None: continue
            for what, i in (("CPU time", 0), ("memory", 1)):
                if min(seen[0][i], seen[at][i]) > 0: rows.append(dict(task="methods", method=name, measure=f"slope of {what} with {axis}", value=math.log(seen[at][i] / seen[0][i]) / math.log(ratio),
                    data=f"{axis} times {ratio:.3g}, 1 thread", n=repeats, baseline=1.))
    return rows
