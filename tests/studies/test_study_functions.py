"""The study of functions, labels and equations: what is planned, measured and controlled."""
import numpy as np
import pytest

from symnb.ground.study import Study
from symnb.studies.functions import BESIDE, CODES, DEALT, FAMILIES, PDES, TURNS, cell, metric_cosine, plan, study

SMALL = dict(labels=4000, samples=(200, 1000), points=5000, jets=800, pairs=500, **{"code steps": 10})


def test_every_method_has_its_control_and_enough_seeds():
    full = list(plan(study.settings["full"]))
    for method in FAMILIES:
        assert len({s for m, _, s in full if m == method}) >= 3 and any(m == method + DEALT for m, _, _ in full)
        assert study.controls[method + DEALT] == (method,)
    assert {m for m, _, _ in full} == {*FAMILIES, *(m + DEALT for m in FAMILIES), *BESIDE}
    assert isinstance(study, Study) and {w for m, w, _ in full if m == "harmonics about an axis"} == set(TURNS)


def test_targets_name_rows_that_are_planned():
    planned = {(m, w) for m, w, _ in plan(study.settings["full"])}
    for method, _, *world in study.targets: assert any(m == method and (not world or w == world[0]) for m, w in planned)


@pytest.mark.parametrize("method, world", [(list(FAMILIES)[1], "affine"), (PDES, "heat, 1 %, grid"), (CODES, "two bumps")])
def test_cells_and_their_controls(method, world):
    ours, dealt = (cell(m, world, 1, SMALL) for m in (method, method + DEALT))
    assert all(np.isfinite(m.value) for m in (ours | dealt).values())
    assert any(k.startswith("found") for k in dealt) and all(m.value == 0 for k, m in dealt.items() if k.startswith("found"))
    assert set(ours) & set(dealt) and any(ours[k].value != dealt[k].value for k in set(ours) & set(dealt))


def test_the_chance_of_a_metric_is_that_of_symmetric_forms():
    rng = np.random.default_rng(5)
    S = rng.normal(size=(500, 4, 4))
    drawn = np.mean([metric_cosine(s + s.T).value for s in S])
    assert metric_cosine(np.eye(4)).chance == pytest.approx(drawn, rel=.1) and metric_cosine(np.diag([-2., 2, 2, 2])).value == pytest.approx(1)
