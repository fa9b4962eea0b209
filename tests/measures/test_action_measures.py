"""Measures of actions: the truth reads its best, noise reads chance, and planted wrong actions are caught."""
import math
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from symnb.measures import angles as measures
from symnb.data.digits import load_digits
from symnb.data.worlds import World
from symnb.symmetry.matrices import MatrixAction
from symnb.symmetry.warps import rotate
from symnb.ground.lab import SymnbError
from symnb.ground.board import Scoreboard
from symnb.measures.angles import angle_error, angle_within, best_rotation, estimator_floor, net_angle, pose_error
from symnb.measures.labels import label_agreement, label_kept, prediction_consistency
from symnb.measures.orbits import (chance_cosine, closure, element, equivariance_error, latent_tangent, median,
                                   orbit_error, root_mean, tangent_cosine)

CIRCLE = np.arange(0., 360., 40.) + 10


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


class Turn:
    "Rotates images by `wrong(t)` degrees; `see` is what an autoencoder would do to them."
    turn = 360.

    def __init__(self, wrong=lambda t: t, see=lambda x: x):
        self.wrong, self.see = wrong, see

    def parameter(self, degrees):
        return degrees

    def __call__(self, x, t):
        return self.see(rotate(x, self.wrong(t)))


class Plane:
    "Rotates the first two numbers of a latent by t degrees times `speed`."
    turn = 360.

    def __init__(self, speed=1.):
        self.speed = speed

    def parameter(self, degrees):
        return degrees

    def __call__(self, z, t):
        r = torch.deg2rad(torch.as_tensor(t, dtype=z.dtype) * self.speed)
        c, s = r.cos(), r.sin()
        return torch.stack([c * z[:, 0] - s * z[:, 1], s * z[:, 0] + c * z[:, 1]], 1)

    def generator(self, z):
        return self.speed * torch.stack([-z[:, 1], z[:, 0]], 1)


TRUTH = Turn()
STEP_28 = Turn(lambda t: 28 / 30 * t)
STEP_273 = Turn(lambda t: -2.73 / 30 * t)
DRIFT = Turn(lambda t: .12 * t)


def blur(x):
    "A stand-in autoencoder: a strong blur, its dimmest parts cut off."
    return torch.nn.functional.avg_pool2d(x, 5, 1, 2).clamp_min(.1) - .1


def noise(seed=0):
    g = rng(seed)
    return Turn(see=lambda x: torch.rand(x.shape, generator=g))


def dealt(seed=0):
    "True rotations of other digits, by any angle."
    g = rng(seed)

    def see(x):
        return rotate(x[torch.randperm(len(x), generator=g)], 360 * torch.rand(len(x), generator=g))
    return Turn(see=see)


def lever(x):
    "A latent that turns with its image: where the ink is, weighted by its distance squared, (N, 2)."
    along = (torch.arange(28.).to(x) - 13.5) / 10
    ink = x[:, 0] * (along ** 2 + along[:, None] ** 2)
    return torch.stack([(ink * along).sum((1, 2)), -(ink * along[:, None]).sum((1, 2))], 1)


def ink_axis(x):
    "A pose with a stabiliser: the long axis of the ink, in degrees, known up to half a turn."
    along = torch.arange(28.).to(x) - 13.5
    place = torch.complex(*torch.broadcast_tensors(along, -along[:, None]))
    return (x[:, 0] * place ** 2).sum((1, 2)).angle().rad2deg() / 2


@pytest.fixture(scope="module")
def part():
    return load_digits("mnist5k").part("test")


@pytest.fixture(scope="module")
def images(part):
    return part.images[::5]


@pytest.fixture(scope="module")
def labels(part):
    return part.labels[::5]


def expect(what):
    return pytest.raises(SymnbError, match=what)


# the estimator

@pytest.mark.parametrize("degrees", [30., 75., -40., 137., 180., -100.5, 0.])
def test_estimator_reads_true_rotations(images, degrees):
    angle, score, fold = best_rotation(images, rotate(images, degrees), fold=1)
    off = (angle - degrees + 180) % 360 - 180
    assert off.abs().max() < .5 and abs(off.mean()) < .03 and score.min() > .99
    assert ((angle > -180) & (angle <= 180)).all() and (fold == 1).all()


def test_estimator_errs_little_on_small_angles(images):
    for degrees in (1., -2.73, 4.):
        off = best_rotation(images, rotate(images, degrees), fold=1)[0] - degrees
        assert abs(off.mean()) < .2 and off.abs().max() < 1


