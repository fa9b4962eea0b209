"""The published SymmetryLens: every term against closed forms, its gradients, its symmetries, and its training."""
import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from symnb.data.worlds import World
from symnb.find import lens
from symnb.find.lens import (FAST, PUBLISHED, LensModel, alignment, batch_at, covariance, final_terms, fit_lens,
    gaussian_divergences, joint_entropy, law_divergence, losses, neighbour_divergence, normalise, only, optimiser,
    rank_weights, schedule)
from symnb.ground.lab import SymnbError
from symnb.models.lens import Conditional, Lens, Mixture, cayley, cayley_generator, doubled, powers_cayley, powers_eigh

FORMS = {"published": {}, "fast": FAST, **{k: {k: True} for k in FAST}, "bf16": dict(bf16=True)}
TINY = replace(PUBLISHED, steps=12, batch=70, lr=3e-3, lr_density=1e-2, epoch=4)


def skew(*shape, scale=1.):
    A = scale * torch.randn(*shape, shape[-1])
    return (A - A.mT).double()


def trained(model, seed=0):
    "Random parameters of the size that training gives them."
    torch.manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(.3 * torch.randn_like(p))
    return model


def toeplitz(N, rho=.6):
    i = torch.arange(float(N))
    return rho ** (i[:, None] - i).abs()


# the group

@pytest.mark.parametrize("powers", [powers_eigh, powers_cayley])
def test_powers_are_powers(powers):
    A, v, K = skew(3, 9), torch.randn(3, 9).double(), 5
    G = torch.linalg.matrix_exp(A) if powers is powers_eigh else cayley(A)
    out = powers(A, v, K)
    assert out.shape == (3, 2 * K + 1, 9)
    for p in range(-K, K + 1):
        assert torch.allclose(out[:, K + p], (torch.linalg.matrix_power(G, p) @ v[..., None])[..., 0], atol=1e-9)


def test_cayley_is_orthogonal_and_its_generator_is_its_logarithm():
    A = skew(11)
    G = cayley(A)
    assert torch.allclose(G @ G.mT, torch.eye(11).double(), atol=1e-12)
    assert torch.allclose(torch.linalg.matrix_exp(cayley_generator(A)), G, atol=1e-9)
    near = [float((cayley(A / 20, k) - torch.linalg.matrix_exp(A / 20)).abs().max()) for k in (0, 2, 4)]
    assert near[0] > 10 * near[1] > 100 * near[2]


def test_terms_on_a_ring_are_those_of_its_neighbours():
    C = toeplitz(7, .5) @ toeplitz(7, .3)
    C = (C + C.mT) / 2
    rolled = lambda s: C.roll((s, s), (0, 1))
    corr = [C[i, (i + 1) % 7] / (C[i, i] * C[(i + 1) % 7, (i + 1) % 7]).sqrt() for i in range(7)]
    assert torch.isclose(alignment(C, True), -sum(corr) / 7, atol=1e-5)
    for s in (1, 3): # no place is the first
        for a, b in zip(gaussian_divergences(rolled(s), True), gaussian_divergences(C, True)): assert torch.isclose(a, b, atol=1e-5)
        assert not torch.isclose(gaussian_divergences(rolled(s))[1], gaussian_divergences(C)[1], atol=1e-3)


def test_the_shared_loop_carries_what_adam_remembers():
    "A run with a choice after two steps equals one where the chosen restart's moments are put by hand."
    x, seen = World("narrow", 7).draw(700), []
    for n in (2, 3):
        fit = fit_lens(x, 3, replace(TINY, **FAST), restarts=n, choose=((.2, 1),), seed=4)
        seen.append(fit.history["total"])
        assert len(fit.history["step"]) == 12 and [len(v) for v in fit.history["total"]] == [n] * 2 + [1] * 10
    assert seen[0] != seen[1]


@pytest.mark.parametrize("powers", [powers_eigh, powers_cayley])
def test_gradients_of_powers(powers):
    W, v = torch.randn(5, 5).double().requires_grad_(), torch.randn(5).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda W, v: powers(W - W.mT, v, 2), (W, v))


