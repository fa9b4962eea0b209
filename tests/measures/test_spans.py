"""Spans of fields: what no point can tell does not count, mixtures are the same span, and chance is what random fields get."""
import math

import pytest
import torch

from symnb.ground.lab import SymnbError
from symnb.measures import spans
from symnb.symmetry.kinds import FlowAction
from symnb.symmetry.matrices import MatrixAction

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit")


def draw(*shape, seed=0): return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def spin(i, j, d=3):
    A = torch.zeros(d, d, dtype=torch.float64)
    A[j, i], A[i, j] = 1., -1.
    return A


SO3, CLOUD = [spin(0, 1), spin(1, 2), spin(0, 2)], draw(100, 3)


def test_actions_functions_and_matrices_are_the_same_fields():
    A = draw(3, 3, seed=1)
    kinds = [A, MatrixAction(A, "units"), lambda z: z @ A.mT, FlowAction(lambda z: z @ A.to(z).mT, "units")]
    v = spans.at_points(kinds, CLOUD)
    assert torch.allclose(v, v[:1].expand_as(v), atol=1e-6)


def test_a_mixture_is_the_same_span_and_a_missing_dimension_is_a_right_angle():
    mixed = torch.einsum("ab,bij->aij", draw(3, 3, seed=2), torch.stack(SO3))
    assert spans.span_distance(mixed, SO3, CLOUD).value < 1e-7
    one = spans.span_distance(SO3[:1], SO3, CLOUD)
    assert one.value == pytest.approx(math.pi / 2**.5) and one.n == 100


def test_small_angles_keep_their_digits():
    for a in (1e-3, 1e-6, 1e-8):
        z = torch.eye(3, dtype=torch.float64)
        tilted = math.cos(a) * spin(0, 1) + math.sin(a) * spin(0, 2)
        assert float(spans.principal_angles([spin(0, 1)], [tilted], z)[0]) == pytest.approx(a, rel=1e-4)


def test_principal_angles_agree_with_scipy_for_white_points():
    from scipy.linalg import subspace_angles
    a, b, z = draw(2, 4, 4, seed=3), draw(3, 4, 4, seed=4), 2 * torch.eye(4, dtype=torch.float64)
    expected = sorted(subspace_angles(a.flatten(1).mT.numpy(), b.flatten(1).mT.numpy()))
    assert spans.principal_angles(a, b, z).tolist() == pytest.approx(expected, abs=1e-8)


def test_what_no_point_can_tell_does_not_count():
    flat = CLOUD.clone()
    flat[:, 2] = 0.
    hidden = torch.zeros(3, 3, dtype=torch.float64)
    hidden[:, 2] = 5.
    assert spans.span_distance([SO3[0] + hidden], [SO3[0]], flat).value < 1e-7
    assert spans.span_distance([SO3[0] + hidden], [SO3[0]], CLOUD).value > 1


def test_chance_is_the_level_of_random_fields():
    drawn = [spans.span_distance(draw(3, 3, 3, seed=s), SO3, CLOUD).value for s in range(100, 130)]
    m = spans.span_distance(SO3, SO3, CLOUD)
    assert abs(m.chance - sum(drawn) / 30) < .15 and m.chance > 1


def test_brackets_of_a_lie_algebra_stay_and_those_of_a_part_do_not():
    assert spans.bracket_residual(SO3) < 1e-12 and spans.bracket_residual(SO3, CLOUD) < 1e-7
    assert spans.bracket_residual(SO3[:2]) == pytest.approx(1 / 2**.5)


def test_the_residual_of_matrices_is_that_of_their_entries():
    A = draw(3, 4, 4, seed=5)
    basis = torch.linalg.qr(A.flatten(1).mT)[0]
    expected = 0.
    for i, j in ((0, 1), (0, 2), (1, 2)):
        C = (A[i] @ A[j] - A[j] @ A[i]).flatten()
        expected = max(expected, float((C - basis @ (basis.mT @ C)).norm() / (A[i].norm() * A[j].norm())))
    assert spans.bracket_residual(A) == pytest.approx(expected)


def test_the_residual_has_no_unit():
    assert spans.bracket_residual(SO3[:2], 7 * CLOUD) == pytest.approx(spans.bracket_residual(SO3[:2], CLOUD))
    assert spans.bracket_residual([3 * a for a in SO3[:2]], CLOUD) == pytest.approx(spans.bracket_residual(SO3[:2], CLOUD))


@pytest.mark.parametrize("call, said", (
    (lambda: spans.at_points([], CLOUD), "expected at least one"),
    (lambda: spans.at_points([lambda z: z[:, :2]], CLOUD), "expected vectors (100, 3)"),
    (lambda: spans.principal_angles([torch.zeros(3, 3)], SO3, CLOUD), "expected some that move the points"),
))
def test_bad_input_is_told_in_one_line(call, said):
    with pytest.raises(SymnbError) as e: call()
    assert said in str(e.value) and "\n" not in str(e.value)