def test_estimator_is_not_fooled_by_interpolation(images):
    often = images
    for _ in range(13):
        often = rotate(often, 30.)
    for moved in (often, rotate(rotate(images, 17.), 13.)):
        off = best_rotation(images, moved, fold=1)[0] - 30
        assert abs(off.mean()) < .03 and off.abs().max() < .5


def test_estimator_is_antisymmetric(images):
    moved = rotate(images, 50.)
    there, back = (best_rotation(*pair, fold=1)[0] for pair in ((images, moved), (moved, images)))
    assert (there + back).abs().max() < .02


def test_estimator_knows_counter_clockwise():
    bar = torch.zeros(1, 1, 28, 28)
    bar[..., 13:15, 14:24] = 1  # points to the right
    up = torch.zeros(1, 1, 28, 28)
    up[..., 4:14, 13:15] = 1
    assert best_rotation(bar, up)[0].item() == pytest.approx(90, abs=.5)


def test_fold_of_what_looks_the_same_upside_down(part, images):
    bar = torch.zeros(1, 1, 28, 28)
    bar[..., 13:15, 4:24] = 1
    angle, _, fold = best_rotation(bar, rotate(bar, 120.))
    assert fold.item() == 2 and angle.item() == pytest.approx(-60, abs=.5)
    assert best_rotation(bar, rotate(bar, 90.))[0].abs().item() == pytest.approx(90, abs=.5)
    _, _, fold = best_rotation(part.images, part.images)
    share = {d: (fold[part.labels == d] == 2).float().mean().item() for d in range(10)}
    assert min(share[d] for d in (0, 1, 8)) > max(v for d, v in share.items() if d not in (0, 1, 8))
    angle, _, fold = best_rotation(images, rotate(images, 150.))
    assert angle[fold == 2].abs().max() <= 90 and (angle[fold == 2] + 30).abs().max() < .5


def test_estimator_is_fast(part):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        start = time.process_time()
        best_rotation(part.images[:500], part.images[500:])
        assert time.process_time() - start < 3
    finally:
        torch.set_num_threads(threads)


def test_estimator_floor_by_class(part):
    rows = estimator_floor(part.images[::2], part.labels[::2])
    assert [r["label"] for r in rows] == list(range(10)) and all(r["n"] == 50 for r in rows)
    assert all(abs(r["bias"]) < .05 and r["error"] < .1 and r["within_15"] == 1 for r in rows)
    seen = estimator_floor(part.images[::2], part.labels[::2], (30., 137.), see=blur)
    assert all(r["error"] < s["error"] < 5 for r, s in zip(rows, seen))
    lost = estimator_floor(part.images[::2], part.labels[::2], (30., 137.), see=noise().see)
    assert all(r["error"] > 30 and r["within_15"] < .35 for r in lost)


# the image

def test_orbit_error_reads_truth_chance_and_wrong_turns(images):
    m = orbit_error(TRUTH, images, 30.)
    assert m.value == m.floor == 0 and m.baseline > m.chance > 0 and m.n == len(images)
    still = orbit_error(Turn(lambda t: 0 * t), images, 30.)
    assert still.value == pytest.approx(still.baseline)
    errors = [orbit_error(a, images, 30.).value for a in (STEP_28, DRIFT, STEP_273)]
    assert 0 < errors[0] < errors[1] < errors[2]
    mean = Turn(see=lambda x: rotate(images, 30.).mean(0, keepdim=True).expand_as(x))
    assert orbit_error(mean, images, 30.).value == pytest.approx(m.chance)


def test_orbit_error_blames_the_autoencoder_in_the_floor(images):
    m = orbit_error(Turn(see=blur), images, 30.)
    assert m.value == pytest.approx(m.floor) and m.floor > .01


def test_one_angle_an_image_and_chunks_agree(part):
    angles = torch.linspace(0, 350, 1000)
    assert orbit_error(TRUTH, part.images, angles).value == 0
    assert orbit_error(TRUTH, part.images, angles.tolist(), t=angles.numpy()).value == 0
    wrong = orbit_error(TRUTH, part.images, angles, t=angles.flip(0))
    assert wrong.value > wrong.chance


# net angle

def test_net_angle_reads_the_truth(images):
    for degrees in (30., 180., -100., 330.):
        m = net_angle(TRUTH, images, degrees)
        assert m.value == pytest.approx(degrees, abs=1e-6) and abs(m.floor - degrees) < .05
        assert abs(m.baseline) < 1e-3
    fold = best_rotation(images, images)[2]
    assert m.n == int((fold == 1).sum()) < len(images)


