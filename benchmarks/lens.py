"""What a step of SymmetryLens costs, switch by switch, and what the solver takes for its answer."""
import time
from dataclasses import replace
import numpy as np
import torch
from symnb.data.worlds import World
from symnb.find.lens import FAST, PUBLISHED, LensModel, covariance, losses, normalise, optimiser
from symnb.find.solver import Objective, chain_step, prepared, solve
from symnb.ground.board import Scoreboard
from symnb.ground.lab import device, profile
from symnb.measures.lines import generator_cosine
from symnb.studies.lens import LARGE

def forms(batch: int) -> dict: # label -> (recipe, P, restarts)
    "The published form, each switch, and forms with several."
    base = replace(PUBLISHED, batch=batch)
    switches = ("full_covariance", "pooled", "gaussian_pairs", "cayley", "one_pass", "bf16")
    found = {"published form": (base, 33, 1)} | {s: (replace(base, **{s: True}), 33, 1) for s in switches}
    nets = dict(FAST, gaussian_pairs=False)
    return found | {"all, networks kept": (replace(base, **nets), 33, 1),
                    "all, Gaussian pairs": (replace(base, **FAST), 33, 1),
                    "the same, B = 528, P = 8": (replace(LARGE, batch=528), 8, 1),
                    "the same, 4 restarts": (replace(LARGE, batch=528), 8, 4)}

def one_step(model, optimisers, x, t, sigma, S):
    "What `symnb.ground.runs.train` does in a step of the lens, without its checkpoints."
    terms, ends = losses(model, normalise(x), t, sigma, S), (list(model.lens.parameters()), model.estimators())
    for (name, keep), params in zip((("total", True), ("nll", False)), ends):
        for p, g in zip(params, torch.autograd.grad(terms[name].sum(), params, retain_graph=keep)): p.grad = g
    for o in optimisers: o.step()

def step_times(forms: dict, x, repeats: int) -> dict: # label -> milliseconds a step, (repeats,)
    "Time steps of several forms in turns, after one to warm up."
    x = torch.as_tensor(x).to(device())
    on_gpu = x.device.type == "cuda"
    clock = time.perf_counter if on_gpu else time.process_time
    S, out, runs = covariance(normalise(x)), {k: [] for k in forms}, {}
    for name, (recipe, P, restarts) in forms.items():
        model = LensModel(x.shape[1], P, recipe, (restarts,) if restarts > 1 else ()).to(x.device)
        pair = [optimiser(model, p, 1e-4) for p in (list(model.lens.parameters()), model.estimators())]
        runs[name] = model, pair, x[:recipe.batch]
    t, sigma = torch.tensor(.5, device=x.device), torch.tensor(.1, device=x.device)
    for k in range(repeats + 1):
        for name, (model, pair, b) in runs.items():
            count = 1 if len(b) > 2000 else 10
            if on_gpu: torch.cuda.synchronize()
            start = clock()
            for _ in range(count): one_step(model, pair, b, t, sigma, S)
            if on_gpu: torch.cuda.synchronize()
            if k: out[name].append((clock() - start) / count * 1e3)
    return {k: np.array(v) for k, v in out.items()}

def bench_lens(batch: int = None, # a multiple of 33; by the profile if None
               repeats: int = 3, solver: bool = True # whether to time the solver too
              ) -> list[dict]: # rows of the scoreboard
    "Milliseconds a step of the published form and of each switch, and the solver to its answer."
    batch = batch or dict(quick=1650, full=16_500)[profile().name]
    world, rows = World("narrow", 33), []
    times = step_times(forms(batch), world.draw(max(batch, 20_000)), repeats)
    plain, common = times["published form"], dict(task="lens", data=f"narrow, N = 33, B = {batch}", n=repeats)
    clock = "time" if device().type == "cuda" else "CPU time" # as in `step_times`
    for name, ms in times.items():
        gain = plain / ms
        rows.append(dict(method=name, measure=f"{clock} of a step", unit="ms", value=np.median(ms),
                         spread=ms.std(ddof=1), baseline=np.median(plain), **common))
        if name != "published form":
            rows.append(dict(method=name, measure="gain over the published form", unit="x",
                             value=np.median(gain), spread=gain.std(ddof=1), baseline=1., **common))
    days = np.median(plain) * 1e6 / 86.4e6 * 16_500 / batch
    rows.append(dict(method="published form", measure=f"{clock} of 1e6 steps at B = 16500, extrapolated",
                     unit="days", value=days, **common))
    return rows + ([dict(row) for row in bench_solver(("narrow",))] if solver else [])

def bench_solver(kinds=("narrow", "wide", "legendre"), samples: int = 180_000, seed: int = 0) -> list[dict]:
    "CPU time of an answer and of single steps, one thread, for each world at N = 33."
    rows = []
    for kind in kinds:
        world = World(kind, basis="permutation", seed=seed)
        x = world.draw(samples)
        s = solve(x)
        objective, n = Objective(prepared(x)[0][:20_000]), 20
        began = time.process_time()
        for _ in range(n): objective.gradient(s.W, .1)
        step = 1e3 * (time.process_time() - began) / n
        add = lambda measure, value, unit=None, **kw: rows.append(dict(
            task="lens", method=f"solver, {kind}", data=f"{kind}, N = 33, {samples} samples", seeds=[seed], n=1,
            measure=measure, value=value, unit=unit, **kw))
        add("CPU time to the answer", s.seconds, "s")
        add("relaxed stage", 1e3 * s.relax_seconds / 150, "ms per step")
        add("gradient on rotations, 20000 samples", step, "ms")
        add("cosine to the true step", generator_cosine(chain_step(s.W), world.step), floor=1.)
    return rows
