"""The solver of the symmetry lens: gradients, closed forms, starts, repairs, and a verdict that says no where it should."""
import math

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from symnb.data.worlds import World
from symnb.find import solver
from symnb.find.chain import (Fourth, annealed_start, best_move, chain_coordinates, descend, direct_start, joint_diagonal,
    mirrored, mirrors, neighbourhood, polar, regrid, retract, seriate, with_signs)
from symnb.find.solver import (Objective, Pooled, chain_step, margin, orbit, padded_generator, prepared, relax, solve,
    stationarity)
from symnb.ground.lab import SymnbError
from symnb.measures.lines import generator_cosine
from symnb.symmetry.actions import load_action
from symnb.symmetry.found import load_found
from symnb.symmetry.kinds import cropped_step


def law(N, seed=0):
    X = np.random.default_rng(seed).standard_normal((3 * N, N))
    return X.T @ X / (3 * N)


def rotation(N, seed=0):
    return ortho_group.rvs(N, random_state=seed)


def samples(kind="wide", N=15, n=20000, **kw):
    return prepared(World(kind, N, **kw).draw(n))[0]


def toeplitz(N, circulant=False, width=2.):
    d = np.abs(np.subtract.outer(np.arange(N), np.arange(N)))
    return np.exp(-(np.minimum(d, N - d) if circulant else d) / width)


def second(C, circulant=False):
    o = Objective(np.eye(len(C), dtype=np.float32), circulant, (1., 2., 0., 0.))
    return float(o.second(torch.from_numpy(C)))


@pytest.mark.parametrize("circulant", (False, True))
def test_second_order_terms_of_stationary_laws(circulant):
    assert second(toeplitz(9, circulant), circulant) == pytest.approx(-math.exp(-.5), abs=1e-5)
    assert second(law(9), circulant) > second(toeplitz(9, circulant), circulant)
    C = np.diag([1., 4., 1.]) # numbers: (1/4 + 4 - 2) / 4; pairs: no slopes, so the same
    assert second(C) == pytest.approx(2 * (1 / 4 + 4 - 2) / 4, abs=1e-5)


@pytest.mark.parametrize("circulant", (False, True))
def test_second_order_gradient_along_rotations_and_many_at_once(circulant):
    o, rng = Objective(samples(N=7), circulant), np.random.default_rng(1)
    W = rotation(7)
    G = o.covariance_gradient(W)
    B = rng.standard_normal((7, 7))
    many = np.stack([retract(s * (B - B.T), W) for s in (1e-6, -1e-6)])
    up, down = o.covariance_terms(many)
    assert (up - down) / 2e-6 == pytest.approx((G * (B - B.T)).sum(), rel=1e-4)
    assert up == pytest.approx(float(o.covariance_terms(many[0])), abs=1e-12)


@pytest.mark.parametrize("width", (.06, .3))
def test_pooled_density_of_a_gaussian(width):
    y = np.random.default_rng(0).standard_normal((20000, 7)).astype(np.float32)
    p, v = Pooled(y, width), 1 + width ** 2
    assert p.entropy() == pytest.approx(.5 * (math.log(2 * math.pi * v) + 1 / v), abs=.005)
    middle = np.abs(y) < 1.5
    assert np.abs(p.score() + y / v)[middle].mean() < (.02 if width > .1 else .15) # of about .6


@pytest.mark.parametrize("circulant", (False, True))
def test_gradient_of_the_objective_along_rotations(circulant):
    o, rng = Objective(samples(N=9, circulant=circulant), circulant), np.random.default_rng(0)
    W = rotation(9)
    for _ in range(3):
        B = rng.standard_normal((9, 9))
        B = B - B.T
        slope = (o.value(retract(2e-3 * B, W), .3) - o.value(retract(-2e-3 * B, W), .3)) / 4e-3
        G = o.gradient(W, .3)
        assert slope == pytest.approx((G * B).sum() / 2, rel=.03, abs=.01)
        assert np.allclose(G, -G.T)


def test_the_truth_is_a_minimum_of_the_objective():
    w = World("wide", 15)
    o, rng = Objective(prepared(w.draw(40000))[0]), np.random.default_rng(0)
    for size in (.1, .3, 1.):
        B = size * rng.standard_normal((15, 15)) / 15
        assert o.value(retract(B - B.T, w.U)) > o.value(w.U) + .002


