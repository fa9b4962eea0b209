"""The finder as scikit-learn and pandas want it."""
import pickle

import numpy as np
import pandas as pd
import torch
from sklearn.utils.estimator_checks import check_estimator

import symnb
from symnb.data.laws import CodeWorld
from symnb.use.estimators import SymmetryFinder


def test_scikit_learn_has_no_complaints():
    assert symnb.SymmetryFinder is SymmetryFinder
    done = check_estimator(SymmetryFinder(), on_fail=None, on_skip=None)
    assert [c["check_name"] for c in done if c["status"] == "failed"] == [] and len(done) > 30


def test_a_circle_is_found_and_standardised():
    world = CodeWorld("SO(2)alone 1 2", 3)
    x = pd.DataFrame(world.draw(6000), columns=["a", "b", "c", "d"])
    finder = pickle.loads(pickle.dumps(SymmetryFinder().set_output(transform="pandas").fit(x)))
    assert finder.found_.found and finder.group_ is not None
    moved = pd.DataFrame(finder.group_(torch.tensor(x.to_numpy()), torch.full((len(x),), 50.).double()).numpy(), columns=x.columns)
    one, two = finder.transform(x), finder.transform(moved)
    assert list(one) == list(x) == list(finder.get_feature_names_out()) and np.allclose(one, two, atol=1e-4)
    assert np.abs(one.to_numpy() - x.to_numpy()).max() > .1


def test_a_finite_group_moves_by_its_own_steps():
    x = CodeWorld("C 4", 1).draw(4000)
    finder = SymmetryFinder().fit(x)
    assert finder.found_.found
    there, turned = finder.transform(x), finder.found_.circle(torch.tensor(x), torch.full((len(x),), 90.).double()).numpy()
    near = np.abs(finder.transform(turned) - there).max(1) < 1e-6
    assert near.mean() > .99  # all but those whose angle lies on an edge
    steps = np.abs(there - x).max(1)
    assert (steps < 1e-9).mean() > .1  # a quarter of them stay


def test_nothing_found_changes_nothing():
    x = CodeWorld("arc 90", 1).draw(2000)
    finder = SymmetryFinder().fit(x)
    assert not finder.found_.found and finder.group_ is None and np.array_equal(finder.transform(x), x)
