"""Invariance where it is claimed, to rounding, and none where it is not; chance where there is nothing to know."""
import numpy as np
import pytest
import torch
from torch import nn

from symnb.data.digits import load_digits
from symnb.ground.lab import SymnbError
from symnb.models.block_vae import BlockVAE
from symnb.models.classifiers import DigitCNN
from symnb.symmetry.kinds import Conjugated, StepAction
from symnb.symmetry.matrices import BlockRotation, MatrixAction
from symnb.symmetry.warps import rotate
from symnb.use.invariant import (KINDS, WAYS, WHAT, Averaged, CodeClassifier, averaged, canonical, fit_codes, invariants, orbit_mean,
                                 planes, training_codes)

WEIGHTS = [0, 0, 1, 1, 2, 2, 3, 4]


def rng(seed=0): return torch.Generator().manual_seed(seed)


def turning(weights=WEIGHTS, d=16, seed=0, whitened=False):
    "A rotation in a random basis, in float64, also between two linear maps."
    basis = torch.linalg.qr(torch.randn(d, d, generator=rng(seed), dtype=torch.float64))[0]
    action = BlockRotation(weights, d, basis)
    if not whitened: return action
    there, back = nn.Linear(d, d).double(), nn.Linear(d, d).double()
    M, b = torch.randn(d, d, generator=rng(seed + 1)).double(), torch.randn(d, generator=rng(seed + 2)).double()
    inverse = torch.linalg.inv(M)
    there.load_state_dict(dict(weight=M, bias=b))
    back.load_state_dict(dict(weight=inverse, bias=-inverse @ b))
    return Conjugated(action, there, back)