def test_net_angle_subtracts_what_the_autoencoder_does_to_the_estimator(images):
    tilt = Turn(see=lambda x: rotate(x, 3.))  # an autoencoder that turns whatever it sees
    m = net_angle(tilt, images, 30.)
    assert m.value == pytest.approx(30, abs=1e-6) and m.floor == pytest.approx(33, abs=.1)


@pytest.mark.parametrize("action, degrees, reads, tolerance", [
    (STEP_28, 30., 28., .1), (STEP_273, 30., -2.73, .25), (DRIFT, 34., .12 * 34, .25)])
def test_net_angle_catches_planted_wrong_actions(images, action, degrees, reads, tolerance):
    m = net_angle(action, images, degrees)
    assert m.value == pytest.approx(reads, abs=tolerance)
    assert not Scoreboard().add(m, task="t", method="m", measure="q", target=f"{degrees:g} +- 0.5").met


def test_what_the_planted_actions_would_pass(images):
    "An eleventh power that is perfect, and an angle in perfect correlation with t."
    assert net_angle(STEP_273, images, 330.).value == pytest.approx(330, abs=.1)
    ts = np.arange(15., 360., 45.)
    angles = [net_angle(DRIFT, images[::2], a).value for a in ts]
    unwrapped = np.array(angles) % 360
    assert np.corrcoef(ts, unwrapped)[0, 1] > .97 and abs(unwrapped - ts).max() > 200


def test_net_angle_of_noise_and_of_other_digits_is_not_the_truth(part):
    for action in (noise(), dealt()):
        m = net_angle(action, part.images[::2], 120.)
        assert abs(m.value - 120) > 5 and m.spread > 1
    m = net_angle(TRUTH, part.images[::2], 120.)
    assert m.chance is None and m.spread < 1e-6


def test_net_angle_takes_t_and_groups(images):
    assert net_angle(TRUTH, images, 30., t=45.).value == pytest.approx(45, abs=.1)
    each = torch.full((len(images),), 30.)
    assert net_angle(TRUTH, images, 30., t=each).value == pytest.approx(30)
    twice = torch.cat([images, images])
    once, both = (net_angle(Turn(lambda t: t, blur), x, 30., t=40., groups=g) for x, g in
                  ((images, None), (twice, np.tile(np.arange(len(images)), 2))))
    assert both.n == once.n and both.spread == pytest.approx(once.spread, rel=1e-3)


def test_spread_of_the_net_angle_is_that_of_repeated_draws(part):
    "An action that turns each image by 30 degrees and an error of its own, 5 degrees wide."
    def reading(seed):
        jitter = 5 * torch.randn(100, generator=rng(seed))
        at = torch.randperm(len(part), generator=rng(seed))[:100]
        return net_angle(Turn(lambda t: t + (jitter.to(t) if torch.is_tensor(t) else 0)), part.images[at], 30.,
                         t=torch.full((100,), 30.))
    # at t = 0 the jitter does not enter, so that the correction is the estimator's alone
    draws = [reading(s) for s in range(30)]
    values, spreads = np.array([d.value for d in draws]), np.array([d.spread for d in draws])
    assert abs(values.mean() - 30) < 4 * values.std() / 30 ** .5
    assert .6 < values.std(ddof=1) / spreads.mean() < 1.5


def test_spread_of_a_wide_circular_mean_is_that_of_repeated_draws():
    draws = [measures._circular_mean(np.random.default_rng(s).normal(170, 60, 400), 180.) for s in range(300)]
    means, spreads = [m for m, _ in draws], [measures.standard_error(p)[0] for _, p in draws]
    assert abs(np.mean(means) - 170) < 1 and np.mean(spreads) == pytest.approx(np.std(means), rel=.12)


# angles over the circle

def test_angle_error_reads_truth_noise_and_planted_errors(images):
    m = angle_error(TRUTH, images, CIRCLE)
    assert m.value == m.floor < .1 and m.n == len(images) and 70 < m.chance <= 95
    for action in (noise(), dealt()):
        lost = angle_error(action, images, CIRCLE)
        assert abs(lost.value - lost.chance) < 12 and lost.value > 65
    assert angle_error(STEP_28, images, [30.]).value == pytest.approx(2, abs=.1)
    assert angle_error(STEP_273, images, [30.]).value == pytest.approx(32.73, abs=.3)
    assert angle_error(STEP_273, images, [330.]).value < .2
    assert angle_error(DRIFT, images, CIRCLE).value > 60
    tilt = angle_error(Turn(see=lambda x: rotate(x, 3.)), images, [3.])
    assert tilt.baseline < .5 and tilt.floor == tilt.value == pytest.approx(3, abs=.2)
    still = angle_error(Turn(lambda t: 0 * t), images, CIRCLE)
    assert still.value == pytest.approx(still.baseline)


