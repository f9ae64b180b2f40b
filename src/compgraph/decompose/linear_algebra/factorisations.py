"""Factorisations of matrices: at any scale, tried again where one way of computing them fails, and errors of one kind.

A matrix is divided by a power of two first, which is exact, so that neither very large nor very small entries leave the
range of double precision inside, and results are the same at every scale.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float, Float64

from compgraph.errors import NotFinite


def power_of_two(values: np.ndarray) -> float:
    """Return the power of two at or below the largest magnitude.

    Parameters
    ----------
    values
        Finite.

    Returns
    -------
    float
        1 where all are 0, and never so small that dividing by it overflows.

    Examples
    --------
    >>> power_of_two(np.array([3.0, -9.0])), power_of_two(np.zeros(2))
    (8.0, 1.0)
    """
    largest = float(np.abs(values).max(initial=0.0))
    return float(np.ldexp(1.0, max(int(np.frexp(largest)[1]) - 1, -1021))) if 0 < largest < np.inf else 1.0


def eigh(
    matrix: Float[np.ndarray, "*m d d"], what: str = "a symmetric matrix"
) -> tuple[Float[np.ndarray, "*m d"], Float[np.ndarray, "*m d d"]]:
    """Return eigenvalues of symmetric matrices in ascending order, and eigenvectors as columns.

    Parameters
    ----------
    matrix
        Symmetric up to rounding, one or a stack.
    what
        How to call it in the message.

    Returns
    -------
    tuple
        As ``numpy.linalg.eigh``.

    Raises
    ------
    NotFinite
        When an entry is NaN or infinite, or no way of computing them ends.
    """
    scale = power_of_two(matrix)
    scaled = matrix / scale
    others = (_each(scipy.linalg.eigh, driver=driver) for driver in ("evr", "ev"))
    ways: list[Callable[[Any], Any]] = [np.linalg.eigh, *(_evenly(way) for way in others)]
    values, vectors = first_way(ways, scaled, f"eigenvalues of {what}")
    return values * scale, vectors


def eigvalsh(matrix: Float[np.ndarray, "*m d d"], what: str = "a symmetric matrix") -> Float[np.ndarray, "*m d"]:
    """Return eigenvalues of symmetric matrices in ascending order.

    Parameters
    ----------
    matrix
        Symmetric up to rounding, one or a stack.
    what
        How to call it in the message.

    Returns
    -------
    numpy.ndarray
        As ``numpy.linalg.eigvalsh``.

    Raises
    ------
    NotFinite
        As `eigh`.
    """
    scale = power_of_two(matrix)
    ways: list[Callable[[Any], Any]] = [np.linalg.eigvalsh, lambda each: eigh(each, what)[0]]
    return np.asarray(first_way(ways, matrix / scale, f"eigenvalues of {what}") * scale)


def svd(
    matrix: Float64[np.ndarray, "a b"], what: str = "a matrix", *, full: bool = True
) -> tuple[Float64[np.ndarray, "a _"], Float64[np.ndarray, " k"], Float64[np.ndarray, "_ b"]]:
    """Return the singular value decomposition.

    Parameters
    ----------
    matrix
        Any.
    what
        How to call it in the message.
    full
        Whether all singular vectors are wanted, those of no singular value included.

    Returns
    -------
    tuple
        As ``numpy.linalg.svd``.

    Raises
    ------
    NotFinite
        As `eigh`.
    """
    scale = power_of_two(matrix)
    ways: list[Callable[[Any], Any]] = [
        lambda each: np.linalg.svd(each, full_matrices=full),
        lambda each: scipy.linalg.svd(each, full_matrices=full, lapack_driver="gesvd"),
    ]
    left, values, right = first_way(ways, matrix / scale, f"singular values of {what}")
    return left, values * scale, right


def pinv(matrix: Float64[np.ndarray, "a b"], what: str = "a matrix") -> Float64[np.ndarray, "b a"]:
    """Return the pseudoinverse.

    Parameters
    ----------
    matrix
        Any.
    what
        How to call it in the message.

    Returns
    -------
    numpy.ndarray
        Rows that are far smaller than others count no less than they.

    Raises
    ------
    NotFinite
        As `eigh`.
    """
    scale = power_of_two(matrix)
    left, values, right = svd(matrix / scale, what, full=False)
    kept = values > 1e-15 * values.max(initial=0.0)
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=kept)
    return np.asarray(right.T @ (inverse[:, None] * left.T) / scale)


def inverse(matrix: Float64[np.ndarray, "d d"], what: str = "a basis") -> Float64[np.ndarray, "d d"]:
    """Return the inverse, and where there is none the pseudoinverse.

    Parameters
    ----------
    matrix
        A basis.
    what
        How to call it in the message.

    Returns
    -------
    numpy.ndarray
        Of the same shape.

    Raises
    ------
    NotFinite
        As `eigh`.
    """
    return np.asarray(first_way([np.linalg.inv, lambda each: pinv(each, what)], matrix, f"the inverse of {what}"))


def first_way(ways: Sequence[Callable[[Any], Any]], matrix: np.ndarray, what: str) -> Any:
    """Return what the first of several ways of computing the same gives.

    Parameters
    ----------
    ways
        Of one matrix, the best first.
    matrix
        Given to each.
    what
        What is computed, for the message.

    Returns
    -------
    object
        As the way gives it.

    Raises
    ------
    NotFinite
        When an entry is NaN or infinite, or no way ends.
    """
    if not np.isfinite(matrix).all():
        raise NotFinite(
            f"{what} were asked for, and it holds NaN or infinite entries. Squares above 1e308 leave double precision: "
            "give data in smaller units, below 1e150."
        )
    said = ""
    for way in ways:
        try:
            return way(matrix)
        except (np.linalg.LinAlgError, ValueError) as error:
            said = str(error)
    raise NotFinite(
        f"{what} could not be computed in any of {len(ways)} ways ({said}). Give data in other units or more rows, or "
        "take out features that are nearly constant."
    )


def _each(function: Callable[..., Any], **options: Any) -> Callable[[np.ndarray], Any]:
    """Apply a function of SciPy, which takes one matrix, to a stack."""

    def apply(matrix: np.ndarray) -> Any:
        if matrix.ndim == 2:
            return function(matrix, **options)
        found = [apply(each) for each in matrix]
        return tuple(np.stack(part) for part in zip(*found, strict=True))

    return apply


def _evenly(way: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Apply a way to what is symmetric to the last bit."""
    return lambda matrix: way((matrix + np.swapaxes(matrix, -1, -2)) / 2)
