"""What a user asks for, checked, and the modules that layers name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import torch

from compgraph.arguments import shown, whole_number
from compgraph.errors import BadRequest, SiteError, UnknownSite
from compgraph.observe.budget import Budget, Kept
from compgraph.observe.ranks.exchange import Ranks
from compgraph.observe.run.activations import Selector, remedy
from compgraph.observe.run.seen import Seen, Trace
from compgraph.statistics import Look

Layers = None | str | Sequence[str] | Mapping[str, Selector]
Rows = Literal["auto", "position", "sample"]
ALL_ROWS = 2**20  # what sample="all" holds; beyond it examples are to be taken in parts


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller of `collect` asked for, checked.

    Attributes
    ----------
    asked
        What is asked again of other data.
    kept
        What is kept, and how much of it.
    axis
        Axis of features by site; for all under the empty name.
    batch_size, device, progress, checkpoint, row_ids
        As for `collect`.
    ranks
        Processes that take their shares.
    """

    asked: Look
    kept: Kept
    axis: Mapping[str, int]
    batch_size: int
    device: torch.device | None
    progress: bool | None
    checkpoint: Path | None
    row_ids: Any
    ranks: Ranks | None


def wished(
    *,
    layers: Layers = None,
    rows: object = "auto",
    sample: object = 1024,
    seed: object = 0,
    first_row: object = 0,
    batch_size: object = 256,
    device: str | torch.device | None = None,
    progress: bool | None = None,
    samples: Any = None,
    axis: Any = None,
    call: Any = None,
    memory: Any = "4GB",
    precision: object = "auto",
    checkpoint: Any = None,
    row_ids: Any = None,
    process_group: Any = None,
) -> Request:
    """Check what a caller asked for, before any data are read.

    Parameters
    ----------
    layers, rows, sample, seed, first_row, batch_size, device, progress, samples, axis, call, memory, precision,
    checkpoint, row_ids, process_group
        As for `collect`.

    Returns
    -------
    Request
        Of counts that are whole numbers and large enough.

    Raises
    ------
    BadRequest
        When one is not.
    """
    if rows not in ("auto", "position", "sample"):
        raise BadRequest(f'rows is {rows!r}; needed is "auto", "position" or "sample".')
    if isinstance(sample, str) and sample != "all":
        raise BadRequest(f'sample is {sample!r}; needed is a whole number of at least 1, or "all".')
    if precision not in ("auto", "float64"):
        raise BadRequest(f'precision is {precision!r}; needed is "auto" or "float64".')
    kept = Kept(
        sample=ALL_ROWS if sample == "all" else whole_number(sample, "sample", minimum=1),
        seed=whole_number(seed, "seed", minimum=0),
        first_row=whole_number(first_row, "first_row", minimum=0),
        budget=Budget.of(memory),
        double=precision == "float64",
    )
    ranks = None if process_group is None else Ranks.of(process_group)
    axes = dict(axis) if isinstance(axis, Mapping) else {} if axis is None else {"": axis}
    return Request(
        Look(layers, "sample" if rows == "sample" else "position", samples=samples, axis=axis, call=call),
        kept,
        {name: int(whole_number(each, "axis", minimum=-9)) for name, each in axes.items()},
        whole_number(batch_size, "batch_size", minimum=1),
        None if device is None else torch.device(device),
        progress if ranks is None or ranks.rank == 0 else False,
        None if checkpoint is None else Path(checkpoint if ranks is None else f"{checkpoint}.{ranks.rank}"),
        row_ids,
        ranks,
    )


def resolve(record: Trace, wanted: Mapping[str, Selector]) -> list[str]:
    """Turn names and patterns into modules that can be tapped, in order of execution.

    Parameters
    ----------
    record
        Of the model, with the same selectors.
    wanted
        From `as_mapping`.

    Returns
    -------
    list of str
        Names of modules; the model's own input and output are left out.

    Raises
    ------
    UnknownSite
        When a name or pattern matches nothing.
    SiteError
        When a named module cannot be tapped. A pattern skips such modules, unless it leaves none.
    """
    chosen: set[str] = set()
    for pattern in wanted:
        if pattern in record.seen:
            _require_tappable(record.seen[pattern])
            chosen.add(pattern)
        elif pattern not in record.inputs and pattern not in record.outputs:
            matches = [each for name, each in record.seen.items() if fnmatchcase(name, pattern)]
            if not matches:
                raise _unknown(record, pattern)
            usable = [each.name for each in matches if each.calls == 1 and not each.problem]
            if not usable:
                _require_tappable(matches[0])
            chosen.update(usable)
    return [name for name in record.seen if name in chosen]


def as_mapping(layers: Any) -> dict[str, Selector]:
    """Read what a user may give for layers.

    Parameters
    ----------
    layers
        Names, globs, or either with a selector; ``None`` for no wish.

    Returns
    -------
    dict
        Selector by name or pattern.

    Raises
    ------
    BadRequest
        When it is none of these.
    """
    if layers is None:
        return {}
    if isinstance(layers, str):
        return {layers: None}
    if not isinstance(layers, Iterable):
        raise BadRequest(f"layers is {layers!r}; needed are names, patterns, or a dict from names to selectors.")
    entries = dict(layers) if isinstance(layers, Mapping) else [*layers]
    if strange := [each for each in entries if not isinstance(each, str)]:
        raise BadRequest(f"layers has the entry {shown(strange[0])}; needed are names or patterns of modules.")
    wanted: dict[str, Selector] = entries if isinstance(entries, dict) else dict.fromkeys(entries)
    if not wanted:
        raise BadRequest(f"layers={layers!r} names nothing; name modules, or leave layers out to have them chosen.")
    for name, selector in wanted.items():
        if not isinstance(name, str) or not (selector is None or callable(selector)):
            raise BadRequest(
                f"layers has the entry {name!r}: {selector!r}; needed are names with a function, or None, that picks "
                "a tensor out of what the module returned."
            )
    return wanted


def _require_tappable(each: Seen) -> None:
    what = f"module {each.name!r} ({type(each.module).__name__})"
    if each.calls == 0:
        raise SiteError(f"{what} was never called. Tap one that is: compgraph.sites(model, example) lists them.")
    if each.calls > 1:
        raise SiteError(
            f"{what} was called {each.calls} times in one run{again(each)}. Needed is one call: tap modules "
            "around it that are called once."
        )
    if each.problem:
        raise SiteError(f"{what} {each.problem}. {remedy(each.name, each.problem)}")


def again(each: Seen) -> str:
    """Say in brackets that a module has two names, or nothing.

    Parameters
    ----------
    each
        A module that was called more than once.

    Returns
    -------
    str
        Begins with a space.
    """
    return f" ({each.problem})" if each.problem.startswith("is the same") else ""


def _unknown(record: Trace, pattern: str) -> UnknownSite:
    known = list(record.everything)
    nearest = get_close_matches(pattern, known, n=1, cutoff=0.0)[0]
    return UnknownSite(
        f"no module {pattern!r}. Nearest: {nearest!r}. compgraph.sites(model, example) lists all {len(known)}."
    )
