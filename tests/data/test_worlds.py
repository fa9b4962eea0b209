"""Worlds with a hidden translation: their statistics, their streams, and measures that read 1 on the truth."""
import math

import numpy as np
import pytest
import torch
from scipy.stats import differential_entropy, kurtosis

from symnb.symmetry.actions import load_action
from symnb.ground.lab import SymnbError
from symnb.data.worlds import (BASES, CONTROLS, KINDS, World, bump_covariance, dispersive_phases, events, gaussian,
    hidden_basis, legendre)
from symnb.measures.lines import (error_map, eigenphases, filter_correlation, generator_cosine, generator_rmse,
    hidden_correlation, measured_step, phase_step)
from symnb.symmetry.kinds import cropped_step

FOUND = [k for k in KINDS if k not in CONTROLS]


def diagonal_spread(C, circulant=False):
    "Largest standard deviation along the first four diagonals, over the mean variance."
    i = np.arange(len(C))
    rows = [C[i, (i + k) % len(C)] if circulant else np.diagonal(C, k) for k in range(4)]
    return max(r.std() for r in rows) / np.diagonal(C).mean()


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("N", (7, 33, 129))
def test_bases_are_orthonormal_and_the_draws_are_the_hidden_signal_in_them(basis, N):
    w = World("wide", N, basis, seed=3)
    assert np.allclose(w.U @ w.U.T, np.eye(N), atol=1e-12)
    assert np.allclose(w.draw(500) @ w.U.T, w.hidden(500), atol=1e-5)
    if basis == "permutation": assert not np.array_equal(w.U, World("wide", N, basis, seed=4).U)
    if basis == "dst": assert np.allclose(w.U, w.U.T)


@pytest.mark.parametrize("circulant", (False, True))
@pytest.mark.parametrize("kind", KINDS)
def test_the_hidden_signal_is_stationary_unless_it_has_fixed_places(kind, circulant):
    w = World(kind, circulant=circulant)
    h = w.hidden(60000)
    spread, mean = diagonal_spread(np.cov(h.T), w.circulant), np.abs(h.mean(0) - h.mean()).max()
    fourth = np.square(np.square(h - h.mean(0))).mean(0)
    if kind == "none": assert spread > .2
    else: assert spread < .06 and mean < .04 and fourth.std() / fourth.mean() < .15


# mean neighbour correlation, joint entropy, extreme eigenvalues of the covariance, mean marginal entropy
KNOWN = dict(wide=(.7546, .933, 4.22, .037, -.28), narrow=(.313, 1.367, 1.82, .47, -.86),
             legendre=(.775, .573, 4.21, .0087, .15))


@pytest.mark.parametrize("kind", KNOWN)
def test_the_true_representation_has_the_statistics_that_were_measured_before(kind):
    h = World(kind).hidden(160000)
    h = (h - h.mean()) / h.std()
    C = np.cov(h.T)
    values = np.linalg.eigvalsh(C)[::-1]
    correlation = np.diagonal(np.corrcoef(h.T), 1).mean()
    joint = (.5 * (np.log(2 * math.pi * values) + 1)).mean() # of full rank, all weights alike
    marginal = differential_entropy(h[:20000].ravel(), window_length=300)
    a, joint_then, top, low, marginal_then = KNOWN[kind]
    assert abs(correlation - a) < .01 and abs(joint - joint_then) < .02
    assert abs(values[0] / top - 1) < .06 and abs(values[-1] / low - 1) < .06
    assert abs(marginal - marginal_then) < .06


