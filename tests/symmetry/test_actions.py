"""Group actions: the laws of every kind on random elements, in both precisions, on every device; and what must fail."""
import copy
import json
import math
import warnings

import numpy as np
import pytest
import torch
from conftest import python
from hypothesis import given, settings, strategies as st
from scipy.linalg import expm
from torch import nn
from torch.autograd import gradcheck

from symnb.models import zoo as vae
from symnb.symmetry import actions, matrices, saving
from symnb.symmetry.actions import Action, Composed, SymnbWarning, load_action
from symnb.symmetry.kinds import Conjugated, FlowAction, StepAction, WindowedAction, shift_generator, through
from symnb.symmetry.matrices import BlockRotation, MatrixAction
from symnb.symmetry.warps import ImageRotation
from symnb.data.digits import load_digits
from symnb.symmetry.warps import rotate
from symnb.ground.lab import SymnbError
from symnb.ground.files import read_json, write_json

CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))
DEVICES = ["cpu", CUDA]
F64 = torch.float64
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}  # times the largest number that occurs


def normal(*shape, seed=0, dtype=F64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64).to(dtype)


def uniform(n, reach, seed=0):
    return (2 * torch.rand(n, generator=torch.Generator().manual_seed(seed), dtype=F64) - 1) * reach


def orthogonal(d, seed=0): return torch.linalg.qr(normal(d, d, seed=seed))[0]


def skew(d, seed=0): return (normal(d, d, seed=seed) - normal(d, d, seed=seed).T) / 2


def planted(weights, d=None, seed=0, **kw):
    d = d or 2 * len(weights)
    return BlockRotation(weights, d, orthogonal(d, seed), **kw)


class Field(nn.Module):
    "A bounded nonlinear vector field with weights."
    def __init__(self, seed=0):
        super().__init__()
        self.W = nn.Parameter(.7 * normal(6, 6, seed=seed))

    def forward(self, z): return torch.tanh(z @ self.W.T)


class Twist(nn.Module):
    "An invertible step with weights: the first half of z moves the second."
    def __init__(self, sign=1., seed=0):
        super().__init__()
        self.sign, self.W = sign, nn.Parameter(normal(3, 3, seed=seed))

    def forward(self, z):
        a, b = z.chunk(2, 1)
        return torch.cat([a, b + self.sign * torch.tanh(a @ self.W.T)], 1)


J = torch.tensor([[0., -1.], [1., 0.]], dtype=F64)
JORDAN = torch.diag(torch.ones(5, dtype=F64), 1)  # six equal eigenvalues, one eigenvector
GENERAL = .3 * normal(6, 6, seed=5)
CENTRE = normal(6, seed=9)


def diagonal(seed): return MatrixAction(torch.diag(.3 * normal(6, seed=seed)), "radians")


# name -> the action in float64 on (B, 6), the reach of t, and the tolerance where the law is not exact
KINDS = {
    "skew": (lambda: MatrixAction(skew(6), "radians", skew=True), 3., None),
    "skew, learned": (lambda: MatrixAction(normal(6, 6), "radians", skew=True, learn=True), 3., None),
    "general": (lambda: MatrixAction(GENERAL, "radians", centre=CENTRE), 2., None),
    "general, learned": (lambda: MatrixAction(GENERAL, "radians", learn=True), 2., None),
    "defective": (lambda: MatrixAction(JORDAN, "radians"), 2., None),
    "from a step": (lambda: MatrixAction.from_step(planted([0, 1, 3]).matrix(30.)), 500., None),
    "block": (lambda: planted([0, 1, 3], centre=CENTRE), 500., None),
    "block, learned": (lambda: planted([1, 3], 6, learn=True), 500., None),
    "block, radians": (lambda: planted([1, 2, 2], unit="radians", turn=2 * math.pi), 6., None),
    "step": (lambda: StepAction(Twist(), inverse=Twist(-1.)), 5, None),
    "flow": (lambda: FlowAction(Field(), rtol=1e-9, atol=1e-11), 2., 1e-6),
    "flow, adjoint": (lambda: FlowAction(Field(), adjoint=True, rtol=1e-9, atol=1e-11), 2., 1e-6),
    "flow, fixed steps": (lambda: FlowAction(Field(), solver="rk4", step_size=.02), 2., 1e-5),
    "conjugated": (lambda: Conjugated(MatrixAction(.5 * skew(6), "radians", skew=True), torch.arcsinh, torch.sinh),
                   2., None),
    "inverse": (lambda: MatrixAction(GENERAL, "radians").inverse, 2., None),
    "composed": (lambda: diagonal(1) @ diagonal(2), 1., None),
    "padded shift": (lambda: WindowedAction(MatrixAction(skew(6), "pixels", skew=True), 6), 4., None),
}


def made(name, dtype=F64, device="cpu"):
    "An action, points, and 8 random t: whole ones for steps."
    make, reach, loose = KINDS[name]
    t = uniform(8, reach, seed=2)
    if isinstance(reach, int): t = t.round()
    action = make()
    if name.startswith("block"): assert not action.learn or action.S.abs().max() == 0
    if name == "block, learned": nn.init.normal_(action.S, generator=torch.Generator().manual_seed(4))
    return action.to(device, dtype), normal(8, 6, seed=1).to(device, dtype), t.to(device), loose