def test_angle_within_reads_truth_noise_and_planted_errors(images):
    m = angle_within(TRUTH, images, CIRCLE)
    assert m.value == m.floor == 1 and m.chance < .2 and m.baseline < .3
    lost = angle_within(noise(), images, CIRCLE)
    assert abs(lost.value - lost.chance) < 4 * lost.spread + .03
    assert angle_within(STEP_28, images, [330.]).value == 0
    assert angle_within(STEP_28, images, [30.]).value == 1
    assert angle_within(STEP_28, images, [30.], tolerance=1.).value == 0
    assert angle_within(DRIFT, images, CIRCLE).value < .2


def test_upside_down_counts_where_it_can_be_seen(images):
    upside = Turn(lambda t: t + 180)
    _, _, fold = best_rotation(images, images)
    share = angle_within(upside, images, CIRCLE).value
    assert share == pytest.approx((fold == 2).double().mean().item(), abs=.02)


def test_spread_of_a_median():
    draws = [median(np.random.default_rng(s).normal(size=400)) for s in range(200)]
    medians, spreads = zip(*((m.value, m.spread) for m in draws))
    assert np.mean(spreads) == pytest.approx(np.std(medians), rel=.15)


# latents

def test_closure_reads_truth_chance_and_a_miss():
    z = torch.randn(2000, 2, generator=rng()).double()
    assert closure(Plane(), z).value < 1e-12
    miss = closure(Plane(350 / 360), z)
    assert miss.value == pytest.approx(2 * math.sin(math.radians(5)), rel=.01)
    assert miss.chance == pytest.approx(2 ** .5, rel=.05) and miss.floor == 0
    assert closure(Plane(), z, t=180).value == pytest.approx(2, rel=.01)
    g = rng(1)
    lost = closure(lambda z, t: torch.randn(z.shape, generator=g).double(), z, t=1.)
    assert lost.value == pytest.approx(lost.chance, rel=.05)
    assert lost.spread == pytest.approx(lost.value / 2 * 2 ** .5 / 2000 ** .5, rel=1)


def test_closure_of_images_has_the_autoencoder_as_floor(images):
    assert closure(TRUTH, images).value < 1e-3
    m = closure(Turn(see=blur), images)
    assert m.value == pytest.approx(m.floor, rel=1e-3) and m.floor > .1


def test_latent_tangent_is_the_derivative(images):
    z, tangent = latent_tangent(lever, images, 30.)
    r = math.pi / 180
    expected = torch.stack([-z[:, 1], z[:, 0]], 1) * r
    assert (tangent - expected).norm() < .2 * expected.norm()
    short = latent_tangent(lever, images, 30., step=.5)[1]  # the ripple of bilinear interpolation
    assert (short - expected).norm() > 2 * (tangent - expected).norm()
    again, _ = latent_tangent(lever, images, [30.] * len(images))
    assert torch.equal(z, again)


def test_tangent_cosine_reads_best_chance_and_is_blind_to_speed_only(images):
    z, tangent = latent_tangent(lever, images, 30.)
    m = tangent_cosine(Plane(), z, tangent)
    assert m.value > .95 and m.floor == 1 and m.chance == pytest.approx(2 / math.pi)
    assert tangent_cosine(Plane(-.1), z, tangent).value == pytest.approx(m.value)
    assert tangent_cosine(lambda z: z, z, tangent).value < .3  # radial: at right angles to the tangent


@pytest.mark.parametrize("d", [1, 2, 3, 16, 64])
def test_chance_of_a_cosine_is_that_of_random_directions(d):
    z, tangent = torch.randn(2, 20000, d, generator=rng(d)).double()
    m = tangent_cosine(lambda x: x.flip(0), z, tangent)
    assert abs(m.value - m.chance) < max(4 * m.spread, 1e-9)


def test_a_field_that_vanishes_counts_as_0():
    z = torch.randn(100, 2, generator=rng())
    half = lambda x: x * (torch.arange(len(x), device=x.device) < 50)[:, None]
    m = tangent_cosine(half, z, z)
    assert m.value == pytest.approx(.5) and m.n == 100


