"""The one trainer of classifiers, and its options."""
import pytest
import torch
from torch import nn

from symnb.ground.lab import SymnbError
from symnb.models.classifiers import fit_classifier, mlp, predicted


def clouds(n=1000):
    labels = torch.arange(n) % 2
    return torch.randn(n, 2) + 4. * labels[:, None], labels


def share(net, x, labels): return float((predicted(net, x) == labels.numpy()).mean())


def test_mlp_is_layers_with_activations_between():
    net = mlp(3, 8, 4, 2, act=nn.ReLU, dropout=.1)
    assert [type(m).__name__ for m in net] == ["Linear", "ReLU", "Dropout"] * 2 + ["Linear"]
    assert [m.out_features for m in net if isinstance(m, nn.Linear)] == [8, 4, 2] and len(mlp(3, 2)) == 1
    with pytest.raises(SymnbError, match="sizes"): mlp(3)


def test_labels_are_learned_and_shuffled_ones_are_not():
    x, labels = clouds()
    seen, unseen = (x[:500], labels[:500]), (x[500:], labels[500:])
    net, lost = mlp(2, 16, 2), mlp(2, 16, 2)
    fit_classifier(net, *seen, steps=60)
    fit_classifier(lost, seen[0], seen[1][torch.randperm(500)], steps=60)
    assert share(net, *unseen) > .95 and share(lost, *unseen) < .9


def test_options_do_what_they_say(tmp_path):
    x, labels = clouds(200)
    blind = mlp(2, 16, 2)  # every batch is replaced by zeros: nothing to learn from
    fit_classifier(blind, x, labels, 20, augment=torch.zeros_like)
    smooth, sharp = mlp(2, 16, 2), mlp(2, 16, 2)
    fit_classifier(smooth, x, labels, 150, smoothing=.4)
    fit_classifier(sharp, x, labels, 150)
    sure = lambda net: float(net(x.to(next(net.parameters()).device)).softmax(1).amax(1).mean().detach())
    assert abs(share(blind, x, labels) - .5) < .35 and sure(smooth) < .85 < .95 < sure(sharp)
    other = nn.ModuleDict(dict(net=mlp(2, 2)))  # no forward of its own
    run = fit_classifier(other, x, labels, 3, scores=lambda m, x: m["net"](x), folder=tmp_path)
    assert len(run["history"]["loss"]) == 3 and (tmp_path / "checkpoint.json").exists()


def test_batches_repeat_with_their_seed():
    x, labels = clouds(100)
    nets = []
    for seed in (0, 0, 1):
        torch.manual_seed(5)
        nets.append(mlp(2, 4, 2))
        fit_classifier(nets[-1], x, labels, 5, seed=seed)
    a, b, c = (n[0].weight for n in nets)
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_bad_input_is_refused():
    with pytest.raises(SymnbError, match="labels"): fit_classifier(mlp(2, 2), torch.zeros(3, 2), torch.zeros(4).long(), 1)
    with pytest.raises(SymnbError, match="scores"): predicted(lambda x: x[:, 0], torch.zeros(3, 2))
