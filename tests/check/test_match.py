"""Matches of directions against algebra, and against twins that forget what they weigh by."""

import numpy as np
import pytest

from compgraph.check.match import best_match, near_diagonal
from compgraph.errors import BadRequest, NotFinite, ShapeError

VARIANCE = np.array([8.0, 1.0, 1.0])
TURNED = np.array([[1.0, 0, 0], [0, 0.6, 0.8], [0, -0.8, 0.6]])


def weighed(measure) -> None:
    """Only the directions of little variance are unlike the others."""
    assert measure(TURNED, VARIANCE) == pytest.approx(0.8 + 0.2 * 0.8)


def test_directions_count_by_their_variance():
    weighed(best_match)
    assert best_match(TURNED, VARIANCE * 7) == pytest.approx(best_match(TURNED, VARIANCE))
    with pytest.raises(AssertionError):
        weighed(lambda similarity, _: best_match(similarity, np.ones(3)))


def test_rank_counts_on_either_side_of_the_diagonal():
    assert near_diagonal(TURNED, VARIANCE) == 1
    assert near_diagonal(TURNED, VARIANCE, within=0) == pytest.approx(0.8 + 0.2 * 0.36)
    assert near_diagonal(TURNED[::-1], VARIANCE[::-1], within=1) == pytest.approx(0.1 + 0.1 * 0.64)
    assert near_diagonal(TURNED[::-1], VARIANCE[::-1], within=2) == 1


def test_a_rotation_of_directions_of_equal_variance_is_at_chance():
    rng = np.random.default_rng(0)
    turns = [np.linalg.qr(rng.normal(size=(16, 16)))[0] for _ in range(400)]
    found = [near_diagonal(turn, np.ones(16)) for turn in turns]
    assert np.mean(found) == pytest.approx(46 / 256, abs=0.01)  # 46 of 256 pairs of ranks differ by one at most


def test_no_weight_at_all_is_refused():
    with pytest.raises(BadRequest, match=r"not all 0"):
        best_match(TURNED, np.zeros(3))
    with pytest.raises(BadRequest, match=r"variances from -1 came"):
        best_match(TURNED, np.array([1.0, -1.0, 3.0]))
    with pytest.raises(ShapeError, match=r"2 variances came for similarities of shape \(3, 3\)"):
        near_diagonal(TURNED, np.ones(2))
    with pytest.raises(NotFinite, match=r"similarities"):
        best_match(np.full((1, 1), np.nan), np.ones(1))
    with pytest.raises(BadRequest, match=r"all similarities are 0"):
        near_diagonal(np.zeros((2, 2)), np.ones(2))
    with pytest.raises(BadRequest, match=r"within"):
        near_diagonal(TURNED, VARIANCE, within=-1)