def test_equivariance_error_reads_truth_chance_and_wrong_turns(images):
    m = equivariance_error(Plane(), lever, images, 30.)
    assert m.value < .1 and m.floor == 0
    assert m.baseline == pytest.approx(2 * math.sin(math.radians(15)), rel=.1)
    wrong = [equivariance_error(Plane(s), lever, images, 90.).value for s in (28 / 30, .12, -1)]
    assert m.value < wrong[0] < wrong[1] < wrong[2]
    still = equivariance_error(Plane(0.), lever, images, 90.)
    assert still.value == pytest.approx(still.baseline) == pytest.approx(2 ** .5, rel=.1)
    pixels = equivariance_error(TRUTH, lambda x: x, images, 30.)
    assert pixels.value == 0 and pixels.spread == 0
    order = torch.randperm(len(images), generator=rng())
    lost = equivariance_error(Turn(see=lambda x: x[order]), lambda x: x, images, 30.)
    assert abs(lost.value - lost.chance) < .1


def test_spread_of_a_root_mean_is_that_of_repeated_draws():
    def draw(seed):
        g = np.random.default_rng(seed)
        size = g.uniform(1, 3, 200)
        return root_mean(size * g.uniform(0, 1, 200), None, size)
    values, spreads = zip(*((m.value, m.spread) for m in map(draw, range(300))))
    assert np.mean(spreads) == pytest.approx(np.std(values), rel=.15)


# any group, any points

def test_a_truth_on_signals_reads_like_one_on_images():
    world = World("wide", circulant=True)
    x = torch.from_numpy(world.draw(500)).float()
    step = lambda s: MatrixAction(s * world.action.A, "steps", turn=world.action.turn, skew=True)
    right, quick = (orbit_error(step(s), x, 3., truth=world.action) for s in (1., 1.05))
    assert right.value < 1e-9 < 1e-3 < quick.value < quick.baseline and right.floor < 1e-9
    own = orbit_error(MatrixAction(1.05 * world.action.A, "steps", skew=True), x, 3., truth=world.action)
    assert own.value == pytest.approx(quick.value), "without a turn, in the unit of the truth"
    each = torch.arange(500.) % 33
    assert orbit_error(step(1.), x, each, truth=world.action).value < 1e-9


def test_a_truth_on_trajectories_moves_all_their_steps():
    turn = lambda x, w: x @ torch.tensor([[math.cos(w), math.sin(w)], [-math.sin(w), math.cos(w)]])
    paths = torch.randn(50, 20, 2, generator=rng())
    assert orbit_error(turn, paths, .7, truth=turn).value == 0
    m = orbit_error(lambda x, w: turn(x, .9 * w), paths, .7, truth=turn)
    assert m.value == pytest.approx((2 * math.sin(.035)) ** 2 * paths.square().mean().item(), rel=1e-3)


class Plane2:
    "Translations of the plane: a group of two parameters."
    dim = 2

    def __call__(self, x, w):
        return x + w


def test_a_group_of_several_parameters():
    x = torch.randn(60, 2, generator=rng())
    assert element([1., 2.], 60, Plane2()).shape == (60, 2)
    assert orbit_error(Plane2(), x, [1., 2.], truth=Plane2()).value == 0
    each = torch.randn(60, 2, generator=rng(1))
    short = orbit_error(Plane2(), x, each, t=.5 * each, truth=Plane2())
    assert short.value == pytest.approx(.25 * each.square().mean().item(), rel=1e-3)
    assert equivariance_error(None, lambda x: x - x.mean(0), x, [1., 2.], truth=Plane2()).value < 1e-6
    with expect(r"at: expected shape \(60, 2\), found \(3, 2\)"):
        orbit_error(Plane2(), x, each[:3], truth=Plane2())


def test_equivariance_error_of_any_map_under_any_group():
    "f(gx) against g f(x), for maps that are equivariant, invariant and neither."
    world = World("wide", circulant=True)
    x = torch.from_numpy(world.draw(300)).float()
    read = lambda action, f: equivariance_error(action, f, x, 4., truth=world.action)
    power, by_place = lambda x: torch.fft.rfft(x).abs(), lambda x: x * torch.linspace(0, 1, 33)
    assert read(None, power).value < 1e-5 < read(None, by_place).value
    assert read(world.action, lambda x: x.roll(1, 1)).value < 1e-5 < .2 < read(world.action, by_place).value
    noise_of = lambda x: torch.randn(x.shape, generator=rng(3))
    lost = read(world.action, noise_of)
    assert lost.value > .5 and read(None, by_place).value == read(None, by_place).baseline


