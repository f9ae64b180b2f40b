"""Moments at a scale near 1: squares of what is very large or very small leave double precision."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from compgraph.decompose.linear_algebra.factorisations import power_of_two
from compgraph.statistics import Moments


class Scaled(NamedTuple):
    """Moments of rows that were divided by powers of two, which is exact.

    Attributes
    ----------
    moments
        Of ``x / of_x`` and ``y / of_y``.
    of_x, of_y
        What was divided by.
    """

    moments: Moments
    of_x: float
    of_y: float


def near_one(moments: Moments) -> Scaled:
    """Divide the rows of both sides by powers of two near their largest deviations.

    Parameters
    ----------
    moments
        Of any scale.

    Returns
    -------
    Scaled
        Products of two entries and of their squares are within double precision.

    Examples
    --------
    >>> found = near_one(Moments.of(np.array([[0.0], [2.0**401]]), np.array([[0.0], [1.0]])))
    >>> found.of_x == 2.0**400, found.of_y, found.moments.xx.item()
    (True, 0.5, 2.0)
    """
    a, b = _root(moments.xx), _root(moments.yy)
    return Scaled(
        Moments(
            moments.n,
            moments.mean_x / a,
            moments.mean_y / b,
            moments.xx / a / a,
            moments.xy / a / b,
            moments.yy / b / b,
        ),
        a,
        b,
    )


def middle_scale(arrays: Iterable[np.ndarray]) -> float:
    """Return a power of two in the middle between the scales of arrays.

    Parameters
    ----------
    arrays
        Such as the deviations of every space: gradients, which are float32, are asked for in this unit of the inputs.

    Returns
    -------
    float
        1 without any.

    Examples
    --------
    >>> middle_scale([np.array([2.0]), np.array([32.0])])
    8.0
    """
    places = [int(np.frexp(power_of_two(each))[1]) - 1 for each in arrays]
    return float(np.ldexp(1.0, (min(places) + max(places)) // 2)) if places else 1.0


def _root(scatter: np.ndarray) -> float:
    """Return a power of two near the root of the largest entry."""
    return float(np.ldexp(1.0, (int(np.frexp(power_of_two(scatter))[1]) - 1) // 2))
