r"""Parts of a network that do not mix, found without knowing in which basis: the near-commutant of its Jacobians.

Let :math:`J_{si}` be the Jacobian of the outputs with respect to space ``s`` on row ``i``. A network that performs
tasks apart has projections :math:`P` of the outputs and :math:`P_s` of every space with
:math:`P J_{si} = J_{si} P_s`, one set per task. Symmetric matrices :math:`X, X_s` that come nearest to commuting in
this sense minimise

.. math:: \sum_s E_i \lVert X J_{si} - J_{si} X_s \rVert^2 \quad\text{for}\quad
          \sum_s E_i \left[ \lVert X J_{si} \rVert^2 + \lVert J_{si} X_s \rVert^2 \right] = 1.

Were they diagonal in given bases, this would be the normalised Laplacian of the graph of mean squared derivatives; here
the bases are unknowns too. Because the diagonal blocks of both forms agree, solutions are singular vectors of

.. math:: B_s = D^{-1/2} C_s D_s^{-1/2}, \qquad \text{leak} = 1 - \sigma,

with :math:`C_s` the coupling :math:`X, X_s \mapsto E_i\,\mathrm{tr}(X J_{si} X_s J_{si}^\top)` and :math:`D, D_s` the
energies :math:`X \mapsto \sum_s E_i \lVert X J_{si} \rVert^2`, :math:`X_s \mapsto E_i \lVert J_{si} X_s \rVert^2`.

Symbols: ``q`` outputs, ``r`` directions of a space, pairs ``(b, c)`` of outputs and ``(a, d)`` of directions number the
entries of symmetric matrices; ``f`` is 1, or the root of 1/2 on the diagonal.

Source: Maehara and Murota, "Algorithm for error-controlled simultaneous block-diagonalization of matrices", SIAM J.
Matrix Anal. Appl. 32 (2011), doi:10.1137/090779966, where all matrices share one basis; the several bases, their
normalisation and the reduction to singular vectors are this module's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Float64

from compgraph.decompose.interaction.coupling import Coupling, Entries
from compgraph.decompose.linear_algebra.eigenvalues import descending_eigh
from compgraph.decompose.linear_algebra.triangular import positive_definite, qr
from compgraph.records import brief, read_only

SINGLE = 400  # coordinates from which modes are sought in single precision, and made right in double
DEAD = 1e-9  # energy of a pair of outputs below this part of the largest: nothing could be told from it


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Modes:
    """Matrices that nearly commute with a network, the best first; multiples of the identity are left out.

    Attributes
    ----------
    leak
        Between 0 (commutes) and 1 (couples nothing): of all modes that leak little, and of more.
    outputs
        One matrix for each of the first modes, in coordinates of the outputs.
    spaces
        For each space, the same in its coordinates.
    """

    leak: Float64[np.ndarray, " k"]
    outputs: Float64[np.ndarray, "m q q"]
    spaces: tuple[Float64[np.ndarray, "m _ _"], ...]

    __repr__ = brief

    def __post_init__(self) -> None:
        for name in ("leak", "outputs"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


class Normalised(NamedTuple):
    r"""The matrix :math:`B B^\top` without the identity, and what its coordinates stand for.

    Attributes
    ----------
    square
        Its eigenvalues are squares of ``1 - leak``.
    turn
        Basis of the outputs, as columns, in which :math:`D` is diagonal.
    entries
        Matrices of outputs in that basis; None where coordinates are diagonals.
    root
        Of :math:`D`; infinite for what nothing could be told from.
    same
        The identity.
    """

    square: Float[np.ndarray, "k k"]
    turn: Float64[np.ndarray, "q q"]
    entries: Entries | None
    root: Float64[np.ndarray, " k"]
    same: Float64[np.ndarray, " k"]

    def outputs(self, left: Float64[np.ndarray, "k n"]) -> Float64[np.ndarray, "n q q"]:
        """Return the matrices of left singular vectors, as columns."""
        rows = left.T / self.root
        if self.entries is None:
            return np.asarray(rows[:, :, None] * np.eye(len(self.turn)))
        return np.asarray(self.turn @ self.entries.matrices(rows) @ self.turn.T)


class Forms(NamedTuple):
    r"""Two forms on symmetric matrices of the outputs, whose ratio is the square of ``1 - leak``.

    Attributes
    ----------
    couplings
        One per space, in bases in which the energy of a space is diagonal.
    square
        :math:`\sum_s C_s D_s^{-1} C_s^\top`.
    energy
        :math:`\sum_s E_i J_{si} J_{si}^\top`, of which :math:`D` is made, in coordinates.
    """

    couplings: tuple[Coupling, ...]
    square: Float[np.ndarray, "m m"]
    energy: Float64[np.ndarray, " m"]

    @classmethod
    def of(cls, couplings: Sequence[Coupling]) -> "Forms":
        """Return the forms of couplings.

        Parameters
        ----------
        couplings
            One per space, in bases in which the energy of a space is diagonal.

        Returns
        -------
        Forms
            Cost O(q^4 r^2) per space. Large ones are in single precision, at half the cost.
        """
        m = len(couplings[0].pairs)
        precision = np.float64 if m < SINGLE else np.float32
        square, energy = np.zeros((m, m), precision), np.zeros(m)
        for each in couplings:
            rows = each.pairs * np.sqrt(_weight(each)).astype(precision)
            square += rows @ rows.T
            energy += each.of_outputs
        return cls(tuple(couplings), square, energy)

    @property
    def outputs(self) -> Entries:
        """Pairs of outputs."""
        return self.couplings[0].outputs

    def all_leak_more(self, limit: float) -> bool:
        """Tell whether every mode leaks more than this, at a fraction of the cost of any leak.

        Parameters
        ----------
        limit
            Below 1; large forms tell ratios to about 1e-4.

        Returns
        -------
        bool
            True where it is so, and False where it is not or weak outputs make it hard to tell.

        Notes
        -----
        All ratios but that of the identity, which is 1, are below ``c = (1 - limit)^2`` where ``c D - C`` is positive
        definite, once so much of the identity is added that it does not count. No basis is turned for this: ``D``
        couples pairs that share an output.
        """
        left = -self.square
        energy = (1 - limit) ** 2 * self.outputs.matrices(self.energy[None])[0]
        root = np.sqrt(0.5) / self.outputs.factor
        for shared in self.outputs.number:
            # One column of each of the matrices in which it is not 0.
            size = root[shared]
            left[shared[:, None], shared] += energy * size * size[:, None]
        same = self.energy.astype(left.dtype)
        left += np.outer(same, 9 * same / same[self.outputs.diagonal].sum())
        return positive_definite(left)

    def normalised(self, outputs: Literal["free", "fixed"]) -> Normalised:
        """Return the matrix whose eigenvalues are the ratios of the forms.

        Parameters
        ----------
        outputs
            As `Forms.modes` takes it.

        Returns
        -------
        Normalised
            With the identity projected out: with that of the outputs the identity of all spaces together goes, for the
            two are a pair of singular vectors. Single spaces keep theirs, for blocks may share the energy of one space
            otherwise than that of another.
        """
        pairs, diagonal = self.outputs, self.outputs.diagonal
        if outputs == "fixed":
            turn, kept = np.eye(pairs.size), None
            square, weight = self.square[np.ix_(diagonal, diagonal)], self.energy[diagonal]
        else:
            # In the basis in which the energy of the outputs is diagonal, D is diagonal as well.
            energy, rows = descending_eigh(pairs.matrices(self.energy[None])[0])
            turn, kept, weight = rows.T, pairs, pairs.mean(energy)
            square = self.square
            for _ in range(2):
                square = pairs.coordinates(
                    rows.astype(square.dtype) @ pairs.matrices(square) @ turn.astype(square.dtype)
                ).T
        root = np.sqrt(np.where(weight > DEAD * weight.max(), weight, np.inf))
        inverse = (1 / root).astype(square.dtype)
        square = square * inverse * inverse[:, None]
        same = np.where(np.isfinite(root), root, 0.0)
        if kept is not None:
            same *= kept.row == kept.column
        same /= np.linalg.norm(same)
        along = square @ same
        along -= (along @ same) / 2 * same
        square -= (np.stack([same, along]).T @ np.stack([along, same])).astype(square.dtype)
        return Normalised(square, turn, kept, root, same)

    def modes(self, outputs: Literal["free", "fixed"] = "free", n_modes: int = 64, largest: float = 1.0) -> Modes:
        """Find the matrices that nearly commute with a network.

        Parameters
        ----------
        outputs
            ``"free"``: any symmetric matrix; ``"fixed"``: diagonal ones, which keep outputs whole.
        n_modes
            At most this many matrices.
        largest
            Nor any of modes that leak more.

        Returns
        -------
        Modes
            By increasing leak: all where no leak among the first ``max(n_modes, q) + 1`` is above ``largest``, else
            those. Cost O(q^6), or O(q^3) where outputs are kept whole.
        """
        found = self.normalised(outputs)
        # The identity was projected out: it is one of the vectors with singular value 0.
        there = len(found.root) - 1
        first = min(max(n_modes, self.outputs.size) + 1, there)
        values, vectors = self._sought(found, first)
        if first < there and 1 - np.sqrt(values[-1]) <= largest:
            values, vectors = self._sought(found, len(found.root))
        sigma = np.sqrt(values[:there])
        leak = np.clip(1 - sigma, 0, 1)
        count = min(n_modes, int((leak <= largest).sum()))
        left = vectors[:count].T
        matrices = found.outputs(left - np.outer(found.same, found.same @ left))
        right = self.outputs.coordinates(matrices) / np.maximum(sigma[:count], np.finfo(float).tiny)[:, None]
        spaces = [
            each.directions.matrices((right @ each.pairs) * (_weight(each) / each.directions.factor))
            for each in self.couplings
        ]
        return Modes(leak, matrices, tuple(spaces))

    def _sought(self, found: Normalised, n: int) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, "n k"]]:
        """Return the largest ratios and their vectors, as rows.

        Vectors of single precision, wrong by some 1e-6, span a space in which ratios are wrong by the square of that.
        """
        values, vectors = descending_eigh(found.square, n)
        if self.square.dtype == np.float64:
            return values, vectors
        left = qr(vectors.T.astype(np.float64))[0]
        matrices = found.outputs(left - np.outer(found.same, found.same @ left))
        coordinates, inner = self.outputs.coordinates(matrices), np.zeros((len(vectors), len(vectors)))
        for each in self.couplings:
            rows = coordinates @ each.pairs.astype(np.float64) * np.sqrt(_weight(each))
            inner += rows @ rows.T
        values, turn = descending_eigh(inner)
        return values, turn @ left.T


def _weight(coupling: Coupling) -> Float64[np.ndarray, " p"]:
    """Return the squared factors of pairs of directions over their energies ``D_s``."""
    pairs = coupling.directions
    return np.asarray(pairs.factor**2 / np.maximum(pairs.mean(coupling.of_directions), DEAD))