def test_pose_error_counts_up_to_the_stabiliser(images):
    once, twice = (pose_error(ink_axis, images, CIRCLE, fold=f) for f in (1, 2))
    assert twice.value < 1 and once.value > 20 and twice.floor == 0 and twice.n == len(images)
    assert 35 < twice.chance < 50 < 75 < once.chance < 100
    for pose, f in ((lambda x: torch.zeros(len(x)), 1), (lambda x: torch.rand(len(x)) * 360, 1)):
        lost = pose_error(pose, images, CIRCLE, fold=f)
        assert lost.value > 60
    still = pose_error(lambda x: torch.zeros(len(x)), images, CIRCLE)
    assert still.value == still.baseline
    off = pose_error(lambda x: ink_axis(x) * 28 / 30, images, [30.], fold=2)
    assert off.value > 1
    fold = 1 + torch.arange(len(images)) % 2
    assert twice.value < pose_error(ink_axis, images, CIRCLE, fold=fold).value < once.value
    with expect("fold: expected 1 or more"):
        pose_error(ink_axis, images, CIRCLE, fold=0)
    with expect("pose: expected one number a sample"):
        pose_error(lambda x: x[:, 0, 0], images, CIRCLE)


def test_pose_error_without_a_turn():
    shift, x = (lambda x, w: x + w), torch.randn(100, 3, generator=rng())
    assert pose_error(lambda x: x.mean(1), x, [1., 5.], truth=shift).value < 1e-5
    assert pose_error(lambda x: 2 * x.mean(1), x, [1., 5.], truth=shift).value > .9


@pytest.mark.parametrize("d", [0, -2, 1.5])
def test_chance_cosine_asks_for_a_dimension(d):
    with expect("d: expected a whole number"):
        chance_cosine(d)


# labels

def quadrant(x):
    "A classifier that sees where the ink is, so that turns matter."
    x, y = lever(x).T
    return torch.stack([(x * math.cos(a) + y * math.sin(a)) for a in (0, 1.57, 3.14, 4.71)], 1)


def amount(x):
    "A classifier of ten degrees of inkiness, which no turn changes much."
    ink = x.mean((1, 2, 3))[:, None]
    return -(ink - torch.linspace(.04, .22, 10).to(x)).abs()


def by_chance(seed):
    g = rng(seed)
    return lambda x: torch.rand(len(x), 4, generator=g)


def test_label_kept_reads_truth_chance_and_damage(images):
    labels = amount(images).argmax(1)
    m = label_kept(TRUTH, images, labels, amount, CIRCLE)
    assert m.value == m.floor > .9 and m.baseline == 1 and m.n == len(images)
    assert m.chance == labels.bincount().max().item() / len(labels)
    half = Turn(lambda t: t, lambda x: x * .5)
    spoiled = label_kept(half, images, labels, amount, CIRCLE)
    assert spoiled.value < .5 and spoiled.value == pytest.approx(spoiled.floor)
    assert spoiled.baseline < .5
    fades = lambda x, t: rotate(x, t) * (1 if t == 0 else .5)
    faded = label_kept(fades, images, labels, amount, CIRCLE, t=CIRCLE)
    assert faded.value < .5 < .9 < faded.floor and faded.baseline == 1
    lost = label_kept(TRUTH, images, torch.arange(len(images)) % 4, by_chance(0), CIRCLE)
    assert abs(lost.value - .25) < 4 * lost.spread
    single = [label_kept(TRUTH, images, labels, amount, a).value for a in CIRCLE]
    assert np.mean(single) == pytest.approx(m.value)


def test_label_agreement_reads_truth_chance_and_damage(part):
    x = part.images
    m = label_agreement(TRUTH, x, amount, 30.)
    assert m.value == m.floor > .9 and m.baseline == 1 and m.chance < .5
    wrong = label_agreement(Turn(lambda t: 3 * t), x, quadrant, 30.)
    assert wrong.value < wrong.floor
    assert label_agreement(TRUTH, x, quadrant, 30., t=90.).value == wrong.value
    lost = label_agreement(TRUTH, x, by_chance(1), 30.)
    assert abs(lost.value - lost.chance) < 4 * lost.spread and lost.chance == pytest.approx(.25, abs=.01)
    assert label_agreement(dealt(), x, amount, 30.).value < .5
    dim = Turn(see=lambda x: x * .5)  # at t = 0, too: what the autoencoder costs does not count
    assert (amount(x).argmax(1) == amount(x * .5).argmax(1)).float().mean() < .5
    assert label_agreement(dim, x, amount, 30.).value > .9


def test_prediction_consistency_reads_best_and_chance(part):
    x = part.images
    assert prediction_consistency(amount, x, [0, 90, 180, 270]).value > .99
    assert prediction_consistency(quadrant, x, [0, 90, 180, 270]).value < .02
    assert prediction_consistency(quadrant, x, [0, 0, 0, 90]).value < .02  # at all angles, not at most
    lost = prediction_consistency(by_chance(2), x, [0, 30])
    assert abs(lost.value - lost.chance) < 4 * lost.spread and lost.chance == pytest.approx(.25, abs=.01)
    assert prediction_consistency(by_chance(3), x, [0, 30, 60]).chance == pytest.approx(1 / 16, abs=.01)


