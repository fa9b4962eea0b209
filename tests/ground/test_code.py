"""Versions follow the code and not what ran before."""
import pytest
import torch

from symnb.data.digits import load_digits
from symnb.ground.code import version
from symnb.ground.sides import apart, fitting, judging
from symnb.ground.study import Study
from symnb.show.run import TASKS
from symnb.symmetry.actions import Action


def loaded(task):
    module, name = TASKS[task].split(":")
    return getattr(__import__(module, fromlist=[name]), name)


def test_work_leaves_the_version_of_every_study_as_it_was():
    "Ledgers, registries and caches fill up while things run; a key that saw them would find nothing kept."
    studies = [study for study in map(loaded, TASKS) if isinstance(study, Study)]
    assert len(studies) >= 8
    before = [version(study.cell) for study in studies]
    load_digits()
    with apart():
        fitting(torch.rand(5, 2)), judging(torch.rand(5, 3))
        type("KindOfATest", (Action,), {})
        assert [version(study.cell) for study in studies] == before


def test_a_network_has_one_key_inside_and_outside_of_a_cell(monkeypatch):
    from symnb.ground import keeping
    from symnb.models import classifiers
    def place(name, build, fit, settings, data="", seed=0):
        raise LookupError(keeping.version(build, fit))
    monkeypatch.setattr(classifiers, "trained", place)
    with pytest.raises(LookupError) as outside: classifiers.cnn(load_digits())
    with apart():
        fitting(torch.rand(5, 2))
        with pytest.raises(LookupError) as again: classifiers.cnn(load_digits())
    assert str(outside.value) == str(again.value)
