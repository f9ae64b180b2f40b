"""Statistics of parts of the data become those of all, as exactly as one pass would give them."""

from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from compgraph.arguments import checked, shown, whole_number
from compgraph.errors import BadRequest, EmptyData, ForeignRecord
from compgraph.statistics.facing import merged_cross
from compgraph.statistics.files.stored import Stored
from compgraph.statistics.identity import Identity, require_mergeable
from compgraph.statistics.restriction import restricted
from compgraph.statistics.rows import Rows

if TYPE_CHECKING:
    from compgraph.statistics.probe import Dormant
    from compgraph.statistics.record import Statistics


@checked
def merge(shards: "Iterable[Statistics]", *, n_rows: int | None = None, gaps: bool = False) -> "Statistics":
    """Merge the statistics of all parts of a data set.

    Parameters
    ----------
    shards
        Of the same model, sites and options, in any order: they are sorted by the numbers of their rows.
    n_rows
        Rows of the whole data set, where a missing last part is to be noticed.
    gaps
        Whether rows may be missing.

    Returns
    -------
    Statistics
        Those of one pass over all rows: the same bits whatever the order of the parts. They ask the model again where
        all parts can, on the inputs that one pass would have kept.

    Raises
    ------
    EmptyData
        When there is no part.
    ForeignRecord
        When two parts are of different models, versions or options, naming the first difference, or a part does not
        know of which rows it is.
    BadRequest
        When two parts have a row in common, or rows are missing, naming the first.

    Notes
    -----
    Parts that were cut at multiples of 4,096 rows give what one process gives up to the rounding of float64. Rows that
    are dealt out otherwise are multiplied in other company, which float32 products see (2e-6), and those of
    ``precision="float64"`` do not.

    Examples
    --------
    >>> import torch
    >>> import compgraph as cg
    >>> model, data = torch.nn.Linear(3, 2), torch.randn(30, 3)
    >>> late, early = cg.collect(model, data[20:], first_row=20), cg.collect(model, data[:20])
    >>> cg.merge([late, early]).n_samples
    30
    """
    if not isinstance(shards, Iterable):
        raise BadRequest(f"shards={shown(shards)}: several statistics are needed, such as a list of them.")
    every = list(shards)
    if not every:
        raise EmptyData("merge got no statistics; give those of every part of the data.")
    for each in every:
        if not isinstance(each, Stored):
            raise BadRequest(f"shards hold {shown(each)}; needed is what compgraph.collect returned (Statistics).")
        if each.identity is None:
            raise ForeignRecord(
                "statistics that do not know of which rows they are came; merge takes those of compgraph.collect. "
                "Add others with +."
            )
    every.sort(key=lambda each: _first_row(each.identity))
    whole = reduce(add, every)
    if not gaps and whole.identity is not None:
        _require_no_gaps(whole.identity.rows, None if n_rows is None else whole_number(n_rows, "n_rows", minimum=1))
    return whole


def _first_row(identity: Identity | None) -> int:
    return identity.rows.first if identity is not None else 0


def _require_no_gaps(rows: Rows, n_rows: int | None) -> None:
    missing = rows.gaps
    if len(missing):
        raise BadRequest(
            f"{len(missing)} rows are missing: {missing}. Merge all parts, or say gaps=True where there are "
            "no such rows."
        )
    if n_rows is not None and n_rows != len(rows):
        raise BadRequest(f"the parts have {len(rows)} rows ({rows}), and n_rows={n_rows}; merge all parts.")


def added(one: "Statistics", other: "Statistics") -> "Statistics":
    """Merge two parts in the order given.

    Parameters
    ----------
    one, other
        Of the same sites.

    Returns
    -------
    Statistics
        Of the rows of both.

    Raises
    ------
    BadRequest
        When their sites are not the same, or they have a row in common.
    ForeignRecord
        When they are of different models, versions or options.
    """
    identity = _identity(one.identity, other.identity)
    mine, theirs = (each.unpruned or each for each in (one, other))
    _require_same_pairs(mine, theirs)
    probe = None
    if mine.probe is not None and theirs.probe is not None:
        probe = mine.probe.joined((theirs.probe,))
    full = type(one)(
        mine.pairs,
        {pair: mine.moments[pair] + theirs.moments[pair] for pair in mine.pairs},
        {pair: mine.samples[pair] + theirs.samples[pair] for pair in mine.pairs if pair in mine.samples},
        mine.n_samples + theirs.n_samples,
        notes=tuple(dict.fromkeys(mine.notes + theirs.notes)),
        probe=probe,
        asked=mine.asked,
        returned=mine.returned,
        crossed=merged_cross(mine, theirs),
        identity=identity,
        dormant=() if probe is not None else _dormant(mine, theirs),
    )
    if probe is not None:
        return probe.settled(full)
    if one.unpruned is None or other.unpruned is None:
        return full
    # What a part saw move moves in the whole.
    keep = {(pair.source.layer, pair.target.layer) for each in (one, other) for pair in each.pairs}
    return restricted(full, keep, {*one.returned, *other.returned})


def _require_same_pairs(one: "Statistics", other: "Statistics") -> None:
    if one.pairs != other.pairs:
        mine, theirs = ({str(pair) for pair in each.pairs} for each in (one, other))
        only = ", ".join(sorted(mine ^ theirs)) or "in another order"
        raise BadRequest(
            f"statistics of the layers {', '.join(one.layers)} and {', '.join(other.layers)} do not merge: pairs "
            f"of one alone are {only}. Collect both with the same layers=[...], named, so that none is left out by "
            "its data."
        )


def _identity(one: Identity | None, other: Identity | None) -> Identity | None:
    if one is None or other is None:
        return None
    require_mergeable(one, other)
    return Identity(one.model, Rows.union([one.rows, other.rows]), one.options, one.version)


def _dormant(one: "Statistics", other: "Statistics") -> "tuple[Dormant, ...]":
    """Return what is left of the probes of both; of a half nothing is made again."""
    held = [each.dormant if each.probe is None else (each.probe.dormant(),) for each in (one, other)]
    return () if () in held else held[0] + held[1]
