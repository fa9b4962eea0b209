"""Laws of turns from registered pictures: worlds whose law is known, and worlds that have none."""
import math

import pytest
import torch

from symnb.data.digits import load_digits
from symnb.data.hidden_laws import LAWS, TILT, TurnedByLaws, bins_of, jensen_shannon, reference
from symnb.find.frames import similarities
from symnb.find.turn_laws import TurnLaw, blurred_shares, fit_turn_law, modes, ring_codes, turn_shares
from symnb.ground.lab import SymnbError
from symnb.symmetry.actions import load_action as load_law
from symnb.symmetry.laws import CyclicLaw, UniformLaw
from symnb.symmetry.warps import rotate


def ring_bins(p): return p.roll(len(p) // 24).unflatten(0, (12, -1)).sum(1)


@pytest.fixture(scope="module")
def digits(): return load_digits("mnist5k")


@pytest.fixture(scope="module")
def threes(digits):
    "Threes that stand or hang."
    world = TurnedByLaws({3: CyclicLaw(2., period=360.)})
    sample = world.of(digits.part("train"), per=2)
    return fit_turn_law(sample.images, sample.ids)


def test_codes_turn_as_they_say(digits):
    x = digits.part("test").images[:30]
    for degrees in (90., -45.):
        s = similarities(ring_codes(x), ring_codes(rotate(x, degrees)))[range(30), range(30)]
        off = (s.argmax(1) * 5 - degrees + 180) % 360 - 180
        assert float(off.abs().max()) <= 5 and float(s.amax(1).min()) > .95


def test_a_similarity_is_a_correlation(digits):
    a = ring_codes(digits.part("test").images[::200])
    s = similarities(a, a)
    assert float(s.max()) < 1 + 1e-5 and torch.allclose(s[range(5), range(5), 0], torch.ones(5), atol=1e-4)
    assert torch.allclose(s, s.transpose(0, 1)[..., [0, *range(71, 0, -1)]], atol=1e-4)  # turning the one back


def test_blurring_keeps_the_mass_and_the_place():
    p = torch.zeros(2, 72)
    p[:, 10] = 1
    q = blurred_shares(p, 25., .01)
    assert torch.allclose(q.sum(1), torch.ones(2), atol=1e-5) and int(q[0].argmax()) == 10 and float(q.min()) >= .01 / 72 - 1e-6


def test_a_law_of_two_is_found_on_unseen_threes(digits, threes):
    test = digits.part("test")
    p = threes.shares(test.images[test.labels == 3]).mean(0)
    law = CyclicLaw(2., period=360.)
    assert jensen_shannon(ring_bins(p), reference(law, True)) < .05 < .4 < jensen_shannon(torch.ones(12) / 12, reference(law))
    assert sorted(round(t / 180) % 2 for t, _ in modes(p)) == [0, 1]


def test_the_other_turns_of_a_digit_are_left_out(digits):
    "Planted: a digit is judged by its own copies. The likelihood then prefers the sharpest kernel."
    sample = TurnedByLaws({4: UniformLaw(180., period=360.)}).of(digits.part("train"), per=2)
    honest, planted = fit_turn_law(sample.images[:300], sample.ids[:300]), fit_turn_law(sample.images[:300])
    codes = honest.known[:40]
    own = turn_shares(codes, honest.known, [20.], torch.eye(40, len(honest.known), dtype=torch.bool))[0]
    assert own.isfinite().all() and torch.allclose(own.sum(1), torch.ones(40), atol=1e-5)
    assert planted.beta >= honest.beta


def test_noise_has_no_law():
    rng = torch.Generator().manual_seed(0)
    law = fit_turn_law(torch.rand(200, 1, 28, 28, generator=rng))
    p = law.shares(torch.rand(20, 1, 28, 28, generator=rng)).mean(0)
    assert modes(p) == [] and jensen_shannon(ring_bins(p), torch.ones(12) / 12) < .005


def test_samples_follow_the_shares_and_the_density(digits, threes):
    x = digits.part("test").images[(digits.part("test").labels == 3).nonzero()[:1, 0]]
    many = threes.sample(x.expand(4000, -1, -1, -1)[:1000].contiguous(), seed=1)
    assert jensen_shannon(bins_of(many[:, 0]), ring_bins(threes.shares(x)[0])) < .01
    w = torch.arange(0, 360, 5.)[:, None]
    density = threes.log_prob(w, x.expand(72, -1, -1, -1)).exp()
    assert math.isclose(float(density.sum() * 5), 1, abs_tol=1e-4)


def test_a_saved_law_is_the_same(tmp_path, threes, digits):
    threes.save(tmp_path / "law")
    x = digits.part("test").images[:3]
    assert torch.allclose(load_law(tmp_path / "law").shares(x), threes.shares(x))


def test_modes_need_mass():
    p = torch.full((72,), .6 / 72)
    p[0] += .34
    p[36] += .06
    assert [t for t, _ in modes(p)] == [0.] and modes(torch.ones(72) / 72) == []


def test_too_few_pictures_are_told():
    with pytest.raises(SymnbError, match="at least 20, found 3"): fit_turn_law(torch.rand(3, 1, 28, 28))


# ---- the world

def test_hidden_laws_turn_each_class_by_its_own(digits):
    sample = TurnedByLaws().of(digits.part("train"), per=2, seed=5)
    for c, law in LAWS.items():
        t = sample.degrees[sample.labels == c]
        assert jensen_shannon(bins_of(t), reference(law())) < .01
    i = int((sample.labels == 7).nonzero()[0])
    assert torch.equal(sample.images[i:i + 1], rotate(digits.part("train").images[sample.ids[i]][None], sample.degrees[i].float()))
    with pytest.raises(SymnbError, match="upright or noise"): TurnedByLaws(kind="blank")


def test_controls_hold_nothing(digits):
    still = TurnedByLaws(kind="upright").of(digits.part("train"), per=1)
    assert not still.degrees.any() and torch.equal(still.images, digits.part("train").images[still.ids])
    noise = TurnedByLaws(kind="noise").of(digits.part("train"), per=2)
    assert TurnedByLaws(kind="noise").truth == "none" and noise.images.shape[0] == 2 * len(noise.ids.unique())


def test_the_reference_is_widened_by_the_stated_tilt():
    p = reference(CyclicLaw(1., period=360.), True)
    inside = math.erf(15 / TILT / math.sqrt(2))
    assert abs(float(p[0]) - inside) < .005 and float(reference(CyclicLaw(1., period=360.))[0]) == 1