def test_batches_of_any_size_are_one_stream_and_seeds_share_nothing():
    w = World("wide", basis="permutation")
    whole, sizes = w.draw(10000), (1, 4095, 1, 3000, 2903)
    starts = np.cumsum((0, *sizes[:-1]))
    assert np.array_equal(np.concatenate([w.draw(n, 0, int(a)) for n, a in zip(sizes, starts)]), whole)
    other, block = w.draw(10000, seed=1), w.block
    assert abs(np.corrcoef(whole.ravel(), other.ravel())[0, 1]) < .05
    assert abs(np.corrcoef(whole[:4000].ravel(), whole[block:block + 4000].ravel())[0, 1]) < .08
    assert not np.array_equal(World("wide", basis="permutation", seed=1).hidden(10), w.hidden(10))


@pytest.mark.parametrize("kind", KINDS)
def test_drawing_leaves_everybody_elses_random_numbers_alone(kind):
    np.random.seed(5), torch.manual_seed(5)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    World(kind, 9, "permutation").draw(5000)
    assert np.array_equal(before[0], np.random.get_state()[1]) and torch.equal(before[1], torch.get_rng_state())


def test_waveforms_against_their_formulas():
    d = np.linspace(-60, 60, 24001)
    for scale in (.5, 2.5): assert abs(np.trapezoid(gaussian(d, scale), d) - 1) < 1e-6
    from scipy.special import lpmv
    u = np.sin(math.pi * np.clip(d / 12, -.5, .5))
    for l in (2, 3):
        assert np.allclose(legendre(d, 12., l), -2. ** -l * lpmv(1, l, u), atol=1e-9)
        assert np.abs(legendre(d, 12., l)[np.abs(d) >= 6]).max() < 1e-9
    assert np.allclose(legendre(-d, 12., 2), -legendre(d, 12., 2))


def test_half_the_slots_are_active_and_distances_on_the_ring_have_a_sign():
    rng = np.random.default_rng(0)
    one = lambda d, size: np.ones_like(d)
    for shapes in ([one], [one, one]):
        x = events(rng, 20000, 5, shapes, (1., 1.))[:, 0]
        assert abs(x.mean() - 2.5) < .05 # five slots, half of them, amplitude 1
    sign = lambda d, size: np.where((np.abs(d) > 1e-3) & (d > -16.4), np.sign(d), 0)
    x = events(rng, 40000, 33, [sign], (1., 1.), circulant=True)
    assert np.abs(x.mean(0)).max() < .06 # odd waveforms stay odd at every pixel
    far = []
    events(rng, 4000, 33, [lambda d, size: far.append((d.min(), d.max())) or d], (1., 1.), circulant=True)
    assert min(a for a, _ in far) >= -16.5 and max(b for _, b in far) < 16.5
    assert max(b for _, b in far) > 16.4 and min(a for a, _ in far) < -16.4 # all of the ring


@pytest.mark.parametrize("kind", ("wide", "legendre", "dispersive"))
def test_the_ring_closes_after_n_steps_exactly_and_the_dispersive_one_does_not(kind):
    w = World(kind, 33, "dst", circulant=True)
    x = torch.from_numpy(w.draw(50)).double()
    back = (w.action(x, 33.) - x).norm() / x.norm()
    assert back > .1 if kind == "dispersive" else back < 1e-9
    assert w.action.period == (None if kind == "dispersive" else 33)
    T = w.step
    assert np.allclose(T @ T.T, np.eye(33), atol=1e-9)
    if kind != "dispersive": assert np.allclose(w.U @ T @ w.U.T, np.roll(np.eye(33), 1, 0), atol=1e-9)


@pytest.mark.parametrize("basis", BASES)
def test_the_true_action_moves_hidden_signals_by_pixels(basis):
    w = World("wide", basis=basis)
    x, h = torch.from_numpy(w.draw(20)).double(), w.hidden(20)
    moved = w.action(x, 2.).numpy() @ w.U.T
    assert np.allclose(moved[:, 2:], h[:, :-2], atol=1e-4) and np.abs(moved[:, :2]).max() < 1e-4
    assert np.allclose(w.U @ w.step @ w.U.T, np.eye(33, k=-1), atol=1e-9)
    assert np.allclose(w.filter @ w.U.T, np.eye(33)[16])


