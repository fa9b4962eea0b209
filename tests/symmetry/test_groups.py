"""The mathematics of a group, stated once and tried over all groups; then what is particular to a kind."""
import math

import pytest
import torch
from torch import nn

from conftest import python
from symnb.ground.lab import SymnbError
from symnb.symmetry.affine import AffineMotions
from symnb.symmetry.actions import Action, Group, Paced, composed, coordinates, linear, load_action
from symnb.symmetry.groups import (Cyclic, Finite, FlowGroup, MatrixGroup, Product, Torus, lorentz, rigid_motions, rotations,
                                   scalings, structure_of)
from symnb.symmetry.kinds import Conjugated, FlowAction, StepAction, Through, Windowed, WindowedAction, shift_generator
from symnb.symmetry.matrices import BlockRotation, MatrixAction
from symnb.symmetry.warps import AFFINE, AffineFlow, ImageRotation, Warps, affine_plane, resample, rotate

F64 = torch.float64


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def orthogonal(d, seed=0): return torch.linalg.qr(normal(d, d, seed=seed))[0]


B = orthogonal(3, 4) @ torch.diag(torch.tensor([1., 2., .5], dtype=F64))
HEISENBERG = {n: torch.zeros(3, 3, dtype=F64).index_put((torch.tensor(i), torch.tensor(j)), torch.tensor(1., dtype=F64))
              for n, i, j in (("x", 0, 1), ("y", 1, 2), ("z", 0, 2))}


class TurnAndGrow(nn.Module):
    "Turning and scaling the plane, as fields."
    def forward(self, z): return torch.stack([torch.stack([-z[:, 1], z[:, 0]], 1), z], 1)


class Motions(nn.Module):
    "The rigid motions of the plane, as fields."
    def forward(self, z):
        one, none = torch.ones(len(z)).to(z), torch.zeros(len(z)).to(z)
        return torch.stack([torch.stack(f, 1) for f in ((-z[:, 1], z[:, 0]), (one, none), (none, one))], 1)


D4 = [[[0., -1.], [1., 0.]], [[1., 0.], [0., -1.]]]
TETRAHEDRON = [[[0., 0, 1], [1, 0, 0], [0, 1, 0]], [[-1., 0, 0], [0, -1, 0], [0, 0, 1]]]

# name -> the group, shape of a point, how far elements go, tolerance
GROUPS = {
    "SO(2)": (lambda: rotations(2), (2,), 1., 1e-9),
    "SO(3)": (lambda: rotations(3), (3,), .8, 1e-9),
    "SO(5)": (lambda: rotations(5), (5,), .4, 1e-9),
    "SE(2)": (lambda: rigid_motions(2), (2,), .8, 1e-9),
    "SE(3)": (lambda: rigid_motions(3), (3,), .6, 1e-9),
    "Lorentz": (lambda: lorentz(4), (4,), .4, 1e-8),
    "scalings": (lambda: scalings(3), (3,), 1., 1e-9),
    "shifts": (lambda: MatrixGroup({k: torch.tensor(AFFINE[k] + [[0.] * 3]) for k in list(AFFINE)[1:3]}, affine=True), (2,), 1., 1e-9),
    "affine plane": (affine_plane, (2,), .3, 1e-8),
    "affine motions": (AffineMotions, (2,), .3, 1e-8),
    "SL(2)": (lambda: MatrixGroup([[[1., 0], [0, -1]], [[0., 1], [0, 0]], [[0., 0], [1, 0]]]), (2,), .3, 1e-8),
    "Heisenberg": (lambda: MatrixGroup(HEISENBERG), (3,), 1., 1e-9),
    "torus": (lambda: Torus([[1, 0, 2], [0, 1, -1]], orthogonal(6)), (6,), 1., 1e-9),
    "C5": (lambda: Cyclic(BlockRotation([1, 2], basis=orthogonal(4)), 5), (4,), 1., 1e-9),
    "C4 of images": (lambda: Cyclic(ImageRotation(), 4), (1, 6, 6), 1., 1e-9),
    "D4": (lambda: Finite.generated(*D4), (2,), 1., 1e-9),
    "tetrahedron": (lambda: Finite.generated(*TETRAHEDRON), (3,), 1., 1e-9),
    "turns and scalings": (lambda: MatrixGroup([torch.eye(2)]) * rotations(2), (2,), 1., 1e-9),
    "SO(3) and a sign": (lambda: rotations(3) * Finite(torch.stack([torch.eye(3), -torch.eye(3)])), (3,), .8, 1e-9),
    "commuting fields": (lambda: FlowGroup(TurnAndGrow(), ["turn", "grow"], (2,)), (2,), .6, 1e-5),
    "fields of SE(2)": (lambda: FlowGroup(Motions(), ["turn", "x", "y"], (2,)), (2,), .6, 1e-5),
    "SO(3) in other coordinates": (lambda: Through(rotations(3), torch.arcsinh, torch.sinh), (3,), .7, 1e-8),
    "SE(2) behind a linear map": (lambda: Through(rigid_motions(2), linear(B[:2, :2], B[0, :2]),
                                                  linear(torch.linalg.inv(B[:2, :2]), -torch.linalg.inv(B[:2, :2]) @ B[0, :2])),
                                  (2,), .7, 1e-8),
    "inverses": (lambda: rotations(3).inverse, (3,), .8, 1e-9),
    "an action": (lambda: MatrixAction(normal(3, 3), "radians"), (3,), .5, 1e-9),
    "a rounded action": (lambda: BlockRotation([1, 3], basis=orthogonal(4)), (4,), 1., 1e-9),
    "a step": (lambda: StepAction(lambda z: z @ B.T, inverse=lambda z: z @ torch.linalg.inv(B).T), (3,), 1., 1e-7),
    "one direction": (lambda: rotations(3).along([1., 2., -1.]), (3,), .7, 1e-9),
    "one affine direction": (lambda: rigid_motions(2).along([1., 2., -1.]), (2,), .7, 1e-9),
}