def test_rotations_stay_rotations_and_descent_finds_one():
    T, W = rotation(7, 1), rotation(7, 2)
    if np.linalg.det(T @ W) < 0: T[0] *= -1
    found = descend(lambda V, t: V @ T.T - T @ V.T, W, 400, .1)
    assert np.allclose(found @ found.T, np.eye(7), atol=1e-10) and np.abs(found - T).max() < .02
    B = law(7)
    assert np.allclose(retract(B - B.T, W) @ retract(B - B.T, W).T, np.eye(7))
    assert np.allclose(polar(W @ np.diag(np.arange(1, 8))) @ polar(W @ np.diag(np.arange(1, 8))).T, np.eye(7))


def test_fourth_moments_explicit_and_by_lanczos_are_the_same_operator():
    x = samples(N=9)
    a, b = Fourth(x, explicit=True), Fourth(x, explicit=False)
    assert np.allclose(a.values[:2], b.values[:2], rtol=1e-2)
    A, B = (m.modes[0] / np.linalg.norm(m.modes[0]) for m in (a, b))
    assert abs((A * B).sum()) > .999
    K, W = neighbourhood(9, 2.), rotation(9)
    skew = lambda G: G - G.T
    A, B = (skew(m.energy_gradient(W, K)) for m in (a, b)) # the bulk is the same for all rotations
    assert (A * B).sum() / np.linalg.norm(A) / np.linalg.norm(B) > .999


def test_gradient_of_shared_energy():
    f, K, W = Fourth(samples(N=7)), neighbourhood(7, 1.5), rotation(7)
    def energy(W):
        P = f.packed(W[:, :, None] * W[:, None])
        return float((K * (P @ f.Q @ P.T)).sum()) / 7
    B = np.random.default_rng(0).standard_normal((7, 7))
    B = B - B.T
    slope = (energy(retract(1e-5 * B, W)) - energy(retract(-1e-5 * B, W))) / 2e-5
    assert slope == pytest.approx((f.energy_gradient(W, K) * B).sum(), rel=1e-5)