def test_gradient_at_the_tiny_start_is_that_of_the_exponential():
    W = (1e-3 * torch.randn(21, 21)).requires_grad_()
    v, c = torch.randn(21), torch.randn(7, 21)
    A = (W - W.mT) / 2
    mine = torch.autograd.grad((powers_eigh(A, v, 3) * c).sum(), W, retain_graph=True)[0]
    true = torch.stack([torch.linalg.matrix_exp(p * A.double()) @ v.double() for p in range(-3, 4)])
    true = torch.autograd.grad((true * c).sum(), W)[0]
    assert (mine - true).norm() < 1e-4 * true.norm()


@pytest.mark.parametrize("cayley", [False, True])
def test_the_representation_is_equivariant(cayley):
    m, x = Lens(9, 0, cayley=cayley, scale=.5), torch.randn(6, 9)
    with torch.no_grad():
        m.psi.normal_()
    for k in (1, 3):
        y, moved = m(x), m(m.action()(x, float(k)))
        assert torch.allclose(moved[:, k:], y[:, :-k], atol=1e-4)
    assert not torch.allclose(m(m.action()(x, .5))[:, 1:], m(x)[:, :-1], atol=1e-2)


def test_columns_are_crops_of_unit_vectors_and_noise_fades():
    m = Lens(7, 5, scale=.5)
    with torch.no_grad():
        m.psi.normal_()
    assert torch.isclose(m.filter().norm(), torch.tensor(1.), atol=1e-5)
    assert (m.convolution().norm(dim=0) <= 1 + 1e-5).all()
    assert not torch.equal(m.filter(.1), m.filter(.1)) and torch.equal(m.filter(), m.filter())


@pytest.mark.parametrize("N, P", [(8, 3), (1, 2), (7, -1)])
def test_bad_sizes_are_refused(N, P):
    with pytest.raises(SymnbError, match="N, P"):
        Lens(N, P)


# terms in closed form

def test_alignment_reads_correlation_and_nothing_else():
    C = toeplitz(9, -.4)
    D = torch.diag(torch.rand(9) + .5)
    assert torch.isclose(alignment(C), torch.tensor(.4)) and torch.isclose(alignment(D @ C @ D), torch.tensor(.4))
    assert alignment(torch.eye(9)) == 0


def test_joint_entropy_of_a_gaussian_by_rank():
    v = torch.tensor([4., 1., .25, .01])
    Q = torch.linalg.qr(torch.randn(4, 4))[0]
    C = Q @ torch.diag(v) @ Q.mT
    h = .5 * ((2 * math.pi * v).log() + 1)
    assert torch.isclose(joint_entropy(C, 2.), h.mean(), atol=1e-5)
    assert torch.isclose(joint_entropy(C, .5, gain=1e4), h[:2].mean(), atol=1e-4)
    assert torch.isfinite(joint_entropy(torch.zeros(4, 4)))


def test_rank_weights_fall_with_rank_and_rise_with_time():
    w = torch.stack([rank_weights(33, t) for t in np.linspace(0, 1, 9)])
    assert (w.diff(dim=1) <= 0).all() and (w.diff(dim=0) >= 0).all()



def test_divergence_is_averaged_over_the_neighbours_there_are():
    own, right, left = torch.tensor([3., 3., 3.]), torch.tensor([2., 1., -9.]), torch.tensor([-9., 1., 4.])
    assert torch.isclose(neighbour_divergence(own, right, left, 1), torch.tensor((1. + 2. + 0.) / 3))
    one = torch.ones(3, 3)
    assert torch.isclose(neighbour_divergence(one, 0 * one, 0 * one, 2), torch.tensor(1.))
    corner = torch.zeros(3, 3)
    corner[0, 2] = corner[2, 0] = 100 # neither neighbour of these pairs exists
    assert neighbour_divergence(corner, 0 * corner, 0 * corner, 2) == 0


class Known:
    "The exact conditional density of a Gaussian process, in place of the networks."
    def __init__(self, C): self.C, self.N = C, len(C)

    def __call__(self, y):
        C, y = self.C, y.unflatten(-2, (-1, self.N))
        a, s = C / C.diagonal()[:, None], C.diagonal() - C.square() / C.diagonal()[:, None]
        s = s.clamp_min(1e-6)
        given = y.diagonal(dim1=-2, dim2=-1)[..., None]
        return -.5 * ((y - a * given).square() / s + (2 * math.pi * s).log())


def gaussian(C, n):
    return torch.randn(n, len(C)) @ torch.linalg.cholesky(C).mT


