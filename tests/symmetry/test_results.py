"""Laws, poses and results: densities that sum to one, poses up to stabilisers, verdicts that follow their certificates."""
import math

import pytest
import torch
from torch import nn

from conftest import python
from symnb.ground.lab import SymnbError
from symnb.ground.files import read_json, write_json
from symnb.symmetry.actions import load_action
from symnb.symmetry.found import Certificate, Found, load_found
from symnb.symmetry.groups import Cyclic, Torus, rigid_motions, rotations
from symnb.symmetry.laws import CyclicLaw, GaussianLaw, JointLaw, KernelLaw, PerInput, UniformLaw, full_law
from symnb.symmetry.matrices import BlockRotation, MatrixAction
from symnb.symmetry.poses import PlanePose, Pose, TemplatePose, stabiliser_of
from symnb.symmetry.warps import ImageRotation, rotate

F64 = torch.float64
LAWS = {
    "arc": UniformLaw(40., period=360.), "arc off centre": UniformLaw(40., 170., 360.), "blurred arc": UniformLaw(40., 0., 360., 10.),
    "no arc, blurred": UniformLaw(0., 0., 360., 10.), "more than the circle": UniformLaw(500., 0., 360., 10.), "full": full_law(),
    "segment": UniformLaw(40.), "normal": GaussianLaw(30., 5., 360.), "wide normal": GaussianLaw(150., 0., 360.), "line": GaussianLaw(30.),
    "four steps": CyclicLaw(4, 0., 360., 5.), "seven steps": CyclicLaw(7, 20., 360., 3.),
    "kernels": KernelLaw([0., 10., 20., 170.], 5., period=360.), "weighted": KernelLaw([0., 90.], 5., [3., 1.], 360.)}


@pytest.mark.parametrize("name", LAWS)
def test_densities(name, tmp_path):
    "They sum to one, the samples follow them, and a law that was saved is the same."
    law = LAWS[name]
    grid = torch.linspace(-200, 200, 4001, dtype=F64) if law.period is None else torch.linspace(-180, 180, 3601, dtype=F64)[:-1]
    step, density = grid[1] - grid[0], law.log_prob(grid[:, None]).exp()
    assert abs(float(density.sum() * step) - 1) < 2e-3
    w = law.sample(20_000, seed=1)
    assert w.shape == (20_000, 1) and torch.equal(w, law.sample(20_000, seed=1))
    seen = torch.histc(w, 36, float(grid[0]), float(grid[0]) + 360) / 20_000 if law.period else None
    if law.period: assert float((seen - density.reshape(36, 100).sum(1) * step).abs().max()) < .015
    law.save(tmp_path / "law")
    assert torch.equal(load_action(tmp_path / "law").sample(5), law.sample(5))


def test_levels():
    assert LAWS["arc"].level() == 40 and LAWS["seven steps"].level() == 7 and full_law().level() == 180
    points = torch.linspace(-60, 60, 1001)
    assert abs(float(KernelLaw(points, 1.).level()) - .95 * 60) < .5
    assert abs(float(KernelLaw((points + 180) % 360, 1., period=360.).level()) - .95 * 60) < .5  # across the seam
    with pytest.raises(SymnbError, match="size: expected"): UniformLaw(-1.)


def test_unblurred_cyclic_law_is_a_law_of_probabilities():
    law = CyclicLaw(4, period=360.)
    assert law.log_prob([[90.], [45.]]).tolist() == [math.log(.25), -math.inf]
    assert set(law.sample(50).flatten().tolist()) == {0., 90., -180., -90.}


def test_one_law_a_point(tmp_path):
    each = UniformLaw(torch.tensor([1., 10., 100.]), period=360.)
    w = torch.stack([each.sample(3, seed) for seed in range(200)])[..., 0]
    assert torch.allclose(w.abs().amax(0), torch.tensor([1., 10., 100.]).double(), rtol=.1)
    assert each.log_prob([[5.], [5.], [5.]]).exp().tolist() == pytest.approx([0, 1 / 20, 1 / 200])
    with pytest.raises(SymnbError, match="expected 3"): each.sample(4)
    levels = nn.Linear(2, 1, bias=False).requires_grad_(False)
    levels.weight.copy_(torch.tensor([[30., 0.]]))
    law, x = PerInput(levels, period=360.), torch.tensor([[1., 5.], [3., -5.]])
    assert law.level(x).tolist() == [30, 90] and law.sample(x).shape == (2, 1)
    assert law.log_prob([[50.], [50.]], x).exp().tolist() == pytest.approx([0, 1 / 180])
    law.save(tmp_path / "law")
    assert torch.equal(load_action(tmp_path / "law").sample(x), law.sample(x))
    with pytest.raises(SymnbError, match="family: expected"): PerInput(levels, "square")


