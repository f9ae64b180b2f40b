import numpy as np
import pytest
from scipy.stats import ortho_group

from compgraph.check.drives import drives
from compgraph.errors import EmptyData, NotFinite


def along_known_axes(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return gradients of three scores, the axes they lie along, and the exact share of each axis."""
    rng = np.random.default_rng(seed)
    axes = ortho_group.rvs(6, random_state=seed)
    sizes = np.array([[5.0, 0.5, 0, 0, 0, 0], [1.0, 3.0, 0, 0, 0, 0], [0, 0, 0.4, 0.2, 0.1, 0]])
    # Columns of a random orthogonal matrix: coordinates whose products average to exactly 0.
    coordinates = np.sqrt(n) * np.linalg.qr(rng.normal(size=(n, 6)))[0]
    gradients = np.einsum("nj,kj,jp->nkp", coordinates, sizes, axes)
    return gradients, axes, sizes**2 / (sizes**2).sum(axis=1, keepdims=True)


def divides(measure) -> None:
    """Shares are those of the axes the gradients were built from."""
    for seed in range(5):
        gradients, axes, share = along_known_axes(seed)
        found = measure(gradients)
        np.testing.assert_allclose(np.abs(found.axes[:5] @ axes[:5].T), np.eye(5), atol=1e-6)
        np.testing.assert_allclose(found.share, share, atol=1e-9)
        np.testing.assert_allclose(found.own, -np.sort(-share, axis=1), atol=1e-9)
        assert found.energy == pytest.approx([25.25, 10, 0.21])
        assert found.components_for(0.95).tolist() == [1, 2, 2]
        assert found.components_for(0.9).tolist() == [1, 1, 2]
        assert found.components_for(1.0).tolist() == [2, 2, 3]


def test_shares_of_known_axes() -> None:
    divides(drives)
    with pytest.raises(AssertionError):  # scores of equal weight, whatever they vary
        divides(lambda g: drives(g / np.sqrt(np.square(g).sum(axis=(0, 2)))[:, None]))


def keeps_what_is_constant(measure) -> None:
    constant = np.tile(np.array([[0.0, 2.0, 0.0]]), (50, 1, 1))
    found = measure(constant + 0.1 * np.random.default_rng(0).choice([-1, 1], size=(50, 1, 3)))
    assert found.share[0, 0] > 0.99
    assert abs(found.axes[0, 1]) > 0.99
    assert found.mean_share[0] == pytest.approx(4 / 4.03, abs=0.02)


def test_a_constant_gradient_drives() -> None:
    keeps_what_is_constant(drives)
    with pytest.raises(AssertionError):
        keeps_what_is_constant(lambda g: drives(g - g.mean(axis=0)))


def test_shares_turn_with_the_space() -> None:
    gradients, _, _ = along_known_axes(1)
    turn = ortho_group.rvs(6, random_state=9)
    one, other = drives(gradients), drives(gradients @ turn)
    np.testing.assert_allclose(one.share, other.share, atol=1e-9)
    np.testing.assert_allclose(np.abs(one.axes[:5] @ turn @ other.axes[:5].T), np.eye(5), atol=1e-6)


def test_what_nothing_moves() -> None:
    gradients, _, _ = along_known_axes(2)
    gradients[:, 1] = 0
    found = drives(gradients)
    assert (found.share[1].sum(), found.mean_share[1], found.energy[1]) == (0, 0, 0)
    assert np.isnan(found.components_for(0.9)).tolist() == [False, True, False]
    with pytest.raises(EmptyData, match=r"50 gradients came and all are 0"):
        drives(np.zeros((50, 2, 3)))
    with pytest.raises(NotFinite, match=r"the gradients holds 1 NaN"):
        drives(np.array([[[np.nan, 1.0]]]))
