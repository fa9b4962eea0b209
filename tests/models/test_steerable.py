"""Networks that turn with their input: the group holds before any training."""
import pytest
import torch

from symnb.data.digits import load_digits
from symnb.ground.lab import SymnbError, seed_everything
from symnb.models.steerable import EquivariantVAE, SteerableCNN, halving
from symnb.symmetry.warps import rotate


@pytest.fixture(scope="module")
def digits(): return load_digits().part("test").images


@pytest.mark.parametrize("latent", [16, 64])
def test_equivariant_member_turns_exactly(latent, digits):
    seed_everything(1)
    model, x = EquivariantVAE(latent).eval(), digits[:20]
    with torch.no_grad():
        for a in (90., 180., 270.):
            mean, log_variance = model.encode(x)
            turned_mean, turned_log = model.encode(rotate(x, a))
            assert torch.allclose(model.turn_latent(mean, a), turned_mean, atol=1e-4)
            assert torch.allclose(model.turn_latent(log_variance, a), turned_log, atol=1e-4)
            z = torch.randn(4, latent)
            assert torch.allclose(rotate(model.decode(z), a), model.decode(model.turn_latent(z, a)), atol=1e-4)


def test_the_action_is_a_group_action():
    model, z = EquivariantVAE(40), torch.randn(3, 40)
    turn = model.turn_latent
    assert torch.equal(turn(turn(z, 60), 90), turn(z, 150))
    assert torch.equal(turn(z, 360), z) and torch.equal(turn(turn(z, 30), -30), z)
    assert not torch.equal(turn(z, 30), z) and torch.equal(turn(z, 30)[:, :4], z[:, :4])
    with pytest.raises(SymnbError, match="multiple of 30"): turn(z, 15)


def test_halving_keeps_means_and_reflections():
    P = halving(28)
    assert ((P == 0) | (P > 1e-30)).all()  # a denormal number makes each product ten times slower
    assert torch.allclose(P, P.flip(0, 1)) and torch.allclose(P[3:-3].sum(1), torch.ones(8), atol=1e-3)


def test_what_no_fields_make_is_refused():
    for latent in (2, 4, 15):
        with pytest.raises(SymnbError, match="multiple of 12"): EquivariantVAE(latent)
    with pytest.raises(SymnbError, match="N"): SteerableCNN(0)