def test_joint_diagonalisation():
    V, (a, b) = rotation(7), np.random.default_rng(0).standard_normal((2, 7))
    found, at = joint_diagonal((V * a) @ V.T, (V * b) @ V.T)
    assert np.allclose(np.sort(at[0]), np.sort(a), atol=1e-6)
    assert np.allclose(np.abs(found.T @ V).max(0), 1, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_seriation_restores_a_shuffled_chain(seed):
    rng, S = np.random.default_rng(seed), toeplitz(21)
    P = np.eye(21)[rng.permutation(21)] * rng.choice([-1, 1], 21)[:, None]
    W = seriate(P, S)
    order = np.abs(W).argmax(1)
    assert np.array_equal(order, np.arange(21)) or np.array_equal(order, np.arange(21)[::-1])
    assert (np.diagonal(W @ S @ W.T, 1) > 0).all()


def test_the_best_move_gains_what_it_says():
    rng = np.random.default_rng(0)
    for _ in range(10):
        R = np.abs(rng.standard_normal((9, 9)))
        R = R + R.T
        gain, order = best_move(R)
        assert sorted(order) == list(range(9))
        links = lambda o: R[o[:-1], o[1:]].sum()
        assert links(order) - links(np.arange(9)) == pytest.approx(gain)


def test_chain_coordinates_find_a_stretched_chain_and_regrid_repairs_it():
    u = np.arange(21) + 1.2 * np.sin(np.arange(21) / 20 * math.pi)
    kernel = lambda a, b: np.exp(-.5 * np.subtract.outer(a, b) ** 2 / 4)
    found = chain_coordinates(kernel(u, u))
    assert np.corrcoef(np.diff(found), np.diff(u))[0, 1] > .95
    ring = np.arange(21) + .6 * np.sin(2 * math.pi * np.arange(21) / 21)
    d = np.subtract.outer(ring, ring)
    C = np.exp(-.5 * ((d + 10.5) % 21 - 10.5) ** 2 / 4)
    assert np.corrcoef(chain_coordinates(C, True) - np.arange(21), ring - np.arange(21))[0, 1] > .95
    for circulant in (False, True):
        even = regrid(np.eye(21), np.arange(21.), circulant)
        assert np.allclose(even, np.eye(21), atol=1e-9)


def test_mirrors_are_reflections_and_the_margin_is_zero_without_fourth_order_structure():
    w = World("wide", 15)
    o = Objective(prepared(w.draw(40000))[0])
    for u in mirrors(w.U, o, 10):
        V = mirrored(w.U, u)
        assert np.allclose(V @ V.T, np.eye(15)) and np.allclose(mirrored(V, u), w.U) and np.linalg.det(V) < 0
    assert margin(o, w.U) > .02
    assert abs(margin(Objective(prepared(World("gaussian", 15).draw(40000))[0]), np.eye(15))) < .002


def test_stationarity_reads_one_on_the_truth_and_much_more_on_a_misplaced_segment():
    w = World("wide")
    x = prepared(w.draw(80000))[0]
    assert stationarity(x, w.U) < 2
    order = np.r_[:10, 20:25, 10:20, 25:33]
    assert stationarity(x, w.U[order]) > 6
    ring = World("wide", circulant=True)
    x = prepared(ring.draw(80000))[0]
    assert stationarity(x, ring.U, True) < 2 < 6 < stationarity(x, ring.U[order], True)


@pytest.mark.parametrize("padding", (0, 3))
def test_generator_and_filter_of_a_rotation_give_it_back(padding):
    W = rotation(9)
    A = torch.from_numpy(padded_generator(W, padding))
    assert torch.allclose(A, -A.mT)
    assert np.allclose(orbit(A, torch.from_numpy(W[4]), padding).numpy(), W, atol=1e-9)
    G = torch.linalg.matrix_exp(A)[padding:padding + 9, padding:padding + 9].numpy()
    assert np.allclose(G, chain_step(W, padding == 0), atol=1e-9)


@pytest.mark.parametrize("circulant", (False, True))
def test_the_relaxed_stage_lowers_the_published_loss_and_stays_near_the_truth(circulant):
    w = World("wide", 15, "dst", circulant)
    o = Objective(prepared(w.draw(20000))[0], circulant)
    A, psi, L, losses = relax(o, w.U, steps=40)
    assert len(losses) == 41 and losses[-1] < losses[0] and np.linalg.norm(psi) == pytest.approx(1)
    pad = (len(A) - 15) // 2
    G = torch.linalg.matrix_exp(A)[pad:pad + 15, pad:pad + 15].numpy()
    assert generator_cosine(G, w.step) > .995
    assert not np.allclose(L @ L.T, np.eye(15), atol=1e-6) # it is free


def test_gradient_of_the_relaxed_stage():
    "One tiny step of the optimiser lowers the loss by the slope that finite differences give."
    o = Objective(samples(N=9))
    losses = relax(o, rotation(9), steps=20, rate=1e-4, width=.3)[3]
    assert (np.diff(losses) < 1e-6).all() and losses[0] - losses[-1] > 1e-3


@pytest.mark.parametrize("kind, circulant", [("wide", False), ("narrow", True)])
def test_small_worlds_are_solved_in_any_basis_alike(kind, circulant):
    found = []
    for basis in ("identity", "dst"):
        w = World(kind, 11, basis, circulant, seed=5)
        s = solve(w.draw(8000), circulant, relax=False, restarts=0)
        assert s.found and generator_cosine(cropped_step(s.action), w.step) > .99
        found.append(w.U @ chain_step(s.W, circulant) @ w.U.T)
    assert min(np.abs(found[0] - F).max() for F in (found[1], found[1].T)) < .03


@pytest.mark.parametrize("kind", ("white", "gaussian", "none"))
def test_controls_are_not_found(kind):
    s = solve(World(kind, 15, "permutation", seed=6).draw(10000), relax=False, restarts=0)
    assert not s.found and s.action is None and s.lacking() and str(s).startswith(("not found", "undecided"))
    assert str(s).endswith(s.words) and s.words and (s.answer == "undecided" or not {"stationarity", "samples"} & set(s.lacking()))


def test_starved_data_are_tried_again_from_halves_and_never_called_found():
    "With 45 samples a sensor the first two starts fail; further ones are made, each from half of the samples."
    w = World("legendre", 33, "permutation", seed=1)
    s = solve(w.draw(1500), relax=False, restarts=2)
    assert len(s.starts) == 4 and all(t["trace"] for t in s.starts)
    assert {t["start"] for t in s.starts} == {"direct", "annealed"}
    assert [t["loss"] for t in s.starts] == sorted(t["loss"] for t in s.starts)
    assert not s.found and "samples" in s.lacking()


def test_a_restart_can_rescue_a_solution(monkeypatch):
    "Where both first starts are spoiled, two further ones find the line, and agree."
    w, kinds, start = World("narrow", 9, seed=2), [], solver.settled_start
    def spoiled(kind, fourth, objective, trace):
        kinds.append(kind)
        return rotation(9, len(kinds)) if len(kinds) <= 2 else start(kind, fourth, objective, trace)
    monkeypatch.setattr(solver, "settled_start", spoiled)
    s = solve(w.draw(6000), relax=False)
    assert len(kinds) == 4 and s.found and generator_cosine(cropped_step(s.action), w.step) > .99
    assert s.starts[0]["loss"] < s.starts[-1]["loss"] - .1 and s.agreement > .9


def test_a_solution_represents_saves_and_speaks(tmp_path):
    w = World("narrow", 9, "permutation")
    x = w.draw(20000)
    s = solve(torch.from_numpy(x), restarts=0, relax=True)
    assert s.found and str(s).startswith("found: translation of 9 positions on a line")
    y = s.representation(x[:50])
    assert y.shape == (50, 9) and torch.allclose(s.representation(torch.from_numpy(x[:50])), torch.from_numpy(y), atol=1e-4)
    s.action.save(tmp_path / "a")
    assert torch.allclose(load_action(tmp_path / "a")(torch.from_numpy(x[:5]), 1.), s.action(torch.from_numpy(x[:5]), 1.))
    s.save(tmp_path / "s")
    kept = load_found(tmp_path / "s")
    assert kept.found and kept.certificates.keys() == s.certificates.keys() and str(kept) == str(s)
    assert s.action.unit == "steps" and s.relax_seconds > 0 and len(s.relaxed) == 151
    again = solve(x, restarts=0, relax=False)
    assert np.array_equal(again.W, s.W) # nothing random


def good(n=2000, N=9): return np.random.default_rng(0).standard_normal((n, N)).astype(np.float32)


def spoiled(how):
    x = good()
    if how == "nan": x[3, 2] = np.nan
    if how == "constant": x[:, 4] = 7.
    if how == "rank": x[:, 4] = x[:, 3] + x[:, 2]
    if how == "even": x = x[:, :8]
    if how == "few": x = x[:100]
    if how == "flat": x = x[:, 0]
    if how == "tiny": x = x[:, :3]
    return dict(words=np.array([["a", "b"]]), nothing=None).get(how, x)


@pytest.mark.parametrize("how, told", [
    ("nan", "NaN or infinity in 1 of 2000 samples"), ("constant", "1 constant, the first at 4"), ("rank", "9 of rank 8"),
    ("even", "odd number of sensors from 5 on, found 8: leave one out"), ("few", "at least 270 samples of 9 sensors"),
    ("flat", r"\(n, N\), found shape"), ("tiny", "from 5 on, found 3"), ("words", "expected numbers"),
    ("nothing", "x: expected")])
def test_bad_input_is_told_in_one_line(how, told):
    with pytest.raises(SymnbError, match=told) as e: solve(spoiled(how))
    assert "\n" not in str(e.value)


def test_a_large_constant_part_changes_nothing(constant=1e8):
    "Means are taken off in double precision, for the verdict and for new samples alike."
    x = World("narrow", 9).draw(4000).astype(float)
    plain, high = (solve(a, relax=False, restarts=0) for a in (x, x + constant))
    assert np.abs(plain.W - high.W).max() < 1e-3 and high.found == plain.found
    assert np.abs(plain.representation(x[:5]) - high.representation(x[:5] + constant)).max() < 1e-2