def latents(n=200, d=16, seed=9): return torch.randn(n, d, generator=rng(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def data(): return load_digits()


@pytest.fixture(scope="module")
def digits(data): return data.part("test").images[::10]


@pytest.mark.parametrize("whitened", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_invariants_do_not_change_under_their_action_and_do_under_another(kind, whitened):
    action, z = turning(whitened=whitened), latents()
    v = invariants(z, action, kind)
    for t in (30., 77., torch.linspace(-300, 300, len(z))):
        assert (invariants(action(z, t), action, kind) - v).abs().max() < 1e-6
    other = turning(seed=5)
    assert (invariants(other(z, 30.), action, kind) - v).abs().mean() > .1


@pytest.mark.parametrize("kind", KINDS)
def test_invariants_tell_apart_what_is_not_on_one_orbit(kind):
    action, z = turning(), latents()
    part = BlockRotation([0, 0, 1, 0, 0, 0, 0, 0], 16, action.Q)(z, 90.)  # one plane of weight 1 against the others
    apart = (invariants(part, action, kind) - invariants(z, action, kind)).abs().max(1).values
    if kind == "moduli": assert apart.max() < 1e-6
    else: assert apart.min() > 1e-3


def test_each_kind_of_invariants_holds_those_before_it():
    action, z = turning(), latents(5)
    sizes = [invariants(z, action, k).shape[1] for k in KINDS]
    assert sizes[0] == 4 + 6 and sizes == sorted(sizes) and len(set(sizes)) == 3
    moduli = invariants(z, action, "moduli")
    for k in KINDS: assert torch.equal(invariants(z, action, k)[:, :10], moduli)


def test_invariants_survive_planes_that_vanish():
    action, z = turning(), latents(20)
    z[:10] = 0
    assert all(invariants(z, action, k).isfinite().all() for k in KINDS)


def test_planes_turn_by_their_weights():
    action, z = turning(whitened=True), latents()
    still, c, w = planes(z, action)
    assert w.tolist() == [1, 1, 2, 2, 3, 4] and still.shape == (len(z), 4)
    moved_still, moved, _ = planes(action(z, 30.), action)
    assert torch.allclose(moved_still, still)
    phase = torch.exp(1j * np.pi / 6 * w)
    assert torch.allclose(moved, c * phase) and not torch.allclose(moved, c * phase.conj(), atol=.1)


@pytest.mark.parametrize("turns,kept", [(12, {0, 12}), (4, {0, 4, 8, 12}), (5, {0, 5})])
def test_orbit_mean_keeps_weight_0_modulo_the_turns_and_nothing_else(turns, kept):
    weights = [0, 1, 3, 4, 5, 6, 8, 12]
    action, z = turning(weights), latents()
    still, c, w = planes(z, action)
    mean_still, mean, _ = planes(orbit_mean(z, action, turns), action)
    assert torch.allclose(mean_still, still)
    for i, n in enumerate(w.tolist()):
        assert torch.allclose(mean[:, i], c[:, i] if n in kept else torch.zeros_like(c[:, i]), atol=1e-12), n


def test_orbit_mean_of_steps():
    half = StepAction(lambda v: -v, 180.)
    z = latents(4).float()
    assert orbit_mean(z, half, 2).abs().max() == 0
    with pytest.raises(SymnbError, match="multiples"): orbit_mean(z, half, 3)


@pytest.mark.parametrize("whitened", [False, True])
def test_a_canonical_pose_is_one_for_the_whole_orbit_and_stays_on_it(whitened):
    action, z = turning(whitened=whitened), latents()
    pose = canonical(z, action, 0)
    for t in (30., 77., 200.): assert (canonical(action(z, t), action, 0) - pose).abs().max() < 1e-6
    assert (invariants(pose, action) - invariants(z, action)).abs().max() < 1e-6
    _, c, w = planes(pose, action)
    assert c[:, 0].angle().abs().max() < 1e-6 and not torch.allclose(canonical(z, action, 1), pose, atol=.1)


def test_without_a_plane_given_the_pose_comes_from_the_largest():
    action, z = BlockRotation([1, 1], 4), latents(d=4) * torch.tensor([.1, .1, 1., 1.])
    assert torch.equal(canonical(z, action), canonical(z, action, 1))


@pytest.mark.parametrize("what", WHAT)
def test_averages_are_invariant_on_their_grid(what, digits):
    torch.manual_seed(0)
    model = DigitCNN().eval()
    p = lambda m, a: m(rotate(digits[:8], a)).softmax(-1).detach()
    size = float(p(model, 0.).std(0).mean())
    off = lambda m, a: float((p(m, a) - p(m, 0.)).abs().mean()) / size
    averaged = Averaged(model, 12, what)
    for a in (90., 180.): assert off(averaged, a) < 1e-4 < off(model, a)
    for a in (30., 60.): assert off(averaged, a) < .5 * off(model, a)  # twice resampled


def test_averages_are_what_they_say(digits):
    torch.manual_seed(0)
    model = DigitCNN().eval()
    views = torch.stack([model(rotate(digits, 90. * k)) for k in range(4)]).detach()
    each = Averaged(model, 4)(digits).exp()
    for i, p in enumerate((views.mean(0).softmax(-1), views.softmax(-1).mean(0))):
        assert torch.allclose(each[:, i], p, atol=1e-5)
    assert torch.equal(each[:, 2], Averaged(model, 4, "features")(digits).exp())
    assert torch.allclose(Averaged(model, 1)(digits), model(digits).log_softmax(-1)[:, None].expand(-1, 3, -1), atol=1e-5)


def planted(n=1500, classes=5, seed=0):
    "Codes whose class is written in a relative phase alone, at random angles."
    action, r = BlockRotation([1, 2], 4), rng(seed)
    labels = torch.randint(classes, (n,), generator=r)
    phase = 2 * np.pi * labels / classes + .2 * torch.randn(n, generator=r)
    z = torch.stack([torch.ones(n), torch.zeros(n), phase.cos(), phase.sin()], 1)
    return action, action(z, 360 * torch.rand(n, generator=r)), labels


def accuracy_of(way, dealt=False):
    "Share of unseen codes that a small classifier gets right."
    action, z, labels = planted()
    seen = labels[:1000][torch.randperm(1000, generator=rng(3))] if dealt else labels[:1000]
    torch.manual_seed(0)
    model = CodeClassifier(action, way, z[:1000], hidden=32)
    fit_codes(model, z[None, :1000], seen, steps=100, batch=128, lr=1e-2)
    with torch.no_grad(): return float((model(z[1000:]).argmax(1) == labels[1000:]).float().mean())


@pytest.mark.parametrize("way, low, high", [("relative phases", .9, 1), ("bispectrum", .9, 1), ("canonical", .9, 1),
                                            ("moduli", .1, .35), ("orbit mean", .1, .35)])
def test_a_class_in_a_relative_phase_is_found_by_what_keeps_it(way, low, high):
    assert low < accuracy_of(way) <= high


def test_chance_on_labels_dealt_at_random():
    assert accuracy_of("bispectrum", dealt=True) < .2 + 4 * np.sqrt(.16 / 500)


def test_a_last_layer_of_its_own_for_averaged_features(data):
    part = data.part("train", (0, 1))
    torch.manual_seed(0)
    many, done = averaged(DigitCNN(8).eval(), part.images[::8], part.labels[::8], turns=4)
    assert done["steps"] == 300 and many.head is not many.classifier.layers[-1]
    with torch.no_grad(): p = many(rotate(part.images[1::40], 90.))
    right = [float((q.argmax(1) == part.labels[1::40]).float().mean()) for q in p.unbind(1)]
    assert right[2] > .8 > right[0]  # the features of an untrained network tell a 0 from a 1; its scores do not


@pytest.mark.parametrize("way", [w for w in WAYS if w != "codes"])
def test_classifiers_of_codes_are_invariant(way):
    action, z = turning(), latents()
    torch.manual_seed(0)
    model = CodeClassifier(action, way, z, hidden=16).double().eval()
    off = max(float((model(action(z, t)) - model(z)).detach().abs().max()) for t in (30., 120., 330.))
    assert off < 1e-5
    codes = CodeClassifier(action, "codes", z, hidden=16).double().eval()
    assert (codes(action(z, 120.)) - codes(z)).abs().max() > 1e-2
    assert {n.split(".")[0] for n, q in model.named_parameters() if q.requires_grad} == {"layers"}


def test_a_saved_classifier_of_codes_brings_its_action_along():
    z = latents().float()
    one, two = (CodeClassifier(BlockRotation(WEIGHTS, 16, turning(seed=s).Q.float()), "bispectrum", z, hidden=8).eval()
                for s in (0, 1))
    assert not torch.allclose(one(z), two(z), atol=1e-3)
    two.load_state_dict(one.state_dict())
    assert torch.allclose(one(z), two(z), atol=1e-5)


def test_noise_and_angles_of_training_codes(data):
    model = BlockVAE([1, 2], 6, views=4).eval()
    images = data.part("train", 1).images[:3]
    a, b = (training_codes(model, images, 2, upright=True, seed=s) for s in (0, 0))
    assert a.shape == (2, 3, 6) and torch.equal(a, b)
    assert not torch.equal(a[0], a[1]) and not torch.equal(a, training_codes(model, images, 2, seed=0))


BAD = {
    "weight 1": lambda z: canonical(z, BlockRotation([2, 4], 16)),
    r"\(B, 16\)": lambda z: invariants(z[:, :8], turning()),
    "BlockRotation": lambda z: planes(z, MatrixAction(torch.eye(16))),
    "moduli": lambda z: invariants(z, turning(), "phases"),
    "orbit mean": lambda z: CodeClassifier(turning(), "mean", z),
    "probabilities": lambda z: Averaged(DigitCNN(), what="scores"),
    "at least one copy": lambda z: Averaged(DigitCNN(), 0),
    "at least one, found 0": lambda z: orbit_mean(z, turning(), 0),
}


@pytest.mark.parametrize("said", BAD)
def test_bad_input_is_told_in_one_line(said):
    with pytest.raises(SymnbError, match=said) as e: BAD[said](latents())
    assert "\n" not in str(e.value)
