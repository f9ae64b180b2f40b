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
from jaxtyping import Float, Float64, Int64

from compgraph.arguments import checked
from compgraph.decompose.eigenvalues import descending_eigh
from compgraph.records import brief, read_only

DEAD = 1e-9  # energy of a pair of outputs below this part of the largest: nothing could be told from it


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Modes:
    """Matrices that nearly commute with a network, the best first; multiples of the identity are left out.

    Attributes
    ----------
    leak
        Of all modes there are, between 0 (commutes) and 1 (couples nothing).
    outputs
        One matrix for each of the first modes, in coordinates of the outputs.
    spaces
        For each space, the same in its coordinates.
    """

    leak: Float64[np.ndarray, " all"]
    outputs: Float64[np.ndarray, "m q q"]
    spaces: tuple[Float64[np.ndarray, "m _ _"], ...]

    __repr__ = brief

    def __post_init__(self) -> None:
        for name in ("leak", "outputs"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


class Coupling(NamedTuple):
    """Mean products of derivatives at one space, ``E[J_ba J_cd]``, in units of their trace."""

    products: Float64[np.ndarray, "q r q r"]

    @classmethod
    def of(cls, gradients: Float[np.ndarray, "n q r"]) -> "Coupling":
        """Return the coupling of Jacobians.

        Parameters
        ----------
        gradients
            One Jacobian per row.

        Returns
        -------
        Coupling
            Cost O(n q^2 r^2).
        """
        n, q, r = gradients.shape
        flat = gradients.reshape(n, q * r)
        products = (flat.T @ flat).astype(np.float64)
        return cls((products / np.trace(products)).reshape(q, r, q, r))

    def turned(
        self, outputs: Float64[np.ndarray, "q q"] | None = None, space: Float64[np.ndarray, "r r"] | None = None
    ) -> "Coupling":
        """Return the coupling in other bases.

        Parameters
        ----------
        outputs, space
            The new basis vectors as columns; as they are when None.

        Returns
        -------
        Coupling
            Of ``outputs.T @ J @ space``.
        """
        products = self.products
        if outputs is not None:
            products = np.einsum("bacd,bB,cC->BaCd", products, outputs, outputs, optimize=True)
        if space is not None:
            products = np.einsum("bacd,aA,dD->bAcD", products, space, space, optimize=True)
        return Coupling(products)

    @property
    def of_outputs(self) -> Float64[np.ndarray, "q q"]:
        """Energy ``E[J J^T]``."""
        return np.einsum("baca->bc", self.products)

    @property
    def of_space(self) -> Float64[np.ndarray, "r r"]:
        """Energy ``E[J^T J]``."""
        return np.einsum("babd->ad", self.products)


class Entries(NamedTuple):
    """Numbered entries of symmetric matrices: all of them, or the diagonal alone."""

    row: Int64[np.ndarray, " m"]
    column: Int64[np.ndarray, " m"]

    @classmethod
    def all(cls, size: int) -> "Entries":
        """Return every entry on and below the diagonal."""
        return cls(*np.tril_indices(size))

    @classmethod
    def diagonal(cls, size: int) -> "Entries":
        """Return the diagonal."""
        return cls(np.arange(size), np.arange(size))

    @property
    def factor(self) -> Float64[np.ndarray, " m"]:
        """The factors ``f``."""
        return np.where(self.row == self.column, np.sqrt(0.5), 1.0)

    def energy(self, matrix: Float64[np.ndarray, "k k"]) -> Float64[np.ndarray, " m"]:
        """Return ``tr(E M E)`` of each unit entry ``E`` for a diagonal ``M``."""
        values = np.diagonal(matrix)
        return np.asarray((values[self.row] + values[self.column]) / 2)

    def matrices(self, coordinates: Float64[np.ndarray, "m k"], size: int) -> Float64[np.ndarray, "k size size"]:
        """Return the symmetric matrix of each column of coordinates."""
        found = np.zeros((coordinates.shape[1], size, size))
        values = coordinates.T * np.where(self.row == self.column, 1.0, np.sqrt(0.5))
        found[:, self.row, self.column] = values
        found[:, self.column, self.row] = values
        return found


@checked
def modes(
    couplings: Sequence[Coupling],
    *,
    outputs: Literal["free", "fixed"] = "free",
    spaces: Literal["free", "fixed"] = "free",
    n_modes: int = 64,
) -> Modes:
    """Find the matrices that nearly commute with a network.

    Parameters
    ----------
    couplings
        One per space; where spaces are free, in bases in which `Coupling.of_space` is diagonal.
    outputs, spaces
        ``"free"``: any symmetric matrix; ``"fixed"``: diagonal ones, which keep outputs or directions whole. With both
        fixed this is the normalised Laplacian of a graph.
    n_modes
        At most this many matrices.

    Returns
    -------
    Modes
        By increasing leak.

    Notes
    -----
    Cost O(q^2 r^2 (q + r)) per space for the coupling and O(q^4 r^2) for the singular vectors.

    Examples
    --------
    >>> modes([Coupling.of(np.diag([1.0, 2.0])[None])], outputs="fixed").leak.round(6).tolist()
    [0.0]
    """
    q = len(couplings[0].of_outputs)
    energy = sum((each.of_outputs for each in couplings), start=np.zeros((q, q)))
    # Where outputs may turn, the basis in which their energy is diagonal makes D diagonal as well.
    turn = descending_eigh(energy)[1].T if outputs == "free" else np.eye(q)
    entries = Entries.all(q) if outputs == "free" else Entries.diagonal(q)
    weight = entries.energy(turn.T @ energy @ turn)
    root = np.sqrt(np.where(weight > DEAD * weight.max(), weight, np.inf))
    numbered = Entries.all if spaces == "free" else Entries.diagonal
    inside = [numbered(len(each.of_space)) for each in couplings]
    roots = [np.sqrt(np.maximum(e.energy(each.of_space), DEAD)) for e, each in zip(inside, couplings, strict=True)]
    blocks = [
        _coupled(each if outputs == "fixed" else each.turned(turn), entries, e, root, r)
        for each, e, r in zip(couplings, inside, roots, strict=True)
    ]
    square = sum((block @ block.T for block in blocks), start=np.zeros((len(root), len(root))))
    values, vectors = descending_eigh(square)
    # The identity was projected out: it is one of the vectors with singular value 0.
    count = min(n_modes, len(values) - 1)
    sigma, left = np.sqrt(values[:count]), vectors[:count].T
    leak = 1 - np.sqrt(values[:-1])
    safe = np.maximum(sigma, np.finfo(float).tiny)
    found = entries.matrices(left / root[:, None], q)
    return Modes(
        np.clip(leak, 0, 1),
        turn @ found @ turn.T,
        tuple(
            e.matrices(block.T @ left / safe / r[:, None], len(each.of_space))
            for block, e, each, r in zip(blocks, inside, couplings, roots, strict=True)
        ),
    )


def _coupled(
    coupling: Coupling,
    outputs: Entries,
    inside: Entries,
    root: Float64[np.ndarray, " m"],
    root_inside: Float64[np.ndarray, " l"],
) -> Float64[np.ndarray, "m l"]:
    """Return the normalised coupling ``B`` of one space without its part along the identity of the outputs.

    With that of the outputs the identity of all spaces together goes: the two are a pair of singular vectors. Single
    spaces must keep theirs, for blocks may share the energy of one space otherwise than that of another.
    """
    picked = coupling.products[outputs.row, :, outputs.column, :]
    block = picked[:, inside.row, inside.column] + picked[:, inside.column, inside.row]
    block *= outputs.factor[:, None] * inside.factor / root[:, None] / root_inside
    same = np.where((outputs.row == outputs.column) & np.isfinite(root), root, 0.0)
    same /= np.linalg.norm(same)
    return np.asarray(block - np.outer(same, same @ block))
