"""The networks of levels: what turns and what does not, estimators on true angles, and one line for bad input."""
import pytest
import torch

from symnb.find.ie_ae import InvariantAutoencoder, NetworkPose, PolarEncoder, centring, fit_ie_ae
from symnb.find.ssl_sym import arc_by_mean, deviation_by_squares, find_ssl_sym, pseudo_levels, steps_by_comb
from symnb.ground.lab import SymnbError
from symnb.symmetry.laws import CyclicLaw, GaussianLaw, UniformLaw
from symnb.symmetry.warps import rotate

X = torch.rand(60, 1, 12, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [12, 28])
def test_a_quarter_turn_moves_the_angle_and_not_the_code(size):
    encoder, x = PolarEncoder(size).eval(), torch.rand(5, 1, size, size)
    (code, v), (again, w) = encoder(x), encoder(rotate(x, 90.))
    assert torch.allclose(code, again, atol=1e-4) and torch.allclose(1j * v, w, atol=1e-3)


def test_estimators_on_true_angles():
    draw = lambda law: law.sample(500 * 45, 0).view(500, 45)
    assert abs(float(arc_by_mean(draw(UniformLaw(60.))).mean()) - 60) < 3
    assert abs(float(deviation_by_squares(draw(GaussianLaw(40.))).mean()) - 36) < 4  # what is cut off narrows it
    for n in (1, 2, 3, 4, 6): assert (steps_by_comb(draw(CyclicLaw(n, 0., 360.))) == n).all()


def test_recentred_neighbourhoods_forget_where_their_prototype_stands():
    code = torch.eye(2).repeat_interleave(50, 0) + .01 * torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    angle = UniformLaw(30.).sample(100, 0)[:, 0] + torch.tensor([0., 180.]).repeat_interleave(50)
    askew, straight = (pseudo_levels(code, angle, "uniform", 40, recentre) for recentre in (False, True))
    assert askew[50:].mean() > 300 and (straight - 30).abs().mean() < 8


def test_the_pull_has_a_second_valley_for_narrow_arcs_only():
    pull = lambda c, level: float(centring(c + torch.linspace(-level, level, 201)).mean())
    assert pull(180, 20) < pull(160, 20) and pull(180, 90) > pull(160, 90)


def test_the_method_ends_in_poses_and_a_law():
    found = find_ssl_sym(X, steps=(3, 2), k=10)
    assert found.pose(X[:5]).shape == (5, 1) and (found.law.level(X[:5]) >= 0).all() and not found.found
    assert found.certificates["error of unseen pictures"].threshold < 1


def test_bad_input_is_one_line():
    with pytest.raises(SymnbError, match="family: expected"): find_ssl_sym(X, "round")
    with pytest.raises(SymnbError, match="expected more than 45"): find_ssl_sym(X[:9])
    with pytest.raises(SymnbError, match="expected 28 x 28 pixels"): fit_ie_ae(InvariantAutoencoder(PolarEncoder()), X, 1)
    assert isinstance(NetworkPose(InvariantAutoencoder(PolarEncoder(12), 12)).certainty(X[:3]), torch.Tensor)