def close(a, b, loose=None):
    "The largest difference stays below the tolerance, relative to the largest number."
    scale = max(1., float(a.detach().abs().max()), float(b.detach().abs().max()))
    tolerance = max(loose or 0, TOLERANCE[a.dtype])
    if a.dtype == torch.float32 and loose: tolerance = 2e-4  # solvers in float32
    assert a.dtype == b.dtype and a.shape == b.shape
    error = float((a - b).detach().abs().max()) / scale
    assert error <= tolerance, error


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", KINDS)
class TestLaws:
    @pytest.fixture(autouse=True)
    def flows_once(self, name, dtype):
        if "flow" in name and dtype == torch.float32 and name != "flow, fixed steps": pytest.skip("slow, and the same in float64")

    def test_identity(self, name, dtype, device):
        action, z, _, loose = made(name, dtype, device)
        close(action(z, 0), z, loose)
        if isinstance(action, matrices._Linear): assert torch.equal(action(z, 0.), z)

    def test_group_law(self, name, dtype, device):
        action, z, t, loose = made(name, dtype, device)
        for s, t in zip(t[:4], t[4:]): close(action(action(z, s), t), action(z, s + t), loose)

    def test_inverse(self, name, dtype, device):
        action, z, t, loose = made(name, dtype, device)
        for u in (t, t[0]):
            close(action.inverse(action(z, u), u), z, loose)
            close(action(action.inverse(z, u), u), z, loose)
        close(action.inverse(z, t[1]), action(z, -t[1]), loose)
        close(action.inverse.inverse(z, t), action(z, t))

    def test_one_t_a_sample(self, name, dtype, device):
        action, z, t, loose = made(name, dtype, device)
        alone = torch.cat([action(z[i:i + 1], u) for i, u in enumerate(t)])
        close(action(z, t), alone, loose)
        close(action(z, t.tolist()), action(z, t))

    def test_orbit(self, name, dtype, device):
        "Unsorted, of both signs, with 0 and with one t twice."
        action, z, t, loose = made(name, dtype, device)
        ts = torch.cat([t, torch.zeros(1, device=device), t[2:3]])
        path = action.orbit(z, ts)
        close(path, torch.stack([action(z, u) for u in ts]), loose)
        assert action.orbit(z, []).shape == (0, *z.shape)

    def test_it_moves(self, name, dtype, device):
        "None of the above would notice an action that does nothing."
        action, z, t, _ = made(name, dtype, device)
        assert ((action(z, t[0]) - z).abs().amax(0) > 1e-3).sum() >= 2


REAL = [name for name in KINDS if name != "step"]


@pytest.mark.parametrize("name", REAL)
def test_generator_is_the_derivative(name):
    action, z, _, loose = made(name)
    g = action.generator(z)
    h = 1e-4 if not loose else 1e-3
    close((action(z, h) - action(z, -h)) / (2 * h), g, 1e-5)
    if name == "flow, adjoint": return  # has no second derivatives, which the next line takes
    jvp = torch.autograd.functional.jvp(lambda t: action(z, t), torch.zeros((), dtype=F64), torch.ones((), dtype=F64))
    close(jvp[1], g, loose)
    if not isinstance(action, FlowAction): close(Action.generator(action, z), g)


@pytest.mark.parametrize("name", REAL)
def test_orbits_follow_the_generator(name):
    "d/dt exp(t g) z = g(exp(t g) z), where the action is one."
    action, z, t, loose = made(name)
    if name == "conjugated": z = z.clamp(-1, 1)
    h = 1e-4 if not loose else 1e-3
    close((action(z, t + h) - action(z, t - h)) / (2 * h), action.generator(action(z, t)), 2e-5)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", KINDS)
def test_gradients(name):
    "With respect to z, t and every parameter, against finite differences."
    if "flow" in name: pytest.skip("compared with an exact flow below")
    action, z, t, _ = made(name)
    names, values = zip(*action.named_parameters()) if list(action.parameters()) else ((), ())
    f = lambda z, t, *p: torch.func.functional_call(action, dict(zip(names, p)), (z, t))
    z, t = z[:3].clone().requires_grad_(), t[:3].clone().requires_grad_(name != "step")
    assert gradcheck(f, (z, t, *values))
    if name != "step": assert gradcheck(f, (z, t[0].detach().clone().requires_grad_(), *values))
    loss = action.orbit(z, t[:2].detach()).square().sum()
    assert all(g.abs().sum() > 0 for g in torch.autograd.grad(loss, (z, *values)))


@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("per_sample", [False, True])
def test_gradients_of_flows(adjoint, per_sample):
    "A linear field has an exact flow, so its gradients are known."
    z, t = normal(4, 2).requires_grad_(), uniform(4, 2.) if per_sample else torch.tensor(.8, dtype=F64)
    t.requires_grad_()
    field = nn.Linear(2, 2, bias=False).double()
    field.weight.data = J + .1 * normal(2, 2)
    exact = MatrixAction(field.weight, "radians", learn=True)
    flow = FlowAction(field, adjoint=adjoint, rtol=1e-9, atol=1e-11)
    found = torch.autograd.grad(flow(z, t).sin().sum(), (z, t, field.weight))
    expected = torch.autograd.grad(exact(z, t).sin().sum(), (z, t, exact.W))
    for a, b in zip(found, expected): close(a, b, 1e-6)


# ---- matrices

@pytest.mark.parametrize("learn", [False, True])
def test_matrix_against_scipy(learn):
    for A in (skew(6), GENERAL, JORDAN):
        action = MatrixAction(A, "radians", centre=CENTRE, learn=learn)
        z = normal(4, 6)
        expected = CENTRE + (z - CENTRE) @ torch.tensor(expm(1.7 * A.numpy())).T
        close(action(z, 1.7), expected)
        assert torch.equal(action(CENTRE[None], 1.7), CENTRE[None])
        close(action.matrix(1.7).detach(), torch.tensor(expm(1.7 * A.numpy())))
        assert action.matrix(torch.ones(3)).shape == (3, 6, 6)


def test_skew_is_orthogonal_after_many_turns():
    action = MatrixAction(skew(16), "steps", skew=True)
    M = action.matrix(torch.tensor([1e3, -1e4]))
    assert torch.allclose(M @ M.mT, torch.eye(16, dtype=F64), atol=1e-12)


def test_skew_stays_skew_in_training():
    action = MatrixAction(normal(4, 4), "radians", skew=True, learn=True)
    optimizer = torch.optim.SGD(action.parameters(), lr=.1)
    for _ in range(3):
        optimizer.zero_grad()
        action(normal(5, 4), .3).pow(3).sum().backward()
        optimizer.step()
        assert torch.equal(action.A, -action.A.T)


def test_exponentials_are_not_recomputed(monkeypatch):
    "One decomposition serves all t; in training, one exponential for each distinct t."
    decomposed, batches = [], []
    eigh, matrix_exp = torch.linalg.eigh, torch.linalg.matrix_exp
    monkeypatch.setattr(torch.linalg, "eigh", lambda A: decomposed.append(1) or eigh(A))
    monkeypatch.setattr(torch.linalg, "matrix_exp", lambda A: batches.append(A.shape) or matrix_exp(A))
    frozen, z, t = MatrixAction(skew(6), "steps", skew=True), normal(60, 6), torch.arange(60) % 3
    for _ in range(3): frozen(z, t), frozen.orbit(z, range(10)), frozen.inverse(z, 1.)
    assert len(decomposed) == 1 and not batches
    learned = MatrixAction(skew(6), "steps", skew=True, learn=True)
    close(learned(z, t), frozen(z, t))
    assert batches == [(3, 6, 6)]


