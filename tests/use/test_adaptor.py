"""The adaptor, its task and its controls, and the baselines."""
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from symnb.ground import lab
from symnb.use import adaptor
from symnb.show.report import lens_files
from symnb.studies.adaptor import (GAN_SCORES, adaptor_task, gan_generators, gan_scores, idle_scores, label_curve, paired_losses,
    shift_cosines, ways)
from symnb.use.adaptor import (PatternCNN, adapted, fit_patterns, independent_chain, pattern_mlp, patterns, right, two_opt)
from symnb.ground.lab import SymnbError
from symnb.ground.board import Scoreboard
from symnb.find.solver import chain_step, solve
from symnb.data.worlds import World
from symnb.measures.lines import chance_steps, generator_cosine

TINY = dict(seeds=(0, 1), bases=("permutation",), labels=(300,), repeats=1, paired=(1,), steps=120, tested=1000,
            samples=3000, gan=40, starts=2, rings=(7,), own=False)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    monkeypatch.setitem(lab.SETTINGS["quick"], "adaptor", TINY)
    monkeypatch.setenv("SYMNB_PROFILE", "quick")


def truth(world, n=0, seed=0):
    return SimpleNamespace(W=world.U, found=True, seconds=0.)


def wrong(world, n=0, seed=0):
    return SimpleNamespace(W=chance_steps(world.N)["random rotation"], found=True, seconds=0.)


# the task

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


# networks

def test_the_network_does_not_see_a_shift():
    net, y = PatternCNN(), torch.zeros(4, 33)
    y[:, 12:18] = torch.randn(4, 6)
    assert torch.allclose(net(y), net(y.roll(2, 1)), atol=1e-5)
    assert not torch.allclose(net(y), net(y[:, torch.randperm(33)]), atol=1e-3)


def test_the_adaptor_is_not_trained():
    world = World("wide")
    x, which = patterns(world, 64, 1)
    Q = chance_steps(33)["random rotation"]
    net = fit_patterns(adapted(Q, pattern_mlp()), x, which, 5)
    assert np.allclose(net[0].weight.detach().numpy(), Q, atol=1e-6) and not net[0].bias.any()


def test_all_ways_are_rotations_and_the_controls_keep_what_is_there():
    world = World("wide", basis="permutation")
    many = ways(world, world.U)
    assert all(np.allclose(M @ M.T, np.eye(33), atol=1e-9) for M, _ in many.values())
    shuffled = many["CNN, adaptor in random order"][0]
    assert np.array_equal(np.sort(shuffled.argmax(1)), np.arange(33)) and not np.array_equal(shuffled, world.U)


def test_right_answers_are_of_the_right_samples():
    world = World("wide")
    net, (x, which) = fit_patterns(PatternCNN(), *patterns(world, 400, 1), 60), patterns(world, 3000, 2)
    assert right(net, x, which) > .5 and abs(right(net, x, which[torch.randperm(3000)]) - .25) < .05


def test_the_line_is_worth_labels_and_the_controls_are_not(tiny):
    world = World("wide", basis="permutation")
    found = {k: v[-1].mean() for k, v in label_curve(world, world.U).items()}
    assert found["CNN, adaptor"] == found["CNN, hidden signal"]  # the same matrix, samples and seeds
    assert all(v < found["CNN, adaptor"] - .1 for k, v in found.items() if k not in ("CNN, adaptor", "CNN, hidden signal"))


@pytest.mark.parametrize("solution, low, high", [(truth, 0, 0), (wrong, 5, 80)])
def test_points_lost_are_none_for_the_truth_and_many_for_a_random_rotation(tiny, monkeypatch, solution, low, high):
    monkeypatch.setattr(adaptor, "unlabelled_solution", solution)
    lost = paired_losses("permutation", 0)
    assert [len(v) for v in lost] == [1] and low <= lost[0].mean() <= high


# baselines

