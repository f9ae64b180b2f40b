"""Scores of the outputs that are differentiated: single features of unit variance, or principal components."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64
from scipy.linalg import block_diag

from compgraph.decompose.linear_algebra.eigenvalues import descending_eigh
from compgraph.decompose.numerical_rank import RANK_TOLERANCE, varying
from compgraph.decompose.scale import middle_scale
from compgraph.errors import DeadSite
from compgraph.statistics import FiltersOf, Moments, Space, Statistics


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
    return _filters({name: stats.of_space(space) for name, space in stats.returned.items()}, limit)


def _filters(heads: Mapping[str, Moments], limit: int) -> dict[str, Float64[np.ndarray, "q d"]]:
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


def read_sides(stats: Statistics) -> list[Space]:
    """Return the spaces that something reads.

    Parameters
    ----------
    stats
        Of a pass.

    Returns
    -------
    list of Space
        In the order in which data flows.
    """
    return [space for space in stats.spaces if space.side == "in"]


def scores_near_one(stats: Statistics, limit: int) -> FiltersOf:
    """Return what chooses the scores of twins of a network, as `output_filters` does, for `gradients_read`.

    Parameters
    ----------
    stats
        Of the network.
    limit
        As for `output_filters`.

    Returns
    -------
    Callable
        Of the moments of a twin gives filters in the unit of its gradients.
    """
    spaces, outputs = read_sides(stats), stats.returned

    def scores(moments: Mapping[Space, Moments]) -> dict[str, Float64[np.ndarray, "q d"]]:
        unit = middle_scale(np.sqrt(np.diagonal(moments[space].xx) / moments[space].n) for space in spaces)
        found = _filters({name: moments[space] for name, space in outputs.items()}, limit)
        return {name: rows * unit for name, rows in found.items()}

    return scores
