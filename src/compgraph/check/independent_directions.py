"""Directions whose scores are as independent as can be, and the two groups of them that are most so."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64

from compgraph.arguments import checked
from compgraph.arrays import require_finite
from compgraph.decompose.interaction.joint_diagonaliser import joint_diagonaliser
from compgraph.decompose.linear_algebra.eigenvalues import descending_eigh
from compgraph.decompose.linear_algebra.factorisations import pinv
from compgraph.decompose.numerical_rank import support
from compgraph.errors import EmptyData
from compgraph.records import brief, read_only


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IndependentDirections:
    """Uncorrelated directions, turned until they are nearly independent.

    Attributes
    ----------
    axes
        One filter per row; scores over the rows they were found on have unit variance and are uncorrelated.
    second
        Whether a direction is in the second of two groups; the first direction is in the first.
    between
        Part of the squared cumulants of different directions that is between the two groups: 0 when they are
        independent to fourth order.
    """

    axes: Float64[np.ndarray, "k d"]
    second: Bool[np.ndarray, " k"]
    between: float

    __repr__ = brief

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", read_only(self.axes))

    @property
    def projectors(self) -> tuple[Float64[np.ndarray, "d d"], Float64[np.ndarray, "d d"]]:
        r"""One projector for each group: rows less their mean, times it, are what the directions of the group see.

        .. math:: P_g = \sum_{k \in g} a_k p_k^\top

        with the filters :math:`a_k` and the columns :math:`p_k` of their pseudoinverse. Rows that were projected have
        the scores they had on the directions of that group, and 0 on the others. In general the projectors are oblique.
        """
        patterns = pinv(self.axes).T
        first, second = (self.axes[group].T @ patterns[group] for group in (~self.second, self.second))
        return first, second


@checked
def independent_directions(rows: Float[np.ndarray, "n d"]) -> IndependentDirections:
    r"""Find directions whose scores are nearly independent, by what the data are and not by what a model computes.

    Of scores :math:`z` that are uncorrelated and have unit variance, the fourth-order cumulants

    .. math:: \kappa_{ijkl} = E[z_i z_j z_k z_l] - \delta_{ij} \delta_{kl} - \delta_{ik} \delta_{jl}
              - \delta_{il} \delta_{jk}

    vanish where independent directions meet. The directions are the basis in which all matrices
    :math:`\kappa_{ij \cdot \cdot}` are together as diagonal as can be; the two groups are the cut of
    :math:`\sum_{ij} \kappa_{ijkl}^2` between directions ``k`` and ``l`` that the second eigenvector of its normalised
    matrix gives.

    Parameters
    ----------
    rows
        Activations, or inputs.

    Returns
    -------
    IndependentDirections
        As many as the rows have independent directions.

    Raises
    ------
    EmptyData
        With fewer than four rows for each direction, or fewer than two directions.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    Cost O(n k^4 + k^5) and O(n k^2) memory, for some tens of directions. Two groups are given whether there are two or
    not: look at ``between``. Cumulants of few rows are noisy; thousands are right.

    References
    ----------
    Cardoso and Souloumiac, "Blind beamforming for non-Gaussian signals", IEE Proceedings F 140 (1993),
    doi:10.1049/ip-f-2.1993.0054. Cardoso, "Multidimensional independent component analysis", ICASSP (1998),
    doi:10.1109/ICASSP.1998.681443.

    Examples
    --------
    >>> sources = np.random.default_rng(0).uniform(-1, 1, size=(2000, 2))
    >>> mixing = np.array([[1.0, 1.0], [2.0, -1.0]])
    >>> found = independent_directions(sources @ mixing)
    >>> bool((np.abs(mixing @ found.axes.T).round(1) > 0).sum() == 2)  # every score is one source
    True
    """
    require_finite(rows, "the rows")
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    basis = support(centred.T @ centred)
    if len(basis) < 2 or len(rows) < 4 * len(basis):
        raise EmptyData(
            f"{len(rows)} rows with {len(basis)} independent directions came; at least two directions and four rows "
            "for each are needed, and thousands for trustworthy cumulants."
        )
    values, vectors = descending_eigh(basis @ (centred.T @ centred / len(rows)) @ basis.T)
    white = vectors @ basis / np.sqrt(values)[:, None]
    matrices = _cumulants(centred @ white.T)
    turn = joint_diagonaliser(matrices)
    second, between = _cut(np.square(turn.T @ matrices @ turn).sum(axis=0))
    return IndependentDirections(turn.T @ white, second, between)


def _cumulants(scores: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, "m k k"]:
    """Return one matrix of fourth-order cumulants for every pair of scores."""
    n, k = scores.shape
    first, other = np.tril_indices(k)
    products, eye = scores[:, first] * scores[:, other], np.eye(k)
    moments = np.zeros((len(first), k, k))
    moments[:, first, other] = moments[:, other, first] = products.T @ products / n
    # A symmetric part of its pair counts twice off the diagonal.
    gaussian = np.einsum("ij,kl->ijkl", eye, eye) + np.einsum("ik,jl->ijkl", eye, eye)
    gaussian += np.einsum("il,jk->ijkl", eye, eye)
    scale = np.where(first == other, 1.0, np.sqrt(2.0))[:, None, None]
    return np.asarray(scale * (moments - gaussian[first, other]))


def _cut(energy: Float64[np.ndarray, "k k"]) -> tuple[Bool[np.ndarray, " k"], float]:
    """Cut directions in two where least is between, and return which are in the second part and how much is."""
    across = energy * (1 - np.eye(len(energy)))
    root = np.sqrt(np.maximum(across.sum(axis=1), np.finfo(float).tiny))
    positive = descending_eigh(across / np.outer(root, root) + np.eye(len(root)))[1][1] > 0
    second = positive != positive[0]
    total = float(across.sum())
    return second, float(2 * across[~second][:, second].sum() / total) if total > 0 else 0.0
