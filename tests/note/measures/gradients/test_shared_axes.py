import math

import numpy as np
import pytest
from scipy.stats import ortho_group

from compgraph.errors import BadRequest, EmptyData, NotFinite
from note.measures.gradients.shared_axes import shared_axes, shared_axes_by_chance


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
    divides(shared_axes)
    with pytest.raises(AssertionError):  # scores of equal weight, whatever they vary
        divides(lambda g: shared_axes(g / np.sqrt(np.square(g).sum(axis=(0, 2)))[:, None]))


def keeps_what_is_constant(measure) -> None:
    constant = np.tile(np.array([[0.0, 2.0, 0.0]]), (50, 1, 1))
    found = measure(constant + 0.1 * np.random.default_rng(0).choice([-1, 1], size=(50, 1, 3)))
    assert found.share[0, 0] > 0.99
    assert abs(found.axes[0, 1]) > 0.99
    assert found.mean_share[0] == pytest.approx(4 / 4.03, abs=0.02)


def test_a_constant_gradient_drives() -> None:
    keeps_what_is_constant(shared_axes)
    with pytest.raises(AssertionError):
        keeps_what_is_constant(lambda g: shared_axes(g - g.mean(axis=0)))


def test_shares_turn_with_the_space() -> None:
    gradients, _, _ = along_known_axes(1)
    turn = ortho_group.rvs(6, random_state=9)
    one, other = shared_axes(gradients), shared_axes(gradients @ turn)
    np.testing.assert_allclose(one.share, other.share, atol=1e-9)
    np.testing.assert_allclose(np.abs(one.axes[:5] @ turn @ other.axes[:5].T), np.eye(5), atol=1e-6)


def test_what_nothing_moves() -> None:
    gradients, _, _ = along_known_axes(2)
    gradients[:, 1] = 0
    found = shared_axes(gradients)
    assert (found.share[1].sum(), found.mean_share[1], found.energy[1]) == (0, 0, 0)
    assert np.isnan(found.components_for(0.9)).tolist() == [False, True, False]
    with pytest.raises(EmptyData, match=r"50 gradients came and all are 0"):
        shared_axes(np.zeros((50, 2, 3)))
    with pytest.raises(NotFinite, match=r"the gradients holds 1 NaN"):
        shared_axes(np.array([[[np.nan, 1.0]]]))


def turns_scores_apart(by_chance) -> None:
    """Two constant gradients of one length, turned apart, lie at a random angle a; an axis holds (1 + |cos a|) / 2."""
    found = [by_chance(np.ones((3, 2, 4)), seed=seed) for seed in range(500)]
    cosine = 1 / (math.sqrt(math.pi) * math.gamma(5 / 2) / math.gamma(2))  # the mean of |cos a| in 4 dimensions
    assert np.mean([each.share[:, 0] for each in found]) == pytest.approx((1 + cosine) / 2, abs=0.02)


def test_chance_turns_the_gradients_of_every_score_by_themselves() -> None:
    turns_scores_apart(shared_axes_by_chance)
    with pytest.raises(AssertionError):  # all scores turned together
        turns_scores_apart(lambda g, seed: shared_axes(g @ ortho_group.rvs(4, random_state=seed)))


def test_chance_leaves_what_belongs_to_one_score() -> None:
    gradients, _, _ = along_known_axes(3)
    one, other = shared_axes(gradients), shared_axes_by_chance(gradients, seed=0)
    for name in ("own", "mean_share", "energy"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), atol=1e-9)
    assert np.abs(other.share - one.share).max() > 0.05
    np.testing.assert_array_equal(other.share, shared_axes_by_chance(gradients, seed=0).share)
    single = shared_axes_by_chance(gradients[:, :1], seed=0)
    np.testing.assert_allclose(single.share, shared_axes(gradients[:, :1]).share, atol=1e-9)


@pytest.mark.parametrize("shape", [(0, 2, 4), (3, 0, 4), (3, 2, 0)])
def test_chance_of_nothing_is_refused(shape) -> None:
    with pytest.raises(EmptyData, match=r"gradients of shape .* at least one row, score and feature"):
        shared_axes_by_chance(np.ones(shape), seed=0)


def test_a_seed_below_nothing_is_refused() -> None:
    with pytest.raises(BadRequest, match="seed"):
        shared_axes_by_chance(np.ones((3, 2, 4)), seed=-1)
