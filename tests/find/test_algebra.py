"""The symmetry algebra of a law, on laws whose symmetry is known. Thresholds are stated, not fitted to these seeds."""
import itertools
import math

import numpy as np
import pytest
import torch

from symnb.find import moments as tensors, weights as rule
from symnb.find.algebra import discover_rotation
from symnb.find.generators import stabiliser
from symnb.find.moments import act, cumulants, halved_law, memory, packed, random_rotations, synthetic_law, unpacked
from symnb.find.image_fields import coordinate_fields
from symnb.find.liepca import lie_pca
from symnb.find.weights import normal_form, off_share, refine_planes, rho, selection
from symnb.find.whitening import skew_matrices, whiten
from symnb.ground.lab import SymnbError
from symnb.measures.spans import bracket_residual
from symnb.symmetry.actions import load_action

EXPECTED = [0, 0, 1, 1, 2, 2, 3, 4]


look = discover_rotation


def generator(seed):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.double, generator=generator(seed))


def symmetric(d, k, classes=2, seed=0):
    K = normal(classes, *[d] * k, seed=seed)
    return sum(K.permute(0, *(p + 1 for p in order)) for order in itertools.permutations(range(k)))


def skew(d, seed=0):
    A = normal(d, d, seed=seed)
    return A - A.mT


def overlap(D, z, truth):
    "Cosines between the span of what was found and that of the true generators."
    W = D.circle.encode.weight.double()
    T = torch.stack([W @ A @ torch.linalg.inv(W) for A in truth])
    T = torch.linalg.qr((T - T.mT).flatten(1).mT)[0]
    return torch.linalg.svdvals(D.span.flatten(1) @ T)


# tensors

@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_act_is_the_derivative_of_turning(k):
    K, A, h = symmetric(4, k)[0], skew(4), 1e-5
    def turned(t):
        R, T = torch.matrix_exp(t * A), K
        for s in range(k):
            T = torch.tensordot(R, T, ([1], [s])).movedim(0, s)
        return T
    assert torch.allclose(act(A, K), (turned(h) - turned(-h)) / (2 * h), atol=1e-5 * float(K.abs().max()))


def test_distinct_entries_are_the_tensor():
    K = symmetric(5, 4)
    assert packed(K).shape == (2, math.comb(8, 4))
    assert torch.allclose(unpacked(packed(K), 5), K)


def test_cumulants_against_their_definition():
    x = normal(60, 3) ** 2
    K, v = cumulants(x, orders=(1, 2, 3, 4)), x - x.mean(0)
    S = v.mT @ v / len(v)
    four = torch.einsum("ni,nj,nk,nl->ijkl", v, v, v, v) / len(v)
    four -= sum(torch.einsum(f"{p},{q}->ijkl", S, S) for p, q in (("ij", "kl"), ("ik", "jl"), ("il", "jk")))
    wanted = {1: x.mean(0), 2: S, 3: torch.einsum("ni,nj,nk->ijk", v, v, v) / len(v), 4: four}
    for k in K:
        assert torch.allclose(K[k][0], wanted[k]), k


def test_cumulants_by_class_and_in_parts():
    x, c = normal(9000, 3), torch.arange(9000) % 2  # more than one chunk
    K, alone = cumulants(x, c, (3, 4)), cumulants(x[c == 1], orders=(3, 4))
    for k in (3, 4):
        assert torch.allclose(K[k][1], alone[k][0])


def test_cumulants_of_a_gaussian_and_of_exponentials():
    n = 200_000
    K = cumulants(normal(n, 2))
    assert K[3].abs().max() < .05 and K[4].abs().max() < .15
    x = -torch.log(torch.rand(n, 2, dtype=torch.double, generator=generator(0)))
    K = cumulants(x)
    assert abs(K[3][0, 0, 0, 0] - 2) < .2 and abs(K[4][0, 0, 0, 0, 0] - 6) < 1.5 and K[4][0, 0, 0, 1, 1].abs() < .3