@pytest.fixture(params=GROUPS)
def case(request):
    make, shape, reach, tolerance = GROUPS[request.param]
    return make(), normal(4, *shape, seed=1), lambda seed: make().sample(4, seed, reach), tolerance


def close(a, b, tolerance):
    scale = max(1., float(b.abs().max()))
    assert a.shape == b.shape and float((a - b).detach().abs().max()) <= tolerance * scale


class TestEveryGroup:
    def test_one_element_moves_all_or_each_its_own(self, case):
        g, x, draw, tolerance = case
        w = draw(1)
        alone = torch.cat([g(x[i:i + 1], w[i]) for i in range(4)])
        close(g(x, w), alone, tolerance)
        assert max(float((g(x, draw(seed)) - x).abs().max()) for seed in (1, 2)) > 1e-3

    def test_trajectories_move_as_a_whole(self, case):
        g, x, draw, tolerance = case
        if g.shape is None and g.axes is None: pytest.skip("any axes may be the point")
        w, path = draw(1), torch.stack([x, x.flip(0), 2 * x], 1)
        close(g(path, w), torch.stack([g(path[:, i], w) for i in range(3)], 1), tolerance)
        close(g(path, w[0]), torch.stack([g(path[:, i], w[0]) for i in range(3)], 1), tolerance)
        close(g(path[0], w[0]), g(path, w)[0], tolerance)

    def test_identity(self, case):
        g, x, _, tolerance = case
        close(g(x, torch.zeros(len(g.names))), x, tolerance)

    def test_group_law(self, case):
        "w first, then v, is one element: in this order."
        g, x, draw, tolerance = case
        v, w = draw(1), draw(2)
        close(g(g(x, w), v), g(x, g.compose(v, w)), tolerance)

    def test_inverse(self, case):
        g, x, draw, tolerance = case
        w = draw(1)
        close(g.inverse(g(x, w), w), x, tolerance)
        close(g(g(x, w), g.inverse(w)), x, tolerance)
        assert bool((g.distance(g.compose(g.inverse(w), w), torch.zeros_like(w)) < 1e-5).all())

    def test_distance(self, case):
        "Nothing from an element to itself, and the same after a common motion."
        g, _, draw, tolerance = case
        u, v, w = draw(1), draw(2), draw(3)
        assert bool((g.distance(w, w) < 1e-5).all())
        close(g.distance(g.compose(u, v), g.compose(u, w)), g.distance(v, w), 100 * tolerance)

    def test_bracket_by_finite_differences(self, case):
        "g(hv) g(hw) and back by their inverses is g(h^2 [v, w]) up to third order."
        g, _, _, _ = case
        real = torch.tensor([n is None for n in g.orders])
        if not real.any(): pytest.skip("no directions")
        v, w, h = normal(len(real), seed=3) * real, normal(len(real), seed=4) * real, 1e-3
        there = lambda h: g.compose(g.compose(h * v, h * w), g.compose(g.invert(h * v), g.invert(h * w))) / h ** 2
        close((there(h) + there(-h)) / 2, g.bracket(v, w), 2e-4)

    def test_bracket_of_the_fields(self, case):
        "The same bracket by derivatives of the velocities, which know nothing of `compose`."
        g, x, _, _ = case
        if g.dim < 2 or g.dim < len(g.names): pytest.skip("one direction")
        found = structure_of(lambda z: g.velocities(z), x.repeat(4, *[1] * (x.ndim - 1)) + normal(16, *x.shape[1:], seed=5))
        close(found, g.structure.to(found), 1e-5)

    def test_generators_are_derivatives(self, case):
        g, x, _, tolerance = case
        h = 1e-4
        if isinstance(g, StepAction): pytest.skip("steps have no generator")
        for i, a in enumerate(g.generators):
            e = torch.eye(len(g.names), dtype=F64)[[n is None for n in g.orders].index(True) + i]
            close((g(x, h * e) - g(x, -h * e)) / (2 * h), a.generator(x), 1e-5)
            close(a(x, .3), g(x, .3 * e), tolerance)

    def test_periods(self, case):
        g, x, draw, tolerance = case
        for i, p in enumerate(g.periods):
            if p: close(g(x, draw(1) + p * torch.eye(len(g.names))[i]), g(x, draw(1)), tolerance)

    def test_elements(self, case):
        "The identity first; those of a finite group are a group."
        g, x, _, tolerance = case
        if g.elements is None: assert isinstance(g, StepAction)
        else:
            assert not g.elements[0].any() and g.dim == sum(n is None for n in g.orders)
            if g.dim == 0:
                n = len(g.elements)
                every = torch.stack([g.compose(a, b) for a in g.elements for b in g.elements])
                assert n == g.orders[0] and every.unique(dim=0).shape == (n, 1)
                moved = torch.stack([g(x, e) for e in g.elements])
                assert all((moved[i] - moved[j]).abs().max() > 1e-6 for i in range(n) for j in range(i))

    def test_on_disk(self, case, tmp_path):
        g, x, draw, _ = case
        g.save(tmp_path / "g")
        given = {k: v for k, v in dict(encode=torch.arcsinh, decode=torch.sinh).items() if getattr(g, "encode", None) is torch.arcsinh}
        if isinstance(g, FlowGroup): given = dict(fields=type(g.fields)())
        if isinstance(g, StepAction): given = dict(step=g.step, inverse=g.back)
        again = load_action(tmp_path / "g", **given)
        assert torch.equal(again(x, draw(1)), g(x, draw(1))) and repr(again) == repr(g)


