"""The lattice of characters against brute force, amplitudes against formulas, and verdicts on laws whose group is known."""
import itertools
import math

import numpy as np
import pytest
import torch

from symnb.find.algebra import discover_rotation
from symnb.find.characters import Features, bounds, hermite, inside, read, reduced, smith
from symnb.find.planes import Planes, turning
from symnb.find.moments import synthetic_law
from symnb.find.verdict import Trial, algebra_name, bumps, objects, smooth_witness
from symnb.find.whitening import whiten


def seeded(seed): return np.random.default_rng(seed)


def ring(angles, seed=0, width=.1):
    return np.stack([np.cos(angles), np.sin(angles)], 1) * (1 + width * seeded(seed).standard_normal((len(angles), 1)))


# lattices

@pytest.mark.parametrize("seed", range(40))
def test_hermite_and_smith_against_brute_force(seed):
    r = seeded(seed)
    p, m = int(r.integers(1, 4)), int(r.integers(1, 4))
    A = r.integers(-3, 4, (m, p))
    basis = hermite(A)
    combinations = {tuple(np.array(c) @ A) for c in itertools.product(range(-4, 5), repeat=m)}
    assert inside(np.array(sorted(combinations)), basis).all()
    finite, weights = smith(basis, p)
    assert len(weights) == p - np.linalg.matrix_rank(A) and not (A @ weights.T).any()
    for n, v in finite: assert not (A @ v % n).any() and math.gcd(n, *v) == 1
    # the dual has as many elements of order dividing N as there are solutions of A t = 0 mod N
    N = 12
    solutions = sum(not (A @ t % N).any() for t in np.array(list(itertools.product(range(N), repeat=p))))
    assert solutions == N ** len(weights) * math.prod(math.gcd(n, N) for n, _ in finite)


def test_orders_divide_each_other():
    assert [n for n, _ in smith(hermite([[4, 0], [0, 6]]), 2)[0]] == [2, 12]


def test_short_rows_span_the_same():
    rows = np.array([[1, 5, 0], [7, 36, 1]])
    assert inside(rows, hermite(reduced(rows))).all() and inside(reduced(rows), hermite(rows)).all()
    assert np.abs(reduced(rows)).sum() < np.abs(rows).sum()


# amplitudes and bounds

def phases(f): return f.amplitude[(f.family == 0) & (f.columns[:, 1] == 0)]


def test_amplitudes_have_their_formulas():
    k, w, e, r = np.arange(1, 6), 1.9, .6, seeded(0)
    arc = phases(Features(ring(w * (2 * r.random(200_000) - 1))))[:5]
    assert np.allclose(arc, np.abs(np.sin(k * w) / (k * w)), atol=.01)
    a = 2 * np.pi * r.random(600_000)
    uneven = phases(Features(ring(a[r.random(len(a)) < (1 + e * np.cos(a)) / (1 + e)])))
    assert abs(uneven[0] - e / 2) < .01 and uneven[1:].max() < .01