def test_conditional_divergence_of_a_known_gaussian():
    C = toeplitz(5)
    flat, _ = law_divergence(Known(C), gaussian(C, 400_000), 2)
    scale = torch.tensor([1., 1., 1.6, 1., 1.])
    uneven = C * scale * scale[:, None]
    measured, own = law_divergence(Known(uneven), gaussian(uneven, 400_000), 2)
    a, s = uneven / uneven.diagonal()[:, None], uneven.diagonal() - uneven.square() / uneven.diagonal()[:, None]
    kl = lambda i, j, k: .5 * ((s[i + k, j + k] / s[i, j]).log() - 1 + (
        s[i, j] + (a[i, j] - a[i + k, j + k]) ** 2 * uneven[i, i]) / s[i + k, j + k])
    found = []
    for i in range(5):
        for j in range(5):
            there = [k for k in (1, -1) if i != j and max(i, j) + k < 5 and min(i, j) + k >= 0]
            if there:
                found.append(sum(float(kl(i, j, k)) for k in there) / len(there))
    assert abs(float(measured) - np.mean(found)) < .03 and 0 <= flat < .01
    off = ~torch.eye(5, dtype=torch.bool)
    entropy = .5 * ((2 * math.pi * s[off]).log() + 1)
    assert abs(float(-own[off].mean() - entropy.mean())) < .02


def test_gaussian_divergences_vanish_for_stationary_laws_only():
    C = toeplitz(7, .8)
    assert max(map(abs, gaussian_divergences(C))) < 1e-5
    P = torch.eye(7)[torch.tensor([0, 2, 1, 3, 4, 5, 6])]
    assert gaussian_divergences(P @ C @ P.mT)[1] > .02
    scaled = C.clone()
    scaled[3] *= 1.5
    scaled[:, 3] *= 1.5
    r = 1.5 ** 2
    assert torch.isclose(gaussian_divergences(scaled)[0], torch.tensor(2 * (r + 1 / r - 2) / 4 / 6), atol=1e-5)


def test_mixtures_find_the_entropy_of_a_gaussian():
    q, y = Mixture(2), torch.randn(4000, 2) * torch.tensor([1., .5])
    adam = torch.optim.Adam(q.parameters(), .05)
    for _ in range(150):
        adam.zero_grad()
        (-q(y).mean()).backward()
        adam.step()
    wanted = .5 * math.log(2 * math.pi * math.e) + torch.tensor([0., math.log(.5)])
    assert torch.allclose(-q(y).mean(0), wanted, atol=.05)


def test_conditional_densities_have_mass_one_and_do_not_see_what_is_masked():
    net = trained(Conditional(3, 12))
    y, grid = torch.randn(3, 3), torch.linspace(-25, 25, 4001)
    many = y[:, None].repeat(1, 4001, 1)
    many[0, :, 2] = grid # y_2 of the sample that keeps component 0
    rows = torch.stack([net(many[:, k])[0, 0, 2] for k in range(0, 4001, 20)])
    assert abs(float(torch.trapezoid(rows.exp(), grid[::20])) - 1) < .02
    other = y.clone()
    other[0, 1] += 5
    assert torch.equal(net(y)[0, 0, 2], net(other)[0, 0, 2]) and net(y)[0, 0, 1] != net(other)[0, 0, 1]


def test_a_batch_that_does_not_fit_is_refused():
    with pytest.raises(SymnbError, match="multiple of 7"):
        LensModel(7, 7, replace(PUBLISHED, batch=100))
    with pytest.raises(SymnbError, match="expected finite numbers"):
        normalise(torch.full((4, 3), math.nan))


def test_pooled_marginals_hold_entropy_and_stationarity():
    "With the exact densities, the pooled cross entropy exceeds the mean entropy by the divergence to the pool."
    y = torch.randn(200_000, 2) + torch.tensor([-1., 1.])
    own, pool = Mixture(2, 1), Mixture(1, 2)
    with torch.no_grad():
        own.centres.copy_(torch.tensor([[-1.], [1.]]))
        pool.centres.copy_(torch.tensor([[-1., 1.]]))
        for q in (own, pool):
            q.spread.zero_()
    gap = float((own(y) - pool(y)).mean())
    x = torch.linspace(-9, 9, 9001).double()
    p = torch.exp(-(x - 1) ** 2 / 2) / math.sqrt(2 * math.pi)
    divergence = torch.trapezoid(p * (p / ((p + p.flip(0)) / 2)).log(), x)
    assert abs(gap - divergence) < .01