@pytest.mark.parametrize("learn", [False, True])
def test_the_decomposition_never_goes_stale(learn):
    action, z = MatrixAction(skew(4, 1), "radians", skew=True, learn=learn), normal(3, 4)
    current = lambda: z @ torch.tensor(expm(.5 * action.A.detach().double().numpy())).T.to(z.dtype)
    with torch.no_grad():
        close(action(z, .5), current())
        action.W.mul_(2); close(action(z, .5), current())
        action.W.data += skew(4, 2); close(action(z, .5), current())
        action.load_state_dict(dict(W=skew(4, 3))); close(action(z, .5), current())
        twin = copy.deepcopy(action)
        twin.W.zero_(); assert torch.equal(twin(z, .5), z)
        close(action(z, .5), current())
        action.float(); z = z.float(); close(action(z, .5), current())
    if learn: close(action(z, .5).detach(), current())


def test_repeated_eigenvalues_have_gradients():
    action = MatrixAction(planted([1, 1, 1]).A, "degrees", 360., skew=True, learn=True)
    action(normal(3, 6), 30.).square().sum().mul(normal(1)[0]).backward()
    gradient, = torch.autograd.grad(action(normal(3, 6), 30.).pow(3).sum(), action.W)
    assert gradient.isfinite().all() and gradient.abs().max() > 0


@pytest.mark.parametrize("learn", [False, True])
def test_derivatives_in_the_matrix_by_transforms(learn):
    "Forward and backward, also where the matrix is no parameter."
    action, z, W, h = MatrixAction(skew(4), "radians", skew=True, learn=learn), normal(3, 4), skew(4), 1e-5
    action(z, .5)  # the decomposition is there, and must not be used
    f = lambda W: torch.func.functional_call(action, dict(W=W), (z, .5)).square().sum(1).mul(normal(3)).sum() \
        + torch.func.functional_call(action, dict(W=W), (z, .5)).pow(3).sum()
    direction = normal(4, 4, seed=3)
    expected = (f(W + h * direction) - f(W - h * direction)) / (2 * h)
    assert torch.allclose(torch.func.jvp(f, (W,), (direction,))[1], expected, rtol=1e-6)
    assert torch.allclose((torch.func.grad(f)(W) * direction).sum(), expected, rtol=1e-6) and abs(expected) > .1


def test_frequencies():
    even = MatrixAction(planted([0, 1, 3]).A, turn=360.)
    assert torch.allclose(even.frequencies(), torch.tensor([0., 1, 3]).double(), atol=1e-12)
    odd = MatrixAction(planted([2], 3).A, turn=360.)
    assert torch.allclose(odd.frequencies(), torch.tensor([0., 2]).double(), atol=1e-12)
    real = MatrixAction(torch.diag(torch.tensor([1., 2, 3, 4])), "steps", turn=12)
    assert real.frequencies().tolist() == [0, 0]
    assert planted([3, 1], 7).frequencies().tolist() == [0, 0, 1, 3]
    assert MatrixAction(1.25 * planted([1]).A, turn=360.).residual() == pytest.approx(.25)


# ---- the logarithm of a step

@settings(max_examples=30)
@given(st.lists(st.floats(0, 179), min_size=1, max_size=5), st.integers(0, 10**6), st.sampled_from([0, 1]))
def test_from_step_recovers_the_generator(phases, seed, extra):
    d = 2 * len(phases) + extra
    Q, G = orthogonal(d, seed), torch.zeros(d, d, dtype=F64)
    for j, phase in enumerate(phases):
        G[2 * j + 1, 2 * j], G[2 * j, 2 * j + 1] = math.radians(phase), -math.radians(phase)
    A = Q @ G @ Q.T
    found = MatrixAction.from_step(torch.linalg.matrix_exp(A), degrees=30.)
    assert found.skew and (found.unit, found.turn, found.period) == ("degrees", 360., None)
    assert torch.allclose(30 * found.A, A, atol=1e-8)
    z = normal(3, d)
    assert torch.allclose(found(z, 30.), z @ torch.linalg.matrix_exp(A).T, atol=1e-8)


def test_from_step_keeps_type_and_centre():
    found = MatrixAction.from_step(planted([1, 2]).matrix(30.).float(), centre=[1., 2., 3., 4.], learn=True)
    assert found.A.dtype == torch.float32 and found.learn and found.centre.tolist() == [1, 2, 3, 4]
    assert torch.allclose(found.A.double(), planted([1, 2]).A, atol=1e-7)


@pytest.mark.parametrize("d", [2, 4, 6])
def test_pairs_of_minus_one_are_half_turns(d):
    Q = orthogonal(d + 3, d)
    M = Q @ torch.block_diag(-torch.eye(d, dtype=F64), planted([1]).matrix(30.), torch.ones(1, 1, dtype=F64)) @ Q.T
    found = MatrixAction.from_step(M)
    assert torch.allclose(found.matrix(30.), M, atol=1e-10) and torch.equal(found.A, -found.A.T)
    expected = torch.tensor([0.] + [1.] + [6.] * (d // 2), dtype=F64)
    assert torch.allclose(found.frequencies(), expected, atol=1e-9)


@pytest.mark.parametrize("count", [1, 3])
def test_unpaired_minus_one_is_refused(count):
    Q = orthogonal(5)
    M = Q @ torch.diag(torch.tensor([-1.] * count + [1.] * (5 - count), dtype=F64)) @ Q.T
    with pytest.raises(SymnbError, match="reflection.*eigenvalue -1"): MatrixAction.from_step(M)


def test_from_step_of_general_matrices():
    L = .4 * normal(5, 5)
    assert torch.allclose(MatrixAction.from_step(torch.linalg.matrix_exp(L), 1.).A, L, atol=1e-10)
    assert torch.allclose(MatrixAction.from_step(torch.linalg.matrix_exp(JORDAN), 1.).A, JORDAN, atol=1e-7)
    S = torch.eye(4, dtype=F64) + .2 * normal(4, 4)
    half = S @ torch.diag(torch.tensor([-2., -2., .5, 3.], dtype=F64)) @ torch.linalg.inv(S)
    assert torch.allclose(MatrixAction.from_step(half).matrix(30.), half, atol=1e-8)


@pytest.mark.parametrize("diagonal, said", [
    ([2., -.5], "negative eigenvalue -0.5"), ([-1., -2.], "negative eigenvalue"), ([1., 0.], "eigenvalue 0")])
def test_steps_without_a_real_logarithm(diagonal, said):
    with pytest.raises(SymnbError, match=said): MatrixAction.from_step(torch.diag(torch.tensor(diagonal)))
    defective = torch.tensor([[-1., 1.], [0., -1.]])
    with pytest.raises(SymnbError, match="negative"): MatrixAction.from_step(defective)


def test_aliasing():
    "A step of 30 degrees cannot tell 7 turns per turn from 5, or 13 from 1."
    for high, low in ((7, 5), (13, 1), (12, 0)):
        found = MatrixAction.from_step(planted([high]).matrix(30.))
        assert float(found.frequencies()[0]) == pytest.approx(low, abs=1e-9)


# ---- rounding

@settings(max_examples=30)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=8), st.integers(0, 10**6), st.sampled_from([0, 1]))
def test_rounding_recovers_planted_weights(weights, seed, extra):
    d = 2 * len(weights) + extra
    exact = planted(weights, d, seed, centre=normal(d))
    A = exact.A + .01 * math.pi / 180 * skew(d, seed + 1)
    rounded = MatrixAction(A, turn=360., skew=True, centre=exact.centre).rounded()
    assert sorted(rounded.weights) == sorted(weights)
    assert torch.equal(rounded.centre, exact.centre) and rounded.unit == "degrees"
    z = normal(3, d, seed=2)
    for k in (1, 2, -3): assert torch.equal(rounded(z, k * rounded.period), z)
    assert float((rounded(z, 77.) - exact(z, 77.)).abs().max()) < .5


