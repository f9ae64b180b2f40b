"""Dissimilarity against angles known by construction, expectations known by algebra, and twins that get it wrong."""

import numpy as np
import pytest
from scipy.special import gamma

from compgraph.errors import BadRequest, EmptyData, NotFinite, ShapeError
from note.measures.gradients.dissimilarity import dissimilarity


@pytest.mark.parametrize("degrees", [0, 30, 60, 90, 120, 180])
def test_two_gradients_are_as_unlike_as_the_angle_between_their_lines(degrees):
    angle = np.radians(degrees)
    found = dissimilarity(np.array([[2.0, 0.0]]), np.array([[np.cos(angle), np.sin(angle)]]))
    assert found.value == pytest.approx(1 - abs(np.cos(angle)))
    assert (found.distinct, found.zero) == ((1, 1), (0, 0))


@pytest.mark.parametrize("p", [2, 4, 9])
def test_gradients_that_point_anywhere_give_what_algebra_does(p):
    first, second = np.random.default_rng(p).normal(size=(2, 400, p))
    expected = 1 - gamma(p / 2) / (np.sqrt(np.pi) * gamma((p + 1) / 2))
    assert dissimilarity(first, second).value == pytest.approx(expected, abs=0.03)


def counts_each_once(measure) -> None:
    """However often a gradient occurs and however long it is, it counts once."""
    first = np.array([[1.0, 0.0]] * 9 + [[0.0, 7.0]])
    second = np.array([[1.0, 0.0], [0.0, 0.0]])
    assert measure(first, second).value == pytest.approx(0.5)
    assert measure(second, first).value == pytest.approx(0.5)


def test_each_distinct_gradient_counts_once():
    counts_each_once(dissimilarity)


def over_rows(first, second):
    """Average over rows in place of distinct gradients."""
    cosines = [abs(g @ h) / np.linalg.norm(g) / np.linalg.norm(h) for g in first for h in second if h.any() and g.any()]
    return type(dissimilarity(first, second))(1 - float(np.mean(cosines)), (0, 0), (0, 0))


def zero_as_orthogonal(first, second):
    """Count a gradient of zero as orthogonal to all."""
    rows = [[np.unique(each, axis=0)] for each in (first, second)]
    units = [each[0] / np.maximum(np.linalg.norm(each[0], axis=1, keepdims=True), 1e-300) for each in rows]
    return type(dissimilarity(first, second))(1 - float(np.abs(units[0] @ units[1].T).mean()), (0, 0), (0, 0))


@pytest.mark.parametrize("twin", [over_rows, zero_as_orthogonal])
def test_wrong_averages_are_noticed(twin):
    with pytest.raises(AssertionError):
        counts_each_once(twin)


def test_gradients_of_zero_are_left_out_and_counted():
    rows = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    found = dissimilarity(rows, np.array([[1.0, 0.0]]))
    assert found.value == pytest.approx(1 - np.sqrt(0.5))
    assert (found.distinct, found.zero) == ((1, 1), (2, 0))
    dead = dissimilarity(np.zeros((3, 2)), rows)
    assert np.isnan(dead.value)
    assert (dead.distinct, dead.zero) == ((0, 1), (3, 2))


def test_the_tolerance_decides_what_is_one():
    first, second = np.array([[1.0, 0.0], [1.0, 1e-6]]), np.array([[0.0, 1.0]])
    assert dissimilarity(first, second).distinct == (2, 1)
    assert dissimilarity(first, second, tolerance=1e-4).distinct == (1, 1)


def test_bases_and_signs_do_not_matter():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    expected = dissimilarity(first, second).value
    assert dissimilarity(-first @ turn, second[::-1] @ turn).value == pytest.approx(expected)


def test_bad_requests_are_refused():
    rows = np.eye(2)
    with pytest.raises(ShapeError, match=r"gradients of 2 and of 3 coordinates"):
        dissimilarity(rows, np.eye(3))
    with pytest.raises(EmptyData, match=r"0 gradients of the second output"):
        dissimilarity(rows, rows[:0])
    with pytest.raises(BadRequest, match=r"tolerance=-1"):
        dissimilarity(rows, rows, tolerance=-1.0)
    with pytest.raises(NotFinite, match=r"1 NaN"):
        dissimilarity(rows, np.array([[np.nan, 1.0]]))
