"""LaLiGAN: each term reaches whom it should, folded layers are the same layers, and its group can be kept."""
from dataclasses import replace

import numpy as np
import pytest
import torch

from symnb.find import laligan as ll
from symnb.ground.lab import SymnbError
from symnb.symmetry.saving import load_action

TINY = replace(ll.LALIGAN_SMALL, hidden=8, steps=3, batch=16)
CRITIC = replace(ll.LALIGAN_ADVERSARY, hidden=8, steps=3, batch=16)


def circles(n=12, T=40, dt=.1): # an ellipse, each at its own speed
    rng = np.random.default_rng(0)
    r, w, a = rng.uniform(.5, 1.5, (n, 1)), 1., rng.uniform(0, 6, (n, 1))
    at = a + (w + r) * dt * np.arange(T)
    return np.stack([2 * r * np.cos(at), r * np.sin(at)], -1)


def felt(loss, *parameters):
    found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return [g is not None and bool(g.abs().max() > 0) for g in found]


@pytest.mark.parametrize("batch_norm", (False, True))
def test_terms_of_the_critic_reach_whom_they_should(batch_norm):
    x = ll.state_pairs(circles())
    model = ll.LaLiGAN(x.flatten(0, 1), replace(CRITIC, batch_norm=batch_norm))
    z = model.latents(x)
    term, own = ll.critic_terms(model, z)
    who = model.W, model.encoder[0].weight, model.critic[0].weight
    assert felt(term, *who) == [True, True, True] and felt(own, *who) == [False, False, True]
    g = torch.linalg.matrix_exp(torch.randn(len(z), 1, 1) * model.L)
    assert felt(ll.near_identity(z @ g.mT, z), *who) == [True, True, False]


def test_terms_of_the_coupling_reach_whom_they_should():
    x = ll.state_pairs(circles())
    model = ll.LaLiGAN(x.flatten(0, 1), TINY)
    z = model.latents(x)
    who = model.speed[0].weight, model.encoder[0].weight, model.decoder[0].weight
    assert felt(ll.coupling(model, z, torch.ones(len(z))).mean(), *who) == [True, True, False]
    assert felt((model.decoder(z) - x).square().mean(), *who) == [False, True, True]
    assert all(felt(v, *who) == [False, True, False] for v in ll.not_white(z.flatten(0, 1)))


def test_the_coupling_vanishes_for_a_rotation_at_the_speed_of_its_radius():
    x = torch.tensor(circles(), dtype=torch.float32) / torch.tensor([2., 1.])
    z = ll.state_pairs(x)
    model = ll.LaLiGAN(z.flatten(0, 1), TINY)
    class Known(torch.nn.Module):
        def forward(self, r2): return 1 + (r2 + 2).sqrt()
    model.speed = Known()
    assert float(ll.coupling(model, z, torch.full((len(z),), .1)).max()) < 1e-10
    assert float(ll.coupling(model, z, torch.full((len(z),), .2)).mean()) > 1e-3


def test_one_backward_is_shared_and_small_entries_freeze():
    x = ll.state_pairs(circles())
    model = ll.LaLiGAN(x.flatten(0, 1), CRITIC)
    out = ll.laligan_losses(model, x, torch.ones(len(x)))
    assert set(out) == {"autoencoder", "generator", "critic"} and len({v.item() for v in out.values()}) == 1
    with torch.no_grad(): model.W.copy_(torch.tensor([[.1, -1.], [.9, .2]]))
    model.freeze(.3)
    assert model.L.tolist() == [[0, -1], [pytest.approx(.9), 0]]
    with torch.no_grad(): model.W.fill_(5.)
    assert model.L.count_nonzero() == 2


@pytest.mark.parametrize("recipe", (TINY, CRITIC, replace(CRITIC, refit=True), replace(TINY, refit=False)))
def test_a_trained_group_is_the_model_and_can_be_kept(recipe, tmp_path):
    x = circles()
    model, _ = ll.fit_laligan(x, .1, recipe)
    states = torch.from_numpy(x.reshape(-1, 2))
    action = ll.as_action(model, states)
    with torch.no_grad():
        z = model.encoder(model.standard(states.float()))
        assert torch.allclose(action.encode(states).float(), z, atol=1e-4)
        if not recipe.refit:
            restored = model.decoder(z) * model.spread + model.mean
            assert torch.allclose(action.decode(z.double()).float(), restored, atol=1e-3)
    action.save(tmp_path / "group")
    assert torch.allclose(load_action(tmp_path / "group")(states, .5), action(states, .5))


def test_a_decoder_is_fitted_to_a_smooth_map():
    z = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = torch.stack([z[:, 0].sin() + z[:, 1] ** 2, z[:, 0] - z[:, 1]], 1)
    decode = torch.nn.Sequential(*ll.fitted_decoder(z, x))
    assert float((decode(z) - x).norm() / x.norm()) < .01


def test_white_states_turn_into_white_states():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 2)) @ [[2., .5], [0, .3]] + [1, 2]
    g = ll.whitened_rotation(x)
    y = g(torch.from_numpy(x), 1.)
    mean = torch.from_numpy(x).mean(0)
    C = torch.linalg.inv(torch.cov(torch.from_numpy(x).T))
    size = lambda v: torch.einsum("ni,ij,nj->n", v - mean, C, v - mean)
    assert torch.allclose(size(y), size(torch.from_numpy(x))) and torch.allclose(g(y, 2 * np.pi - 1), torch.from_numpy(x))


def test_pairs_keep_to_their_trajectory_and_their_lag():
    x = torch.arange(30.)[None, :, None] + 1000 * torch.arange(5.)[:, None, None]
    some, lag = ll.Pairs(x, .1, (.2, .7)).draw(200)
    steps = (some[:, 1] - some[:, 0])[:, 0]
    assert torch.allclose(steps * .1, lag, atol=1e-5) and steps.min() >= 2 and steps.max() <= 7


def test_bad_input():
    with pytest.raises(SymnbError, match="latent: expected 2 for coupling, found 3"):
        ll.fit_laligan(circles(), .1, replace(TINY, latent=3))
    with pytest.raises(SymnbError, match="trajectories: expected finite numbers"):
        ll.discover_laligan(np.full((9, 9, 2), np.nan), .1)