@pytest.mark.parametrize("d", [2, 5, 6, 8, 10])
def test_a_turn_multiplies_features_by_their_phase(d):
    y, w, t = seeded(1).standard_normal((300, d)), np.arange(d // 2) + 1, .3
    moved, k = y.copy(), d // 2 * 2
    c = (y[:, 0:k:2] + 1j * y[:, 1:k:2]) * np.exp(1j * w * t)
    moved[:, 0:k:2], moved[:, 1:k:2] = c.real, c.imag
    f, g = Features(y), Features(moved)
    assert np.allclose(g.mean, f.mean * np.exp(1j * t * (f.exponents @ w)), atol=3e-2)
    some = np.arange(0, len(f.mean), 5)
    assert np.allclose(np.concatenate(list(f.parts(some)), 1).mean(1) * np.sqrt(f.power[some]), f.mean[some], atol=1e-4)


def uneven_reading(seed, e, n=2500):
    r = seeded(seed)
    a = 2 * np.pi * r.random(3 * n)
    return read(Features(ring(a[r.random(3 * n) < (1 + e * np.cos(a)) / (1 + e)][:n])), .1)


def test_the_bound_keeps_its_level_at_a_defect_of_delta():
    said = [uneven_reading(s, .2) for s in range(200)] # amplitude .1: exactly delta
    assert sum(len(r.weights) for r in said) <= 20 # of 200 at level .05: 99.9 % of the time
    assert sum(len(uneven_reading(s, 0.).weights) for s in range(20)) == 20


def test_samples_of_one_object_count_together():
    y = ring(2 * np.pi * seeded(0).random(500))
    one = bounds(Features(y), .5)[1] - Features(y).amplitude
    four = Features(np.repeat(y, 4, 0))
    assert np.allclose((bounds(four, .5, np.repeat(np.arange(500), 4))[1] - four.amplitude)[:24], one[:24], rtol=.01)


def test_what_belongs_together():
    assert objects([[0, 1], [2, 3], [0, 1], [4, 5]], [7, 8, 9, 8]).tolist() == [0, 1, 0, 1]


# verdicts

def mixed(x, seed):
    d = x.shape[1]
    return x @ (seeded(seed).standard_normal((d, d)) / d ** .5 + np.eye(d))


def polygon(k, seed, n=20000):
    r = seeded(seed)
    a = 2 * np.pi * r.integers(k, size=n) / k + .08 * min(1, 12 / k) * r.standard_normal(n)
    return mixed(np.concatenate([(2 + .2 * r.standard_normal((n, 1))) * np.stack([np.cos(a), np.sin(a)], 1),
                                 r.gamma(1.5, 1, (n, 1)), r.gamma(.8, 1, (n, 1))], 1), seed)


@pytest.mark.parametrize("k", [2, 3, 5, 8, 12])
def test_polygons_are_named(k):
    D = discover_rotation(polygon(k, 1))
    assert D.found and D.name == f"C{k}" and D.group.dim == 0 and D.orders == [k], D
    z = torch.tensor(polygon(k, 1)[:50])
    assert torch.allclose(D.group(z, k), z, atol=1e-6) and not torch.allclose(D.group(z, 1), z, atol=.1)


def angles(t, weights, seed, still=2):
    "Planes turned by whole combinations of angles (n, k), their radii, and numbers that stay."
    r, W = seeded(seed), np.atleast_2d(weights)
    th, radii = t @ W, .3 + r.gamma(1.2, 1, (len(t), W.shape[1]))
    x = np.stack([radii * np.cos(th), radii * np.sin(th)], 2).reshape(len(t), -1)
    return mixed(np.concatenate([x, radii[:, :still]], 1) + .05 * r.standard_normal((len(t), x.shape[1] + still)), seed)



@pytest.mark.parametrize("weights", [[1, 2], pytest.param([2, 3], marks=pytest.mark.xfail(run=False, reason="undecided, though it is there"))])
def test_a_circle_has_the_right_weights(weights):
    D = discover_rotation(angles(2 * np.pi * seeded(0).random((20000, 2))[:, :1], weights, 1))
    assert D.name == "SO(2)" and D.weights == [0, *weights] and D.bound <= .1


@pytest.mark.parametrize("weights", [[[1, 0], [0, 1]], pytest.param([[1, 0, 1], [0, 1, 2]], marks=pytest.mark.xfail(
    run=False, reason="undecided, though it is there: more is surely seen than errors of planes explain"))])
def test_a_torus_has_two_generators(weights):
    x = angles(2 * np.pi * seeded(0).random((20000, 2)), weights, 2)
    D = discover_rotation(x)
    assert D.name == "T^2" and D.generators == D.group.dim == 2
    z = torch.tensor(x[:20])
    assert torch.allclose(D.group(z, torch.tensor([360., 0])), z, atol=1e-3)


def test_so3_has_three_generators_that_close():
    r = seeded(3)
    v = r.standard_normal((20000, 3))
    s = r.gamma(1.5, 1, (20000, 2))
    D = discover_rotation(mixed(np.concatenate([v / np.linalg.norm(v, axis=1)[:, None] * (.5 + s[:, :1]), s], 1), 3))
    assert D.name == "SO(3)" and D.group.dim == 3 and D.bracket < .1 and D.group.structure.norm() > 0


@pytest.mark.parametrize("p, q", [(1, 4), (2, 3), (3, 5)])
def test_relations_above_the_order_of_the_cumulants(p, q):
    t = 2 * np.pi * seeded(0).random(20000)
    x = np.stack([np.cos(p * t), np.sin(p * t), np.cos(q * t), np.sin(q * t)], 1) + .05 * seeded(1).standard_normal((20000, 4))
    D = discover_rotation(x)
    assert not D.found or D.weights == [p, q], D


@pytest.mark.parametrize("seed", [0, 4])
def test_arcs_are_not_circles(seed):
    assert not discover_rotation(synthetic_law([1, 2], 20000, 4, arc=270, seed=seed)[0]).found


# smooth functions

def test_a_turn_multiplies_bumps_by_their_phase():
    y, w, t = torch.tensor(seeded(0).standard_normal((20, 5))), np.array([1, 2]), 2 * np.pi / 8
    c = torch.view_as_complex(y[:, :4].unflatten(1, (2, 2)).contiguous()) * torch.exp(1j * t * torch.tensor(w))
    moved = torch.cat([torch.view_as_real(c).flatten(1), y[:, 4:]], 1)
    a, b = (bumps(x, y[:3], w, (1, 2, 3)) for x in (y, moved))
    assert np.allclose(b, a * np.exp(1j * t * np.arange(1, 4))[:, None, None], atol=1e-5)


def test_smooth_functions_see_an_arc_and_no_circle():
    y = torch.tensor(mixed(ring(2 * np.pi * seeded(0).random(4000)), 1)) # of one plane, white
    q = whiten(y)[0]
    arc = whiten(torch.tensor(ring(1.7 * np.pi * seeded(0).random(4000))))[0]
    seen = [max(r[1] for r in smooth_witness(x[:2000], x[2000:], [1])) for x in (q, arc)]
    assert seen[0] < .07 < .12 < seen[1]


def test_planes_of_a_cube_cannot_be_told_from_others():
    q = whiten(torch.tensor(seeded(0).random((8000, 8))))[0]
    trial = Trial(q[::2], q[1::2], delta=.3)
    some = torch.linalg.qr(torch.tensor(seeded(1).standard_normal((8, 8))))[0]
    seen, others = trial.smooth(Planes(some), [[1, 0, 0, 0]])
    assert seen[1] <= trial.delta and not trial.apart(seen, others)


def test_few_samples_are_undecided_and_say_so():
    D = discover_rotation(angles(2 * np.pi * seeded(0).random((1000, 1)), [1, 2], 1))
    assert D.answer == "undecided" and D.needed > 1000


def test_every_rotation_is_said_in_words():
    x = seeded(0).standard_normal((20000, 5))
    shell = x / np.linalg.norm(x, axis=1)[:, None] * (1 + seeded(1).gamma(1.5, 1, (20000, 1)))
    D, G = discover_rotation(shell), discover_rotation(x)
    assert D.name == "SO(5)" and D.group.dim == 10 and "Every rotation" in D.words
    assert G.answer == "undecided" and "Gaussian" in G.words


def test_no_gap_is_needed_for_names():
    turns = torch.stack([turning(Planes(torch.eye(3)[:, list(o)]), [1]) for o in ((0, 1, 2), (1, 2, 0), (2, 0, 1))])
    assert algebra_name(turns, 1)[0] == "SO(3)" and algebra_name(turns[:2], 1)[0] == ""
