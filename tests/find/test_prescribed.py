"""Codes of known groups: losses reach encoder and decoder, errors are read right, and mixed sides are refused."""
import pytest
import torch

from symnb.data.shapes import DoubleBump
from symnb.find.prescribed import CodeOf, aligned, code_losses, equivariance, fit_code, component_code, over_spread, prescribed_verdict
from symnb.ground.lab import SymnbError
from symnb.ground.sides import apart
from symnb.symmetry.groups import Torus


def drawn(n=300, seed=0): return [torch.from_numpy(a).float() for a in DoubleBump().draw(n, seed)]


def test_every_part_learns():
    x, w, moved, _ = drawn()
    model = CodeOf(64, DoubleBump().truth, 4)
    code_losses(model, x, w, moved)["loss"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    model.zero_grad()
    code_losses(model, x, w, moved)["codes"].backward()
    assert model.encode[0].weight.grad.abs().sum() > 0 and model.decode[0].weight.grad is None


def test_a_perfect_code_has_no_error_and_a_wrong_element_has():
    z = torch.nn.functional.normalize(torch.randn(400, 2, 2), dim=2).flatten(1)
    group, w = Torus([[1, 0], [0, 1]]), 360 * torch.rand(400, 2)
    same = lambda a: a
    assert max(equivariance(same, same, group, z, w, group(z, w))) < 1e-5
    assert equivariance(same, same, group, z, -w, group(z, w))[1] > .5


def test_a_short_run_learns_something():
    x, w, moved, _ = drawn(1000)
    model = CodeOf(64, DoubleBump().truth, 4, 32)
    before = equivariance(model.encode, model.decode, model.group, *drawn(200, 5)[:3])[0]
    fit_code(model, x, w, moved, 60)
    assert equivariance(model.encode, model.decode, model.group, *drawn(200, 5)[:3])[0] < before


def test_components_in_true_coordinates():
    x, w, moved, true = drawn(600)
    encode, decode = aligned(*component_code(x, 64), x, true)
    assert over_spread(encode(x), true) < over_spread(aligned(*component_code(x, 4), x, true)[0](x), true)


def test_an_untrained_code_is_not_found():
    found = prescribed_verdict(CodeOf(64, DoubleBump().truth, 4), *drawn(200)[:3])
    assert found.answer == "none" and found.bound > .5


def test_samples_that_were_fitted_are_not_judged():
    x, w, moved, _ = drawn()
    model = CodeOf(64, DoubleBump().truth, 4, 8)
    with apart():
        fit_code(model, x, w, moved, 2)
        with pytest.raises(SymnbError, match="judging"): prescribed_verdict(model, x, w, moved)


def test_pairs_that_do_not_fit():
    x, w, moved, _ = drawn(20)
    with pytest.raises(SymnbError, match="expected as many x, w and moved"): fit_code(CodeOf(64, DoubleBump().truth, 4, 8), x, w[:5], moved, 2)
