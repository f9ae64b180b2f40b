"""From what a user asks for to modules that can be tapped."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from compgraph.errors import BadRequest, SiteError, UnknownSite
from compgraph.observe.run.activations import Selector, remedy
from compgraph.observe.run.seen import Seen, Trace

Layers = None | str | Sequence[str] | Mapping[str, Selector]


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
    wanted: dict[str, Selector] = dict(layers) if isinstance(layers, Mapping) else dict.fromkeys(layers)
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
