"""Gradients of target scores: one by one, or their first and second moments."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64

from compgraph.errors import EmptyData, ShapeError
from compgraph.records import brief, read_only


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GradientMoments:
    r"""Sums of gradients and of their outer products, per target score.

    For target score ``b`` and row ``i`` let :math:`g_{ib} = \partial t_b / \partial x_i`. Kept are

    .. math:: \sum_i g_{ib} \quad\text{and}\quad \sum_i g_{ib} g_{ib}^\top ,

    uncentred, because the size of a gradient is what matters and not its spread. They merge by addition.

    Attributes
    ----------
    n
        Number of rows.
    total
        Sum of the gradients, one row per target score.
    second
        Sum of outer products, one matrix per target score.
    """

    n: int
    total: Float64[np.ndarray, "k d"]
    second: Float64[np.ndarray, "k d d"]

    __repr__ = brief

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", read_only(self.total))
        object.__setattr__(self, "second", read_only(self.second))

    @classmethod
    def of(cls, gradients: Float[np.ndarray, "n k d"]) -> "GradientMoments":
        """Return the moments of gradients held in memory.

        Parameters
        ----------
        gradients
            One gradient per row and target score.

        Returns
        -------
        GradientMoments
            Cost O(n k d^2).
        """
        rows = gradients.astype(np.float64).transpose(1, 0, 2)
        return cls(len(gradients), rows.sum(axis=1), rows.transpose(0, 2, 1) @ rows)

    def __add__(self, other: "GradientMoments") -> "GradientMoments":
        if self.total.shape != other.total.shape:
            raise ShapeError(
                f"gradient moments of shape {self.total.shape} and {other.total.shape} do not merge: both must "
                "have the same target scores and source space."
            )
        return GradientMoments(self.n + other.n, self.total + other.total, self.second + other.second)

    def project(self, patterns: Float64[np.ndarray, "m d"]) -> "GradientMoments":
        """Return the moments of derivatives along ``patterns`` in place of full gradients.

        Parameters
        ----------
        patterns
            One direction per row.

        Returns
        -------
        GradientMoments
            With ``m`` in place of ``d`` coordinates.
        """
        return GradientMoments(self.n, self.total @ patterns.T, patterns @ self.second @ patterns.T)

    @property
    def mean(self) -> Float64[np.ndarray, "k d"]:
        """Mean gradient of each target score."""
        self._require_rows()
        return self.total / self.n

    @property
    def energy(self) -> Float64[np.ndarray, "k d"]:
        """Mean squared derivative of each target score with respect to each coordinate."""
        self._require_rows()
        return np.asarray(np.diagonal(self.second, axis1=1, axis2=2) / self.n)

    def _require_rows(self) -> None:
        if self.n == 0:
            raise EmptyData("gradient moments of 0 rows have no mean; collect at least one row.")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RowGradients:
    """Gradients of target scores with respect to rows of a space, in the order of the rows' numbers.

    Attributes
    ----------
    gradients
        One per row and target score.
    ids
        Number of each row: of its sample, where a sample has one row; else the sample's number times the number of
        positions, plus that of the position.
    """

    gradients: Float[np.ndarray, "n k p"]
    ids: Int64[np.ndarray, " n"]

    __repr__ = brief

    def __post_init__(self) -> None:
        order = np.argsort(self.ids, kind="stable")
        for name in ("gradients", "ids"):
            sorted_rows = np.asarray(getattr(self, name))[order]
            sorted_rows.flags.writeable = False
            object.__setattr__(self, name, sorted_rows)

    def __add__(self, other: "RowGradients") -> "RowGradients":
        if self.gradients.shape[1:] != other.gradients.shape[1:]:
            raise ShapeError(
                f"row gradients of {self.gradients.shape[1:]} and {other.gradients.shape[1:]} scores and features do "
                "not merge: both must have the same target scores and source space."
            )
        return RowGradients(np.concatenate([self.gradients, other.gradients]), np.concatenate([self.ids, other.ids]))