# all of them

def every(images, labels, action=TRUTH, z=None):
    "Each measure as a call without arguments."
    z = torch.randn(50, 2, generator=rng()) if z is None else z
    return dict(
        orbit_error=lambda: orbit_error(action, images, 30.),
        net_angle=lambda: net_angle(action, images, 30.),
        angle_error=lambda: angle_error(action, images, [30., 200.]),
        angle_within=lambda: angle_within(action, images, [30., 200.]),
        label_kept=lambda: label_kept(action, images, labels, amount, [30., 200.]),
        label_agreement=lambda: label_agreement(action, images, amount, 30.),
        equivariance_error=lambda: equivariance_error(action, lambda x: x, images, 30.),
        closure=lambda: closure(action, images))


def test_all_feed_the_scoreboard(images, labels):
    board = Scoreboard()
    z = torch.randn(50, 2, generator=rng())
    calls = every(images, labels) | dict(
        tangent_cosine=lambda: tangent_cosine(Plane(), z, z),
        prediction_consistency=lambda: prediction_consistency(amount, images, [0., 90.]))
    for name, call in calls.items():
        row = board.add(call(), task="t", method="m", measure=name)
        assert None not in (row.value, row.spread, row.n, row.floor) and (row.chance is None) == (name == "net_angle")
        assert type(row.value) is float and type(row.n) is int
    assert len(board.markdown().splitlines()) == 12


def test_all_are_deterministic_and_leave_the_random_state_alone(images, labels):
    state = torch.get_rng_state()
    first, again = ({k: f() for k, f in every(images, labels).items()} for _ in range(2))
    assert first == again and torch.equal(state, torch.get_rng_state())


def test_groups_count_digits(images, labels):
    twice, ids = torch.cat([images, images]), np.tile(np.arange(len(images)), 2)
    action = Turn(lambda t: t, blur)
    for measure, rest in ((orbit_error, (30.,)), (angle_error, ([30., 200.],)),
                          (angle_within, ([30., 200.],)), (label_agreement, (amount, 30.))):
        once, both = measure(action, images, *rest), measure(action, twice, *rest, groups=ids)
        assert both.n == once.n == len(images) and both.spread == pytest.approx(once.spread, rel=.05)


def test_a_single_image_has_neither_chance_nor_spread(part):
    one = part.images[part.labels == 7][:1]
    for m in (net_angle(TRUTH, one, 30.), angle_error(TRUTH, one, [30.]),
              equivariance_error(TRUTH, lambda x: x, one, 30.)):
        assert m.chance is None and m.spread is None and m.n == 1


# bad input

@pytest.mark.parametrize("bad, message", [
    (lambda x, t: x[:, :, :14], r"action: expected a tensor \(200, 1, 28, 28\), found \(200, 1, 14, 28\)"),
    (lambda x, t: x[:-1], r"action: expected a tensor \(200, 1, 28, 28\), found \(199, 1, 28, 28\)"),
    (lambda x, t: x.cpu().numpy(), "action: expected a tensor .* found ndarray"),
    (lambda x, t: x / 0, "output of action: expected finite numbers, found .* that are not"),
    (lambda x, t: x > 0, "output of action: expected floats, found torch.bool")])
def test_outputs_of_an_action_are_checked(images, labels, bad, message):
    class Bad(Turn):
        def __call__(self, x, t):
            return bad(x, t)
    for name, call in every(images, labels, Bad()).items():
        with expect(message):
            call()


@pytest.mark.parametrize("bad, message", [
    (torch.zeros(0, 1, 28, 28), "images: expected at least 1 sample"),
    (torch.zeros(4, 28, 28), "images: expected square images"),
    (torch.zeros(4, 1, 28, 20), "images: expected square images"),
    (torch.zeros(4, 1, 28, 28, dtype=torch.uint8), "images: expected floats, found torch.uint8"),
    (torch.full((4, 1, 28, 28), torch.nan), "images: expected finite numbers"),
    ("digits", "images: expected a tensor, found str")])
def test_images_are_checked(bad, message):
    calls = every(bad, torch.zeros(4))
    for name in calls.keys() - {"closure"}:
        with expect(message):
            calls[name]()
    with expect(message):
        latent_tangent(lever, bad, 0.)
    with expect(message):
        estimator_floor(bad, torch.zeros(4))
    with expect(message):
        prediction_consistency(amount, bad, [0.])


