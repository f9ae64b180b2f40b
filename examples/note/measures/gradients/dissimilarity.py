"""How unlike the gradients of two outputs are, distinct one by distinct one."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from compgraph.check import EXACT, distinct_directions
from compgraph.errors import EmptyData, ShapeError


@dataclass(frozen=True, slots=True)
class Dissimilarity:
    """How unlike two sets of gradients are.

    Attributes
    ----------
    value
        0 when every gradient of one set is parallel to every one of the other, 1 when all are orthogonal. NaN when all
        gradients of a set are zero.
    distinct
        Distinct gradients of each set, zero not counted.
    zero
        Rows of each set that were left out, for a gradient of zero has no direction.
    """

    value: float
    distinct: tuple[int, int]
    zero: tuple[int, int]


def dissimilarity(
    first: Float[np.ndarray, "a p"], second: Float[np.ndarray, "b q"], *, tolerance: float = EXACT
) -> Dissimilarity:
    r"""Measure how far the distinct gradients of two outputs are from parallel.

    .. math:: 1 - \frac{1}{m n} \sum_{i=1}^m \sum_{j=1}^n \frac{|g_i \cdot h_j|}{|g_i| \, |h_j|}

    Parameters
    ----------
    first, second
        Gradients of each output with respect to one space, one per row; rows need not belong together.
    tolerance
        Below which gradients are one, as of `compgraph.check.distinct_directions` by value. The default is for networks
        in double precision.

    Returns
    -------
    Dissimilarity
        Without unit.

    Raises
    ------
    ShapeError
        When gradients of the two have not the same number of coordinates.
    EmptyData
        When one of them has no rows.
    BadRequest
        When the tolerance is out of range.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    Each distinct gradient counts once, however many rows have it and however long it is. Vectors that point anywhere in
    p dimensions give :math:`1 - \Gamma(p/2) / (\sqrt{\pi} \, \Gamma((p+1)/2))`, 0.58 for 4. Cost as of
    `compgraph.check.distinct_directions`, and O(m n p).

    Examples
    --------
    >>> dissimilarity(np.array([[1.0, 0.0], [2.0, 0.0]]), np.array([[0.0, 3.0], [5.0, 0.0], [0.0, 0.0]]))
    Dissimilarity(value=0.5, distinct=(2, 2), zero=(0, 1))
    """
    if first.shape[1] != second.shape[1]:
        raise ShapeError(
            f"gradients of {first.shape[1]} and of {second.shape[1]} coordinates came; take both in the same space."
        )
    units, zero = [], []
    for gradients, name in ((first, "first"), (second, "second")):
        if not len(gradients):
            raise EmptyData(f"there are 0 gradients of the {name} output, and at least 1 is needed.")
        moving = gradients.astype(np.float64)[gradients.any(axis=1)]
        zero.append(len(gradients) - len(moving))
        rows = distinct_directions(moving, tolerance=tolerance).directions if len(moving) else moving
        units.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    cosines = np.abs(units[0] @ units[1].T)
    value = 1 - float(cosines.mean()) if cosines.size else float("nan")
    return Dissimilarity(value, (len(units[0]), len(units[1])), (zero[0], zero[1]))
