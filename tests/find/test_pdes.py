"""Point symmetries: jets, columns, counts of all six equations, controls and what is refused."""
import numpy as np
import pytest
import torch

from symnb.data.waves import EQUATIONS, Waves, solution_jets
from symnb.find.functions import all_affine
from symnb.find.pdes import (count_gap, determining_columns, discover_point_symmetries, fit_law, grid_jets, law_degree, null_of_law,
                             product_jet)
from symnb.ground.lab import SymnbError
from symnb.measures.spans import span_distance


@pytest.mark.parametrize("name", [k for k in EQUATIONS if k != "driven"])
def test_the_textbook_s_fields_solve_the_determining_equation(name):
    world = Waves(name)
    x, t, u = solution_jets(world, 600)
    degree = 3 if world.equation.parts == 2 else 2
    law = fit_law(x, t, u, degree)
    s, c = null_of_law(x, t, u, law)
    A, q = determining_columns(x, t, u, law), 2 + u.shape[1]
    truth = np.stack([G[:-1].ravel() for G in world.equation.generators], 1)
    assert np.abs(A @ truth).max() < 1e-3 * np.abs(A).max() and truth.shape[0] == q * (q + 1)
    assert count_gap(s) == truth.shape[1]


@pytest.mark.parametrize("name", ["heat", "Burgers", "KdV"])
def test_one_per_cent_of_noise(name):
    world = Waves(name, .01, seed=2)
    x, t, u = solution_jets(world, 2000)
    found = discover_point_symmetries(x, t, u)
    points = torch.from_numpy(np.c_[x, t, u[:, 0, 0, 0], np.ones(len(x))])
    d = span_distance(list(found.group.basis), list(world.truth.basis), points)
    assert found.found and found.group.dim == len(world.equation.generators) and d.value < .02 < .5 < d.chance and found.bound < .2


def test_a_gas_that_knows_where_it_is_keeps_time_only():
    x, t, u = solution_jets(Waves("driven"), 2000)
    found = discover_point_symmetries(x, t, u)
    assert found.candidate.dim <= 1
    A = found.candidate.basis[0]
    if found.found: assert abs(A[1, 3]) > .9 * A.norm()


def test_time_derivatives_that_were_dealt():
    x, t, u = solution_jets(Waves("heat"), 1000)
    u[:, :, 1:] = np.random.default_rng(0).permutation(u[:, :, 1:])
    assert discover_point_symmetries(x, t, u).answer == "none"


def test_jets_of_products():
    f = np.array([[[2., 3, 4], [5, 6, 0], [7, 0, 0]]]) # i in time, j in space
    g = np.array([[[1., 0, 0], [1, 0, 0], [0, 0, 0]]]) # 1 + t at t = 0
    out = product_jet(f, g)
    assert out[0, 0].tolist() == [2, 3, 4] and out[0, 1, :2].tolist() == [5 + 2, 6 + 3] and out[0, 2, 0] == 7 + 2 * 5


def test_jets_from_a_clean_grid_are_those_of_the_solver():
    t, x, u = Waves("Burgers").draw(6, steps=60)
    _, _, jets = grid_jets(t, x, u, 2, points=500)
    left = jets[:, 0, 1, 0] - (.2 * jets[:, 0, 0, 2] - jets[:, 0, 0, 0] * jets[:, 0, 0, 1])
    assert np.abs(left).max() < .03 * np.abs(jets[:, 0, 1, 0]).max()


def test_degrees_of_laws():
    assert law_degree(*solution_jets(Waves("heat"), 600)) == 1 and law_degree(*solution_jets(Waves("KdV"), 600)) == 2


def test_fields_come_as_affine_groups():
    assert all_affine(3).group(np.eye(12)[:, :2])(torch.zeros(4, 3).double(), torch.tensor([.1, .2])).shape == (4, 3)


@pytest.mark.parametrize("jets, message", [
    ((np.zeros(500), np.zeros(500), np.zeros((500, 2, 4))), "expected"), ((np.zeros(90), np.zeros(90), np.zeros((90, 1, 2, 4))), "at least 400 points, found 90"),
    ((np.zeros(500), np.zeros(500), np.full((500, 1, 2, 4), np.nan)), "finite")])
def test_bad_input(jets, message):
    with pytest.raises(SymnbError, match=message): discover_point_symmetries(*jets)