def test_rounding_the_weights_of_the_zoo():
    weights = [0, 0, 1, 1, 2, 2, 3, 4]
    for seed in range(5):
        exact = planted(weights, seed=seed)
        noisy = MatrixAction(exact.A + .02 * math.pi / 180 * skew(16, seed + 50), turn=360., skew=True)
        rounded = noisy.rounded()
        assert rounded.weights == weights and rounded.period == 360 and noisy.residual() > 0
        z = normal(4, 16)
        assert torch.equal(rounded(z, 360.), z) and not torch.allclose(noisy(z, 360.), z, atol=1e-3)


def test_rounding_without_noise_is_the_planted_action():
    exact, z = planted([0, 1, 2], 7), normal(5, 7)
    rounded = MatrixAction(exact.A, turn=360.).rounded()
    close(rounded(z, 41.), exact(z, 41.))
    assert torch.allclose(rounded.A, exact.A, atol=1e-14)


def test_rounding_steps_to_a_group_of_order_n():
    "The phase of one step is rounded to multiples of 360 / n degrees."
    M = planted([1, 3]).matrix(30.)
    A = 30 * MatrixAction.from_step(M).A * 1.02
    named, unnamed = MatrixAction(A, "steps", turn=12, skew=True), MatrixAction(A, "steps", skew=True)
    assert named.rounded().weights == unnamed.rounded(12).weights == named.rounded(12).weights == [1, 3]
    rounded = unnamed.rounded(12)
    assert (rounded.unit, rounded.turn, rounded.period) == ("steps", 12, 12)
    close(rounded(normal(3, 4), 1), normal(3, 4) @ M.T, 1e-9)
    with pytest.raises(SymnbError, match="turn: expected the steps"): unnamed.rounded()
    with pytest.raises(SymnbError, match="n: expected"): named.rounded(10)
    with pytest.raises(SymnbError, match="n: expected"): MatrixAction(A, "degrees", 360., skew=True).rounded(12)


def test_only_skew_generators_are_rounded():
    for A in (GENERAL, planted([1, 2, 3]).A + 1e-3 * torch.eye(6, dtype=F64)):
        with pytest.raises(SymnbError, match="expected a skew generator"): MatrixAction(A, turn=360.).rounded()


def test_rounding_nothing():
    still = MatrixAction(torch.zeros(3, 3), turn=360., skew=True).rounded()
    assert still.weights == [0] and torch.equal(still(normal(2, 3), 77.), normal(2, 3))


@settings(max_examples=30)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.sampled_from([360., 2 * math.pi, 12, 7.3]))
def test_closure_is_exact_and_the_period_is_the_shortest(weights, turn):
    action, z = planted(weights, unit="rounds", turn=turn), normal(3, 2 * len(weights))
    assert torch.equal(action(z, action.period), z)
    divisor = math.gcd(*weights)
    assert action.period == turn / (divisor or 1)
    for k in (2, 3):
        if divisor: assert not torch.allclose(action(z, action.period / k), z, atol=1e-3)


def test_block_rotation_is_counter_clockwise():
    z = torch.tensor([[1., 0., 1., 0., 5.]])
    assert torch.allclose(BlockRotation([1, 2], 5)(z, 90.), torch.tensor([[0., 1., -1., 0., 5.]]), atol=1e-6)
    quarter = MatrixAction(J.float(), "radians")(z[:, :2], math.pi / 2)
    assert torch.allclose(quarter, torch.tensor([[0., 1.]]), atol=1e-6)


def test_learned_basis_stays_orthogonal_and_follows_the_target():
    target, z = planted([1, 2]), normal(50, 4)
    start = orthogonal(4) @ torch.linalg.matrix_exp(.3 * skew(4, 3))
    action = BlockRotation([1, 2], basis=start, learn=True)
    assert torch.equal(action.basis, start)
    optimizer = torch.optim.Adam(action.parameters(), lr=.02)
    errors = []
    for _ in range(150):
        error = (action(z, 50.) - target(z, 50.)).square().mean()
        optimizer.zero_grad(); error.backward(); optimizer.step()
        errors.append(error.item())
    assert errors[-1] < 1e-4 * errors[0]
    assert torch.allclose(action.basis.T @ action.basis, torch.eye(4, dtype=F64), atol=1e-12)
    assert torch.equal(action(z, 360.), z)


# ---- steps

@pytest.fixture
def counted():
    calls = []
    def step(z):
        calls.append(len(z))
        return 2 * z
    return StepAction(step, degrees=30., inverse=lambda z: calls.append(-len(z)) or z / 2), calls