def test_several_coordinates(tmp_path):
    law = JointLaw(full_law(), JointLaw(GaussianLaw(2.), UniformLaw(1.)))
    w = law.sample(5000)
    assert w.shape == (5000, 3) and abs(float(w.T.corrcoef()[0, 1])) < .05 and float(w[:, 2].abs().max()) <= 1
    assert float(law.log_prob([[0., 0., 0.]])) == pytest.approx(-math.log(360) - math.log(2 * math.sqrt(2 * math.pi)) - math.log(2))
    law.save(tmp_path / "law")
    assert torch.equal(load_action(tmp_path / "law").sample(5), law.sample(5))


# ---- poses

@pytest.mark.parametrize("weights, plane, m", [([1, 2], None, 1), ([2, 3], None, 2), ([1, 3], 1, 3), ([0, 4], None, 4)])
def test_phases(weights, plane, m, tmp_path):
    Q = torch.linalg.qr(torch.randn(5, 5, dtype=F64, generator=torch.Generator().manual_seed(0)))[0]
    group = BlockRotation(weights, basis=Q, centre=torch.ones(5))
    pose = PlanePose(group, plane)
    j = 2 * pose.plane
    prototype, t = 1 + Q[:, j] * 2 + (Q[:, 4] if m > 1 else 0), 360 * torch.rand(50, 1, dtype=F64)
    x = group(prototype.expand(50, 5), t)
    assert len(pose.stabiliser) == m and float(pose.error(pose(x), t).max()) < 1e-4
    assert torch.allclose(pose.standardise(x), prototype.expand(50, 5), atol=1e-5)
    assert float(pose.error(pose(x) + 360 / m / 2, t).min()) > 360 / m / 2 - 1e-3  # half way is furthest
    assert torch.allclose(group(prototype.expand(m, 5), pose.coset([[0.]])[0]), prototype.expand(m, 5), atol=1e-5)
    pose.save(tmp_path / "pose")
    assert torch.equal(load_action(tmp_path / "pose")(x), pose(x))


def test_certainty_of_phases():
    group = BlockRotation([1], 3)
    assert PlanePose(group).certainty(torch.tensor([[1., 0, 0], [1e-6, 0, 1.]])).tolist() == pytest.approx([1, 1e-6], abs=1e-6)
    with pytest.raises(SymnbError, match="expected a plane that turns"): PlanePose(BlockRotation([0]))
    with pytest.raises(SymnbError, match="found weight 0"): PlanePose(BlockRotation([0, 1]), 0)
    with pytest.raises(SymnbError, match="stabiliser: expected"): Pose(group, [0.])


def bar(*shape):
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, 24, dtype=F64)] * 2, indexing="ij")
    return sum(torch.exp(-(x - a) ** 2 / s - (y - b) ** 2 / r) for a, b, s, r in shape)[None]


def test_templates_of_images():
    "An ellipse is the same after half a turn, a lopsided shape after none; its pose is found to a fraction of a degree."
    group, grid = ImageRotation(), torch.arange(0., 360., 10.)[:, None]
    even, odd = bar((0, 0, .3, .05)), bar((0, 0, .3, .05), (.5, .2, .02, .02))
    assert stabiliser_of(group, even, grid).flatten().tolist() == [0, 180] and stabiliser_of(group, odd, grid).tolist() == [[0]]
    for prototype in (even, odd):
        pose = TemplatePose(group, prototype, grid, stabiliser_of(group, prototype, grid))
        t = torch.tensor([[3.], [101.], [254.], [345.]], dtype=F64)
        x = rotate(prototype.expand(4, 1, 24, 24), t[:, 0])
        assert float(pose.error(pose(x), t).max()) < .5 and float(pose.certainty(x).min()) > .9
        plain = TemplatePose(group, prototype, grid, steps=0)
        assert float(pose.error(plain(x), t).max()) > .5  # the grid alone
        noise = torch.rand(4, 1, 24, 24, dtype=F64)
        assert float(pose.certainty(noise).max()) < .3