def test_dispersion_is_what_was_prescribed():
    w = World("dispersive", basis="permutation")
    assert np.allclose(eigenphases(w.action), dispersive_phases(33)[1:], atol=1e-9)
    assert np.allclose(dispersive_phases(33, 0.), 2 * math.pi * np.arange(17) / 33)
    assert phase_step(w.action, dispersive_phases(33)[1:]) == pytest.approx(1)
    assert phase_step(w.action) < .95 and generator_cosine(w.step, World("wide", circulant=True).step) < .9


def test_controls_are_what_they_say():
    wide, like = World("wide").hidden(100000), World("gaussian").hidden(100000)
    assert np.abs(np.cov(wide.T) - np.cov(like.T)).max() < .06
    assert kurtosis(wide, axis=0).min() > 5 and np.abs(kurtosis(like, axis=0)).max() < .1
    white = np.cov(World("white", basis="dst").draw(100000).T)
    assert np.abs(white - white.trace() / 33 * np.eye(33)).max() < .03
    w = World("none")
    assert kurtosis(w.hidden(50000), axis=0).min() > 1
    for circulant in (False, True):
        assert np.linalg.eigvalsh(bump_covariance(33, circulant=circulant)).min() > 0


def test_measures_read_one_on_the_truth_and_chance_on_noise():
    w, rng = World("narrow", basis="dst"), np.random.default_rng(0)
    noise = rng.standard_normal((33, 33))
    assert generator_cosine(w.step, w.step) == pytest.approx(1) and abs(generator_cosine(noise, w.step)) < .15
    assert generator_rmse(w.step.T, w.step) < 1e-9 < .9 < generator_rmse(noise, w.step)
    assert np.abs(error_map(w.step.T, w)).max() < 1e-9
    one = w.U.T @ np.diag(np.arange(33) == 4) @ w.U
    assert np.argmax(np.abs(error_map(w.step + one, w))) == 4 * 34
    assert filter_correlation(-w.U[3], w) == pytest.approx(1) and filter_correlation(rng.standard_normal(33), w) < .7
    y = w.draw(3000) @ w.U.T
    assert hidden_correlation(y, w.hidden(3000)) > 1 - 1e-5
    assert hidden_correlation(rng.standard_normal(y.shape), w.hidden(3000)) < .05


def test_steps_are_measured_in_both_directions():
    w = World("legendre", basis="permutation")
    assert measured_step(w.action.inverse, w) == pytest.approx(1, abs=2e-3)
    for basis in ("identity", "dst"):
        ring = World("wide", basis=basis, circulant=True)
        assert measured_step(ring.action, ring) == pytest.approx(1, abs=2e-3)


def test_actions_of_a_world_can_be_saved(tmp_path):
    for circulant in (False, True):
        w = World("wide", 9, "permutation", circulant)
        w.action.save(tmp_path / "step")
        assert np.allclose(cropped_step(load_action(tmp_path / "step")), w.step)


@pytest.mark.parametrize("wrong, told", [
    (dict(kind="square"), "kind: expected narrow"), (dict(basis="fft"), "basis: expected identity"),
    (dict(N=32), "odd number of sensors"), (dict(N=1), "odd number"), (dict(noise=-1), "noise: expected 0 or more"),
    (dict(noise=float("nan")), "noise: expected 0 or more")])
def test_bad_settings_are_told_in_one_line(wrong, told):
    with pytest.raises(SymnbError, match=told) as e: World(**dict(dict(kind="wide"), **wrong))
    assert "\n" not in str(e.value)


def test_bad_samples_and_steps_are_told():
    with pytest.raises(SymnbError, match="at least 1 sample"): World("wide").draw(0)
    with pytest.raises(SymnbError, match=r"expected shape \(33, 33\)"): generator_cosine(np.eye(5), World("wide").step)