# ---- against what is known by other means

def test_composition_against_matrices():
    for name in ("SO(3)", "SE(2)", "Lorentz", "affine plane"):
        g = GROUPS[name][0]()
        v, w = g.sample(5, 1, .3), g.sample(5, 2, .3)
        close(g.matrix(g.compose(v, w)), g.matrix(v) @ g.matrix(w), 1e-9)
        assert float((g.matrix(g.compose(w, v)) - g.matrix(g.compose(v, w))).abs().max()) > 1e-3  # the order counts
        close(composed(v, w, g.structure), g.compose(v, w), 1e-6)  # by the differential equation, from brackets only


def test_brackets_against_tables():
    x, y, z = torch.eye(3, dtype=F64)[[2, 1, 0]] * torch.tensor([[1.], [-1.], [1.]])  # of planes 12, 02, 01
    so3 = rotations(3)
    for a, b, c in ((x, y, z), (y, z, x), (z, x, y)): assert torch.allclose(so3.bracket(a, b), c)
    turn, to_x, to_y = torch.eye(3, dtype=F64)
    assert torch.allclose(rigid_motions(2).bracket(turn, to_x), to_y)
    assert not scalings(3).structure.any()
    with pytest.raises(SymnbError, match="bracket: expected it in the span"): MatrixGroup(normal(2, 3, 3)).structure
    with pytest.raises(SymnbError, match="fields: expected brackets in their span"):
        structure_of(lambda z: torch.stack([z ** 2, z.flip(1) ** 3], 1), normal(9, 2))