def test_steps_per_sample_and_how_often_they_are_applied(counted):
    action, calls = counted
    z, k = normal(5, 3), torch.tensor([0, 3, 1, -2, 3])
    assert torch.equal(action(z, k), z * 2.**k[:, None])
    assert calls == [3, 2, 2, -1, -1]
    calls.clear()
    assert torch.equal(action.orbit(z, [2, -1, 0, 4, 2]), torch.stack([z * 2.**i for i in (2, -1, 0, 4, 2)]))
    assert calls == [5] * 4 + [-5]


def test_steps_reach_the_weights():
    step = nn.Linear(3, 3)
    action, z = StepAction(step), normal(6, 3, dtype=torch.float32)
    once, thrice = (torch.autograd.grad(action(z, k).sum(), step.weight)[0] for k in (1, 3))
    by_hand, = torch.autograd.grad(step(step(step(z))).sum(), step.weight)
    assert torch.allclose(thrice, by_hand) and not torch.allclose(once, thrice)
    mixed, = torch.autograd.grad(action(z, torch.tensor([3, 0, 3, 3, 3, 3])).sum(), step.weight)
    without, = torch.autograd.grad(action(z[[0, 2, 3, 4, 5]], 3).sum(), step.weight)
    assert torch.allclose(mixed, without, atol=1e-5)


def test_steps_of_other_shapes():
    action = StepAction(lambda x: rotate(x, 90.), degrees=90.)
    x = torch.rand(3, 1, 8, 8)
    assert action.turn == 4 and torch.allclose(action(x, 4), x, atol=1e-6)
    assert torch.allclose(action(x, torch.tensor([0, 1, 2]))[2], rotate(x[2:], 180.)[0], atol=1e-6)


def test_degrees_of_steps():
    action = StepAction(torch.sin, degrees=22.5)
    assert action.turn == 16 and isinstance(action.turn, int) and action.period is None
    assert action.parameter(90) == 4 and action.parameter(-45.) == -2
    assert action.parameter(torch.tensor([0., 45.])).tolist() == [0, 2]
    assert Conjugated(action, torch.sin, torch.sin).parameter(45.) == 2
    with pytest.raises(SymnbError, match="multiples of 22.5, found 30"): action.parameter(30)


def test_degrees_of_others():
    assert planted([1]).parameter(30.) == 30
    assert planted([1], unit="radians", turn=2 * math.pi).parameter(180) == math.pi
    assert planted([1], unit="steps", turn=12).inverse.parameter(30) == -1
    back, z = planted([1]).inverse, normal(4, 2)
    assert torch.allclose(back(z, back.parameter(90.)), planted([1])(z, 90.))  # both turn by 90 degrees


# ---- flows

def test_an_orbit_is_one_solve_a_direction(monkeypatch):
    import torchdiffeq
    solves, odeint = [], torchdiffeq.odeint
    monkeypatch.setattr(torchdiffeq, "odeint", lambda *a, **kw: solves.append(1) or odeint(*a, **kw))
    flow = FlowAction(lambda z: z @ J.T)
    for ts, count in (([1., .2, 3.], 1), ([-1., 1., 0., 1.], 2), ([0.], 0)):
        solves.clear()
        flow.orbit(normal(3, 2), ts)
        assert len(solves) == count


@pytest.mark.parametrize("solver, step, tolerance", [
    ("dopri5", None, 1e-4), ("dopri8", None, 1e-4), ("rk4", .05, 1e-5), ("euler", .001, 1e-2), ("midpoint", .01, 1e-3)])
def test_flow_of_a_linear_field(solver, step, tolerance):
    exact, z, t = MatrixAction(J, "radians"), normal(5, 2), uniform(5, 3.)
    flow = FlowAction(lambda z: z @ J.T, solver=solver, step_size=step)
    assert torch.allclose(flow(z, t), exact(z, t), atol=tolerance)
    assert torch.allclose(flow.orbit(z, t), exact.orbit(z, t), atol=tolerance)


def test_flows_of_images():
    flow = FlowAction(lambda x: -x)
    x = torch.rand(2, 1, 4, 4)
    expected = x * torch.tensor([1., math.exp(-1)])[:, None, None, None]
    assert torch.allclose(flow(x, torch.tensor([0., 1.])), expected, atol=1e-5)


@pytest.mark.parametrize("field", [lambda z: z**2, lambda z: z * math.nan, lambda z: torch.exp(20 * z)])
@pytest.mark.parametrize("solver", ["dopri5", "rk4"])
def test_flows_that_cannot_be_followed(field, solver):
    flow = FlowAction(field, solver=solver, step_size=.1 if solver == "rk4" else None)
    with pytest.raises(SymnbError, match=solver): flow(torch.ones(2, 2), 3.)
    with pytest.raises(SymnbError, match=solver): flow.orbit(torch.ones(2, 2), [1., 3.])


# ---- conjugation

def test_conjugation_is_equivariant():
    "encode(conjugated(x)) = action(encode(x)), for an exact pair."
    action, B = planted([1, 2]), torch.eye(4, dtype=F64) + .3 * normal(4, 4)
    seen = Conjugated(action, lambda x: torch.arcsinh(x) @ B.T, lambda z: torch.sinh(z @ torch.linalg.inv(B).T))
    x, t = normal(6, 4), uniform(6, 400.)
    close(seen.encode(seen(x, t)), action(seen.encode(x), t))
    assert (seen.unit, seen.turn, seen.period) == ("degrees", 360., 360.)
    close(seen(x, 360.), x)


def test_through_an_autoencoder_it_is_no_action():
    "t = 0 gives the reconstruction, and the law fails by about as much."
    torch.manual_seed(0)
    model, action = vae.ZOO["fc256"](16).eval(), planted([0, 0, 1, 1, 2, 2, 3, 4]).float()
    x = torch.rand(4, 1, 28, 28)
    seen = through(model, action)
    assert torch.equal(seen(x, 0.), model.reconstruct(x)) and not torch.allclose(seen(x, 0.), x, atol=.1)
    assert torch.allclose(seen(x, 40.), model.decode(action(model.encode(x)[0], 40.)).sigmoid())
    assert seen.orbit(x, [0., 30.]).shape == (2, 4, 1, 28, 28)
    close(seen.generator(x), Action.generator(seen, x))
    x.requires_grad_()
    assert torch.autograd.grad(seen(x, 30.).sum(), x)[0].abs().sum() > 0
    twin = copy.deepcopy(seen)
    nn.init.zeros_(twin.model.decoder[-2].weight)
    assert not torch.allclose(twin(x, 3.), seen(x, 3.))
    assert torch.equal(seen.inverse(x, 30.), seen(x, -30.)) and seen.inverse.model is model