# gradients

@pytest.mark.parametrize("form", FORMS)
def test_terms_reach_the_lens_and_the_likelihoods_the_estimators(form):
    recipe = replace(TINY, **FORMS[form])
    model, x = trained(LensModel(7, 3, recipe)), normalise(torch.randn(70, 7))
    terms, densities = model.objective(x, .6, .1, covariance(x))
    ends = list(model.lens.parameters())
    for name, v in terms.items():
        g = torch.autograd.grad(v, ends, retain_graph=True)
        assert all(d.isfinite().all() and d.abs().max() > 0 for d in g), name
    for name in ("align", "HJ"):
        assert all(g is None for g in torch.autograd.grad(terms[name], model.estimators(), retain_graph=True,
                                                          allow_unused=True)), name
    nll = model.estimation(*densities)
    assert all(g.abs().max() > 0 for g in torch.autograd.grad(nll, model.estimators(), retain_graph=True))


def test_objective_is_differentiated_right():
    torch.set_default_dtype(torch.float64)
    try:
        for extra in ({}, FAST):
            model = trained(LensModel(3, 1, replace(PUBLISHED, batch=30, hidden=6, **extra)))
            x = normalise(torch.randn(30, 3))
            def total(W, psi):
                state = {"lens.W": W, "lens.psi": psi}
                return torch.func.functional_call(_Total(model, covariance(x)), {f"model.{k}": v for k, v in state.items()},
                                                  (x,))
            ends = [p.detach().clone().requires_grad_() for p in (model.lens.W, model.lens.psi)]
            assert torch.autograd.gradcheck(total, ends, atol=1e-5)
    finally:
        torch.set_default_dtype(torch.float32)


class _Total(torch.nn.Module):
    def __init__(self, model, S):
        super().__init__()
        self.model, self.S = model, S

    def forward(self, x): return self.model.objective(x, .7, 0., self.S)[0]["total"]


def stepped(model, x, t, sigma, S=None, rates=(3e-3, 1e-2), memory=None):
    "One step of both optimisers on each its own loss."
    ends = list(model.lens.parameters()), model.estimators()
    optims = memory or [optimiser(model, p, r) for p, r in zip(ends, rates)]
    terms = losses(model, normalise(x), t, sigma, S)
    for name, params in zip(("total", "nll"), ends):
        for p, g in zip(params, torch.autograd.grad(terms[name].sum(), params, retain_graph=True)): p.grad = g
    for o in optims: o.step()
    return optims


