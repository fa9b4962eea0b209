"""How long a closed form, LieGAN and LaLiGAN take to the same cosine with the true field, in one run on one machine."""
import time
from dataclasses import replace
import numpy as np
import torch
from symnb.data.dynamics import Dynamics
from symnb.find.action_angle import discover_circle
from symnb.find.bracket import discover_generators
from symnb.find.laligan import LALIGAN_ADVERSARY, LALIGAN_SMALL, as_action, fit_laligan
from symnb.find.liegan import LIEGAN_PUBLISHED, LIEGAN_SMALL, fit_liegan, state_pairs
from symnb.find.trajectories import waves
from symnb.ground.lab import profile
from symnb.measures.orbits import tangent_cosine
from symnb.studies.gans import first_time

def fitted(x): return x[np.arange(len(x)) % 4 != 3]

def linear_ones(steps: int, level: float): # (method, cosine at the end, CPU seconds to the level or None)
    "Two bodies: a null space, and adversaries step by step."
    world = Dynamics("two-body")
    x, truth = world.draw(800), world.truth.basis[0, :8, :8]
    states = torch.from_numpy(world.drawn(20, seed=900).reshape(-1, 8))
    discover_generators(x[:20], world.dt, waves(20, 4.)) # what is loaded at a first call is not timed
    start = time.process_time()
    found = discover_generators(x, world.dt, waves(300, 4.))
    spent, cos = time.process_time() - start, tangent_cosine(found.candidate.generators[0], states, states @ truth.T).value
    yield "null space", cos, spent if cos >= level else None
    for name, recipe in (("LieGAN, small", replace(LIEGAN_SMALL, steps=steps)), ("LieGAN, published", replace(LIEGAN_PUBLISHED, steps=steps // 2))):
        fit_liegan(state_pairs(x[:4]), recipe=replace(recipe, steps=2))
        model, record = fit_liegan(state_pairs(fitted(x)), recipe=recipe)
        L = model.generators.L[0].detach().double().cpu()
        yield name, tangent_cosine(lambda v: v @ L.T, states, states @ truth.T).value, first_time(record["history"]["L"], truth, states, record["cpu_seconds"], level)

def bent_ones(steps: int, level: float):
    "Prey and predators: an action, and latents after a share and the whole of their training."
    world = Dynamics("Lotka-Volterra")
    x, states = world.draw(100), torch.from_numpy(world.drawn(20, seed=900)[:, ::20].reshape(-1, 2))
    true, start = torch.from_numpy(world.field(states.numpy())), time.process_time()
    found = discover_circle(x, world.dt)
    spent, cos = time.process_time() - start, tangent_cosine(found.candidate, states, true).value
    yield "flow for a share of the period", cos, spent if cos >= level else None
    for name, recipe in (("LaLiGAN, coupling", LALIGAN_SMALL), ("LaLiGAN, adversary", LALIGAN_ADVERSARY)):
        fit_laligan(fitted(x)[:8], world.dt, replace(recipe, steps=2))
        total = 0.
        for part in (.25, 1.): # each with rates of its own, so their seconds add up
            model, record = fit_laligan(fitted(x), world.dt, replace(recipe, steps=int(part * steps)))
            total += record["cpu_seconds"]
            cos = tangent_cosine(as_action(model, torch.as_tensor(fitted(x).reshape(-1, 2)[::7])), states, true).value
            if cos >= level: break
        yield name, cos, total if cos >= level else None

def bench_dynamics() -> list[dict]: # rows of the scoreboard
    "Cosines with the true field, and CPU seconds to a level of it."
    steps, rows = dict(quick=(300, 800), full=(400, 2600))[profile().name], []
    for data, level, runs in (("two-body", .98, linear_ones(steps[0], .98)), ("Lotka-Volterra", .999, bent_ones(steps[1], .999))):
        ours = None
        for method, cos, seconds in runs:
            common = dict(task="dynamics", method=method, data=data, n=1)
            rows.append(dict(common, measure="|cos| with the true field", value=cos, floor=1.))
            if seconds is None: continue
            ours = ours or seconds
            rows.append(dict(common, measure=f"time to |cos| {level:g}", unit="CPU s", value=seconds, baseline=ours))
    return rows

if __name__ == "__main__":
    from symnb.show.cli import main
    raise SystemExit(main(["bench", "dynamics"]))
