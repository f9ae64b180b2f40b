"""Statistics as bytes and back: facts and arrays, each array once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from compgraph.errors import FileFormatError
from compgraph.statistics.files.fit import require_fit
from compgraph.statistics.identity import Identity, described
from compgraph.statistics.moments import Moments
from compgraph.statistics.probe import Dormant, Look
from compgraph.statistics.restriction import restricted
from compgraph.statistics.rows import Rows
from compgraph.statistics.sample import Sample
from compgraph.statistics.spaces import Pair, Space

if TYPE_CHECKING:
    from compgraph.statistics.record import Statistics

SCHEMA = "compgraph-statistics/1"
_MOMENTS = ("mean_x", "mean_y", "xx", "xy", "yy")


@dataclass(slots=True)
class Shelf:
    """Arrays by number; one that several records share is held once."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    _places: dict[int, str] = field(default_factory=dict)

    def put(self, array: np.ndarray) -> str:
        """Return the name under which an array is held."""
        if id(array) not in self._places:
            self._places[id(array)] = str(len(self.arrays))
            self.arrays[self._places[id(array)]] = array
        return self._places[id(array)]


def as_facts(stats: "Statistics", *, keep_inputs: bool) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return everything that statistics hold but the model.

    Parameters
    ----------
    stats
        Of a pass.
    keep_inputs
        Whether kept inputs and single rows are written as well.

    Returns
    -------
    tuple of dict
        What JSON can hold, and arrays by the names that it uses.
    """
    full, shelf = stats.unpruned or stats, Shelf()
    number = {pair: place for place, pair in enumerate(full.pairs)}
    dormant = full.dormant if full.probe is None else (full.probe.dormant(),) if keep_inputs else ()
    samples = {pair: each if keep_inputs else each.withheld() for pair, each in full.samples.items()}
    facts = {
        "pairs": [[_plain(pair.source), _plain(pair.target)] for pair in full.pairs],
        "moments": [_moments(full.moments[pair], shelf) for pair in full.pairs],
        "samples": [[number[pair], _sample(each, shelf)] for pair, each in samples.items()],
        "n_samples": full.n_samples,
        "notes": list(full.notes),
        "asked": described(full.asked.options),
        "returned": {name: _plain(space) for name, space in full.returned.items()},
        "crossed": [[number[one], number[other], shelf.put(each)] for (one, other), each in full.crossed.items()],
        "identity": None if full.identity is None else _identity(full.identity, shelf),
        "dormant": [
            {"facts": each.facts, "arrays": {name: shelf.put(array) for name, array in each.arrays.items()}}
            for each in (dormant if keep_inputs else ())
        ],
        "kept": None
        if stats.unpruned is None
        else {
            "pairs": [[each.source.layer, each.target.layer] for each in stats.pairs],
            "outputs": [*stats.returned],
            "notes": list(stats.notes),
        },
    }
    return facts, shelf.arrays


def from_facts(kind: "type[Statistics]", facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Statistics":
    """Return the statistics that facts describe.

    Parameters
    ----------
    kind
        `Statistics`.
    facts, arrays
        From `as_facts`.

    Returns
    -------
    Statistics
        Without a model.

    Raises
    ------
    FileFormatError
        When they are no statistics.
    """
    for each in arrays.values():
        each.flags.writeable = False
    try:
        full = kind(**_fields(facts, arrays))
        require_fit(full)
        if facts["kept"] is None:
            return full
        kept = facts["kept"]
        found = restricted(full, {(one, other) for one, other in kept["pairs"]}, kept["outputs"])
        return replace(found, notes=tuple(map(str, kept["notes"])))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise FileFormatError(f"it holds no statistics: {type(error).__name__}: {error}.") from error


def _fields(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    pairs = tuple(Pair(_space(source), _space(target)) for source, target in facts["pairs"])
    moments = {
        pair: Moments(each["n"], *(arrays[each[name]] for name in _MOMENTS))
        for pair, each in zip(pairs, facts["moments"], strict=True)
    }
    samples = {
        _at(pairs, place): Sample(arrays[each["x"]], arrays[each["y"]], arrays[each["ids"]], *each["counts"])
        for place, each in facts["samples"]
    }
    dormant = tuple(
        Dormant(each["facts"], {name: arrays[place] for name, place in each["arrays"].items()})
        for each in facts["dormant"]
    )
    return {
        "pairs": pairs,
        "moments": moments,
        "samples": samples,
        "n_samples": facts["n_samples"],
        "notes": tuple(map(str, facts["notes"])),
        "asked": Look(**facts["asked"]),
        "returned": {name: _space(each) for name, each in facts["returned"].items()},
        "crossed": {(_at(pairs, one), _at(pairs, other)): arrays[name] for one, other, name in facts["crossed"]},
        "identity": None if facts["identity"] is None else _as_identity(facts["identity"], arrays),
        "dormant": dormant,
    }


def _at(pairs: tuple[Pair, ...], place: int) -> Pair:
    if place < 0:
        raise ValueError(f"a pair number {place}")
    return pairs[place]


def _plain(space: Space) -> list[str | int]:
    return [space.layer, space.side, space.depth]


def _space(values: list[Any]) -> Space:
    layer, side, depth = values
    if side not in ("in", "out"):
        raise ValueError(f"a side {side!r}")
    return Space(str(layer), side, int(depth))


def _moments(moments: Moments, shelf: Shelf) -> dict[str, Any]:
    return {"n": moments.n} | {name: shelf.put(getattr(moments, name)) for name in _MOMENTS}


def _sample(sample: Sample, shelf: Shelf) -> dict[str, Any]:
    held = {name: shelf.put(getattr(sample, name)) for name in ("x", "y", "ids")}
    return {**held, "counts": [sample.n, sample.capacity, sample.seed]}


def _identity(identity: Identity, shelf: Shelf) -> dict[str, Any]:
    options, rows = described(identity.options), shelf.put(identity.rows.runs)
    return {"model": dict(identity.model), "rows": rows, "options": options, "version": identity.version}


def _as_identity(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Identity:
    model, options = facts["model"], facts["options"]
    if not (
        isinstance(model, dict) and isinstance(options, dict) and all(type(each) is str for each in model.values())
    ):
        raise ValueError("it is not said of which model they are")
    return Identity(model, Rows(arrays[facts["rows"]]), options, str(facts["version"]))