def test_whitening():
    z = normal(500, 4) @ normal(4, 4, seed=1) + 3
    q, there, back = whiten(z)
    assert torch.allclose(q.mT @ q / 500, torch.eye(4).double(), atol=1e-9)
    assert torch.allclose(there(z.float()).double(), q, atol=1e-4)
    assert torch.allclose(back(there(z.float())), z.float(), atol=1e-3)


# parts of the method

@pytest.mark.parametrize("d", [6, 7])
def test_normal_form(d):
    A = skew(d)
    O, f = normal_form(A)
    J = torch.tensor([[0., -1.], [1., 0.]]).double()
    blocks = torch.block_diag(*[x * J for x in f], torch.zeros(d % 2, d % 2))
    assert np.all(np.diff(f) >= 0) and torch.allclose(O @ blocks @ O.mT, A, atol=1e-10)


def test_selection_of_an_exact_law():
    z, c, truth = synthetic_law([1, 2, 3], 4000, seed=11)
    K = {k: x - x for k, x in cumulants(z, c, (3,)).items()}
    U = rule._complex(torch.eye(6).double())
    q = rule._charges([1, 2, 3], 6)
    for i, j, k in itertools.product(range(6), repeat=3):
        if q[i] + q[j] + q[k] == 0:
            K[3][0] += torch.einsum("i,j,k->ijk", U[i].conj(), U[j].conj(), U[k].conj()).real
    off, on, *_ = selection(K, torch.eye(6).double(), [1, 2, 3])[3]
    assert off < 1e-20 and on > .1 and rho(K, torch.eye(6).double(), [1, 2, 3]) < 1e-20
    O = torch.linalg.qr(normal(6, 6))[0]
    assert rho(K, O, [1, 2, 3]) > .3 and selection(K, torch.eye(6).double(), [1, 1, 2])[3][0] > 1e-3


def test_energy_on_and_off_adds_up():
    z, c, _ = synthetic_law([1, 2, 3], 4000, seed=11)
    K, O = cumulants(whiten(z)[0], c, (2, 3)), torch.linalg.qr(normal(6, 6))[0]
    for k, (off, on, n, m) in selection(K, O, [1, 2, 3]).items():
        assert n + m == 6 ** k and math.isclose(off * n + on * m, float(K[k].square().sum()))


@pytest.mark.parametrize("d", [6, 7])
def test_refining_returns_to_the_planes(d):
    z, c, _ = synthetic_law([1, 2, 3], 20000, d, seed=11)
    K, w = cumulants(whiten(z)[0], c, (1, 2, 3)), [1, 2, 3]
    O, _ = normal_form(stabiliser(K).matrices[0])
    tilted = torch.matrix_exp(.05 * skew(d, 1)) @ O
    best, again = refine_planes(K, O, w), refine_planes(K, tilted, w)
    assert torch.allclose(again.mT @ again, torch.eye(d).double(), atol=1e-9)
    assert off_share(K, again, w) < 1.02 * off_share(K, best, w) < off_share(K, tilted, w)


# known laws

