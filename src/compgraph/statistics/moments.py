"""Means and centred second moments of paired rows, which merge without loss."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from compgraph.errors import ShapeError
from compgraph.records import brief, read_only


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Moments:
    r"""First and centred second moments of rows ``x`` and ``y`` that were observed together.

    .. math:: S_{xy} = \sum_i (x_i - \bar x)(y_i - \bar y)^\top

    Moments form a commutative monoid under ``+``: ``of(a) + of(b)`` equals ``of(a and b)`` up to rounding,
    and ``empty`` is its unit. They are all that principal components, partial least squares and linear
    edge weights need.

    Attributes
    ----------
    n
        Number of rows.
    mean_x, mean_y
        Means, in the units of the activations.
    xx, xy, yy
        Centred sums of products, in squared units; divide by ``n`` for covariances.

    Notes
    -----
    Merging costs O((p + q)^2) time and memory. Sums are centred before they are formed, so a mean that is
    large against the spread costs no digits.

    References
    ----------
    Chan, Golub and LeVeque, "Algorithms for computing the sample variance", The American Statistician 37
    (1983), doi:10.1080/00031305.1983.10483115.
    """

    n: int
    mean_x: Float64[np.ndarray, " p"]
    mean_y: Float64[np.ndarray, " q"]
    xx: Float64[np.ndarray, "p p"]
    xy: Float64[np.ndarray, "p q"]
    yy: Float64[np.ndarray, "q q"]

    __repr__ = brief

    def __post_init__(self) -> None:
        for name in ("mean_x", "mean_y", "xx", "xy", "yy"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @classmethod
    def empty(cls, p: int, q: int) -> "Moments":
        """Return the moments of no rows, the unit of ``+``.

        Parameters
        ----------
        p, q
            Number of features of ``x`` and of ``y``.

        Returns
        -------
        Moments
            All zeros.
        """
        return cls(0, np.zeros(p), np.zeros(q), np.zeros((p, p)), np.zeros((p, q)), np.zeros((q, q)))

    @classmethod
    def of(cls, x: Float[np.ndarray, "n p"], y: Float[np.ndarray, "m q"]) -> "Moments":
        """Return the moments of rows held in memory.

        Parameters
        ----------
        x, y
            Rows observed together.

        Returns
        -------
        Moments
            Cost O(n (p + q)^2).

        Raises
        ------
        ShapeError
            When ``x`` and ``y`` differ in their number of rows.

        Examples
        --------
        >>> moments = Moments.of(np.array([[0.0], [2.0]]), np.array([[1.0], [5.0]]))
        >>> moments.mean_y.item(), moments.xy.item()
        (3.0, 4.0)
        """
        if len(x) != len(y):
            raise ShapeError(f"x has {len(x)} rows and y has {len(y)}; moments need rows observed together.")
        if len(x) == 0:
            return cls.empty(x.shape[1], y.shape[1])
        mean_x, mean_y = x.mean(axis=0, dtype=np.float64), y.mean(axis=0, dtype=np.float64)
        x, y = x - mean_x, y - mean_y
        return cls(len(x), mean_x, mean_y, x.T @ x, x.T @ y, y.T @ y)

    def __add__(self, other: "Moments") -> "Moments":
        if self.xy.shape != other.xy.shape:
            raise ShapeError(
                f"moments of {self.xy.shape} and {other.xy.shape} features do not merge: both must come from "
                "the same pair of spaces."
            )
        if self.n == 0 or other.n == 0:
            return other if self.n == 0 else self
        n = self.n + other.n
        step_x, step_y = other.mean_x - self.mean_x, other.mean_y - self.mean_y
        between = self.n * other.n / n
        return Moments(
            n,
            self.mean_x + step_x * (other.n / n),
            self.mean_y + step_y * (other.n / n),
            self.xx + other.xx + between * np.outer(step_x, step_x),
            self.xy + other.xy + between * np.outer(step_x, step_y),
            self.yy + other.yy + between * np.outer(step_y, step_y),
        )

    def project(self, a: Float64[np.ndarray, "k p"], b: Float64[np.ndarray, "l q"]) -> "Moments":
        """Return the moments of ``x @ a.T`` and ``y @ b.T`` without seeing the rows again.

        Parameters
        ----------
        a, b
            Linear maps, one output feature per row.

        Returns
        -------
        Moments
            Equal to ``Moments.of(x @ a.T, y @ b.T)``; cost O(k p^2 + l q^2).
        """
        return Moments(
            self.n, a @ self.mean_x, b @ self.mean_y, a @ self.xx @ a.T, a @ self.xy @ b.T, b @ self.yy @ b.T
        )

    def swap(self) -> "Moments":
        """Return the same moments with ``x`` and ``y`` exchanged; its own inverse.

        Returns
        -------
        Moments
            The same numbers. All arrays are shared but the cross moment, which is copied: O(p q) memory.
        """
        return Moments(self.n, self.mean_y, self.mean_x, self.yy, self.xy.T, self.xx)

    def doubled(self) -> "Moments":
        """Return the moments of ``x`` paired with itself.

        Returns
        -------
        Moments
            Equal to ``Moments.of(x, x)``.
        """
        return Moments(self.n, self.mean_x, self.mean_x, self.xx, self.xx, self.xx)
