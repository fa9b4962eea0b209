"Coordinates of covariance 1, whatever the units; and skew matrices."
import pytest
import torch
from symnb.find.whitening import linear, principal, samples, skew_basis, skew_matrices, whiten, whiten_axes
from symnb.ground.lab import SymnbError

@pytest.fixture(scope="module")
def codes():
    rng = torch.Generator().manual_seed(0)
    return torch.randn(500, 5, generator=rng).double() @ torch.randn(5, 5, generator=rng).double() + 7

@pytest.mark.parametrize("unit", [1e-9, 1e-5, 1e5, 1e9])
def test_units_change_nothing(codes, unit):
    q, there, back = whiten(codes)
    units = torch.ones(5).double()
    units[2] = unit
    q2, there2, back2 = whiten(codes * units)
    assert torch.allclose(q, q2, atol=1e-9)
    assert torch.allclose(q.T @ q / len(q), torch.eye(5).double(), atol=1e-9) and q.mean(0).abs().max() < 1e-9
    assert torch.allclose(there2(codes * units), q2, atol=1e-6)
    assert torch.allclose(back2(q2) / units, codes, rtol=1e-9)

def test_nearest_to_the_scaled_columns(codes):
    "Kessy, Lewin and Strimmer (2018): this whitening has the largest sum of correlations with the columns."
    q, rng = whiten(codes)[0], torch.Generator().manual_seed(1)
    x = (codes - codes.mean(0)) / codes.std(0)
    nearness = lambda q: float((q * x).sum())
    for _ in range(20):
        Q = torch.linalg.qr(torch.randn(5, 5, generator=rng).double())[0]
        assert nearness(q @ Q) < nearness(q)

@pytest.mark.parametrize("spoil, words", [
    (lambda z: z * (torch.arange(5) != 3), ["rank 5", "column 3", "does not vary"]),
    (lambda z: torch.where(torch.arange(5) == 1, 1e7, z), ["column 1", "does not vary"]),
    (lambda z: torch.cat([z[:, :3], 1e-6 * z[:, :1] + 2e-6 * z[:, 1:2]], 1), ["rank 3", "column", "combination"]),
    (lambda z: z[:4], ["more than 5", "found 4"]),
    (lambda z: torch.where(torch.arange(500)[:, None] < 2, torch.nan, z), ["NaN", "2 of 500"]),
    (lambda z: z[0], ["(samples, d)", "(5,)"]), (lambda z: "codes", ["numbers", "str"])])
def test_messages_name_the_column(codes, spoil, words):
    with pytest.raises(SymnbError) as e: whiten(spoil(codes), "codes")
    assert str(e.value).startswith("codes: ") and all(w in str(e.value) for w in words), e.value
    assert "\n" not in str(e.value)

def test_axes_that_carry_nothing(codes):
    noise = 1e-3 * torch.randn(500, 2, generator=torch.Generator().manual_seed(2)).double()
    z = torch.cat([noise[:, :1], codes, noise[:, 1:]], 1)
    there, back, active = whiten_axes(z)
    mean, values, V, count = principal(z)
    assert torch.allclose(there(z).T.cov()[:active, :active], torch.eye(active).double(), atol=1e-9)
    assert active == count <= 5 and torch.allclose(back(there(z)), z) and (values.diff() <= 0).all()

def test_affine_keeps_digits_and_types():
    far = linear(torch.eye(2), torch.tensor([1e8, 0.]))
    z = torch.tensor([[.125, 1.]])
    assert far(z.double())[0, 0] == 1e8 + .125 and far(z).dtype == torch.float32
    assert not any(p.requires_grad for p in far.parameters())
    jacobian = torch.func.jacfwd(far)(z[0])
    assert torch.equal(jacobian, torch.eye(2))

def test_skew_matrices():
    x = torch.randn(3, 10, generator=torch.Generator().manual_seed(3))
    A, B = skew_matrices(x, 5), skew_basis(5, 7)
    assert torch.equal(A, -A.mT) and torch.allclose(A.flatten(1).norm(dim=1), x.norm(dim=1))
    assert B.shape == (10, 7, 7) and torch.allclose(torch.einsum("np,pij->nij", x, B)[:, :5, :5], A)
    gram = torch.einsum("pij,qij->pq", B, B)
    assert torch.allclose(gram, torch.eye(10), atol=1e-6) and not B[:, 5:].any()
