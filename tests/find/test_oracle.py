"""Oracles and generators: planted symmetries are found, planted faults are caught, and bad input says what is wrong."""
import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from symnb.find import oracle as so
from symnb.symmetry.actions import load_action
from symnb.symmetry.kinds import FlowAction
from symnb.symmetry.matrices import MatrixAction
from symnb.data.digits import Digits
from symnb.symmetry.warps import rotate
from symnb.ground.lab import SymnbError, device
from symnb.measures.orbits import tangent_cosine

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit")


def draw(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def turn(z):
    "The rotation of the first two numbers."
    out = torch.zeros_like(z)
    out[:, 0], out[:, 1] = -z[:, 1], z[:, 0]
    return out


class Rings(nn.Module):
    "|z01|^2 and all other numbers: only the rotation of the first two preserves it."
    def forward(self, z): return torch.cat([z[..., :2].square().sum(-1, keepdim=True), z[..., 2:]], -1)


SPINS = torch.tensor([[[0., 0, 0], [0, 0, -1], [0, 1, 0]], [[0, 0, 1], [0, 0, 0], [-1, 0, 0]],
                      [[0, -1, 0], [1, 0, 0], [0, 0, 0]]])  # so(3), Tr J^T J = 2


def spin_fields(z):
    return torch.einsum("kij,zj->zki", SPINS.to(z), z)


# linear generators

def test_linear_losses_vanish_for_the_rotations_of_space_and_each_sees_its_own_fault():
    J, x, eta = SPINS.double()[None], draw(50, 3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)
    brackets = so.commutators(J)[0]
    C = torch.einsum("abij,cij->abc", brackets, J[0])[None] / 2
    good = so.linear_losses(J, C, x, eta)
    assert max(float(v) for v in good.values()) < 1e-20
    faults = dict(invariance=(J + .1 * eta, C), normalisation=(1.1 * J, C),
                  orthogonality=(torch.stack([J[0, 0], J[0, 0] + J[0, 1], J[0, 2]])[None], C), closure=(J, -C))
    for name, (bad, constants) in faults.items():
        assert float(so.linear_losses(bad, constants, x, eta)[name]) > 1e-2, name


def test_linear_losses_agree_with_loops():
    J, C, x = (draw(*s, seed=3, dtype=torch.float64) for s in ((2, 3, 4, 4), (2, 3, 3, 3), (20, 4)))
    eta, found = so.minkowski(4), None
    found = so.linear_losses(J, C, x, eta)
    for r in range(2):
        psi = lambda v: torch.einsum("pi,ij,pj->p", v, eta, v)
        change = lambda A: torch.func.jvp(psi, (x,), (x @ A.T,))[1].square().mean()
        pairs = list(itertools.combinations(range(3), 2))
        bracket = lambda a, b: J[r, a] @ J[r, b] - J[r, b] @ J[r, a]
        span = lambda a, b: sum(C[r, a, b, c] * J[r, c] for c in range(3))
        expected = dict(invariance=sum(change(A) for A in J[r]),
                        normalisation=sum((torch.trace(A.T @ A) - 2) ** 2 for A in J[r]),
                        orthogonality=sum(torch.trace(J[r, a].T @ J[r, b]) ** 2 for a, b in pairs),
                        closure=sum((bracket(a, b) - span(a, b)).square().sum() for a, b in pairs))
        for k, v in expected.items(): assert torch.isclose(found[k][r], v), k


@pytest.mark.parametrize("count", (1, 2, 3, 4))
def test_only_one_or_three_generators_close_in_space(count):
    actions, losses, _ = so.fit_linear(torch.eye(3), count, restarts=3, steps=400, seed=5)
    assert len(actions) == count and (losses.diff() >= 0).all()
    assert losses[0] < 1e-6 if count in (1, 3) else losses[0] > .1
    if count == 3: assert so.span_overlap(actions, so.metric_algebra(torch.eye(3))) > 1 - 1e-6


def test_a_metric_of_no_special_form_is_preserved_at_finite_times_too():
    root = draw(4, 4, seed=2, dtype=torch.float64)
    metric = root @ torch.diag(torch.tensor([1., 1., -1., -1.]).double()) @ root.T
    algebra, x = so.metric_algebra(metric), draw(30, 4, seed=4, dtype=torch.float64)
    assert len(algebra) == 6
    norm = lambda v: torch.einsum("pi,ij,pj->p", v, metric, v)
    for action in algebra:
        moved = action(x, .7)
        assert (moved - x).abs().max() > .1 and torch.allclose(norm(moved), norm(x), atol=1e-8)


def test_learned_lorentz_boosts_keep_the_interval_and_stretch_the_euclidean_norm():
    (action,), losses, _ = so.fit_linear(so.minkowski(2), 1, restarts=2, steps=300)
    x = draw(20, 2, seed=1, dtype=torch.float64)
    moved, interval = action(x, 1.), lambda v: v[:, 0] ** 2 - v[:, 1] ** 2
    assert losses[0] < 1e-6 and torch.allclose(interval(moved), interval(x), atol=1e-3)
    assert (moved.norm(dim=1) - x.norm(dim=1)).abs().max() > .1


# losses of fields

def test_every_loss_of_fields_reaches_the_parameters_and_a_gradient_cut_off_is_noticed():
    fields, z, psi = so.Fields(3, 2), draw(40, 3), Rings()
    reach = lambda loss: sum(float(g.norm()) for g in torch.autograd.grad(loss, list(fields.parameters()), allow_unused=True)
                             if g is not None)
    for loss in (so.invariance(psi, z, fields(z)), so.finite_invariance(psi, z, fields(z)), so.normalisation(fields(z)),
                 so.orthogonality(fields(z)), so.bracket_closure(fields, z, fields.structure)):
        assert reach(loss) > 1e-4
    with torch.no_grad(): cut = so.invariance(psi, z, fields(z))
    with pytest.raises(RuntimeError): reach(cut)


def test_structure_constants_are_trained_too():
    fields, z = so.Fields(3, 2), draw(40, 3)
    so.bracket_closure(fields, z, fields.structure).backward()
    assert fields.structure.grad[0, 1].norm() > 0


def test_finite_steps_tend_to_the_derivative_and_without_the_division_to_nothing():
    psi, z = Rings().double(), draw(200, 4, dtype=torch.float64)
    v = draw(200, 2, 4, seed=1, dtype=torch.float64)
    exact = so.invariance(psi, z, v)
    off = [abs(float(so.finite_invariance(psi, z, v, e) / exact) - 1) for e in (1e-1, 1e-2, 1e-3)]
    assert off[0] > .01 and off[2] < 1e-3
    ratio = so.finite_invariance(psi, z, v, 1e-3, divide=False) / so.finite_invariance(psi, z, v, 1e-3)
    assert math.isclose(float(ratio), 1e-6, rel_tol=1e-9)


def test_normalisation_and_orthogonality_know_unit_and_orthogonal_fields():
    z = draw(100, 4)
    v = torch.linalg.qr(draw(100, 4, 4, seed=1))[0][:, :3]
    assert so.normalisation(v) < 1e-10 and so.orthogonality(v) < 1e-10
    assert torch.isclose(so.normalisation(2 * v), torch.tensor(3.), atol=1e-4)
    assert torch.isclose(so.orthogonality(v[:, [0, 0]]), torch.tensor(1.), atol=1e-4)
    uneven = v * (1 + .5 * (-1.) ** torch.arange(100))[:, None, None]
    assert so.normalisation(uneven) > 3 * (.25 + .2) and len(z) == 100


def test_lie_brackets_are_antisymmetric_and_close_for_rotations_with_one_sign_only():
    z = draw(50, 3)
    bracket = so.lie_bracket(spin_fields, z)
    assert torch.allclose(bracket, -bracket.transpose(1, 2), atol=1e-6)
    epsilon = torch.zeros(3, 3, 3)
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)): epsilon[a, b, c], epsilon[b, a, c] = 1., -1.
    # fields of matrices have brackets of the opposite sign to their commutators
    assert so.bracket_closure(spin_fields, z, -epsilon) < 1e-10 < .1 < so.bracket_closure(spin_fields, z, epsilon)


