"""Films: steps, shared bases and whole numbers of planted rotations are found, and a group of planes can be kept."""
import numpy as np
import pytest
import torch

from symnb.find import sequences as sq
from symnb.ground.lab import SymnbError
from symnb.symmetry.saving import load_action


def planted(k=(1, 3), still=1, n=40, seed=0):
    rng = np.random.default_rng(seed)
    d = 2 * len(k) + still
    J = np.zeros((d, d))
    for i, w in enumerate(k): J[2 * i:2 * i + 2, 2 * i:2 * i + 2] = w * np.array([[0, -1], [1, 0]])
    B, angles = np.eye(d) + .4 * rng.normal(size=(d, d)), torch.from_numpy(rng.uniform(-np.pi, np.pi, n))
    J, B = torch.from_numpy(B @ J @ np.linalg.inv(B)), torch.from_numpy(B)
    return torch.linalg.matrix_exp(angles[:, None, None] * J), J, angles


def test_a_step_is_the_matrix_of_least_squares():
    M = planted()[0]
    Z = torch.randn(len(M), 5, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    path = torch.cat([Z[:, None], sq.carried_on(Z, M, 3)], 1)
    for frames in (2, 4): assert torch.allclose(sq.fitted_step(path[:, :frames], 1e-10), M, atol=1e-4)
    still = sq.fitted_step(Z[:, None].repeat(1, 2, 1, 1))
    assert torch.allclose(still, torch.eye(5).double().expand_as(still), atol=1e-3)


@pytest.mark.parametrize("k", ((1,), (1, 3), (2, 1, 4)))
def test_shared_basis_and_whole_numbers_of_planted_steps(k):
    M, _, angles = planted(k)
    shared = sq.shared_basis(M)
    turns, sure, found = sq.whole_turns(shared.values)
    assert shared.off < 1e-6 and sure.min() > .999
    assert sorted(turns.abs().tolist()) == sorted([0, *k, *k])
    off = min(torch.remainder(found - s * angles + np.pi, 2 * np.pi).sub(np.pi).abs().max() for s in (1, -1))
    assert off < .02


def test_planes_turn_as_the_steps_do():
    M, J, _ = planted((1, 3))
    shared = sq.shared_basis(M)
    turns, _, _ = sq.whole_turns(shared.values)
    B, weights = sq.planes_of(shared.basis, turns)
    R = torch.block_diag(*[w * torch.tensor([[0., -1], [1, 0]]) for w in weights], torch.zeros(1, 1)).double()
    found = B @ R @ torch.linalg.inv(B)
    assert torch.allclose(found, J, atol=1e-6) or torch.allclose(found, -J, atol=1e-6)


def test_the_loss_reaches_encoder_and_decoder_through_the_step():
    x = torch.rand(20, 4, 1, 6, 6)
    model = sq.SequenceModel(x.flatten(0, 1), 3, 5, 10)
    loss = sq.prediction_loss(model, model.components(x))
    grads = torch.autograd.grad(loss, [model.encoder[0].weight, model.decoder[0].weight])
    assert all(g.abs().max() > 0 for g in grads)
    with torch.no_grad():
        Z = model.tables(model.components(x))
        ahead = model.restored(sq.carried_on(Z[:, 1], sq.fitted_step(Z[:, :2]), 2))
        assert torch.allclose(sq.extrapolated(model, x[:, :2], 2), model.images(ahead), atol=1e-4)


def test_a_group_of_films_can_be_kept(tmp_path):
    x = torch.rand(20, 1, 6, 6)
    model, (M, _, _) = sq.SequenceModel(x, 5, 7, 10), planted((1, 3))
    shared = sq.shared_basis(M)
    turns = sq.whole_turns(shared.values)[0]
    group = sq.as_rotation(model, shared.basis, turns)
    x = x.double()
    with torch.no_grad(): restored = model.images(model.restored(model.tables(model.components(x.float()))))
    assert torch.allclose(group(x, 0.).float(), restored, atol=1e-3)
    group.save(tmp_path / "group")
    other = sq.as_rotation(sq.SequenceModel(torch.rand(20, 1, 6, 6), 5, 7, 10), shared.basis, turns)
    loaded = load_action(tmp_path / "group", encode=other.encode, decode=other.decode)
    assert torch.allclose(loaded(x, .5), group(x, .5))
    codes = group.codes(x)
    assert torch.allclose(group.action(codes, 2 * np.pi), codes)


def test_bad_input():
    with pytest.raises(SymnbError, match="films: expected .n, T, ...."): sq.fit_sequences(torch.rand(5, 2, 4))
    with pytest.raises(SymnbError, match="films: expected steps that turn"): sq.whole_turns(torch.ones(9, 3).to(torch.complex128))