def test_sizes_of_models_and_codes():
    model = vae.ZOO["fc256"](16)
    with pytest.raises(SymnbError) as e: through(model, planted([1]))
    assert str(e.value) == "latent size: the model has 16, the action 2"
    with pytest.raises(SymnbError, match="expected an Action"): through(model, torch.sin)
    wrong = Conjugated(planted([1]), lambda x: torch.cat([x, x], 1), lambda z: z)
    with pytest.raises(SymnbError, match=r"expected \(B, 2\), found \(B, 4\)"): wrong(normal(3, 2), 1.)


# ---- composition

def test_composition():
    z, s, t = normal(5, 2), .4, .9
    turn, grow = MatrixAction(J, "radians", skew=True), MatrixAction(.3 * torch.eye(2, dtype=F64), "radians")
    shear = MatrixAction(torch.tensor([[0., 1.], [0., 0.]], dtype=F64), "radians")
    both = grow @ turn
    close(both(both(z, s), t), both(z, s + t))
    close(both(z, t), MatrixAction(J + .3 * torch.eye(2, dtype=F64), "radians")(z, t))
    other = shear @ turn
    assert not torch.allclose(other(other(z, s), t), other(z, s + t), atol=1e-2)
    close(other(z, t), shear(turn(z, t), t))
    close(other.inverse(other(z, t), t), z)
    assert not torch.allclose(other(other(z, t), -t), z, atol=1e-2)
    close(other.generator(z), Action.generator(other, z))


def test_turns_and_periods_of_compositions():
    one, three, drift = planted([1]), planted([3]), MatrixAction(planted([1]).A, turn=360.)
    assert ((one @ three).turn, (one @ three).period) == (None, 360.)  # what would a turn be?
    assert (one @ drift).period is None and planted([2]).period == 180
    both = planted([2]) @ three  # periods 180 and 120
    assert both.period == 360 and torch.allclose(both(normal(3, 2), 360.), normal(3, 2))
    assert torch.allclose((one @ three)(normal(3, 2), 360.), normal(3, 2))
    with pytest.raises(SymnbError, match="turn"): (one @ MatrixAction(J)).parameter(90)
    with pytest.raises(SymnbError, match="one unit, found degrees and radians"): one @ MatrixAction(J, "radians")
    with pytest.raises(SymnbError, match="one latent size"): one @ planted([1, 2])
    with pytest.raises(SymnbError, match="expected an Action"): one @ torch.sin


# ---- windows

@pytest.fixture(scope="module")
def window():
    return WindowedAction(MatrixAction(shift_generator(65), "pixels", 65., 65., skew=True), 33)


def pulse(at): return torch.exp(-(torch.arange(33., dtype=F64) - at)**2 / 8)[None]


def test_shifts_by_whole_pixels(window):
    x = normal(4, 65)
    for k in (1, -7, 64): close(window.padded(x, k), x.roll(k, 1))
    close(window.padded(window.padded(x, .3), .7), x.roll(1, 1))
    close(window(pulse(12), 5), pulse(17), 1e-3)
    assert float((window(pulse(12), 5) - pulse(12)).norm()) > 1


def test_laws_hold_in_the_padded_space_and_inside_the_window(window):
    x = window.pad(normal(4, 33))
    close(window.padded(window.padded(x, 5.5), -2.), window.padded(x, 3.5))
    inside = pulse(14)
    close(window(window(inside, 5.), -2.), window(inside, 3.), 1e-6)
    close(window.inverse(window(inside, 5.), 5.), inside, 1e-6)


def test_laws_fail_at_the_edges(window):
    "What has left the window does not come back."
    lost = window(window(pulse(30), 8.), -8.)
    assert float((lost - pulse(30)).norm() / pulse(30).norm()) > .9
    assert float((window(window(pulse(30), 8.), -6.) - window(pulse(30), 2.)).norm()) > .5


def test_padding_is_centred():
    for M, N in ((9, 5), (9, 4), (8, 5), (5, 5)):
        action = WindowedAction(MatrixAction(torch.zeros(M, M), "pixels"), N)
        z = torch.ones(2, N)
        padded = action.pad(z)
        left, right = padded[0].nonzero()[0].item(), M - 1 - padded[0].nonzero()[-1].item()
        assert padded.shape == (2, M) and right - left in (0, 1) and torch.equal(action.crop(padded), z)


def test_windows_on_a_matrix():
    action = WindowedAction(shift_generator(9), 5)
    assert action.unit == "pixels" and isinstance(action.padded, MatrixAction) and action.period is None
    close(action(torch.eye(5, dtype=F64), 1)[0], torch.eye(5, dtype=F64)[1])


# ---- images

def test_true_rotation():
    x, truth = load_digits("mnist5k").part("test").images[::100], ImageRotation()
    assert (truth.unit, truth.turn, truth.period) == ("degrees", 360., 360.)
    assert torch.equal(truth(x, 360.), x) and torch.equal(truth(x, 33.), rotate(x, 33.))
    t = uniform(len(x), 180.)
    assert torch.allclose(truth(x, t), torch.cat([truth(x[i:i + 1], u) for i, u in enumerate(t)]), atol=1e-6)
    assert torch.allclose(truth.orbit(x, t), torch.stack([truth(x, u) for u in t]), atol=1e-6)
    assert torch.allclose(truth.inverse(truth(x, 90.), 90.), x, atol=1e-6)
    twice, once = truth(truth(x, 20.), 20.), truth(x, 40.)
    error, nothing = float((twice - once).square().mean()), float((x - once).square().mean())
    assert 1e-5 < error < .03 * nothing


def test_generator_of_the_true_rotation():
    "Of a smooth picture it is known: rotating f by a moves it by -(x df/dy - y df/dx) a, y upwards."
    i = torch.arange(33, dtype=F64) - 16
    x, y = i[None], -i[:, None]
    f = torch.exp(-((x - 3)**2 + (y - 5)**2) / 32)
    exact = -(x * (-(y - 5) / 16) - y * (-(x - 3) / 16)) * f * math.pi / 180
    found = ImageRotation().generator(f[None, None])[0, 0]
    assert float((found - exact).abs().max()) < .05 * float(exact.abs().max())


def test_gradients_through_images():
    x, t = torch.rand(2, 1, 9, 9, dtype=F64).requires_grad_(), torch.tensor([11., 40.], dtype=F64).requires_grad_()
    assert gradcheck(ImageRotation(), (x, t))


