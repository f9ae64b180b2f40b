"""Conventions every array in compgraph follows: float64, read-only, finite, with a fixed sign."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from compgraph.errors import NotFinite


def read_only(values: ArrayLike) -> np.ndarray:
    """Return ``values`` as a C-contiguous float64 array that cannot be written to.

    The caller's array is never frozen in place: a writeable float64 array is copied.

    Parameters
    ----------
    values
        Anything NumPy can turn into numbers.

    Returns
    -------
    numpy.ndarray
        A read-only array.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.flags.writeable or not array.flags.c_contiguous:
        array = np.array(array, order="C", copy=True)
        array.flags.writeable = False
    return array


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


def brief(record: Any) -> str:
    """Return a representation of a dataclass on one line: shapes in place of arrays, sizes of mappings and tuples.

    Parameters
    ----------
    record
        An instance of a dataclass.

    Returns
    -------
    str
        Meant as its ``__repr__``.
    """
    shown = []
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, np.ndarray):
            text = f"array{value.shape}"
        elif isinstance(value, Mapping):
            text = f"{{{len(value)} entries}}"
        elif isinstance(value, tuple) and any(isinstance(each, np.ndarray) for each in value):
            text = f"({len(value)} arrays)"
        else:
            text = repr(value)
        shown.append(f"{field.name}={text}")
    return f"{type(record).__name__}({', '.join(shown)})"
