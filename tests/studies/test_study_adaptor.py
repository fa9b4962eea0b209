"""The study of the adaptor: its task, its controls, its scores, and a plan whose cells can be run."""
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from symnb.data.worlds import World
from symnb.measures.lines import chance_steps
from symnb.studies import adaptor
from symnb.studies.adaptor import (BEST, OURS, SCORES, SETTINGS, TURNED, WAYS, accuracies, cell, fit_patterns, gan_scores, idle_scores,
                                   look, patterns, plan, right, shift_cosines, study)
from symnb.use.adaptor import PatternCNN

TINY = dict(seeds=(0, 1), bases=("permutation",), labels=(300,), repeats=1, paired=(1,), steps=120, tested=1000,
            samples=3000, gan=40, starts=2, rings=(7,), own=False)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    monkeypatch.setattr(adaptor, "solution", truth)


def truth(basis, seed, own=False):
    world = World("wide", basis=basis, seed=seed)
    return dict(W=world.U, found=1., stationarity=1., seconds=1., cosine=1., chance=0.)


def wrong(basis, seed, own=False):
    return truth(basis, seed) | dict(W=chance_steps(33)["random rotation"])


def test_a_pattern_is_what_is_added_to_the_background():
    world = World("wide", basis="dst")
    x, which = patterns(world, 3000, 7)
    wave = x.numpy() @ world.U.T - world.hidden(3000, 7)
    assert torch.allclose(patterns(world, 3000, 7, strength=0.)[0], torch.from_numpy(world.draw(3000, 7)), atol=1e-5)
    assert np.bincount(which, minlength=4).min() > 650
    odd, even = (np.abs(wave[which.numpy() // 2 == k].sum(1)) for k in (0, 1))  # the waveform of l = 2 has no area
    assert np.median(odd) < .1 * np.median(even)
    for k in (2, 3):  # two negative flanks around a positive middle have less area than one side
        assert np.median(np.sign(wave[which.numpy() == k].sum(1))) == (1, -1)[k - 2]


def test_the_same_draw_in_another_basis_is_the_same_hidden_signal():
    a, b = (World("wide", basis=k) for k in ("permutation", "dst"))
    (x, i), (y, j) = patterns(a, 50, 3), patterns(b, 50, 3)
    assert torch.equal(i, j) and np.allclose(x.numpy() @ a.U.T, y.numpy() @ b.U.T, atol=1e-4)
    assert not torch.equal(patterns(a, 50, 4)[1], i)


def test_all_ways_are_rotations_and_the_controls_keep_what_is_there():
    world = World("wide", basis="permutation")
    many = {way: look(way, world, world.U) for way in WAYS}
    assert all(np.allclose(M @ M.T, np.eye(33), atol=1e-9) for M in many.values())
    shuffled = many["CNN, adaptor in random order"]
    assert np.array_equal(np.sort(shuffled.argmax(1)), np.arange(33)) and not np.array_equal(shuffled, world.U)
    assert not np.allclose(many[TURNED], world.U) and np.array_equal(many["MLP, sensors"], np.eye(33))


def test_right_answers_are_of_the_right_samples():
    world = World("wide")
    net, (x, which) = fit_patterns(PatternCNN(), *patterns(world, 400, 1), 60), patterns(world, 3000, 2)
    assert right(net, x, which) > .5 and abs(right(net, x, which[torch.randperm(3000)]) - .25) < .05


def test_the_line_is_worth_labels_and_the_controls_are_not(tiny):
    found = {way: accuracies(way, "permutation", 0, TINY, {300: 1})[300][0] for way in WAYS}
    assert found[OURS] == found[BEST]  # the same matrix, samples and seeds
    assert all(v < found[OURS] - .1 for k, v in found.items() if k not in (OURS, BEST))


@pytest.mark.parametrize("solution, low, high", [(truth, 0, 0), (wrong, 5, 80)])
def test_points_lost_are_none_for_the_truth_and_many_for_a_random_rotation(tiny, monkeypatch, solution, low, high):
    monkeypatch.setattr(adaptor, "solution", solution)
    lost = cell(OURS, "wide world, permutation", 0, dict(TINY, steps=60, tested=500))["lost to the hidden signal, 300 labels"]
    assert low <= lost.value <= high and lost.n == 1 and lost.baseline > 5


def test_the_scores_of_a_ring_are_one_for_the_truth_and_flatter_the_identity():
    ring = World("slices", N=7, circulant=True)
    assert np.allclose(gan_scores(shift_cosines(np.stack([ring.step, ring.step.T])[None])), 1)
    square = shift_cosines((ring.step @ ring.step)[None, None])
    assert np.allclose(gan_scores(square)[:, 0], [0, 1, 1])
    random, nothing = idle_scores(7)
    assert np.allclose(nothing, [0, 0, 1]) and np.all(np.diff(random) >= 0) and random[0] < .2


def test_the_best_epoch_is_taken_by_the_flattering_score_only():
    cos = shift_cosines(np.stack([np.eye(7), chance_steps(7)["random rotation"]])[:, None])
    scores = gan_scores(cos)[:, 0]
    assert len(SCORES) == 3 and scores[2] == pytest.approx(1) and scores[1] < .9


def test_the_plan_names_each_cell_once_and_all_of_them_can_be_run(tiny, monkeypatch):
    solved = SimpleNamespace(W=World("slices", N=7, circulant=True).U, found=True)
    monkeypatch.setattr(adaptor, "solve", lambda x, **how: solved)
    for size in SETTINGS.values():
        jobs = list(plan(size))
        assert len(set(jobs)) == len(jobs)
    jobs = list(plan(TINY))
    methods = {method for method, _, _ in jobs}
    assert {OURS, "MLP, sensors", "ICA, Fiedler order", "SymmetryGAN, N = 7", "fast solver, N = 7"} <= methods
    ring = [cell(*job, TINY) for job in jobs if job[1] == "slices, ring"]
    assert [len(found) for found in ring] == [3, 3, 4]
    chain = cell("ICA, Fiedler order", "narrow world, permutation", 0, TINY)
    assert chain["cosine"].value < 1 and chain["cosine"].floor == 1 and abs(chain["cosine"].chance) < .1