def test_lorentz_keeps_the_interval_and_rotations_the_length():
    x, g = normal(6, 4), lorentz(4)
    interval = lambda x: x[:, 0] ** 2 - x[:, 1:].square().sum(1)
    close(interval(g(x, g.sample(6, 1, .5))), interval(x), 1e-9)
    close(rotations(4)(x, rotations(4).sample(6)).norm(dim=1), x.norm(dim=1), 1e-9)


def test_whole_turns_of_a_torus_are_exact():
    g, x = Torus([[1, 0, 2], [0, 1, -1]]), normal(5, 6)
    assert torch.equal(g(x, [360., -720.]), x)
    one = BlockRotation([1, 2, 3])
    close(Torus([one.weights])(x, 77.), one(x, 77.), 1e-12)


def test_finite_groups():
    d4 = Finite.generated(*D4)
    assert len(d4.elements) == 8 and len(Finite.generated(*TETRAHEDRON).elements) == 12
    close(d4.matrices[d4.index(d4.compose([[1.]], [[2.]]))], d4.matrices[1:2] @ d4.matrices[2:3], 1e-12)
    with pytest.raises(SymnbError, match="every product"): Finite([torch.eye(2).tolist(), D4[0]])
    with pytest.raises(SymnbError, match="at most 500"): Finite.generated([[math.cos(1), -math.sin(1)], [math.sin(1), math.cos(1)]])


def test_elements_of_many_shapes():
    x, g = normal(5, 7, 3), rotations(3)
    w = g.sample(35).reshape(5, 7, 3)
    each = torch.stack([g(x[:, i], w[:, i]) for i in range(7)], 1)
    close(g(x, w), each, 1e-12)
    assert g(x, [0, 0, 1]).shape == x.shape and g(x[:0], w[:0, 0]).shape == (0, 7, 3)
    for bad in ([0, 1], torch.zeros(4, 3), torch.zeros(5, 2), torch.zeros(5, 7, 7), "w", [math.nan, 0, 0]):
        with pytest.raises(SymnbError, match="w: expected"): g(x, bad)
    with pytest.raises(SymnbError, match="latents: expected"): g(normal(5, 2), [0, 0, 1])
    action = BlockRotation([1, 2])
    path, t = normal(5, 7, 4), torch.arange(5.)
    close(action(path, t), torch.stack([action(p, u) for p, u in zip(path, t)]), 1e-12)
    assert action.orbit(path, range(3)).shape == (3, 5, 7, 4) and action.generator(path).shape == path.shape


def test_directions():
    g = rotations(3)
    assert isinstance(g.along("01"), MatrixAction) and g.along([0, 2., 0]).unit == "radians"
    for bad in ("up", [1., 2.], [0, 0, 0], 3):
        with pytest.raises(SymnbError, match="direction: expected"): g.along(bad)
    with pytest.raises(SymnbError, match="whole numbers"): Finite.generated(*D4).along([1.])
    torus = Torus([[1, 0], [0, 1]])
    fast = torus.along([3., 0])
    assert (fast.unit, fast.period) == ("degrees", 120.) and torus.along([1., 1.]).period is None
    x = normal(4, 4)
    close(fast(x, 120.), x, 1e-12)


def test_windows_of_groups():
    ring = MatrixAction(shift_generator(9), "pixels", skew=True)
    group = Windowed(MatrixGroup({"shift": ring.A, "grow": torch.eye(9)}), 5)
    x = normal(3, 5)
    close(group(x, [2., 0.]), WindowedAction(ring, 5)(x, 2.), 1e-9)
    close(group(x, [0., .1]), math.exp(.1) * x, 1e-9)


# ---- images

@pytest.fixture
def picture():
    "Without any symmetry, smooth, and nothing near the border."
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, 48, dtype=F64)] * 2, indexing="ij")
    blob = lambda a, b, s: torch.exp(-((x - a) ** 2 + (y - b) ** 2) / s)
    return (blob(-.2, -.25, .02) + .6 * blob(.25, -.1, .01) + .3 * blob(.05, .3, .015))[None, None]


def test_order_of_a_turn_and_a_shift(picture):
    "First the shift to the right, then the quarter turn: the picture ends above the centre. And it is one resampling."
    g = Warps()
    turn, shift = (torch.tensor([float(n == k) for n in g.names], dtype=F64) for k in ("rotation", "translation x"))
    w = g.compose(math.pi / 2 * turn, .25 * shift)
    by_pixels = torch.rot90(picture.roll(6, 3), 1, (2, 3))
    assert float((g(picture, w) - by_pixels).abs().max()) < 1e-6
    other = torch.rot90(picture, 1, (2, 3)).roll(6, 3)
    assert float((g(picture, g.compose(.25 * shift, math.pi / 2 * turn)) - other).abs().max()) < 1e-6
    assert float((by_pixels - other).abs().max()) > .5