# ---- on disk

def untrained(action):
    "Fresh modules of the same form, with other weights, under the names that `load_action` asks for."
    given = {}
    for k, attribute in saving.made_of(type(action))["modules"].items():
        module = getattr(action, attribute)
        if isinstance(module, nn.Module):
            module = copy.deepcopy(module)
            for p in module.parameters(): nn.init.constant_(p, .123)
        if module is not None: given[k] = module
    for k in saving.made_of(type(action))["actions"]:
        given |= {f"{k}_{name}": module for name, module in untrained(getattr(action, k)).items()}
    return given


@pytest.mark.parametrize("name", KINDS)
def test_round_trip(name, tmp_path):
    action, z, t, _ = made(name)
    action.save(tmp_path / "a.b")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.b.json", "a.b.safetensors"]
    found = load_action(tmp_path / "a.b", **untrained(action))
    assert type(found) is type(action) and repr(found) == repr(action)
    assert (found.unit, found.turn, found.period) == (action.unit, action.turn, action.period)
    assert found.state_dict().keys() == action.state_dict().keys()
    assert all(torch.equal(v, found.state_dict()[k]) for k, v in action.state_dict().items())
    assert torch.equal(found(z, t), action(z, t))
    assert [p.requires_grad for p in found.parameters()] == [p.requires_grad for p in action.parameters()]


def test_round_trip_of_nested_actions(tmp_path):
    torch.manual_seed(0)
    inner = FlowAction(Field(), rtol=1e-3)
    z = normal(4, 6)
    seen = Conjugated(inner.inverse, nn.Linear(6, 6).double(), nn.Linear(6, 6).double())
    nested = seen @ MatrixAction(skew(6), "radians")
    nested.save(tmp_path / "nested")
    given = untrained(nested)
    assert given.keys() == {"a_encode", "a_decode", "a_action_action_field"}
    assert torch.equal(load_action(tmp_path / "nested", **given)(z, .7), nested(z, .7))


def test_round_trip_through_a_model_and_of_images(tmp_path):
    torch.manual_seed(0)
    model, x = vae.ZOO["fc256"](16).eval(), torch.rand(2, 1, 28, 28)
    seen = through(model, planted([0, 0, 1, 1, 2, 2, 3, 4]).float())
    seen.save(tmp_path / "seen")
    assert torch.equal(load_action(tmp_path / "seen", model=vae.ZOO["fc256"](16).eval())(x, 30.), seen(x, 30.))
    with pytest.raises(SymnbError, match="latent size|expected torch.float32"):
        load_action(tmp_path / "seen", model=vae.ZOO["fc256"](8))
    ImageRotation().save(tmp_path / "images")
    assert torch.equal(load_action(tmp_path / "images")(x, 30.), rotate(x, 30.))


def test_modules_that_do_not_fit(tmp_path):
    StepAction(nn.Linear(3, 3)).save(tmp_path / "a")
    for given, said in ((dict(step=nn.Linear(3, 2)), "step: bias: expected .* .3,., found .* .2,."),
                        (dict(step=nn.Linear(3, 3).double()), "found torch.float64"),
                        (dict(step=nn.Linear(3, 3, bias=False)), "only expected: bias"),
                        (dict(step=nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))), "step: file and module differ"),
                        (dict(step=torch.sin), "only expected"),
                        (dict(step=nn.Linear(3, 3), field=nn.Linear(3, 3)), "expected none called field")):
        with pytest.raises(SymnbError, match=said): load_action(tmp_path / "a", **given)
    StepAction(Twist()).save(tmp_path / "b")
    with pytest.raises(SymnbError, match="step: expected the untrained module"): load_action(tmp_path / "b")


def test_a_module_that_does_not_fit_is_left_alone(tmp_path):
    StepAction(nn.Linear(3, 3)).save(tmp_path / "a")
    module = nn.Sequential(nn.Linear(3, 3))
    before = copy.deepcopy(module.state_dict())
    with pytest.raises(SymnbError): load_action(tmp_path / "a", step=module)
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())