def test_two_opt_ends_where_no_reversal_helps():
    rng = np.random.default_rng(0)
    weight = rng.random((9, 9))
    weight = np.triu(weight, 1) + np.triu(weight, 1).T
    length = lambda o: weight[o[:-1], o[1:]].sum()
    order = two_opt(rng.permutation(9), weight)
    assert sorted(order) == list(range(9))
    for i in range(9):
        for j in range(i + 2, 10):
            other = order.copy()
            other[i:j] = other[i:j][::-1]
            assert length(other) <= length(order) + 1e-9


def test_independent_components_find_narrow_events_and_nothing_in_noise():
    world = World("narrow", N=11, basis="dst")
    W = independent_chain(world.draw(20000))
    assert np.allclose(W @ W.T, np.eye(11), atol=1e-6) and generator_cosine(chain_step(W), world.truth) > .98
    noise = World("white", N=11, basis="dst")
    assert generator_cosine(chain_step(independent_chain(noise.draw(20000))), noise.truth) < .7


def test_the_scores_of_a_ring_are_one_for_the_truth_and_flatter_the_identity():
    ring = World("slices", N=7, circulant=True)
    assert np.allclose(gan_scores(shift_cosines(np.stack([ring.truth, ring.truth.T])[None])), 1)
    square = shift_cosines((ring.truth @ ring.truth)[None, None])
    assert np.allclose(gan_scores(square)[:, 0], [0, 1, 1])
    random, nothing = idle_scores(7)
    assert np.allclose(nothing, [0, 0, 1]) and np.all(np.diff(random) >= 0) and random[0] < .2


def test_the_best_epoch_is_taken_by_the_flattering_score_only():
    cos = shift_cosines(np.stack([np.eye(7), chance_steps(7)["random rotation"]])[:, None])
    scores = gan_scores(cos)[:, 0]
    assert len(GAN_SCORES) == 3 and scores[2] == pytest.approx(1) and scores[1] < .9


def test_the_game_is_played_with_rotations_and_can_be_repeated():
    x = torch.randn(500, 5)
    G = gan_generators(x, 3, 20, 10)
    assert G.shape == (2, 3, 5, 5) and torch.equal(G, gan_generators(x, 3, 20, 10))
    assert torch.allclose(G @ G.mT, torch.eye(5).expand_as(G), atol=1e-5) and torch.all(torch.linalg.det(G) > 0)
    assert not torch.allclose(G[0], G[1]) and not torch.allclose(G[1, 0], G[1, 1])


# own data, and the task

def test_files_are_written_for_a_line_and_only_a_page_for_none(tmp_path):
    world = World("narrow", N=9, basis="permutation")
    x = world.draw(6000)
    s = solve(x, relax=False)
    assert [p.name for p in lens_files(s, x, tmp_path / "a" / "b", "x <y>")][-1] == "report.html"
    page = (tmp_path / "a" / "b" / "report.html").read_text()
    assert "x &lt;y&gt;" in page and page.count("<h2>") == 5
    s.found = False
    assert [p.name for p in lens_files(s, x, tmp_path / "c")] == ["report.html"]
    (tmp_path / "file").write_text("")
    with pytest.raises(SymnbError, match="folder is a file"):
        lens_files(s, x, tmp_path / "file" / "inside")


def test_the_task_gives_rows_of_all_parts_and_pictures(tiny, monkeypatch):
    monkeypatch.setattr(adaptor, "unlabelled_solution", truth)
    board = Scoreboard()
    shown = adaptor_task(board, None)
    again = Scoreboard()
    adaptor_task(again, None)
    assert list(board) == list(again)  # from what is remembered
    methods = {r.method for r in board}
    assert {"CNN, adaptor", "MLP, sensors", "ICA, Fiedler order", "SymmetryGAN, N = 7", "fast solver, N = 7"} <= methods
    lost = [r for r in board if r.measure.startswith("lost")]
    assert len(lost) == 1 and all(r.value == 0 and r.met and r.baseline > 0 and r.seeds == [0, 1] for r in lost)
    assert len(shown) == 2 and all(caption.endswith(".") for caption, _ in shown)
