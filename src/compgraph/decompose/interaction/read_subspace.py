"""What the output reads of every space: the local interaction basis, and per-row gradients in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64
from scipy.linalg import solve_triangular

from compgraph.arrays import fix_signs
from compgraph.decompose.interaction.output_scores import read_sides, side_by_side
from compgraph.decompose.linear_algebra.eigenvalues import descending_eigh, leading_share
from compgraph.decompose.linear_algebra.triangular import cholesky, spread
from compgraph.decompose.numerical_rank import support
from compgraph.decompose.scale import middle_scale
from compgraph.decompose.unread import unread_remedy
from compgraph.errors import DeadSite
from compgraph.records import brief, read_only
from compgraph.statistics import Responses, Space, Statistics

# Directions beyond this share of all energy are hardly read; they would be noise among the components.
READ_ENERGY = 0.99
MEMORY = 512 * 2**20  # bytes of gradients held at once; rows beyond that are not asked for
FEWEST_ROWS = 64
UNREAD = 1e-9  # energy of a head at a space, beside that of the head that reads it most, that is none


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


def read_spaces(
    stats: Statistics, filters: Mapping[str, Float64[np.ndarray, "_ _"]], limit: int, most: int | None = None
) -> dict[Space, Read]:
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
    most
        Inputs on which the outputs are differentiated, as `compgraph.statistics.Probe.output_gradients` takes it.

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
    probe = stats.live("component method 'interaction'", instead="use 'pca' or 'plsr'")
    white = {space: _white(stats.of_space(space).xx / stats.of_space(space).n) for space in read_sides(stats)}
    unit = middle_scale(each.patterns for each in white.values())
    near = {space: each.patterns / unit for space, each in white.items()}
    heads = [len(rows) for rows in filters.values()]
    chunks = _held(probe.output_gradients(side_by_side(stats, filters) * unit, most), near)
    found = {}
    for space in sorted(white):
        mine = [chunk.pop(space) for chunk in chunks]
        kept, energy, total, gradients = _most_read(space, near[space], near[space].T @ near[space], mine, limit, heads)
        axes = white[space].filters(kept)
        found[space] = Read(axes, kept @ white[space].patterns, energy, total, gradients)
    return found


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
    unit = middle_scale(np.sqrt(np.diagonal(each)) for each in covariances.values())
    near = {space: spread(each) / unit for space, each in covariances.items()}
    chunks = _held(responses.gradients, near)
    return [
        _most_read(
            space, near[space], covariances[space] / unit / unit, [chunk.pop(space) for chunk in chunks], limit,
            responses.heads,
        )[3]
        for space in spaces
    ]  # fmt: skip


class _White(NamedTuple):
    """Coordinates in which activations are uncorrelated and of unit variance."""

    basis: Float64[np.ndarray, "r d"]  # orthonormal, of what varies
    factor: Float64[np.ndarray, "r r"]  # the lower Cholesky factor of the covariance there

    @property
    def patterns(self) -> Float64[np.ndarray, "r d"]:
        return self.factor.T @ self.basis

    def filters(self, kept: Float64[np.ndarray, "k r"]) -> Float64[np.ndarray, "k d"]:
        return solve_triangular(self.factor, kept.T, lower=True, trans="T").T @ self.basis


def _white(covariance: Float64[np.ndarray, "d d"]) -> _White:
    basis = support(covariance)
    return _White(basis, cholesky(basis @ covariance @ basis.T))


def _held(
    chunks: Iterator[Mapping[Space, Float32[np.ndarray, "n q d"]]], patterns: Mapping[Space, Float64[np.ndarray, "r d"]]
) -> list[dict[Space, Float32[np.ndarray, "n q d"]]]:
    """Return gradients for as many rows as memory allows."""
    held: list[dict[Space, np.ndarray]] = []
    size = rows = 0
    for chunk in chunks:
        held.append({space: chunk[space] for space in patterns})
        size += sum(each.nbytes for each in held[-1].values())
        rows += min(len(each) for each in held[-1].values())
        if size >= MEMORY and rows >= FEWEST_ROWS:
            break
    return held


def _most_read(
    space: Space,
    patterns: Float64[np.ndarray, "r d"],
    covariance: Float64[np.ndarray, "d d"],
    chunks: Sequence[Float32[np.ndarray, "_ q d"]],
    limit: int,
    heads: Sequence[int],
) -> tuple[Float64[np.ndarray, "k r"], Float64[np.ndarray, " k"], float, Float32[np.ndarray, "_ q k"]]:
    r"""Return the directions that are read most, their energies and that of all, and the gradients along them.

    With patterns :math:`P` and gradients :math:`g` of activations these are the leading eigenvectors of
    :math:`M = P \, E[g g^\top] P^\top`, for which gradients along all patterns are never formed.
    """
    seconds = _seconds(chunks, heads)
    # tr(P G P^T) = <G, P^T P>, and P^T P is the covariance.
    sizes = [float(np.vdot(second, covariance)) for second in seconds]
    total = sum(sizes)
    if not total > 0:
        raise DeadSite(
            f"the output does not change with {space}: its gradients are all 0. The layers after it are dead on this "
            f"data, or cut by a detach; {unread_remedy(space)}"
        )
    whole = sum(seconds[1:], start=seconds[0])
    if len(heads) > 1:
        # All heads count alike: one with many positions has more energy. What is this far below others is not read.
        alike = [second / size for second, size in zip(seconds, sizes, strict=True) if size > UNREAD * max(sizes)]
        _, kept = leading_share(patterns, sum(alike[1:], start=alike[0]), float(len(alike)), READ_ENERGY, limit)
        energy, turn = descending_eigh(kept @ patterns @ whole @ patterns.T @ kept.T)
        kept = turn @ kept
    else:
        energy, kept = leading_share(patterns, whole, total, READ_ENERGY, limit)
    total = max(total, float(energy.sum()))  # of all directions, but for rounding
    found = kept @ patterns
    # The sign of an eigenvector is anyone's; random bases, which start from these, are to be the same everywhere.
    flips = np.sign((fix_signs(found) * found).sum(axis=1, keepdims=True))
    kept, along = kept * flips, (found * flips).T.astype(np.float32)
    # Scores come before rows in memory, so that this copies what is small alone.
    read = [np.swapaxes(np.swapaxes(chunk, 0, 1) @ along, 0, 1) for chunk in chunks]
    return kept, energy, total, np.ascontiguousarray(np.concatenate(read))


def _seconds(chunks: Sequence[Float32[np.ndarray, "_ q d"]], heads: Sequence[int]) -> list[Float64[np.ndarray, "d d"]]:
    """Return the mean of ``J^T J`` over rows for the scores of each head."""
    n, ends = sum(map(len, chunks)), np.cumsum([0, *heads]).tolist()
    found = []
    for start, end in pairwise(ends):
        flat = [np.swapaxes(chunk[:, start:end], 0, 1).reshape(-1, chunk.shape[2]) for chunk in chunks]
        found.append(sum((each.T @ each).astype(np.float64) for each in flat) / n)
    return found
