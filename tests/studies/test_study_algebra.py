"""The study of the algebra: what its cells are, what they are compared with, and that nothing stored is lost."""
import math

import pytest
import torch

from symnb.data.digits import load_digits
from symnb.find.algebra import discover_rotation
from symnb.find.moments import synthetic_law
from symnb.find.whitening import linear, skew_matrices, whiten
from symnb.ground.board import Measured, Scoreboard
from symnb.ground.files import results_dir
from symnb.ground.lab import SymnbError
from symnb.measures.laws import two_sample_auc
from symnb.studies import algebra as st
from symnb.studies.rotations import (ANGLES, angles_of, nearest_skew, chance_of_skew, fitted_planes, mean_cosine, random_planes,
                                     reversed_action, scrambled, shifted_images)
from symnb.symmetry.kinds import Conjugated
from symnb.symmetry.matrices import BlockRotation


def generator(seed): return torch.Generator().manual_seed(seed)
def normal(*shape, seed=0): return torch.randn(*shape, dtype=torch.double, generator=generator(seed))


@pytest.fixture(scope="module")
def data(): return load_digits("mnist5k")


def test_every_stored_row_has_a_cell(data):
    methods = {m for m, _, _ in st.plan(st.SIZES["full"], data)}
    stored = {r.method for r in Scoreboard.load(results_dir() / "algebra.json")}
    assert stored == methods


def test_cells_are_named_once_and_targets_name_cells(data):
    for size in st.SIZES.values():
        cells = list(st.plan(size, data))
        assert len(set(cells)) == len(cells) and {m for m, _ in st.TARGETS} <= {m for m, _, _ in cells}


def test_methods_and_views_are_told_apart(data, monkeypatch):
    seen = {}
    monkeypatch.setattr(st, "discovery_cell", lambda how, view, *a: seen.setdefault((how, view), len(seen)) and {} or {})
    for name in ("restart_cell", "field_cell", "payoff_cell", "rival_cell"): monkeypatch.setattr(st, name, lambda *a: {})
    size = st.SIZES["full"]
    for m, w, s in st.plan(size, data): st.cell(m, w, s, size, data)
    assert {h for h, _ in seen} == {*st.HOW, "cumulants, labels permuted"}
    assert {v for _, v in seen} == set(st.views(size))


def test_errors_beside_the_best_supervised_and_times_beside_lie_pca():
    error = lambda v: {"image error along the circle": Measured(v, baseline=1.)}
    found = st.derived({"cumulants, label-free": error(.3) | {"time": Measured(2.)}, "LiePCA": {"time": Measured(1.)},
                        "supervised planes": error(.2), "supervised Procrustes": error(.25), "fine-tuned": error(.1)}, None, 0)
    row = found["cumulants, label-free"]
    assert math.isclose(row["image error over the best supervised"].value, 1.5) and row["time"].baseline == 1
    assert row["image error over the best supervised"].baseline == 5 and "fine-tuned" not in found


def test_a_discovery_says_what_gap_and_stability_alone_would_have_said():
    whole, arc = (discover_rotation(synthetic_law([1, 2, 3], 20000, 8, seed=1, arc=a)[0]) for a in (360, 180))
    rows = [st.found_measures(D, [0, 1, 2, 3]) for D in (whole, arc)]
    assert rows[0]["found"].value == 1 and rows[1]["found"].value == 0 and rows[0]["weights as expected"] == 1
    assert {r["found"].baseline for r in rows} <= {0., 1.} and rows[0]["found"].baseline == 1


@pytest.mark.parametrize("name", ANGLES)
def test_angles_are_what_their_name_says(name):
    a = angles_of(name, 5000, generator(0))
    assert float(a.max() - a.min()) <= ANGLES[name] and (name == "upright") == bool((a == 0).all())
    if "+-" in name: assert float(a.max()) > .95 * ANGLES[name] / 2


def test_unknown_angles_are_one_line():
    with pytest.raises(SymnbError, match="any, .*found 'all'"): angles_of("all", 5, generator(0))


def test_ceiling_and_chance():
    q, A = normal(400, 16), skew_matrices(normal(120, seed=1), 16)
    tangent = q @ A.mT
    assert mean_cosine(q @ nearest_skew(q, tangent).mT, tangent)[0] > .999
    chance = chance_of_skew(q, tangent)
    assert .03 < chance < .12 and abs(chance - chance_of_skew(q, tangent, 50)) < .02


@pytest.mark.parametrize("d", [4, 5])
def test_the_reverse_turns_data_the_other_way(d):
    "By name, too: `parameter(degrees)` of an inverse would turn the data the same way as before."
    turn = Conjugated(BlockRotation([1, 2], d), *[linear(torch.eye(d), torch.zeros(d))] * 2)
    z, back = normal(5, d), reversed_action(turn)
    assert torch.allclose(back(turn(z, turn.parameter(30.)), back.parameter(30.)), z, atol=1e-5)


def test_planes_that_are_told_every_angle():
    q, by, turn = normal(500, 6), 360 * torch.rand(500, generator=generator(1)).double(), BlockRotation([0, 1, 2], 6)
    start = torch.matrix_exp(skew_matrices(.3 * normal(15, seed=2), 6))
    found = BlockRotation([0, 1, 2], 6, fitted_planes(q, turn(q, by), by, start, [0, 1, 2]))
    assert torch.allclose(found.A.double(), turn.A.double(), atol=1e-4)


def test_two_sample_test():
    z, c, _ = synthetic_law(st.EXPECTED, 12000, seed=11)
    D, q, ids = discover_rotation(z), whiten(z)[0], torch.arange(12000)
    assert abs(two_sample_auc(q, c, ids, D.circle.action, 300).value - .5) < .06
    assert two_sample_auc(q, c, ids, random_planes(D.circle, 1).action, 300).value > .65


def test_scrambling_keeps_the_number_of_codes_apart():
    z = normal(300, 6)
    assert scrambled(z, .5).shape == z.shape and torch.cdist(scrambled(z, 1.), scrambled(z, 1.)).fill_diagonal_(9).min() > 0


def test_shifts_are_cyclic():
    x = torch.rand(5, 1, 6, 6, generator=generator(0))
    assert torch.equal(shifted_images(x, (2, 3)).flatten(1).sort().values, x.flatten(1).sort().values)
