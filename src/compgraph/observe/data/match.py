"""Which argument of a model each part of a batch is: by name where it has one, by forward's signature otherwise."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from compgraph.errors import BadRequest
from compgraph.observe.data.as_tensors import as_tensors, holds_numbers, kind
from compgraph.observe.data.signature import Signature

Note = Callable[[str], None]
_TARGET = re.compile(r"y|(\w+_)?(labels?|targets?|true|truth)")


@dataclass(frozen=True, slots=True)
class Matched:
    """Arguments in the order of the signature, as they came.

    Attributes
    ----------
    args, kwargs, names
        As in `compgraph.observe.data.call.Call`.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()


def by_name(columns: Mapping[Any, Any], takes: Signature, note: Note) -> Matched:
    """Give the columns of a batch to the parameters of their names.

    Parameters
    ----------
    columns
        By name, in any order.
    takes
        What forward takes.
    note
        Told what was left out.

    Returns
    -------
    Matched
        In the order of the signature.

    Raises
    ------
    BadRequest
        When a required argument is not there.
    """
    if not columns:
        return Matched(())
    given = {name: columns[name] for name in takes.names if name in columns}
    others = {str(name): value for name, value in columns.items() if name not in given}
    if takes.anything:
        extra = {name: value for name, value in others.items() if holds_numbers(value)}
        others = {name: value for name, value in others.items() if name not in extra}
        if extra:
            note(f"forward takes any keyword argument, so it got the columns {_listed(extra)} as well.")
        given |= extra
    elif len(columns) == 1 and others and _one_of_torch(takes):
        (only,) = others
        note(f"The one column, {only!r}, is the model's one argument, {takes.positional[0]!r}.")
        return by_position(tuple(others.values()), takes, note)
    lacking = takes.lacking(given)
    if lacking or not given:
        raise _lacking(columns, takes, lacking)
    if others:
        note(f"The columns {_listed(others)} are no arguments of {takes} and were left out.")
    unnamed = [name for name in takes.positional[: takes.unnamed] if name in given]
    kwargs = {name: value for name, value in given.items() if name not in unnamed}
    return Matched(tuple(given[name] for name in unnamed), kwargs, tuple(unnamed))


def by_position(items: Sequence[Any], takes: Signature, note: Note, *, all_of_them: bool = False) -> Matched:
    """Give the items of a batch to the parameters in their places.

    Parameters
    ----------
    items
        At least one.
    takes
        What forward takes.
    note
        Told what was taken for a target.
    all_of_them
        Whether the items are known to be arguments, each of them.

    Returns
    -------
    Matched
        The required arguments, and further ones where they are known to be arguments.

    Raises
    ------
    BadRequest
        When there are too few items, or when it is in doubt whether one is an argument or a target.
    """
    fewest = max(takes.n_required, 1)
    lacking = [*takes.positional[len(items) : fewest], *takes.lacking(dict.fromkeys(takes.positional))]
    if lacking:
        raise _lacking(items, takes, lacking)
    if all_of_them:
        n = len(items)
    elif takes.rest and len(items) > len(takes.positional):
        n = _n_floating(items, takes, note)
    else:
        n = fewest
        _require_targets(items, takes, note)
    names = tuple(map(takes.name, range(n)))
    return Matched(tuple(items[:n]), {}, names)


def _require_targets(items: Sequence[Any], takes: Signature, note: Note) -> None:
    """Refuse items that may be arguments as well as targets, and say which are targets."""
    fewest = max(takes.n_required, 1)
    for place, item in enumerate(items[fewest:], fewest):
        if place >= len(takes.positional):
            note(f"Item {place} of each batch was taken for a target and left out: {takes} does not take so many.")
            continue
        name = takes.positional[place]
        if _TARGET.fullmatch(name) is None and takes.defaults[name] is None:
            known = ", ".join(f"{each!r}: ..." for each in (*takes.positional[:fewest], name))
            kept = ", ".join(f"batch[{i}]" for i in range(fewest))
            raise BadRequest(
                f"batches hold {len(items)} items, and of {takes} only {fewest} must be given: whether item {place}, "
                f"{kind(item)}, is {name!r} or a target is in doubt. Give dicts, {{{known}}}, or say which items are "
                f"arguments: call=lambda batch: ({kept},) without it, call=lambda batch: ({kept}, batch[{place}]) with."
            )
        note(f"Item {place} of each batch was taken for a target and left out; to give it as {name!r}, give dicts.")


def _n_floating(items: Sequence[Any], takes: Signature, note: Note) -> int:
    """Return how many items are arguments, where forward takes any number of them."""
    n = max(len(takes.positional), 1)
    while n < len(items) and _floating(as_tensors(items[n])):
        n += 1
    left = f"; items {n} to {len(items) - 1} were taken for targets and left out" if n < len(items) else ""
    note(f"{takes} takes any number of arguments and got the first {n} items of each batch{left}.")
    return n


def _floating(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _one_of_torch(takes: Signature) -> bool:
    # torch's own modules call what they read "input", which is nobody's name for a column.
    return takes.names == ("input",) and not takes.rest


def _lacking(came: Mapping[Any, Any] | Sequence[Any], takes: Signature, lacking: Sequence[str]) -> BadRequest:
    if isinstance(came, Mapping):
        shown = ", ".join(f"{name!r} ({kind(value)})" for name, value in came.items()) or "nothing"
    else:
        shown = ", ".join(map(kind, came))
    needs = f"needs {_listed(lacking)}" if lacking else "takes none of these names"
    columns = ", ".join(f"{name!r}: ..." for name in takes.names if name not in takes.defaults) or "'name': ..."
    return BadRequest(
        f"a batch holds {shown}, and {takes} {needs}. Give dicts {{{columns}}}, or a function from a batch to the "
        "arguments: call=lambda batch: {...}."
    )


def _listed(names: Mapping[str, Any] | Sequence[str]) -> str:
    return ", ".join(map(repr, names))