def test_angles_and_parameters_are_checked(images, labels):
    for name, call in (("degrees", lambda a: angle_error(TRUTH, images, a)),
                       ("degrees", lambda a: angle_within(TRUTH, images, a)),
                       ("at", lambda a: label_kept(TRUTH, images, labels, amount, a)),
                       ("at", lambda a: prediction_consistency(amount, images, a)),
                       ("degrees", lambda a: estimator_floor(images, labels, a)),
                       ("at", lambda a: pose_error(ink_axis, images, a))):
        with expect(f"{name}: expected at least one angle, found an empty list"):
            call([])
        with expect(f"{name}: expected a finite number, found nan"):
            call([30., math.nan])
    with expect(r"at: expected shape \(200,\), found \(3,\)"):
        orbit_error(TRUTH, images, [1., 2., 3.])
    with expect("degrees: expected a finite number, found list"):
        net_angle(TRUTH, images, [30., 60.])
    with expect("t: expected 2 numbers, found 3"):
        angle_error(TRUTH, images, [30., 60.], t=[1, 2, 3])
    with expect(r"t: expected one number or 200, found shape \(3,\)"):
        net_angle(TRUTH, images, 30., t=[1., 2., 3.])
    with expect(r"action: expected a method parameter\(degrees\), or t to be given"):
        net_angle(lambda x, t: x, images, 30.)
    with expect("tolerance: expected degrees above 0, found 0"):
        angle_within(TRUTH, images, [30.], tolerance=0)
    with expect("step: expected degrees above 0, found 0"):
        latent_tangent(lever, images, 30., step=0)


def test_what_cannot_be_measured_is_refused(images, labels):
    bar = torch.zeros(3, 1, 28, 28)
    bar[..., 13:15, 4:24] = 1
    with expect("images: expected some that differ upside down, found none of 3"):
        net_angle(TRUTH, bar, 30.)
    with expect("moved: expected images with something on them, found 200 blank"):
        net_angle(Turn(see=lambda x: 0 * x), images, 30.)
    with expect(r"moved: expected shape \(200, 1, 28, 28\), found \(7, 1, 28, 28\)"):
        best_rotation(images, images[:7])
    with expect("fold: expected 1 or 2"):
        best_rotation(images, images, fold=3)
    with expect("blur: expected 0 or more"):
        best_rotation(images, images, blur=-1.)
    with expect("action: expected an attribute turn, or t to be given"):
        closure(lambda z, t: z, images)
    with expect("z: expected samples that vary"):
        closure(Plane(), torch.ones(5, 2))
    with expect("encode: expected latents that are not all 0"):
        equivariance_error(TRUTH, lambda x: 0 * x, images, 30.)
    with expect(r"labels: expected shape \(200,\), found \(4,\)"):
        label_kept(TRUTH, images, torch.zeros(4), amount, [30.])
    with expect(r"groups: expected shape \(200,\)"):
        orbit_error(TRUTH, images, 30., groups=np.arange(3))
    with expect(r"tangent: expected shape \(9, 2\), found \(9, 3\)"):
        tangent_cosine(Plane(), torch.ones(9, 2), torch.ones(9, 3))
    with expect("output of generator: expected finite numbers"):
        tangent_cosine(lambda z: z / 0, torch.ones(9, 2), torch.ones(9, 2))
    with expect(r"encode: expected a tensor of 200 samples, found tuple"):
        latent_tangent(lambda x: (x, x), images, 30.)


@pytest.mark.parametrize("bad, message", [
    (lambda x: x.mean((1, 2, 3)), r"classifier: expected scores \(200, classes\), found \(200,\)"),
    (lambda x: x[:, :, 0, :1], r"classifier: expected scores \(200, classes\), found \(200, 1, 1\)"),
    (lambda x: x[:5, 0, 0], r"classifier: expected a tensor of 200 samples, found \(5, 28\)"),
    (lambda x: x[:, 0, 0] / 0, "output of classifier: expected finite numbers")])
def test_outputs_of_a_classifier_are_checked(images, labels, bad, message):
    for call in (lambda: label_kept(TRUTH, images, labels, bad, [30.]),
                 lambda: label_agreement(TRUTH, images, bad),
                 lambda: prediction_consistency(bad, images, [30.])):
        with expect(message):
            call()


def test_import_stays_light():
    heavy = {"matplotlib", "sklearn", "pandas", "IPython", "nbdev", "fastcore", "e2cnn", "accelerate",
             "mlxtend", "symnb.models.vae", "symnb.ground.plots"}
    code = f"import sys, symnb.measures.orbits; assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
