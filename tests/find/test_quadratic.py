"""Generators of quadratic forms: planted algebras are found, each loss sees its own fault, and bad input says what is wrong."""
import itertools

import pytest
import torch

from symnb.find import quadratic as sq
from symnb.ground.lab import SymnbError
from symnb.measures.spans import principal_angles


def draw(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


SPINS = torch.tensor([[[0., 0, 0], [0, 0, -1], [0, 1, 0]], [[0, 0, 1], [0, 0, 0], [-1, 0, 0]],
                      [[0, -1, 0], [1, 0, 0], [0, 0, 0]]])  # so(3), Tr J^T J = 2


def test_linear_losses_vanish_for_the_rotations_of_space_and_each_sees_its_own_fault():
    J, x, eta = SPINS.double()[None], draw(50, 3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)
    brackets = sq.commutators(J)[0]
    C = torch.einsum("abij,cij->abc", brackets, J[0])[None] / 2
    good = sq.linear_losses(J, C, x, eta)
    assert max(float(v) for v in good.values()) < 1e-20
    faults = dict(invariance=(J + .1 * eta, C), normalisation=(1.1 * J, C),
                  orthogonality=(torch.stack([J[0, 0], J[0, 0] + J[0, 1], J[0, 2]])[None], C), closure=(J, -C))
    for name, (bad, constants) in faults.items():
        assert float(sq.linear_losses(bad, constants, x, eta)[name]) > 1e-2, name


def test_linear_losses_agree_with_loops():
    J, C, x = (draw(*s, seed=3, dtype=torch.float64) for s in ((2, 3, 4, 4), (2, 3, 3, 3), (20, 4)))
    eta = sq.minkowski(4)
    found = sq.linear_losses(J, C, x, eta)
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
    actions, losses, _ = sq.fit_linear(torch.eye(3), count, restarts=3, steps=400, seed=5)
    assert len(actions) == count and (losses.diff() >= 0).all()
    assert losses[0] < 1e-6 if count in (1, 3) else losses[0] > .1
    if count == 3: assert principal_angles(actions, sq.metric_algebra(torch.eye(3)), draw(50, 3)).max() < 1e-3


def test_a_metric_of_no_special_form_is_preserved_at_finite_times_too():
    root = draw(4, 4, seed=2, dtype=torch.float64)
    metric = root @ torch.diag(torch.tensor([1., 1., -1., -1.]).double()) @ root.T
    algebra, x = sq.metric_algebra(metric), draw(30, 4, seed=4, dtype=torch.float64)
    assert len(algebra) == 6
    norm = lambda v: torch.einsum("pi,ij,pj->p", v, metric, v)
    for action in algebra:
        moved = action(x, .7)
        assert (moved - x).abs().max() > .1 and torch.allclose(norm(moved), norm(x), atol=1e-8)


def test_learned_lorentz_boosts_keep_the_interval_and_stretch_the_euclidean_norm():
    (action,), losses, _ = sq.fit_linear(sq.minkowski(2), 1, restarts=2, steps=300)
    x = draw(20, 2, seed=1, dtype=torch.float64)
    moved, interval = action(x, 1.), lambda v: v[:, 0] ** 2 - v[:, 1] ** 2
    assert losses[0] < 1e-6 and torch.allclose(interval(moved), interval(x), atol=1e-3)
    assert (moved.norm(dim=1) - x.norm(dim=1)).abs().max() > .1


@pytest.mark.parametrize("call, said", (
    (lambda: sq.fit_linear(torch.eye(2), 5), "expected 1 to 4 generators"),
    (lambda: sq.fit_linear(torch.eye(2), 0), "expected 1 to 4 generators"),
    (lambda: sq.metric_algebra(torch.zeros(3, 3)), "found a singular matrix"),
    (lambda: sq.metric_algebra(torch.tensor([[1., 2.], [0., 1.]])), "expected a symmetric matrix"),
    (lambda: sq.metric_algebra("Minkowski"), "expected a symmetric matrix"),
))
def test_bad_input_is_told_in_one_line(call, said):
    with pytest.raises(SymnbError) as e: call()
    assert said in str(e.value) and "\n" not in str(e.value)
