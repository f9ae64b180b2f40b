import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from compgraph.errors import ShapeError
from compgraph.statistics import Moments

FIELDS = ("mean_x", "mean_y", "xx", "xy", "yy")


def assert_same_moments(one: Moments, other: Moments, scale: float = 1.0) -> None:
    assert one.n == other.n
    for field in FIELDS:
        assert_allclose(getattr(one, field), getattr(other, field), rtol=1e-9, atol=1e-9 * scale, err_msg=field)


def rows(width: int, n: int = 7) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.float64, (n, width), elements=st.floats(-100, 100, width=32))


@settings(deadline=None, max_examples=50)
@given(rows(3), rows(2), st.integers(0, 7))
def test_moments_of_parts_add_up_to_moments_of_the_whole(x: np.ndarray, y: np.ndarray, cut: int) -> None:
    merged = Moments.of(x[:cut], y[:cut]) + Moments.of(x[cut:], y[cut:])
    assert_same_moments(merged, Moments.of(x, y), scale=1e4)


@settings(deadline=None, max_examples=50)
@given(rows(3), rows(2), rows(3), rows(2))
def test_merging_does_not_depend_on_the_order(x: np.ndarray, y: np.ndarray, u: np.ndarray, v: np.ndarray) -> None:
    one, other = Moments.of(x, y), Moments.of(u, v)
    assert_same_moments(one + other, other + one, scale=1e4)


@settings(deadline=None, max_examples=50)
@given(rows(3), rows(2), arrays(np.float64, (4, 3), elements=st.floats(-2, 2)))
def test_projecting_commutes_with_observing(x: np.ndarray, y: np.ndarray, a: np.ndarray) -> None:
    b = np.array([[1.0, -2.0]])
    assert_same_moments(Moments.of(x, y).project(a, b), Moments.of(x @ a.T, y @ b.T), scale=1e5)


def test_empty_is_the_unit_and_swap_its_own_inverse() -> None:
    rng = np.random.default_rng(0)
    moments = Moments.of(rng.normal(size=(9, 3)), rng.normal(size=(9, 2)))
    for merged in (moments + Moments.empty(3, 2), Moments.empty(3, 2) + moments, moments.swap().swap()):
        for field in FIELDS:
            assert_array_equal(getattr(merged, field), getattr(moments, field))
    assert Moments.of(np.zeros((0, 3)), np.zeros((0, 2))).n == 0
    assert_array_equal(moments.swap().xy, moments.xy.T)


def test_doubled_moments_are_those_of_x_with_itself() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(9, 3))
    assert_same_moments(Moments.of(x, x[:, :2]).doubled(), Moments.of(x, x))


def test_covariance_equals_numpy() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
    expected = np.cov(np.hstack([x, y]).T, bias=True)
    moments = Moments.of(x, y)
    assert_allclose(moments.xx / 50, expected[:3, :3], rtol=1e-13)
    assert_allclose(moments.xy / 50, expected[:3, 3:], rtol=1e-12)
    assert_allclose(moments.yy / 50, expected[3:, 3:], rtol=1e-13)


def test_a_mean_far_from_zero_costs_no_digits_and_an_uncentred_twin_fails() -> None:
    rng = np.random.default_rng(2)
    x = 1e8 + rng.normal(size=(1000, 2))
    exact = np.cov((x - 1e8).T, bias=True)
    merged = Moments.of(x[:300], x[:300]) + Moments.of(x[300:], x[300:])
    assert_allclose(merged.xx / 1000, exact, rtol=1e-6, atol=1e-7)
    uncentred = x.T @ x / 1000 - np.outer(x.mean(axis=0), x.mean(axis=0))
    with pytest.raises(AssertionError):
        assert_allclose(uncentred, exact, rtol=1e-6, atol=1e-7)


def test_arrays_are_read_only_and_the_callers_stay_writeable() -> None:
    x = np.ones((2, 2))
    moments = Moments.of(x, x)
    with pytest.raises(ValueError, match="read-only"):
        moments.xx[0, 0] = 1.0
    x[0, 0] = 5.0
    total = np.zeros(2)
    made = Moments(2, total, total, np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((2, 2)))
    total[0] = 3.0
    assert made.mean_x[0] == 0.0


def test_rows_must_match() -> None:
    with pytest.raises(ShapeError, match="x has 3 rows and y has 2"):
        Moments.of(np.zeros((3, 1)), np.zeros((2, 1)))


def test_features_must_match() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 1\) and \(3, 1\)"):
        Moments.empty(2, 1) + Moments.empty(3, 1)
