"""Conventions of arrays, and how records show themselves."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from compgraph.arrays import fix_signs, require_finite
from compgraph.errors import NotFinite
from compgraph.records import read_only
from compgraph.statistics import Moments


def test_a_record_shows_shapes_and_not_thousands_of_numbers() -> None:
    assert repr(Moments.empty(784, 2)) == (
        "Moments(n=0, mean_x=array(784,), mean_y=array(2,), xx=array(784, 784), xy=array(784, 2), yy=array(2, 2))"
    )


def test_the_callers_array_is_never_frozen() -> None:
    mine = np.zeros(3)
    kept = read_only(mine)
    mine[0] = 1
    assert kept[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 2


def test_rounding_does_not_decide_a_sign() -> None:
    assert_array_equal(np.sign(fix_signs(np.array([[-1.0, 1 + 1e-14], [1 + 1e-14, -1.0]]))), [[1, -1], [1, -1]])


def test_the_first_bad_entry_is_named() -> None:
    with pytest.raises(NotFinite, match=r"scores holds 2 NaN or infinite entries of 6, the first at index \(0, 2\)"):
        require_finite(np.array([[0, 1, np.nan], [np.inf, 0, 0]]), "scores")
