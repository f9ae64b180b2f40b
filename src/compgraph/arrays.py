"""Checks and conventions of arrays: finite, with a fixed sign."""

import numpy as np
from jaxtyping import Float64, Int64

from compgraph.errors import NotFinite

TIE = 1e-6


def require_finite(values: np.ndarray, what: str) -> None:
    """Raise when ``values`` hold a NaN or an infinity.

    Parameters
    ----------
    values
        The array to look at.
    what
        How to call it in the message.

    Raises
    ------
    NotFinite
        Naming ``what``, how many entries are bad and where the first one is.
    """
    bad = ~np.isfinite(values)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise NotFinite(
            f"{what} holds {int(bad.sum())} NaN or infinite entries of {values.size}, the first at index {first}. "
            "Finite numbers are needed: remove or repair those rows."
        )


def fix_signs(axes: Float64[np.ndarray, "k d"]) -> Float64[np.ndarray, "k d"]:
    """Flip each row so that its entry of largest magnitude is positive.

    Parameters
    ----------
    axes
        One direction per row.

    Returns
    -------
    numpy.ndarray
        The same directions; among entries of equal magnitude the first decides.

    Examples
    --------
    >>> fix_signs(np.array([[1.0, -2.0], [0.5, 0.1]])).tolist()
    [[-1.0, 2.0], [0.5, 0.1]]
    """
    if axes.size == 0:
        return axes
    # A tolerance keeps rounding noise from choosing between two entries that are equal in exact arithmetic.
    magnitude = np.abs(axes)
    decisive = np.argmax(magnitude >= magnitude.max(axis=1, keepdims=True) * (1 - 1e-9), axis=1)
    signs = np.where(axes[np.arange(len(axes)), decisive] < 0, -1.0, 1.0)
    return axes * signs[:, None]


def descending(values: Float64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Return the order from the largest value to the smallest; rounding decides nothing.

    Parameters
    ----------
    values
        Positive.

    Returns
    -------
    numpy.ndarray
        Positions. Values that differ by less than 1e-6 of themselves, more than sums of float32 are wrong by, keep
        their order.

    Examples
    --------
    >>> descending(np.array([1.0, 2.0, 1.0 + 1e-9])).tolist()
    [1, 0, 2]
    """
    order = np.argsort(-values, kind="stable")
    falls = np.diff(values[order], prepend=np.inf) < -TIE * values[order]
    return order[np.lexsort((order, np.cumsum(falls)))]