def test_damaged_files(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(SymnbError, match="cannot be read"): load_action(path)
    planted([1, 2]).save(path)
    said = read_json(f"{path}.json")
    changes = [dict(kind="os.system"), dict(kind=None), dict(kind=["MatrixAction"]), dict(kind="Action"),
               dict(kind="_Linear"),
               dict(options={}), dict(options=dict(said["options"], weights=[1, 2, 3])), dict(tensors=[]),
               dict(tensors=["nowhere"]), dict(tensors=3), dict(options=None), dict(sha256="0" * 64),
               dict(options=dict(said["options"], learn=True)), dict(actions=None, kind="Inverse")]
    for change in changes:
        write_json(f"{path}.json", dict(said, **change))
        try: loaded = load_action(path)
        except SymnbError: continue
        assert change == dict(tensors=[]) and torch.equal(loaded.Q, planted([1, 2]).Q)  # they follow anyway
    for text in ("[]", "3", "{", json.dumps(dict(said, modules=["field"]))):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(SymnbError): load_action(path)
    write_json(f"{path}.json", said)
    assert torch.equal(load_action(path).Q, planted([1, 2]).Q)
    (tmp_path / "a.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes()[:-1] + b"x")
    with pytest.raises(SymnbError, match="SHA-256"): load_action(path)


# ---- bad input

def message(f):
    with pytest.raises(SymnbError) as e: f()
    assert "\n" not in str(e.value)
    return str(e.value)


def test_latents_of_another_size():
    action = planted([0, 0, 1, 1, 2, 2, 3, 4])
    for call in (lambda z: action(z, 1.), lambda z: action.orbit(z, [1.]), action.generator,
                 lambda z: action.inverse(z, 1.), lambda z: Action.generator(action, z)):
        assert message(lambda: call(torch.zeros(5, 2))) == "latents: expected (B, 16), found (B, 2)"
    assert "found (B, 16, 1)" in message(lambda: action(torch.zeros(5, 16, 1), 1.))
    assert "expected floats" in message(lambda: action(torch.zeros(5, 16).long(), 1.))
    assert "found list" in message(lambda: action([[0.] * 16], 1.))


@pytest.mark.parametrize("t, said", [(math.nan, "finite"), (math.inf, "finite"), ([0., math.nan, 1.], "finite"),
                                     (torch.zeros(2), r"found shape (2,)"), (torch.zeros(3, 2), "found shape (3, 2)"),
                                     ("one", "found shape"), (None, "found shape"), (torch.tensor(1j), "real"),
                                     (torch.tensor(True), "real")])
def test_bad_t(t, said):
    assert said in message(lambda: planted([1])(normal(3, 2), t))


def test_bad_ts():
    for ts in (1., torch.zeros(2, 2), [math.nan]):
        assert "t: expected" in message(lambda: planted([1]).orbit(normal(3, 2), ts))


def test_t_of_any_kind():
    action, z = planted([1]), normal(3, 2)
    for t in (30, np.float32(30), np.array(30), torch.tensor(30), torch.tensor(30, dtype=torch.int8), [30, 30, 30],
              np.full(3, 30)):
        assert torch.equal(action(z, t), action(z, 30.))
    assert action(z[:0], 1.).shape == action(z[:0], []).shape == (0, 2)


@pytest.mark.parametrize("action, far, near", [
    (planted([1]), 1441., 1440.), (planted([3]), -1441., -1440.),
    (planted([1], unit="radians", turn=2 * math.pi), 13., 12.5), (MatrixAction(J, "radians"), -90., 12.5),
    (MatrixAction(J, "pixels", period=2.), 8.1, 8.), (StepAction(torch.sin), 49, 48),
    (ImageRotation(), 1500., 1440.), (planted([1]).inverse, 1441., 1440.),
    (Conjugated(planted([1]), torch.sin, torch.sin), 1441., 1440.)])
def test_far_t_is_warned_of_once(action, far, near):
    z = torch.rand(4, 1, 8, 8) if isinstance(action, ImageRotation) else normal(4, 2)
    for call in (lambda t: action(z, t), lambda t: action(z, torch.full((4,), float(t))),
                 lambda t: action.orbit(z, [0, t])):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            call(near)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call(far)
        assert [w.category for w in caught] == [SymnbWarning] and caught[0].filename == __file__
        text = str(caught[0].message)
        assert action.unit in text and f"{action.limit:g}" in text and f"{abs(far):g}" in text


def test_no_limit_where_nothing_is_known():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MatrixAction(J, "steps")(normal(2, 2), 1e6)
        MatrixAction(J, "pixels")(normal(2, 2), 1e6)


REFUSED = [
    (lambda: MatrixAction(torch.zeros(2, 3)), "A: expected shape"),
    (lambda: MatrixAction("A"), "A: expected numbers"),
    (lambda: MatrixAction(torch.full((2, 2), math.nan)), "A: expected finite"),
    (lambda: MatrixAction(torch.zeros(0, 0)), "A: expected"),
    (lambda: MatrixAction(J, centre=[1.]), "centre: expected shape (2,)"),
    (lambda: MatrixAction(J, turn=0), "turn: expected a positive"),
    (lambda: MatrixAction(J, period=math.inf), "period: expected"),
    (lambda: MatrixAction(J, unit=3), "unit: expected"),
    (lambda: MatrixAction(J).frequencies(), "turn: expected"),
    (lambda: MatrixAction(J).parameter(3), "turn: expected"),
    (lambda: BlockRotation([.5]), "weights: expected whole"),
    (lambda: BlockRotation([-1]), "weights: expected whole"),
    (lambda: BlockRotation([]), "weights"),
    (lambda: BlockRotation("12"), "weights"),
    (lambda: BlockRotation([math.nan]), "weights"),
    (lambda: BlockRotation([1, 2], 3), "at most 1 in size 3"),
    (lambda: BlockRotation([1], turn=None), "turn: expected a number"),
    (lambda: BlockRotation([1], basis=2 * torch.eye(2)), "basis: expected Q^T Q = 1"),
    (lambda: BlockRotation([1], 4, torch.eye(2)), "basis: expected shape (4, 4)"),
    (lambda: StepAction(torch.sin, degrees=0), "degrees: expected"),
    (lambda: StepAction(torch.sin)(normal(2, 2), .5), "whole steps, found 0.5"),
    (lambda: StepAction(torch.sin)(normal(2, 2), [1, .5]), "whole steps, found 0.5"),
    (lambda: StepAction(torch.sin)(normal(2, 2), -1), "no inverse step"),
    (lambda: StepAction(torch.sin)(normal(2, 2), [1, -1]), "no inverse"),
    (lambda: StepAction(torch.sin).orbit(normal(2, 2), [1, -1]), "no inverse"),
    (lambda: StepAction(torch.sin).inverse, "inverse"),
    (lambda: StepAction(torch.sin).generator(normal(2, 2)), "generator"),
    (lambda: StepAction(lambda z: z[:, :1])(normal(2, 2), 1), "found torch.float64 (2, 1)"),
    (lambda: FlowAction(torch.sin, solver="rk4"), "step_size"),
    (lambda: FlowAction(torch.sin, adjoint=True), "field: expected a module"),
    (lambda: FlowAction(torch.sin, solver="magic")(normal(2, 2), 1.), "magic"),
    (lambda: WindowedAction(shift_generator(5), 6), "window: expected 1 to 5"),
    (lambda: WindowedAction(ImageRotation(), 3), "padded"),
    (lambda: shift_generator(4), "odd"),
    (lambda: ImageRotation()(normal(2, 2), 1.), "images"),
    (lambda: Conjugated(torch.sin, torch.sin, torch.sin), "expected an Action"),
    (lambda: MatrixAction.from_step(torch.zeros(2, 3)), "step: expected shape"),
    (lambda: MatrixAction.from_step(torch.eye(2), degrees=0.), "degrees: expected how far"),
]


@pytest.mark.parametrize("attempt, said", REFUSED, ids=[said for _, said in REFUSED])
def test_refused(attempt, said): assert said in message(attempt)


# ---- the package

def test_heavy_libraries_wait_until_they_are_needed():
    heavy = ["torchdiffeq", "scipy", "symnb.models.vae", "matplotlib"]
    loaded = python(f"import sys, symnb.symmetry.actions; print([m for m in {heavy} if m in sys.modules])")
    assert loaded.strip() == "[]"


@pytest.mark.parametrize("device", DEVICES)
def test_actions_move_between_devices(device):
    "And compute where the latents are, t on the CPU or not."
    for name in KINDS:
        action, z, t, loose = made(name)
        there = made(name)[0].to(device)
        close(there(z.to(device), t).cpu().detach(), action(z, t).detach(), loose or 1e-9)
