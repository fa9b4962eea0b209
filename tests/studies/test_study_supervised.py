"""The supervised study: its plan, its curves on planted actions, and a tiny run from data to rows."""
import numpy as np
import pytest
import torch

from symnb.data.digits import load_digits
from symnb.find.supervised import LEARNED
from symnb.ground.board import Measured
from symnb.models.vae import VAE
from symnb.studies import supervised
from symnb.studies.supervised import CLOSED, DEALT, METHODS, PLANES, angled, closure_curve, derived, error_curve, step_angles, study
from symnb.symmetry.kinds import StepAction
from symnb.symmetry.warps import rotate


@pytest.fixture(scope="module")
def data(): return load_digits()


class Flat(VAE):
    "The identity on 784 pixels, as an autoencoder."
    def __init__(self): super().__init__(torch.nn.Identity(), torch.nn.Identity(), 784, beta=0.)
    def encode(self, x): return x.flatten(1), None
    def decode(self, z): return z.view(-1, 1, 28, 28).clamp(1e-4, 1 - 1e-4).logit()


def turning(degrees):
    "Steps of this angle, on the latent of `Flat`."
    return StepAction(lambda z: rotate(z.view(-1, 1, 28, 28), degrees).flatten(1), 30.)


@pytest.mark.parametrize("degrees, reads", [(30., 30.), (28., 28.), (-2.73, -2.6)])
def test_step_angles_reads_planted_steps(degrees, reads, data):
    found = step_angles(Flat(), turning(degrees), angled(data.part("test"), 40), count=4)
    assert found.shape == (4,) and np.allclose(found, reads, atol=.3)


def test_a_trap_is_seen_by_one_step_and_not_by_eleven(data):
    "Eleven steps of 30 - 360/11 degrees are as good as eleven of 30."
    x = angled(data.part("test"), 40)
    right, trap = (error_curve(Flat(), turning(a), x, (1, 11, 12)) for a in (30., 30 - 360 / 11))
    assert trap[1] < .3 * trap[0] and trap[1] < .3 * trap[2] and right[0] < .1 * trap[0]


def test_closure_curve_of_the_truth_and_of_doing_nothing(data):
    x = data.part("test").images[::50]
    truth, still = (closure_curve(Flat(), turning(a), x, (3, 12)) for a in (90., 0.))
    assert closure_curve(Flat(), turning(30.), x, (1,))[0] < .02 < still[0] > .5 and still[1] < 1e-6 and truth[1] < 1e-6


def test_the_plan_holds_all_methods_and_controls(data):
    cells = list(study.plan(study.settings["full"], data))
    assert len(cells) == len(set(cells)) == 2 * 3 * len(METHODS)
    quick = list(study.plan(study.settings["quick"], data))
    assert {m for m, w, _ in quick if not w} == set(METHODS) and not any(w for _, w, _ in quick)
    assert set(study.controls) == {m for m in METHODS if m.startswith("control")} and set(LEARNED) < set(METHODS)
    free = set(METHODS) - set(study.controls) - {m for names in study.controls.values() for m in names}
    assert free == {"steerable VAE"}, "every other method has a control beside it"


def test_headlines_and_targets_name_rows_that_exist():
    stored = {(r.method, r.measure) for r in study.stored()}
    assert set(study.headlines) <= stored and set(study.targets) <= stored


def test_derived_rows():
    error = {f"image error over its floor, {p}": Measured(1. + i, baseline=5.) for i, p in enumerate(supervised.PLACES)}
    plain = error | {"image error, 15 degrees": Measured(.02, floor=.01)}
    found = {k: plain | {"time of fitting": Measured(.1)} for k in CLOSED} | {"block VAE": error | {"image error, 15 degrees": Measured(.02, floor=.02)}}
    out = derived(found, "", 0)
    assert out["closed forms"]["longest time of fitting"].value == .1
    worst = out["block VAE"]["worst image error over its floor, 30, 330, 15, 45 degrees"]
    assert worst.value == 7 and worst.floor == 1 and out["block VAE"]["floor over that of the plain VAE"].value == 2


CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))


@pytest.mark.parametrize("place", ["cpu", CUDA])
def test_a_tiny_run(place, data, monkeypatch, tmp_path):
    from symnb.models import zoo
    monkeypatch.setenv("SYMNB_DEVICE", place)
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    monkeypatch.setitem(zoo.STEPS, "quick", dict.fromkeys(zoo.STEPS["quick"], 2))
    part = data.__class__.part
    monkeypatch.setattr(data.__class__, "part", lambda self, *a: _few(part(self, *a)))
    monkeypatch.setattr(supervised, "digit_oracle", lambda data: (lambda x: x.flatten(1)[:, :10], {}))
    monkeypatch.setattr(study, "settings", dict(quick=dict(seeds=(0,), steps=2, images=30, two=tuple(CLOSED))))
    rows = study.rows(data)
    ten = rows.where(data="mnist5k")
    assert {r.method for r in ten} == {*METHODS, "closed forms"}
    assert {r.method for r in rows.where(data="mnist5k 1,2")} == {*CLOSED, "closed forms"}
    closing = [r for r in ten if r.measure.startswith("closure")]
    assert {r.method for r in closing if "construction" in r.measure} == \
        {r.method for r in ten if "rounded" in r.method or "block" in r.method} | {"steerable VAE"}
    assert all(r.value < 1e-4 for r in closing if "construction" in r.measure)
    assert all(r.control is not None for r in ten if r.measure == "net angle of a step" and "control" not in r.method
               and r.method != "steerable VAE")
    assert not [r for r in rows if r.target and {r.chance, r.floor, r.baseline, r.control} == {None}]


def _few(part, count=200):
    "A part of fewer digits."
    from dataclasses import replace
    at = torch.linspace(0, len(part) - 1, min(count, len(part))).long()
    return replace(part, **{k: v[at] for k, v in vars(part).items() if torch.is_tensor(v) and len(v) == len(part)})