def test_a_bracket_of_curved_fields_agrees_with_finite_differences():
    f = lambda z: torch.stack([torch.stack([z[:, 1] ** 2, z[:, 0].sin()], 1), torch.stack([z[:, 0] * z[:, 1], z[:, 0]], 1)], 1)
    z, h = draw(20, 2, dtype=torch.float64), 1e-5
    along = lambda a: (f(z + h * f(z)[:, a]) - f(z - h * f(z)[:, a])) / (2 * h)
    expected = along(0)[:, 1] - along(1)[:, 0]
    assert torch.allclose(so.lie_bracket(f, z)[:, 0, 1], expected, atol=1e-7)


@pytest.mark.parametrize("psi, truth", ((lambda z: z.square().sum(1, keepdim=True), turn),
                                        (lambda z: z[:, :1], lambda z: torch.tensor([[0., 1.]]).expand_as(z))))
def test_a_free_field_of_the_plane_finds_the_one_direction_that_is_left(psi, truth):
    z = draw(2000, 2)
    torch.manual_seed(0)
    fields = so.Fields(2, 1, hidden=32)
    so.fit_fields(fields, None, psi, z, steps=250, batch=128)
    found = tangent_cosine(lambda v: fields(v)[:, 0], z[:300], truth(z[:300]))
    assert found.value > .95
    other = tangent_cosine(lambda v: fields(v)[:, 0], z[:300], z[:300])
    assert other.value < .8


