"""Fields that preserve an oracle: planted symmetries are found, each loss sees its own fault, and bad input says what is wrong."""
import math

import pytest
import torch
from torch import nn

from symnb.find import oracle as so
from symnb.ground.lab import SymnbError, device
from symnb.measures.orbits import tangent_cosine
from symnb.symmetry.groups import FlowGroup
from symnb.symmetry.kinds import FlowAction
from symnb.symmetry.warps import AFFINE, AffineFlow

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
    so.fit_fields(fields, psi, z, steps=250, batch=128)
    found = tangent_cosine(lambda v: fields(v)[:, 0], z[:300], truth(z[:300]))
    assert found.value > .95
    other = tangent_cosine(lambda v: fields(v)[:, 0], z[:300], z[:300])
    assert other.value < .8


# oracles

def test_an_oracle_learns_labels_of_any_name_from_codes_of_which_one_never_varies():
    z = draw(300, 4, seed=3)
    z[:, 3] = 1.
    labels = torch.where(z[:, 0] > 0, 7, 1)
    oracle = so.LatentOracle(4, [1, 7], hidden=16).to(device())
    so.fit_latent_oracle(oracle, z, labels, steps=80, noise=.05)
    assert (oracle.classes[oracle(z.to(device())).argmax(1)].cpu() == labels).float().mean() > .9


def test_scores_have_mean_zero_and_name_the_digits_given():
    oracle = so.LatentOracle(5, [1, 7])
    assert oracle(draw(9, 5)).mean(1).abs().max() < 1e-6 and oracle.classes.tolist() == [1, 7]


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


def test_a_free_field_is_a_candidate_with_certificates_and_never_found(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    z, psi = draw(600, 2), nn.Sequential(nn.Linear(2, 1))
    found = so.discover_fields(psi, z, steps=120)
    assert found.answer == "undecided" and found.group is None and isinstance(found.candidate, FlowAction)
    kept, free = found.certificates["change along the field"], found.certificates["directions left free"]
    assert kept.value < .05 < kept.null and (free.value, free.threshold, free.met) == (1., 1, True)
    again = so.discover_fields(psi, z, steps=120)
    assert torch.equal(again.candidate.generator(z[:5].to(device())), found.candidate.generator(z[:5].to(device())))


def test_directions_that_the_oracle_leaves_free_are_counted_against_the_answer():
    z = draw(200, 5)
    free = so.certified(lambda z: z[..., :1], z, lambda z: torch.zeros_like(z).index_fill(1, torch.tensor([4]), 1.))
    assert free["directions left free"][0] == 4 and free["change along the field"][0] == 0


def test_several_fields_are_one_group(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMNB_RUNS", str(tmp_path))
    found = so.discover_fields(nn.Linear(3, 1), draw(300, 3), count=2, steps=30)
    assert isinstance(found.candidate, FlowGroup) and len(found.candidate.names) == 2
    assert found.certificates["directions left free"].met


def test_a_planted_rotation_stands_alone_among_eigenvalues():
    found = so.discover_pointwise(Rings(), draw(1500, 6, seed=8))
    gap = found.certificates["second eigenvalue over the first"]
    assert gap.met and gap.value > 5 * gap.null and found.certificates["change along the field"].met
    assert not so.discover_pointwise(lambda z: z[..., :1], draw(1500, 6, seed=8)).certificates["second eigenvalue over the first"].met


# finite displacement

def rings(x):
    "Scores of pictures that depend on how much is on a ring: every rotation keeps them."
    radius = (torch.stack(torch.meshgrid(torch.arange(28.), torch.arange(28.), indexing="ij")) - 13.5).norm(dim=0)
    ring = ((radius - 8).abs() < 1.5).float() - (radius < 5).float() * 2
    s = (x[:, 0].cpu() * ring).sum((1, 2))
    return torch.stack([s, -s], 1)


def test_finite_displacement_tells_rotation_from_the_others_and_has_nothing_to_say_without_symmetry():
    radius = (torch.stack(torch.meshgrid(torch.arange(28.), torch.arange(28.), indexing="ij")) - 13.5).norm(dim=0)
    images = torch.stack([((radius - 8).abs() < 1.5).float(), (radius < 5).float()]).repeat(10, 1, 1)[:, None]
    found = so.discover_affine(rings, images, .8)
    assert torch.equal(found.candidate.A, AffineFlow(AFFINE["rotation"]).A) and found.what == "rotation"
    assert found.certificates["answers kept by rotation"].met and found.answer == "undecided"
    assert found.bound is None and so.discover_affine(rings, images, .8, held=images).bound == pytest.approx(1 - .05 ** (1 / len(images)))  # none of n is lost
    left = lambda x: torch.stack([x[:, 0, :, :14].sum((1, 2)), x[:, 0, :, 14:].sum((1, 2))], 1).cpu()
    sticks = torch.zeros(20, 1, 28, 28)
    sticks[::2, :, 6:22, 4:8], sticks[1::2, :, 6:22, 20:24] = 1., 1.
    assert so.discover_affine(left, sticks, 3.).what != "rotation"  # half a turn swaps the sides
    change = so.affine_change(rings, images)
    assert change["rotation"] < 1e-6 < change["scale"]


# bad input

@pytest.mark.parametrize("call, said", (
    (lambda: so.Fields(4, 5), "expected 1 to 4 fields on 4 numbers, found 5"),
    (lambda: so.Fields(4, 1)(draw(3, 5)), "the fields have 4, the codes 5"),
    (lambda: so.LatentOracle(4, [0, 1])(draw(3, 2)), "the oracle has 4, the codes 2"),
    (lambda: so.discover_fields(so.LatentOracle(4, [0, 1]), draw(3, 2)), "the oracle has 4, the codes 2"),
    (lambda: so.finite_invariance(Rings(), draw(3, 4), draw(3, 1, 4), 0.), "expected a step above 0"),
    (lambda: so.finite_invariance(Rings(), draw(3, 4), draw(3, 1, 4), -1e-3), "expected a step above 0"),
    (lambda: so.ranks(torch.ones(1, 2, 2), 1.), "expected between 0 and 1"),
    (lambda: so.pointwise_generators(Rings(), draw(4, 6)), "expected more than 6 finite ones"),
    (lambda: so.pointwise_generators(Rings(), draw(50, 6) * math.nan), "expected more than 6 finite ones"),
    (lambda: so.pointwise_generators(Rings(), draw(50, 4), 7), "expected 1 to 6 fields, found 7"),
    (lambda: so.discover_affine(None, draw(2, 1, 28, 28), 0.), "expected a displacement above 0"),
    (lambda: so.discover_affine(lambda x: torch.ones(len(x), 2), draw(2, 1, 28, 28)), "found one and the same for all"),
))
def test_bad_input_is_told_in_one_line(call, said):
    with pytest.raises(SymnbError) as e: call()
    assert said in str(e.value) and "\n" not in str(e.value)


def test_a_discovered_field_is_a_flow_with_an_inverse():
    fields = so.Fields(3, 2)
    action = FlowAction(so.OneField(fields, 1), "units")
    z = draw(10, 3)
    assert torch.equal(action.generator(z), fields(z)[:, 1])
    assert torch.allclose(action.inverse(action(z, .5), .5), z, atol=1e-3)
