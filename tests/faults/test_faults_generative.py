"""Slips in poses, prototypes and their laws that must be caught from data or numbers."""
import math

import pytest
import torch

import symnb.find.frames as frames
import symnb.studies.prototypes as study
from symnb.data.digits import load_digits
from symnb.find.frames import fit_frame, mass_moments
from symnb.find.generative import LIMITS, fit_generative, untrained_net
from symnb.find.pose_flow import fit_flow
from symnb.find.pose_laws import fit_pose_law
from symnb.find.residual_pose import fit_cascade
from symnb.find.turn_laws import fit_turn_law
from symnb.ground.lab import SymnbError
from symnb.measures.transfers import transfer_error
from symnb.symmetry.affine import AffineMotions, polar_coordinates, product, random_motions
from symnb.use.examples import source_of, turned_once

DIGITS = load_digits()
TRAIN, TEST = DIGITS.part("train").images[::10], DIGITS.part("test").images[::10]
SMALL = dict(fitted=400, judged=80)


@pytest.fixture(scope="module")
def pose(): return fit_frame(TRAIN, draws=2)


def error(pose, kind="affine"): return transfer_error(pose, TEST, *(polar_coordinates(random_motions(len(TEST), kind, s)) for s in (1, 2)))


def test_a_picture_that_stays_in_its_own_law():
    "Noise has no law. One that keeps the picture itself says that it is never turned."
    x = torch.rand(60, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    law, own = fit_turn_law(x), torch.eye(60, dtype=torch.bool)
    left_out, kept = law.shares(x, own)[:, 0].mean() * 72, law.shares(x)[:, 0].mean() * 72
    assert left_out < 1.5 and kept > 2 * left_out


def test_a_pose_law_judged_on_its_own_pictures(pose):
    law, own = fit_pose_law(pose, TRAIN), torch.eye(len(TRAIN), dtype=torch.bool)
    w = pose(TRAIN)
    kept, left_out, unseen = (float(v.mean()) for v in (law.log_prob(w, TRAIN), law.log_prob(w, TRAIN, own), law.log_prob(pose(TEST), TEST)))
    assert kept > left_out + .5 and abs(left_out - unseen) < .7 * (kept - unseen)


def test_an_oracle_that_turns_what_was_turned():
    "A spot that is turned by 90 degrees at most lies on one side; one that is turned twice does not."
    x = torch.zeros(200, 1, 28, 28)
    x[:, :, 12:16, 22:26] = 1
    def furthest(upright):
        torch.manual_seed(0)
        x, y = mass_moments(source_of("oracle", turned_once(upright, 90.), upright, 90.)(torch.arange(200)))[0].unbind(1)
        return float(torch.atan2(y, x).abs().rad2deg().max())
    assert furthest(x) < 91 and furthest(turned_once(x, 90.)) > 120


@pytest.mark.parametrize("fit", [lambda x, p: fit_cascade(x, p), lambda x, p: fit_generative(x, (8,), steps=1), lambda x, p: fit_flow(x, p, steps=1)])
def test_unseen_digits_that_are_fitted(fit, pose):
    with pytest.raises(SymnbError, match="side train"): fit(DIGITS.part("test").images[:120], pose)


def test_an_error_on_the_wrong_scale(monkeypatch):
    "The value without a pose stands beside each error: about a half on a scale from -1 to 1, and a fourth of that on one from 0 to 1."
    def scaled(*a):
        e = transfer_error(*a)
        return e.but(value=e.value / 4, baseline=e.baseline / 4)
    plausible = lambda: .3 < study.pose_cell(0, "rotation", 0, SMALL, DIGITS)["error of two views"].baseline < .8
    assert plausible()
    monkeypatch.setattr(study, "transfer_error", scaled)
    assert not plausible()


def test_motions_composed_in_the_wrong_order(pose, monkeypatch):
    honest = error(pose)
    monkeypatch.setattr(AffineMotions, "compose", lambda self, v, w: polar_coordinates(product(self.matrix(w), self.matrix(v))))
    swapped = error(pose)
    assert honest.value < .15 * honest.baseline and swapped.value > 3 * honest.value


def test_laws_that_belong_to_other_pictures(monkeypatch):
    "They say less than one law for all, and no more than the control."
    def dealt(pose, x, **kw):
        law = fit_pose_law(pose, x, **kw)
        shares = law.shares
        law.shares = lambda x, own=None: shares(x.roll(37, 0), own) # digits lie in the order of their classes
        return law
    size = dict(fitted=500, judged=120)
    m = study.density_cell(0, size, DIGITS)["log density"]
    assert m.value > m.baseline + .3 and m.value > m.control + 1
    monkeypatch.setattr(study, "fit_pose_law", dealt)
    m = study.density_cell(0, size, DIGITS)["log density"]
    assert m.value < m.baseline and m.value < m.control + .5


def test_bounds_in_degrees_where_radians_are_meant():
    "The first draws of an untrained net should hardly move anything."
    def spread(bounds):
        net = untrained_net(TRAIN, (8,), bounds=bounds)
        torch.manual_seed(0)
        return float(polar_coordinates(net.drawn(*net.start(TRAIN[:100])).detach().double())[:, 2].std())
    assert spread(LIMITS) < 4 and spread((.25, .25, 180., .25, .25)) > 60


def test_widths_in_radians_where_degrees_are_meant(pose):
    "A law that is sharper than its draws: poses left out have no density under it."
    law = fit_pose_law(pose, TRAIN)
    w = pose(TEST)
    honest = float(law.log_prob(w, TEST).mean())
    law.widths = law.widths * torch.tensor([1, 1, math.pi / 180, 1, 1, 1])
    assert float(law.log_prob(w, TEST).mean()) < honest - 1


def test_landmarks_compared_with_the_wrong_sign(monkeypatch):
    "No error comes, only a pose that does not turn with the picture."
    honest = error(fit_frame(TRAIN, "rotation", 60, draws=2), "rotation")
    right = frames.similarities
    monkeypatch.setattr(frames, "similarities", lambda a, b: right(b, a).transpose(0, 1))
    wrong = error(fit_frame(TRAIN, "rotation", 60, draws=2), "rotation")
    assert honest.value < .05 * honest.baseline and wrong.value > 5 * honest.value