# oracles

class Flat:
    "Encodes a picture by itself; no network."
    latent = 784

    def encode(self, x): return x.flatten(1), None


def bars(n=30, seed=0):
    "A thick and a thin ring: two classes that no rotation mixes."
    radius = (torch.stack(torch.meshgrid(torch.arange(28.), torch.arange(28.), indexing="ij")) - 13.5).norm(dim=0)
    kinds = [(radius - 8).abs() < 1.5, radius < 5]
    labels = torch.arange(n) % 2
    images = torch.stack([kinds[int(k)] for k in labels]).float()
    images = (images * (.6 + .4 * torch.rand(n, 1, 1, generator=torch.Generator().manual_seed(seed)))) * 255
    at = torch.arange(n)
    return Digits(images.byte(), labels, at, at[n // 2:], at[:n // 2], "rings", 0)


def test_a_latent_oracle_learns_and_its_error_bar_counts_digits_not_pictures():
    data = bars()
    part = data.part("train")
    z = so.turned_codes(Flat(), part.images, 3)
    assert z.shape == (45, 784) and not torch.allclose(z[:15], z[15:30])
    torch.manual_seed(0)
    oracle = so.LatentOracle(784, [0, 1], hidden=8).to(device())
    so.fit_latent_oracle(oracle, None, z, part.labels.repeat(3), steps=60, lr=1e-2)  # some pixels never vary
    found = so.oracle_accuracy(oracle, Flat(), data)
    assert found.value == 1. and found.n == 15 and found.chance == pytest.approx(8 / 15)
    clustered = so._accuracy(np.tile(np.arange(100) < 80, (12, 1)), torch.arange(100) % 2)
    assert clustered.spread == pytest.approx(math.sqrt(.16 / 99), rel=1e-6)  # twelve times the same answer are one


def test_scores_have_mean_zero_and_name_the_digits_given():
    oracle = so.LatentOracle(5, [1, 7])
    assert oracle(draw(9, 5)).mean(1).abs().max() < 1e-6 and oracle.classes.tolist() == [1, 7]


def test_folds_hold_each_digit_once_out_and_keep_the_classes_even():
    data = bars(50)
    parts = so.folds(data, 5)
    held = torch.cat([p.test for p in parts])
    assert sorted(held.tolist()) == list(range(50))
    for p in parts:
        assert not set(p.test.tolist()) & set(p.train.tolist()) and len(p.test) + len(p.train) == 50
        assert p.part("test").labels.bincount().tolist() == [5, 5]
    assert len({p.fingerprint for p in parts}) == 5


# what is left free, and the eigenproblem

def test_ranks_of_known_jacobians():
    one = torch.eye(4)[:1].expand(7, 1, 4)
    assert so.ranks(one) == dict(numerical=1., participation=pytest.approx(1.))
    three = torch.diag(torch.tensor([1., 1., 1., 1e-4]))[None]
    found = so.ranks(three)
    assert found["numerical"] == 3. and found["participation"] == pytest.approx(3., rel=1e-3)
    assert so.ranks(three, 1e-5)["numerical"] == 4.


def test_jacobians_of_a_linear_oracle_are_its_matrix():
    layer = nn.Linear(5, 3).to(device())
    assert torch.allclose(so.jacobians(layer, draw(6, 5)), layer.weight.detach().cpu().expand(6, 3, 5), atol=1e-6)


@pytest.mark.parametrize("dead", (0, 1))
def test_the_eigenproblem_finds_a_planted_rotation_behind_any_linear_map(dead):
    d = 6 + dead
    mix = torch.linalg.qr(draw(d, d, seed=7))[0] @ torch.diag(torch.cat([torch.linspace(.6, 1.5, 6), torch.full((dead,), 1e-3)]))
    q = draw(1500, d, seed=8)
    back = torch.linalg.inv(mix)
    oracle = lambda z: Rings()((z @ back.T)[..., :6])
    z = q @ mix.T
    (action,), values = so.pointwise_generators(oracle, z, 1)
    truth = turn(q) @ mix.T
    assert tangent_cosine(action, z, truth).value > .97
    assert values[0] < .05 * values[1] and len(values) == 15
    again = action(z, 0.)
    assert torch.allclose(again, z, atol=1e-4)  # dead numbers are left where they are


def test_the_eigenproblem_has_no_small_eigenvalue_where_nothing_is_preserved():
    z = draw(1500, 6, seed=9)
    _, values = so.pointwise_generators(lambda v: v, z, 1)
    assert values[0] > .8 * values.mean()


def test_the_best_skew_field_is_better_than_random_ones():
    z = draw(800, 5, seed=10) * torch.linspace(.5, 2., 5)
    A = draw(5, 5, seed=11)
    white = 1 / torch.linspace(.5, 2., 5)
    tangent = ((z * white) @ (A - A.T)) / white
    best = tangent_cosine(so.best_skew(z, tangent, z), z, tangent).value
    others = [tangent_cosine(so.random_skew(z, s), z, tangent).value for s in range(10)]
    assert best > .98 > max(others)


# actions

def test_a_paced_flow_has_the_speed_and_the_sense_of_the_truth(tmp_path):
    z = draw(200, 2)
    backwards = MatrixAction(torch.tensor([[0., 3.], [-3., 0.]]), "units")
    paced = so.paced(backwards, z, turn(z) * math.pi / 180)
    assert torch.allclose(paced(z, 90.), turn(z), atol=1e-4)
    assert torch.allclose(paced.generator(z), turn(z) * math.pi / 180, atol=1e-6)
    assert torch.allclose(paced.orbit(z, [0., 90.])[1], paced(z, 90.), atol=1e-5)
    paced.save(tmp_path / "paced")
    assert torch.allclose(load_action(tmp_path / "paced")(z, 30.), paced(z, 30.))


def test_affine_flows_move_as_their_names_say(tmp_path):
    x = torch.zeros(1, 1, 28, 28)
    x[..., 8:12, 14:18] = 1.
    flow = lambda k, t: so.AffineFlow(so.AFFINE[k])(x, t)
    inner = slice(5, 23)
    assert (flow("rotation", math.radians(40.)) - rotate(x, 40.))[..., inner, inner].abs().max() < .02
    assert torch.allclose(flow("translation x", 2 / 14), x.roll(2, 3), atol=1e-4)
    assert torch.allclose(flow("translation y", 2 / 14), x.roll(-2, 2), atol=1e-4)
    assert flow("scale", math.log(2)).sum() > 3 * x.sum()
    for k in so.AFFINE:
        action = so.AffineFlow(so.AFFINE[k])
        assert torch.allclose(action(x, 0.), x, atol=1e-5) and not torch.allclose(action(x, .3), x, atol=.1)
    each = so.AffineFlow(so.AFFINE["rotation"])(x.expand(2, -1, -1, -1), torch.tensor([0., .5]))
    assert torch.allclose(each[:1], x, atol=1e-5) and torch.allclose(each[1:], flow("rotation", .5), atol=1e-5)
    action.save(tmp_path / "shear")
    assert torch.equal(load_action(tmp_path / "shear").A, action.A)


def test_finite_displacement_tells_rotation_from_the_others_and_has_nothing_to_say_without_symmetry():
    data = bars(40)
    images = data.part("all").images
    radius = (torch.stack(torch.meshgrid(torch.arange(28.), torch.arange(28.), indexing="ij")) - 13.5).norm(dim=0)
    ring = ((radius - 8).abs() < 1.5).float() - (radius < 5).float() * 2

    def rings(x):
        s = (x[:, 0].cpu() * ring).sum((1, 2))
        return torch.stack([s, -s], 1)

    found = so.affine_agreement(rings, images, (.8,))
    assert found["rotation"][0].value == 1. and found["translation x"][0].value < .9
    assert torch.equal(so.discover_affine(rings, images, .8).A, so.AffineFlow(so.AFFINE["rotation"]).A)
    left = lambda x: torch.stack([x[:, 0, :, :14].sum((1, 2)), x[:, 0, :, 14:].sum((1, 2))], 1).cpu()
    wedge = images.clone()
    wedge[..., 18:] = 0
    assert so.affine_agreement(left, wedge, (1.57,))["rotation"][0].value < .9


# bad input

@pytest.mark.parametrize("call, said", (
    (lambda: so.fit_linear(torch.eye(2), 5), "expected 1 to 4 generators"),
    (lambda: so.fit_linear(torch.eye(2), 0), "expected 1 to 4 generators"),
    (lambda: so.metric_algebra(torch.zeros(3, 3)), "found a singular matrix"),
    (lambda: so.metric_algebra(torch.tensor([[1., 2.], [0., 1.]])), "expected a symmetric matrix"),
    (lambda: so.metric_algebra("Minkowski"), "expected a symmetric matrix"),
    (lambda: so.Fields(4, 5), "expected 1 to 4 fields on 4 numbers, found 5"),
    (lambda: so.Fields(4, 1)(draw(3, 5)), "the fields have 4, the codes 5"),
    (lambda: so.LatentOracle(4, [0, 1])(draw(3, 2)), "the oracle has 4, the codes 2"),
    (lambda: so.finite_invariance(Rings(), draw(3, 4), draw(3, 1, 4), 0.), "expected a step above 0"),
    (lambda: so.finite_invariance(Rings(), draw(3, 4), draw(3, 1, 4), -1e-3), "expected a step above 0"),
    (lambda: so.ranks(torch.ones(1, 2, 2), 1.), "expected between 0 and 1"),
    (lambda: so.pointwise_generators(Rings(), draw(4, 6)), "expected more than 6 finite ones"),
    (lambda: so.pointwise_generators(Rings(), draw(50, 6) * math.nan), "expected more than 6 finite ones"),
    (lambda: so.pointwise_generators(Rings(), draw(50, 4), 7), "expected 1 to 6 fields, found 7"),
    (lambda: so.whitening(torch.ones(50, 4)), "expected some that vary"),
    (lambda: so.Paced(MatrixAction(torch.eye(2)), 0.), "expected a number but 0"),
    (lambda: so.paced(MatrixAction(torch.eye(2)), draw(5, 2), draw(4, 2)), "expected shape (5, 2)"),
    (lambda: so.AffineFlow(torch.eye(3)), "expected finite numbers (2, 3)"),
    (lambda: so.affine_agreement(None, draw(2, 1, 28, 28), ()), "at least one displacement"),
    (lambda: so.discover_affine(None, draw(2, 1, 28, 28), 0.), "expected a displacement above 0"),
    (lambda: so.folds(bars(), 40), "size of the smallest class"),
    (lambda: so.folds(bars(), 1), "size of the smallest class"),
))
def test_bad_input_is_told_in_one_line(call, said):
    with pytest.raises(SymnbError) as e: call()
    assert said in str(e.value) and "\n" not in str(e.value)


def test_an_oracle_of_another_latent_is_refused_before_anything_is_trained():
    model = Flat()
    with pytest.raises(SymnbError, match="the oracle has 4, the model 784"):
        so.discover_fields(model, so.LatentOracle(4, [0, 1]), bars())


def test_a_discovered_field_is_a_flow_with_an_inverse():
    fields = so.Fields(3, 2)
    action = FlowAction(so._Single(fields, 1), "units")
    z = draw(10, 3)
    assert torch.equal(action.generator(z), fields(z)[:, 1])
    assert torch.allclose(action.inverse(action(z, .5), .5), z, atol=1e-3)
