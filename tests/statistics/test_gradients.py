import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.errors import EmptyData, ShapeError
from compgraph.statistics import GradientMoments

GRADIENTS = np.random.default_rng(0).normal(size=(20, 3, 4))


def test_moments_are_the_literal_sums() -> None:
    moments = GradientMoments.of(GRADIENTS)
    assert_allclose(moments.mean, GRADIENTS.mean(axis=0))
    assert_allclose(moments.energy, (GRADIENTS**2).mean(axis=0))
    expected = sum(np.outer(row[1], row[1]) for row in GRADIENTS)
    assert_allclose(moments.second[1], expected)


def test_parts_add_up_to_the_whole() -> None:
    merged = GradientMoments.of(GRADIENTS[:7]) + GradientMoments.of(GRADIENTS[7:])
    whole = GradientMoments.of(GRADIENTS)
    assert merged.n == whole.n
    assert_allclose(merged.total, whole.total, rtol=1e-12)
    assert_allclose(merged.second, whole.second, rtol=1e-12)


def test_projecting_commutes_with_observing() -> None:
    patterns = np.random.default_rng(1).normal(size=(2, 4))
    projected, direct = GradientMoments.of(GRADIENTS).project(patterns), GradientMoments.of(GRADIENTS @ patterns.T)
    assert_allclose(projected.total, direct.total)
    assert_allclose(projected.second, direct.second)


def test_no_rows_have_no_mean() -> None:
    with pytest.raises(EmptyData, match="0 rows have no mean"):
        GradientMoments.of(GRADIENTS[:0]).mean  # noqa: B018  the property raises


def test_different_targets_do_not_merge() -> None:
    with pytest.raises(ShapeError, match=r"\(3, 4\) and \(2, 4\)"):
        GradientMoments.of(GRADIENTS) + GradientMoments.of(GRADIENTS[:, :2])