LAWS = [([1, 2, 3], 8, 20000), ([0, 1, 1, 2], 8, 20000), (EXPECTED, 16, 20000), ([1, 2, 3, 3, 4, 1], 16, 20000)]


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("weights, d, n", LAWS)
def test_one_circle_is_found(weights, d, n, labelled):
    z, c, truth = synthetic_law(weights, n, d, seed=11)
    D = look(z, c if labelled else None)
    assert D.found and D.generators == 1, D
    assert D.weights == sorted([0] * (d // 2 - len(weights)) + weights)
    assert overlap(D, z, truth)[0] > .99


@pytest.mark.parametrize("labelled", [False, True])
def test_thirty_two_dimensions(labelled):
    z, c, truth = synthetic_law([1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 1, 2, 4, 1, 2], 30000, 32, seed=11)
    D = look(z, c if labelled else None)
    assert D.found and D.generators == 1 and overlap(D, z, truth)[0] > .98, D
    assert D.weights == [1] * 5 + [2] * 5 + [3] * 3 + [4] * 3


@pytest.mark.parametrize("labelled", [False, True])
def test_two_commuting_generators(labelled):
    z, c, truth = synthetic_law([[1, 0, 1, 1], [0, 1, 1, 2]], 20000, seed=11)
    D = look(z, c if labelled else None)
    assert D.found and D.generators == 2 and D.bracket < .1, D
    assert overlap(D, z, truth).min() > .98


def so3_law(n, seed, centres=8, spread=.25):
    "SO(3) acting on R^3 + R^5 (symmetric traceless matrices), in a random basis."
    R = random_rotations(n, 3, generator(seed))
    R = R * torch.linalg.det(R)[:, None, None]
    which = torch.randint(centres, (n,), generator=generator(seed + 1))
    E = torch.stack([torch.tensor(m).double() for m in (
        [[0, 1, 0], [1, 0, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 0], [1, 0, 0]], [[0, 0, 0], [0, 0, 1], [0, 1, 0]],
        [[1, 0, 0], [0, -1, 0], [0, 0, 0]], [[1, 0, 0], [0, 1, 0], [0, 0, -2]])])
    E = E / E.flatten(1).norm(dim=1)[:, None, None]
    three = normal(centres, 3, seed=seed + 2)[which] + spread * normal(n, 3, seed=seed + 3)
    five = normal(centres, 5, seed=seed + 4)[which] + spread * normal(n, 5, seed=seed + 5)
    turned = R @ torch.einsum("nk,kij->nij", five, E) @ R.mT
    x = torch.cat([(R @ three[..., None])[..., 0], torch.einsum("nij,kij->nk", turned, E)], 1)
    return x @ normal(8, 8, seed=seed + 6), which


def test_so3_has_three_generators_and_a_closed_bracket():
    "With labels; without them, and of other draws, it may be undecided or one circle of the group."
    z, c = so3_law(30000, 11)
    D = look(z, c)
    assert D.found and D.generators == 3 and D.weights == [0, 1, 1, 2], D
    assert D.bracket < .1 and D.group.dim == 3 and D.group.periods == (360,) * 3
    A, B = D.matrices[:2]
    assert (A @ B - B @ A).norm() > .1  # not abelian
    assert bracket_residual(skew_matrices(torch.eye(28).double(), 8)[:3]) > .1  # of three others


def test_the_group_of_so3_keeps_the_law():
    "Its elements move codes as far as they move the three vectors behind them, and the law stays."
    z, c = so3_law(30000, 11)
    G = look(z, c).group
    assert G.structure.norm() > 0 and torch.allclose(G(z[:50], torch.tensor([360., 0, 0])), z[:50], atol=1e-3)
    q, there, _ = whiten(z)
    moved, other = there(G(z, torch.tensor([20., 70., -40.]))), q @ random_rotations(1, 8, generator(3))[0].mT
    assert (moved - q).norm() > .3 * q.norm()
    K, M, O = (cumulants(x, orders=(4,))[4] for x in (q, moved, other))
    assert (K - M).norm() < .6 * (K - O).norm()  # what is left is the noise of 30 000 samples


# two numbers a code

def flat(kind, n=5000):
    t = 2 * math.pi * torch.rand(n, generator=generator(0)).double() * (.5 if kind == "arc" else 1)
    if kind == "blob": return normal(n, 2)
    if kind == "square": return torch.rand(n, 2, generator=generator(1)).double()
    return torch.stack([t.cos(), t.sin()], 1) * (1 + .1 * normal(n, 1, seed=1))


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("kind, answer", [("ring", "found"), ("arc", "none"), ("square", "none"), ("blob", "undecided")])
def test_two_numbers_a_code(kind, answer, labelled):
    x = flat(kind) @ normal(2, 2, seed=5)
    D = discover_rotation(x, torch.arange(len(x)) % 3 if labelled else None)
    assert D.answer == answer and D.weights == [1] and D.gap is None


def test_units_do_not_matter():
    z, _, _ = synthetic_law([1, 2], 4000, 4, seed=3)
    D, other = look(z), look(z * torch.tensor([1, 1e5, 1, 1e-3]))
    assert D.weights == other.weights and math.isclose(D.gap, other.gap, rel_tol=1e-5) and D.answer == other.answer


@pytest.mark.parametrize("d", [8, 16])
def test_nothing_is_found_in_a_gaussian(d):
    assert not look(normal(20000, d, seed=11) @ normal(d, d, seed=12)).found


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("d", [8, 16])
def test_nothing_is_found_where_there_is_nothing(d, labelled):
    z, c, _ = synthetic_law([], 20000, d, centres=60, spread=.3, seed=11)
    D = look(z, c if labelled else None)
    assert not D.found and D.action is None, D


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("degrees", [90, 180])
def test_a_part_of_the_circle_is_no_symmetry(degrees, labelled):
    "The tangents are all there; the law is not invariant."
    n, w = 20000, torch.tensor([0., 0., 1, 1, 2, 2, 3, 4]).double()
    which = torch.randint(8, (n,), generator=generator(11))
    x = normal(8, 16, seed=12)[which] + .5 * normal(n, 16, seed=13)
    t = math.radians(degrees) * (torch.rand(n, 1, dtype=torch.double, generator=generator(14)) - .5) * w
    z = torch.view_as_real(torch.view_as_complex(x.unflatten(1, (-1, 2))) * torch.polar(torch.ones_like(t), t)).flatten(1)
    D = look(z, which if labelled else None)
    moves = sum(map(bool, D.weights))
    assert not D.found or degrees == 90 and moves == 1, D  # 4 x 90: that plane alone covers its whole circle


def test_what_the_third_order_cannot_tie():
    z, c, _ = synthetic_law([0, 1, 2, 5], 100000, seed=11)
    for labels in (None, c):  # 1 + 2 + 2 = 5, which moments of order 3 do not see and characters do
        D = look(z, labels)
        assert D.found and D.generators == 1 and D.weights == [0, 1, 2, 5], D


def test_another_basis_gives_the_same():
    z, c, _ = synthetic_law([1, 2, 3], 20000, seed=11)
    D, other = look(z), look(z @ normal(6, 6, seed=3) + 5)
    assert D.weights == other.weights and math.isclose(D.gap, other.gap, rel_tol=1e-5)
    assert torch.allclose(D.values, other.values, atol=1e-9)


def test_odd_dimension():
    z, c, truth = synthetic_law([1, 2, 3], 20000, 9, seed=11)
    D = look(z)
    assert D.found and D.weights == [0, 1, 2, 3] and overlap(D, z, truth)[0] > .99
    moved = D.action.inverse(D.action(z.float(), 50.), 50.)
    assert torch.allclose(moved, z.float(), atol=1e-3)


# LiePCA

def test_lie_pca_finds_the_direction():
    z, _, truth = synthetic_law([1, 2, 3], 8000, spread=.1, seed=11)
    q, there, _ = whiten(z)
    W = there.weight.double()
    A = W @ truth[0] @ torch.linalg.inv(W)
    A = (A - A.mT) / 2
    B = lie_pca(q, 1000, 30, 2).matrices[0]
    assert abs((A * B).sum() / A.norm()) > .9 and math.isclose(float(B.norm()), 1, rel_tol=1e-9)


@pytest.mark.parametrize("seed", [11, 12])
def test_lie_pca_proposes_and_the_cumulants_decide(seed):
    both = lambda arc: look(synthetic_law([1, 2, 3], 10000, 8, seed=seed, arc=arc)[0],
                            propose=lambda q: lie_pca(q, 1500, dimension=3))
    whole, half = both(360), both(180)
    assert whole.found and whole.weights == [0, 1, 2, 3]
    assert not half.found


# what comes out

def test_the_action_closes_and_can_be_saved(tmp_path):
    z, c, _ = synthetic_law([0, 1, 2, 3], 10000, seed=11)
    D = look(z)
    z = z[:20].float()
    assert D.action.period == D.action.turn == 360 and torch.allclose(D.action(z, 360.), z, atol=1e-3)
    assert not torch.allclose(D.action(z, 180.), z, atol=1e-1)
    D.action.save(tmp_path / "a")
    assert torch.equal(load_action(tmp_path / "a")(z, 33.), D.action(z, 33.))


def test_halves_share_no_group():
    ids = torch.arange(300) // 3
    part = tensors.halves(ids, 300, 0)
    assert (part.view(-1, 3) == part.view(-1, 3)[:, :1]).all() and set(part.tolist()) == {0, 1}


def test_the_same_seed_gives_the_same():
    z, c, _ = synthetic_law([1, 2, 3], 5000, seed=11)
    a, b = look(z, c, seed=3), look(z, c, seed=3)
    assert torch.equal(a.basis, b.basis) and a.bound == b.bound and a.weights == b.weights


def test_names_as_labels():
    z, c, _ = synthetic_law([1, 2, 3], 5000, seed=11)
    assert torch.equal(look(z, c).basis, look(z, np.array(list("abcdefgh"))[c]).basis)


def test_verdict_line():
    z, c, _ = synthetic_law([1, 2, 3], 5000, seed=11)
    assert str(look(z)).startswith("found: SO(2), weights 1 2 3; features")
    assert str(look(normal(5000, 6))).startswith("undecided: ") and "\n" not in str(look(z))
    assert look(z).told == "nothing" and look(z, c).told == "labels"


def test_rotation_among_the_coordinate_fields():
    for degree, count in ((1, 6), (2, 12), (3, 20)):
        fields, rotation = coordinate_fields(degree, 9)
        v = torch.einsum("m,mcij->cij", rotation, fields.double())
        x = fields[list(rotation.tolist()).index(1) - count // 2][0].double()  # the field x along the first axis
        assert len(fields) == count and torch.allclose(v[1], x)
        assert torch.allclose((v[0] * x + v[1] * -v[0]).sum(), torch.zeros(()).double(), atol=1e-6)


# bad input

def line(f):
    with pytest.raises(SymnbError) as e:
        f()
    assert "\n" not in str(e.value)
    return str(e.value)


@pytest.mark.parametrize("call, words", [
    (lambda z, c: look(torch.where(torch.arange(6) == 2, torch.nan, z)), ["NaN", "5000 of 5000"]),
    (lambda z, c: look(z[:29]), ["at least 60 samples", "found 29"]),
    (lambda z, c: look(z[:5]), ["more than 6 samples"]),
    (lambda z, c: look(z, c[:7]), ["labels", "(5000,)", "(7,)"]),
    (lambda z, c: look(z, torch.where(torch.arange(5000) < 5, 99, c)), ["at least 12 samples in each class"]),
    (lambda z, c: look(z, c + torch.nan), ["labels", "not finite"]),
    (lambda z, c: look(z[:, 0]), ["(samples, d)", "(5000,)"]),
    (lambda z, c: look("codes"), ["z", "str"]),
    (lambda z, c: look(torch.cat([z, z], 1)), ["rank 6", "full rank 12"]),
    (lambda z, c: look(z[:, :1]), ["at least 2 numbers"]),
    (lambda z, c: look(z, orders=(5,)), ["orders", "5"]),
    (lambda z, c: look(z, groups=c), ["groups", "20", "8"]),
    (lambda z, c: cumulants(normal(2000, 500), orders=(4,)), ["latent size 500", "GB"]),
    (lambda z, c: lie_pca(z[:30]), ["40"]),
    (lambda z, c: look(z[:15, :3]), ["z: expected at least 40 samples", "found 15"]),
])
def test_bad_input_is_one_line(call, words):
    z, c, _ = synthetic_law([1, 2, 3], 5000, seed=11)
    said = line(lambda: call(z, c))
    assert all(w in said for w in words), said


def test_memory_grows_as_told():
    assert memory(32, (3,)) < memory(32, (3, 4)) < memory(64, (3, 4)) and memory(16) < 50e6