@pytest.mark.parametrize("form", ["published", "one_pass"])
def test_each_loss_moves_its_own_parameters_only(form):
    model, x = LensModel(7, 3, replace(TINY, **FORMS[form])), torch.randn(70, 7)
    for still in (0, 1):
        before = {k: v.clone() for k, v in model.state_dict().items()}
        stepped(model, x, .5, .1, rates=(3e-3 * (still != 0), 1e-2 * (still != 1)))
        moved = {k.split(".")[0] for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
        assert moved == ({"marginal", "pairs"} if still == 0 else {"lens"})


def test_total_is_the_sum_of_its_terms():
    recipe = replace(TINY, align=1.5, uniform=2.5, resolve=.7, inform=.3)
    model, x = trained(LensModel(7, 3, recipe)), normalise(torch.randn(70, 7))
    t, _ = model.objective(x)
    resolution, information = t["H"] - t["HJ"], -t["HJ"]
    assert torch.isclose(t["total"], 1.5 * t["align"] + 2.5 * t["uniform"] + .7 * resolution + .3 * information)


def test_full_covariance_is_the_covariance_of_all_data():
    x = normalise(torch.randn(70, 7))
    a = trained(LensModel(7, 3, TINY))
    b = LensModel(7, 3, replace(TINY, full_covariance=True))
    b.load_state_dict(a.state_dict())
    first, second = (m.objective(x, .5, S=covariance(x))[0] for m in (a, b))
    assert all(torch.isclose(first[k], second[k], atol=1e-5) for k in first)


# symmetries of the whole

@pytest.mark.parametrize("basis, extra", [("permutation", {}), ("dst", dict(shared_scale=True)), ("dst", FAST)])
def test_a_turned_world_gives_the_turned_run(basis, extra):
    "Batches are the whole of centred data, as a scalar mean is blind to permutations only."
    torch.set_default_dtype(torch.float64)
    try:
        w, recipe = World("narrow", 7, basis, seed=1), replace(TINY, **extra)
        x = w.hidden(70).astype(float)
        x = x - x.mean(0)
        plain, turned = fit_lens(x, 3, recipe), fit_lens(x @ w.U, 3, recipe, frame=w.U)
        A, B = (r.model.lens.generator()[3:10, 3:10].cpu().numpy() for r in (plain, turned))
        assert np.abs(A - w.U @ B @ w.U.T).max() < 1e-6 < np.abs(A).max()
        assert np.allclose(plain.history["total"], turned.history["total"], atol=1e-6)
    finally:
        torch.set_default_dtype(torch.float32)


def test_adam_knows_the_axes():
    torch.set_default_dtype(torch.float64)
    try:
        w, x = World("narrow", 7, "dst"), torch.randn(70, 7)
        x = x - x.mean(0)
        A, B = (fit_lens(a, 3, TINY, frame=f).model.lens.generator()[3:10, 3:10].cpu().numpy()
                for a, f in ((x, None), (x.numpy() @ w.U, w.U)))
        assert np.abs(A - w.U @ B @ w.U.T).max() > 1e-3
    finally:
        torch.set_default_dtype(torch.float32)


def test_the_loss_knows_no_basis_and_no_scale():
    model, x = trained(LensModel(7, 0, replace(TINY, **FAST))), torch.randn(70, 7).exp()
    x, Q = x - x.mean(0), torch.linalg.qr(torch.randn(7, 7))[0]
    L = model.lens.convolution()
    total = [float(model.objective(z := normalise(a), .5, 0., covariance(z), M)[0]["total"].detach())
             for a, M in ((x, L), (3 * x + 5, L), (x @ Q, Q.mT @ L), (x @ Q, L))]
    assert np.allclose(total[:3], total[0], atol=1e-4) and abs(total[3] - total[0]) > 1e-2


# schedules and training

def test_time_is_travel():
    factor, t, sigma = schedule(replace(PUBLISHED, steps=1000, epoch=10))
    assert factor[0] == 1 and np.isclose(factor[-1], .1) and len(set(factor)) == 100
    assert (np.diff(t) > 0).all() and np.isclose(t[-1], 1) and np.isclose(sigma[0], .1)
    assert np.isclose(t[99], factor[:100].sum() / factor.sum())
    early = schedule(replace(PUBLISHED, steps=1000, ramp=.5))[1]
    assert early[-1] == 1 and (early == 1).sum() > 500


def test_a_ramp_can_begin_anew():
    again = replace(PUBLISHED, steps=1000, epoch=10, decay=.2, ramp=.8, again=(.5, .75))
    factor, t, sigma = schedule(again)
    assert len(t) == len(factor) == len(sigma) == 1000 and t[0] < .02
    assert (t[[499, 749, 999]] == 1).all() and (abs(t[[500, 750]] - .15) < .03).all()
    assert np.allclose(factor[[0, 499, 500, 749, 750, 999]], [1, .2, .5, .1, .25, .05])
    assert np.array_equal(schedule(replace(again, again=()))[0][:10], factor[:10])


def test_batches_cover_an_epoch_and_then_change():
    seen = torch.cat([batch_at(100, 10, 3, k) for k in range(10)])
    assert sorted(seen.tolist()) == list(range(100))
    assert not torch.equal(batch_at(100, 10, 3, 0), batch_at(100, 10, 3, 10))
    assert torch.equal(batch_at(100, 10, 3, 17), batch_at(100, 10, 3, 17))


@pytest.mark.parametrize("extra", [{}, FAST])
def test_an_interrupted_run_goes_on_to_the_same_result(tmp_path, monkeypatch, extra):
    x, recipe = World("narrow", 7).draw(700), replace(TINY, **extra)
    choose = ((.2, 2), (.6, 1))
    run = lambda folder: fit_lens(x, 3, recipe, restarts=3, choose=choose, seed=4, folder=folder, every=2, snapshots=(2, 5))
    whole, real = run(None), lens.losses
    for stop in (3, 3, 5): # before, between and after the choices: it goes on from steps 2, 4 and 8 of 12
        def interrupted(*a, stop=stop, n=[0]):
            n[0] += 1
            if n[0] > stop: raise KeyboardInterrupt
            return real(*a)
        monkeypatch.setattr(lens, "losses", interrupted)
        with pytest.raises(KeyboardInterrupt): run(tmp_path)
    monkeypatch.setattr(lens, "losses", real)
    again = run(tmp_path)
    assert torch.equal(whole.model.lens.W, again.model.lens.W) and whole.history["total"] == again.history["total"]
    assert whole.losses == again.losses and whole.kept == again.kept and whole.snapshots == again.snapshots
    assert [np.ndim(whole.snapshots[k][0]) for k in (2, 5)] == [3, 3] and np.shape(whole.snapshots[5][0]) == (2, 7, 7)
    assert [len(k) for k in whole.kept] == [2, 1] and whole.place(3) == whole.kept[0][whole.kept[1][0]]
    assert whole.place(2) == whole.kept[1][0] and whole.place(1) == 0


def test_seeds_decide_and_leave_the_random_numbers_of_others_alone():
    x = World("narrow", 7).draw(700)
    before = torch.get_rng_state()
    a, b, c = (fit_lens(x, 3, TINY, seed=s).model.lens.W for s in (0, 0, 1))
    assert torch.equal(a, b) and not torch.equal(a, c) and torch.equal(before, torch.get_rng_state())


def test_a_restart_beside_others_is_the_same_as_alone():
    model, x = trained(LensModel(7, 3, replace(TINY, **FAST), (3,))), torch.randn(70, 7)
    S = covariance(normalise(x))
    optims = stepped(model, x, .5, 0.1, S)
    single, i = only(copy.deepcopy(model), [1])
    own = [optimiser(single, p, r) for p, r in ((list(single.lens.parameters()), 3e-3), (single.estimators(), 1e-2))]
    for old, new in zip(optims, own):
        for p, q in zip(old.param_groups[0]["params"], new.param_groups[0]["params"]):
            new.state[q] = {k: (v[i] if v.ndim else v).clone() for k, v in old.state[p].items()}
    for m, o in ((model, optims), (single, own)): stepped(m, x, .5, 0., S, memory=o)
    assert torch.allclose(model.lens.W[1], single.lens.W, atol=1e-6)
    assert torch.isclose(final_terms(model, normalise(x), S)["H"][1], final_terms(single, normalise(x), S)["H"],
                         atol=1e-4)


def test_restarts_are_compared_at_the_rank_of_the_moment(monkeypatch):
    seen, real, recipe = [], lens.final_terms, replace(TINY, **FAST)
    monkeypatch.setattr(lens, "final_terms", lambda m, x, S, t: seen.append(t) or real(m, x, S, t))
    fit_lens(World("narrow", 7).draw(700), 3, recipe, restarts=3, choose=((.2, 1),))
    rank = schedule(recipe)[1][int(.2 * recipe.steps)]
    assert np.allclose(seen, [rank]) and .01 < rank < .9


def test_too_few_samples_and_diverging_losses_are_told():
    with pytest.raises(SymnbError, match="at least 70 samples"):
        fit_lens(np.zeros((10, 7)), 3, TINY)
    for extra in ({}, FAST):
        with pytest.raises(SymnbError, match="at step 1"):
            fit_lens(World("narrow", 7).draw(700), 3, replace(TINY, align=math.nan, **extra))


def test_the_truth_is_better_than_what_is_near_it():
    "At full rank the true representation has a lower loss than a shuffled or a reflected one."
    w = World("narrow", 33)
    x, eye = normalise(torch.from_numpy(w.hidden(6600)).float()), torch.eye(33)
    model = LensModel(33, 0, replace(PUBLISHED, batch=330, **FAST))
    adam = torch.optim.Adam(model.marginal.parameters(), 3e-2)
    for k in range(150):
        adam.zero_grad()
        (-model.marginal(x[batch_at(6600, 330, 0, k)]).mean()).backward()
        adam.step()
    S = covariance(x)
    swapped = eye[torch.cat([torch.arange(16), torch.tensor([17, 16]), torch.arange(18, 33)])]
    u = torch.linalg.eigh(S)[1][:, :1] # a reflection that no covariance can see
    mirrored = eye - 2 * u @ u.mT
    loss = [float(model.objective(x, 1., 0., S, L)[0]["total"].detach()) for L in (eye, swapped, mirrored, eye.flip(1))]
    assert loss[0] < min(loss[1], loss[2]) - .005 and abs(loss[0] - loss[3]) < 1e-3
