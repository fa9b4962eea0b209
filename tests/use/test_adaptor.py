"""The adaptor, and two cheaper ways to a line."""
import numpy as np
import torch

from symnb.data.worlds import World
from symnb.find.solver import chain_step
from symnb.measures.lines import chance_steps, generator_cosine
from symnb.models.classifiers import mlp
from symnb.use.adaptor import PatternCNN, SymmetryGAN, adapted, independent_chain, symmetry_gan, two_opt


def test_the_network_does_not_see_a_shift():
    net, y = PatternCNN(), torch.zeros(4, 33)
    y[:, 12:18] = torch.randn(4, 6)
    assert torch.allclose(net(y), net(y.roll(2, 1)), atol=1e-5)
    assert not torch.allclose(net(y), net(y[:, torch.randperm(33)]), atol=1e-3)


def test_the_adaptor_is_not_trained():
    Q = chance_steps(33)["random rotation"]
    net = adapted(Q, mlp(33, 8, 4))
    net(torch.randn(5, 33)).sum().backward()
    assert [p.requires_grad for p in net[0].parameters()] == [False, False] and net[1][0].weight.grad is not None
    x = torch.randn(5, 33)
    assert torch.allclose(net(x), net[1](x @ torch.from_numpy(Q.T).float()), atol=1e-5)


def test_two_opt_ends_where_no_reversal_helps():
    rng = np.random.default_rng(0)
    weight = rng.random((9, 9))
    weight = np.triu(weight, 1) + np.triu(weight, 1).T
    length = lambda o: weight[o[:-1], o[1:]].sum()
    order = two_opt(rng.permutation(9), weight)
    assert sorted(order) == list(range(9))
    for i in range(9):
        for j in range(i + 2, 10):
            other = order.copy()
            other[i:j] = other[i:j][::-1]
            assert length(other) <= length(order) + 1e-9


def test_independent_components_find_narrow_events_and_nothing_in_noise():
    world = World("narrow", N=11, basis="dst")
    W = independent_chain(world.draw(20000))
    assert np.allclose(W @ W.T, np.eye(11), atol=1e-6) and generator_cosine(chain_step(W), world.step) > .98
    noise = World("white", N=11, basis="dst")
    assert generator_cosine(chain_step(independent_chain(noise.draw(20000))), noise.step) < .7


def test_the_game_is_played_with_rotations_and_can_be_repeated():
    x = torch.randn(500, 5)
    G = symmetry_gan(x, 3, 20, 10)
    assert G.shape == (2, 3, 5, 5) and torch.equal(G, symmetry_gan(x, 3, 20, 10))
    assert torch.allclose(G @ G.mT, torch.eye(5).expand_as(G), atol=1e-5) and torch.all(torch.linalg.det(G) > 0)
    assert not torch.allclose(G[0], G[1]) and not torch.allclose(G[1, 0], G[1, 1])


def test_the_game_is_the_published_one():
    """Adam at a constant rate, both players from the same state, and no gradient of one in the other."""
    x, again = torch.randn(300, 4), torch.Generator().manual_seed(0)
    G = symmetry_gan(x, 2, 3, 3)[-1]
    m = SymmetryGAN(4, 2, again)
    theirs, mine = list(m.critic), [m.A]
    players = [torch.optim.Adam(p, 1e-3) for p in (mine, theirs)]
    for _ in range(3):
        some = x[torch.randint(300, (2, 256), generator=again)]
        out = m(*some.split((64, 192), 1))
        for parts, loss in ((mine, "loss"), (theirs, "critic")):
            for p, g in zip(parts, torch.autograd.grad(out[loss], parts, retain_graph=True)): p.grad = g
        for o in players: o.step()
    assert torch.equal(G, m.rotations.detach())


def test_a_game_against_itself_moves_the_critic_only_by_its_own_loss():
    m = SymmetryGAN(4, 2)
    out = m(torch.randn(2, 8, 4), torch.randn(2, 24, 4))
    assert torch.autograd.grad(out["critic"], m.A, allow_unused=True, retain_graph=True)[0] is None
    assert torch.autograd.grad(out["loss"], m.A)[0].abs().max() > 0
