"""What the output reads of every space: the local interaction basis, and per-row gradients in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64
from scipy.linalg import block_diag

from compgraph.decompose.eigenvalues import descending_eigh
from compgraph.decompose.numerical_rank import RANK_TOLERANCE, support, varying
from compgraph.decompose.scale import middle_scale
from compgraph.decompose.unread import unread_remedy
from compgraph.errors import DeadSite
from compgraph.records import brief, read_only
from compgraph.statistics import Moments, Space, Statistics

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


def output_filters(stats: Statistics, limit: int) -> dict[str, Float64[np.ndarray, "q d"]]:
    """Return filters that scale every output to unit variance, or principal components of those within each head.

    Parameters
    ----------
    stats
        Of a pass.
    limit
        With more outputs than this, principal components of the scaled outputs of one head stand for them: the heads
        that have most give way first, and each keeps at least one.

    Returns
    -------
    dict
        Name of each head to rows along its single features where there are few enough. Features that never vary are
        left out, and so are principal components beyond their numerical rank, and heads without any.

    Raises
    ------
    DeadSite
        When no output ever varies.
    """
    heads = {name: stats.of_space(space) for name, space in stats.returned.items()}
    live = {name: int(varying(moments.xx).sum()) for name, moments in heads.items()}
    if not any(live.values()):
        moments = next(iter(heads.values()))
        count = sum(len(each.mean_x) for each in heads.values())
        raise DeadSite(
            f"none of the {count} outputs of the model ever varies over the {moments.n} rows collected, so nothing "
            "is read of any layer. Give data that moves the outputs."
        )
    rooms = _shared_out(live, limit)
    return {name: _scaled(heads[name], rooms[name]) for name in heads if live[name]}


def _shared_out(wanted: Mapping[str, int], limit: int) -> dict[str, int]:
    """Give every head the outputs it wants, or as even a share of the limit as there can be."""
    rooms, left, waiting = dict.fromkeys(wanted, 0), limit, sorted(wanted, key=wanted.__getitem__)
    for place, name in enumerate(waiting):
        rooms[name] = min(wanted[name], max(1, left // (len(waiting) - place)))
        left -= rooms[name]
    return rooms


def _scaled(moments: Moments, limit: int) -> Float64[np.ndarray, "q d"]:
    live = varying(moments.xx)
    scale = np.zeros(len(live))
    scale[live] = 1 / np.sqrt(np.diagonal(moments.xx)[live] / moments.n)
    if live.sum() <= limit:
        return np.diag(scale)[live]
    values, vectors = descending_eigh(moments.xx / moments.n * np.outer(scale, scale))
    rank = min(limit, int((values > RANK_TOLERANCE * values[0]).sum()))
    return vectors[:rank] * scale / np.sqrt(values[:rank, None])


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
    probe = stats.live("component method 'interaction'", instead="use 'pca' or 'plsr'")
    white = {space: _whitening(stats.of_space(space)) for space in stats.spaces if space.side == "in"}
    patterns = {space: each[1] for space, each in white.items()}
    unit = middle_scale(patterns.values())
    near = {space: each / unit for space, each in patterns.items()}
    gradients = _held(probe.output_gradients(side_by_side(stats, filters) * unit), near)
    heads = [len(rows) for rows in filters.values()]
    return {space: _read(space, *white[space], gradients[space], limit, heads) for space in sorted(white)}


def side_by_side(stats: Statistics, filters: Mapping[str, Float64[np.ndarray, "_ _"]]) -> Float64[np.ndarray, "q d"]:
    """Return the filters of all heads over the features of all outputs, as a probe takes them.

    Parameters
    ----------
    stats
        Of a pass.
    filters
        Of each head; one that is missing has none.

    Returns
    -------
    numpy.ndarray
        Features in the order of ``stats.returned``.
    """
    widths = {name: len(stats.of_space(space).mean_x) for name, space in stats.returned.items()}
    return block_diag(*(filters.get(name, np.zeros((0, width))) for name, width in widths.items()))


def _whitening(moments: Moments) -> tuple[Float64[np.ndarray, "r d"], Float64[np.ndarray, "r d"]]:
    """Return filters to uncorrelated scores of unit variance, and their patterns."""
    basis = support(moments.xx)
    covariance = basis @ moments.xx @ basis.T / moments.n
    # Scaled first: features in small units would be lost among the eigenvectors of the rest.
    deviation = np.sqrt(np.diagonal(covariance))
    values, vectors = descending_eigh(covariance / np.outer(deviation, deviation))
    root = np.sqrt(values)[:, None]
    return (vectors / root / deviation) @ basis, (vectors * root * deviation) @ basis


def _held(
    chunks: Iterator[Mapping[Space, Float32[np.ndarray, "n q d"]]], patterns: Mapping[Space, Float64[np.ndarray, "r d"]]
) -> dict[Space, Float32[np.ndarray, "n q r"]]:
    """Return gradients along patterns, for as many rows as memory allows."""
    narrow = {space: each.T.astype(np.float32) for space, each in patterns.items()}
    held: list[dict[Space, np.ndarray]] = []
    size = rows = 0
    for chunk in chunks:
        held.append({space: gradients @ narrow[space] for space, gradients in chunk.items()})
        size += sum(each.nbytes for each in held[-1].values())
        rows += min(len(each) for each in held[-1].values())
        if size >= MEMORY and rows >= FEWEST_ROWS:
            break
    return {space: np.concatenate([each[space] for each in held]) for space in patterns}


def _read(
    space: Space,
    axes: Float64[np.ndarray, "p d"],
    patterns: Float64[np.ndarray, "p d"],
    gradients: Float32[np.ndarray, "n q p"],
    limit: int,
    heads: Sequence[int],
) -> Read:
    energy, vectors = descending_eigh(_second(gradients))
    total = float(energy.sum())
    if not total > 0:
        raise DeadSite(
            f"the output does not change with {space}: its gradients are all 0. The layers after it are dead on this "
            f"data, or cut by a detach; {unread_remedy(space)}"
        )
    if len(heads) > 1:
        kept = _read_by_any(gradients, limit, heads)
        energy, turn = descending_eigh(kept @ _second(gradients) @ kept.T)
        kept = turn @ kept
    else:
        enough = int(np.searchsorted(np.cumsum(energy), READ_ENERGY * total)) + 1
        kept = vectors[: min(enough, limit)]
    return Read(
        axes=kept @ axes,
        patterns=kept @ patterns,
        energy=energy[: len(kept)],
        total=total,
        gradients=gradients @ kept.T.astype(np.float32),
    )


def _second(gradients: Float32[np.ndarray, "n q p"]) -> Float64[np.ndarray, "p p"]:
    """Return ``E[J^T J]``."""
    flat = gradients.reshape(gradients.shape[0] * gradients.shape[1], gradients.shape[2])
    return (flat.T @ flat).astype(np.float64) / len(gradients)


def _read_by_any(
    gradients: Float32[np.ndarray, "n q p"], limit: int, heads: Sequence[int]
) -> Float64[np.ndarray, "r p"]:
    """Return the directions that heads read, all of which count alike: one with many positions has more energy."""
    parts = np.split(gradients, np.cumsum(heads)[:-1], axis=1)
    seconds = [_second(part) for part in parts]
    sizes = [float(np.trace(second)) for second in seconds]
    # What is this far below the others is not read but for rounding.
    alike = sum(each / size for each, size in zip(seconds, sizes, strict=True) if size > UNREAD * max(sizes))
    energy, vectors = descending_eigh(np.asarray(alike))
    enough = int(np.searchsorted(np.cumsum(energy), READ_ENERGY * energy.sum())) + 1
    return vectors[: min(enough, limit)]
