"""What the output reads of every space: the local interaction basis, and per-row gradients in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64
from scipy.linalg import cho_solve

from compgraph.decompose.interaction.most_read import OutputGradients, held, most_read, near_one
from compgraph.decompose.interaction.output_scores import read_sides, side_by_side
from compgraph.decompose.linear_algebra.triangular import cholesky
from compgraph.decompose.numerical_rank import support
from compgraph.records import brief, read_only
from compgraph.statistics import Responses, Space, Statistics


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Read:
    """The directions of one space that the output reads, most important first.

    Attributes
    ----------
    axes
        Filters to scores of unit variance that are uncorrelated.
    patterns
        What the activations do when a score rises by one and all others stay, those of unread directions included.
    energy
        Mean squared change of the outputs, in their variances and summed, when the score rises by one.
    total
        Energy of the whole space.
    gradients
        Of the output scores with respect to the scores, row by row.
    """

    axes: Float64[np.ndarray, "r d"]
    patterns: Float64[np.ndarray, "r d"]
    energy: Float64[np.ndarray, " r"]
    total: float
    gradients: Float32[np.ndarray, "n q r"]

    __repr__ = brief

    def __post_init__(self) -> None:
        for name in ("axes", "patterns", "energy"):
            object.__setattr__(self, name, read_only(getattr(self, name)))
        gradients = self.gradients.view()  # float32 and no copy: they fill most of the memory
        gradients.flags.writeable = False
        object.__setattr__(self, "gradients", gradients)


def read_spaces(stats: Statistics, filters: Mapping[str, Float64[np.ndarray, "_ _"]], limit: int) -> dict[Space, Read]:
    r"""Find the directions of every space that the output reads.

    Activations are whitened, :math:`z = W (x - \bar x)` with unit covariance, and of

    .. math:: M = E[J^\top J], \qquad J = \partial t / \partial z

    with :math:`t` the output scores, the leading eigenvectors are kept that hold 99 % of the trace.

    Parameters
    ----------
    stats
        Of a model that can be differentiated.
    filters
        Output scores of each head, from `output_filters`.
    limit
        At most this many directions per space.

    Returns
    -------
    dict
        For each ``"in"`` space, in the order in which data flows.

    Raises
    ------
    BadRequest
        When the statistics hold no model.
    DeadSite
        When the output does not change with a space.

    Notes
    -----
    Costs q backward passes per kept input, O(d^3) per space, and at most 512 MB for gradients: where they would take
    more, fewer inputs are used.

    References
    ----------
    Bushnaq et al., "The local interaction basis: identifying computationally-relevant and sparsely interacting
    features in neural networks" (2024), doi:10.48550/arXiv.2405.10928.
    """
    white = {space: _white(stats.of_space(space).xx / stats.of_space(space).n) for space in read_sides(stats)}
    gradients = _of_outputs(stats, filters, {space: each.covariance for space, each in white.items()})
    found = {}
    for space in sorted(white):
        read = most_read(gradients, space, limit)
        patterns = read.patterns * gradients.unit
        found[space] = Read(white[space].filters(patterns), patterns, read.energy, read.total, read.gradients)
    return found


def gradients_of_outputs(
    stats: Statistics, filters: Mapping[str, Float64[np.ndarray, "_ _"]], limit: int, most: int | None = None
) -> list[Float32[np.ndarray, "_ q _"]]:
    """Return the gradients that `read_spaces` gives, and nothing else.

    Parameters
    ----------
    stats, filters, limit
        As for `read_spaces`.
    most
        Inputs on which the outputs are differentiated, as `compgraph.statistics.Probe.output_gradients` takes it.

    Returns
    -------
    list of numpy.ndarray
        For each space.

    Raises
    ------
    BadRequest, DeadSite
        As `read_spaces`.
    """
    covariances = {space: stats.of_space(space).xx / stats.of_space(space).n for space in read_sides(stats)}
    gradients = _of_outputs(stats, filters, covariances, most)
    return [most_read(gradients, space, limit).gradients for space in sorted(covariances)]


def gradients_read(responses: Responses, spaces: Sequence[Space], limit: int) -> list[Float32[np.ndarray, "_ q _"]]:
    """Return the gradients that `read_spaces` gives for a network, and nothing else.

    Parameters
    ----------
    responses
        Of the network; its scores are those of `scores_near_one`.
    spaces
        Those that are read.
    limit
        At most this many directions per space.

    Returns
    -------
    list of numpy.ndarray
        For each space, in any uncorrelated coordinates of unit variance: of the sides of one subspace, the basis is
        that of `read_spaces` up to signs.

    Raises
    ------
    DeadSite
        When a space never varies, or the output does not change with it.
    """
    covariances = {space: responses.moments[space].xx / responses.moments[space].n for space in spaces}
    near, unit = near_one(covariances)
    gradients = OutputGradients(held(responses.gradients, spaces), near, unit, responses.heads)
    return [most_read(gradients, space, limit).gradients for space in spaces]


class _White(NamedTuple):
    """Coordinates in which activations are uncorrelated and of unit variance."""

    basis: Float64[np.ndarray, "r d"]  # orthonormal, of what varies
    factor: Float64[np.ndarray, "r r"]  # the lower Cholesky factor of the covariance there

    @property
    def covariance(self) -> Float64[np.ndarray, "d d"]:
        patterns = self.factor.T @ self.basis
        return np.asarray(patterns.T @ patterns)

    def filters(self, patterns: Float64[np.ndarray, "k d"]) -> Float64[np.ndarray, "k d"]:
        """Return the filters to scores whose patterns these are: ``W`` with ``W C = P`` on what varies."""
        return np.asarray(cho_solve((self.factor, True), self.basis @ patterns.T).T @ self.basis)


def _of_outputs(
    stats: Statistics,
    filters: Mapping[str, Float64[np.ndarray, "_ _"]],
    covariances: Mapping[Space, Float64[np.ndarray, "d d"]],
    most: int | None = None,
) -> OutputGradients:
    probe = stats.live("component method 'interaction'", instead="use 'pca' or 'plsr'")
    near, unit = near_one(covariances)
    chunks = probe.output_gradients(side_by_side(stats, filters) * unit, most)
    return OutputGradients(held(chunks, near), near, unit, [len(rows) for rows in filters.values()])


def _white(covariance: Float64[np.ndarray, "d d"]) -> _White:
    basis = support(covariance)
    return _White(basis, cholesky(basis @ covariance @ basis.T))