def test_templates_of_other_groups(tmp_path):
    group = rotations(3)
    prototype = torch.tensor([2., .5, 0.], dtype=F64)
    w = group.sample(6, 1, .5)
    pose = TemplatePose(group, prototype, group.sample(400, 2), steps=20, h=1e-3)
    x = group(prototype.expand(6, 3), w)
    close = group(prototype.expand(6, 3), pose(x))
    assert float((close - x).norm(dim=1).max()) < 1e-4  # up to the turns about x, which it cannot tell
    finite = TemplatePose(Cyclic(BlockRotation([1]), 4), [1., .2], [[0.], [1.], [2.], [3.]])
    assert finite(finite.group(finite.prototype.expand(4, 2), [0., 3., 2., 1.])).flatten().tolist() == [0, 3, 2, 1]
    finite.save(tmp_path / "pose")
    assert torch.equal(load_action(tmp_path / "pose").prototype, finite.prototype)


# ---- results

GOOD, BAD = dict(gap=(1.5, 1.2, 1., True), rho=(.05, .1)), dict(gap=(1.1, 1.2, 1., True), rho=(math.nan, .1))


def test_a_verdict_follows_its_certificates():
    group = BlockRotation([1])
    good, bad = Found(candidate=group, certificates=GOOD, what="SO(2)"), Found(candidate=group, certificates=BAD)
    assert good.answer == "found" and good.found and good.group is good.action is group and not good.lacking()
    assert bad.answer == "none" and bad.group is None and bad.candidate is group and bad.lacking() == ["gap", "rho"]
    assert Found(candidate=group, answer="undecided").group is None
    assert str(good) == "found: SO(2); gap 1.5 (at least 1.2, null 1); rho 0.05 (at most 0.1)"
    assert str(bad).startswith("not found: gap 1.1") and str(bad).endswith("lacking: gap, rho")
    assert str(Found(answer="undecided", p=.04, bound=.2)) == "undecided: p 0.04; defect at most 0.2"
    assert Certificate(3.).met and not Certificate(math.nan, 1., least=True).met
    with pytest.raises(SymnbError, match="answer: expected"): Found(answer="yes")
    page = Found(certificates={"a<b": (1., 2.)}, told="pairs")._repr_html_()
    assert "a&lt;b" in page and "told pairs" in page and page.count("<tr>") == 2


def test_results_on_disk(tmp_path):
    inner = BlockRotation([1, 2])
    found = Found(candidate=inner, pose=PlanePose(inner), law=UniformLaw(30., period=360.), certificates=GOOD, p=.01, bound=.1,
                  told="labels", seconds=2., method="algebra", what="SO(2)")
    found.save(tmp_path / "found")
    said = python(f"from symnb.symmetry.found import load_found\nf = load_found('{tmp_path}/found')\n"
                  f"print(f); print(f.law.level().item(), f.pose.weight, f.told)")
    assert said.splitlines() == [str(found), "30.0 1 labels"]
    again = load_found(tmp_path / "found")
    x = torch.randn(3, 4)
    assert torch.equal(again.group(x, 30.), inner(x, 30.)) and again.certificates == found.certificates
    said = read_json(f"{tmp_path}/found.json")
    for change in (dict(answer="yes"), dict(parts=3), dict(found=2), dict(sha256="0" * 64), dict(certificates=[1])):
        write_json(f"{tmp_path}/found.json", dict(said, **change))
        with pytest.raises(SymnbError): load_found(tmp_path / "found")
    Found(answer="none").save(tmp_path / "none")
    assert load_found(tmp_path / "none").candidate is None


def test_modules_of_a_result(tmp_path):
    from symnb.symmetry.kinds import Conjugated
    found = Found(candidate=Conjugated(MatrixAction(torch.eye(2)), torch.arcsinh, torch.sinh))
    found.save(tmp_path / "a")
    with pytest.raises(SymnbError, match="encode: expected the untrained"): load_found(tmp_path / "a")
    again = load_found(tmp_path / "a", candidate_encode=torch.arcsinh, candidate_decode=torch.sinh)
    assert torch.equal(again.candidate(torch.ones(1, 2), 1.), found.candidate(torch.ones(1, 2), 1.))
    with pytest.raises(SymnbError, match="none called field"):
        load_found(tmp_path / "a", candidate_encode=torch.arcsinh, candidate_decode=torch.sinh, field=torch.sin)