def test_one_resampling_blurs_less_than_two(picture):
    g = Warps(affine_plane(["rotation", "translation x"]).__class__({k: affine_plane().basis[i] for i, k in enumerate(list(AFFINE)[:3])}, affine=True))
    v, w = torch.tensor([.3, .05, .02]), torch.tensor([.4, -.03, .1])
    exact = g(picture, g.compose(v, w))
    twice = g(g(picture, w), v)
    assert 1e-5 < float((exact - twice).abs().max()) < .1
    back = g(g(picture, v), g.inverse(v))
    assert float((g(picture, g.compose(g.inverse(v), v)) - picture).abs().max()) < 1e-6 < float((back - picture).abs().max())


def test_one_convention(picture):
    "Turns, flows, warps and the bare resampling agree; images need not be square."
    for x in (picture, picture[..., 4:-8], picture.expand(3, 2, -1, -1)):
        t = torch.tensor(.5, dtype=F64)
        turned = rotate(x, math.degrees(t))
        warp = Warps()(x, [.5, 0, 0, 0, 0, 0])
        c, s = t.cos(), t.sin()
        bare = resample(x, torch.tensor([[c, s, 0], [-s, c, 0]]))
        for other in (warp, bare, AffineFlow(AFFINE["rotation"])(x, .5)): assert float((turned - other).abs().max()) < 1e-6
    assert float((AffineFlow(AFFINE["translation y"])(picture, .25) - picture.roll(-6, 2)).abs().max()) < 1e-6  # up
    assert float((AffineFlow(AFFINE["translation x"])(picture, .25) - picture.roll(6, 3)).abs().max()) < 1e-6  # right


def test_pictures_in_time(picture):
    film, g = torch.stack([picture[:, 0].expand(3, -1, -1)[:, None]] * 4, 1), Warps(affine_plane(["scale"]))
    assert g(film, [[.1], [.2], [.3]]).shape == (3, 4, 1, 48, 48)
    with pytest.raises(SymnbError, match="images: expected"): g(normal(3, 4), [.1])
    with pytest.raises(SymnbError, match="one of the plane"): Warps(rotations(3))


# ---- a fresh process

def test_kinds_of_every_page_load_in_a_fresh_process(tmp_path):
    "Today's kinds, none of which has been imported there."
    kinds = dict(paced=Paced(BlockRotation([1]), -2.), flow=AffineFlow(AFFINE["shear"]), warps=Warps(),
                 torus=Torus([[1, 0], [0, 1]]), cyclic=Cyclic(BlockRotation([1]), 4), finite=Finite.generated(*D4),
                 product=rotations(2) * scalings(2), inverse=rotations(3).inverse, window=WindowedAction(shift_generator(9), 5),
                 seen=Conjugated(BlockRotation([1]), linear(B[:2, :2], B[0, :2]), linear(B[:2, :2], B[0, :2])),
                 net=StepAction(nn.Sequential(nn.Linear(2, 4), nn.SiLU(), nn.Linear(4, 2))))
    for name, kind in kinds.items(): kind.save(tmp_path / name)
    said = python(f"from symnb.symmetry.actions import load_action\n"
                  f"for name in {list(kinds)}: print(type(load_action(f'{tmp_path}/{{name}}')).__name__)")
    assert said.split() == [type(k).__name__ for k in kinds.values()]


def test_what_a_method_saves_is_enough(tmp_path):
    "Linear layers are built again from what is written; float64 is taken, and digits far from zero are kept."
    centre = torch.tensor([1e9, -1e9], dtype=F64)
    W = B[:2, :2]
    action = Conjugated(BlockRotation([1]), linear(W, -W @ centre), linear(torch.linalg.inv(W), centre))
    action.save(tmp_path / "a")
    again, z = load_action(tmp_path / "a"), centre + normal(20, 2)
    assert again(z, 90.).dtype == F64 and torch.equal(again(z, 90.), action(z, 90.))
    assert float((again(again(z, 90.), -90.) - z).abs().max()) < 1e-5
    assert float((again(z, 90.) - z).abs().max()) > .1
    assert again(normal(3, 2).float(), 90.).dtype == torch.float32
