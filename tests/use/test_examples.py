"""Examples from few: sources, bounds that are bounds, cycles and files."""
import math

import pytest
import torch

from symnb.data.digits import load_digits
from symnb.find.frames import fit_frame
from symnb.find.pose_laws import fit_pose_law
from symnb.find.turn_laws import TurnLaw, ring_codes
from symnb.ground.lab import SymnbError
from symnb.symmetry.warps import rotate
from symnb.use.examples import (PixelVAE, bounds, classify_examples, cycle_error, fit_examples, ordinary, poses_again, redrawn,
                                source_of, turned_once)

DIGITS = load_digits()
X, Y = DIGITS.part("train").images[::40], DIGITS.part("train").labels[::40]


def test_each_source_draws_what_it_says():
    x, at = turned_once(X, 90., 1), torch.arange(6)
    law = TurnLaw(ring_codes(x), 40., 60.)
    for way in ("plain", "ordinary", "law", "oracle"): assert source_of(way, x, X, 90., law)(at).shape == (6, 1, 28, 28)
    assert torch.equal(source_of("plain", x, X, 90.)(at), x[:6])
    still = source_of("oracle", x, X, 0.)(at)
    assert torch.equal(still, rotate(X[:6], torch.zeros(6))) and not torch.equal(ordinary(x[:6]), x[:6])
    with pytest.raises(SymnbError, match="expected plain, ordinary, law, oracle, found 'none'"): source_of("none", x, X, 90.)


def test_a_picture_does_not_choose_its_own_turn():
    "Planted: a law that keeps the picture itself would leave it where it is."
    x = torch.rand(30, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    law, at = TurnLaw(ring_codes(x), 80., 150.), torch.arange(30)
    torch.manual_seed(0)
    honest = torch.stack([redrawn(x, law)(at) for _ in range(3)])
    own = torch.eye(30, dtype=torch.bool)
    assert float(law.shares(x)[:, 0].mean()) > 3 * float(law.shares(x, own)[:, 0].mean())  # with itself, and without
    assert float((honest - x).square().mean()) > .02


def test_more_draws_make_a_higher_bound_and_one_is_the_usual_one():
    torch.manual_seed(0)
    model, x = PixelVAE(), X[:40]
    with torch.no_grad(): usual = torch.stack([model.elbo(x) for _ in range(40)]).mean(0)
    one = torch.stack([model.weighted(x, 1) for _ in range(40)]).mean(0)
    assert (usual - one).abs().mean() < .02 * usual.abs().mean() and model.weighted(x, 50).mean() > one.mean()
    wide = model.log_likelihood(x, 2 * x - 1)  # at the mean: minus the logarithm of the widths
    assert torch.allclose(wide, torch.full((40,), -784 * .5 * math.log(2 * math.pi)) - 784 * math.log(math.log1p(math.exp(.54))), atol=1)


def test_training_raises_the_bound_and_sides_stay_apart():
    source = lambda at: X[at]
    some = DIGITS.part("test").images[:100]
    before, after = (bounds(fit_examples(source, X, n), some, 5)["bound"].value for n in (8, 60))
    assert after > before + 50
    with pytest.raises(SymnbError, match="side train"): fit_examples(source, DIGITS.part("test").images[:50], 8)
    with pytest.raises(SymnbError, match="side test"): bounds(PixelVAE(), DIGITS.part("train").images[:50])


def test_a_classifier_learns_from_a_source():
    model = classify_examples(lambda at: X[at], X, Y, 60)
    with torch.no_grad(): right = (model(DIGITS.part("test").images[::5]).argmax(1) == DIGITS.part("test").labels[::5]).float().mean()
    assert right > .4


def test_a_prototype_is_its_own_and_comes_back():
    pose, x = fit_frame(DIGITS.part("train").images[::8], draws=2), DIGITS.part("test").images[::10]
    assert max(poses_again(pose, x, 3)[1:]) < .3
    law = fit_pose_law(pose, DIGITS.part("train").images[::8])
    e = cycle_error(pose, law, x)
    assert e.value < .6 * e.chance
