"""Which sites are followed when nobody names any."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from torch import nn

from compgraph.observe.candidates import Candidates
from compgraph.observe.run.seen import Seen, Trace

_RESHAPES = re.compile("Pool|latten")
BRANCH = 8  # layers with weights in the longest branch that a skip is taken to go around


class Chosen(NamedTuple):
    """The sites that are followed by default.

    Attributes
    ----------
    numbers
        Of candidates, in order of execution.
    names
        Of those that go by the name of a module around them.
    left_out
        Sentences on what was left out, and why.
    """

    numbers: tuple[int, ...]
    names: dict[int, str]
    left_out: tuple[str, ...]


def default_sites(record: Trace, found: Candidates) -> Chosen:
    """Choose the layers with weights and the streams that branches write into.

    Parameters
    ----------
    record
        Of the model.
    found
        All that could be sites.

    Returns
    -------
    Chosen
        Modules alone; inputs and outputs of the model are sites in any case.

    Notes
    -----
    A layer is a module without called submodules, with a parameter of two axes or more, called once and returning one
    floating tensor, or several where it is recurrent or attention. It is moved forward over modules that are called
    next, are the only ones to read it and keep its shape: activations, dropout, norms, but no pooling.

    Where the tensor that a layer or a block gives is also added to what a branch makes of it (a residual path), the
    sum is followed where a module gives it, and what the branch adds; the inside of the branch is not. What no output
    depends on, and what does not depend on the samples, is left out.
    """
    layers = {number: _moved(record, found, number) for number in _with_weights(found)}
    inside: set[int] = set()
    sums: dict[int, str] = {}
    for number, place in enumerate(found.places):
        summands = found.summands(number)
        around = _around_skips(found, number, summands)
        inside |= around
        block = not place.seen.leaf and len(summands) > 1
        if place.kind == "module" and (block or (around and _is_norm(place.seen.module))):
            last = _moved(record, found, number)
            sums[last] = _name_around(record, found.places[last].seen)
    sums = {number: name for number, name in sums.items() if number not in inside}
    # One of several tensors that a layer gives is known by the layer, whatever it passes through next.
    sites = {last: number if found.places[number].spot.place else last for number, last in layers.items()}
    kept = sorted({number for last, number in sites.items() if last not in inside} | sums.keys())
    useful = [number for number in kept if _leads_on(found, number) and found.varies(number)]
    beside = [found.places[number].seen.name for number in kept if number not in useful]
    return Chosen(tuple(useful), sums, tuple(_left_out(record, found, set(sites) & inside, beside)))


def _with_weights(found: Candidates) -> Iterable[int]:
    """Iterate over the layers with weights: of several tensors of one, the first that something reads."""
    seen: set[str] = set()
    for number, place in enumerate(found.places):
        each = place.seen
        if place.kind != "module" or not each.leaf or each.name in seen:
            continue
        if _is_norm(each.module) or not has_weights(each.module):
            continue
        alone = len(each.spots) == 1
        if alone or found.readers[number]:
            seen.add(each.name)
            yield number


def _moved(record: Trace, found: Candidates, number: int) -> int:
    """Return the last of the modules that only pass on what a layer gives."""
    order = list(record.seen)
    last = found.places[number].seen
    for name in order[order.index(last.name) + 1 :]:
        follower = record.seen[name]
        if not follower.leaf:
            continue
        after = found.number.get((follower.name, ""))
        if after is None or last.name not in follower.reads or not _passes_on(follower, last):
            break
        if found.readers[number] != {after}:
            break
        number, last = after, follower
    return number


def _around_skips(found: Candidates, target: int, summands: frozenset[int]) -> set[int]:
    """Return the inside of the branches that something added at a site goes around."""
    inside: set[int] = set()
    sources = found.sources[target]
    for source in summands:
        branch = (_behind(found, source) & _before(found, target)) - sources
        others = [each for each in sources if each != source and each in _behind(found, source)]
        weights = sum(has_weights(found.places[each].seen.module) and found.places[each].seen.leaf for each in branch)
        if others and weights <= BRANCH:
            inside |= branch
    return inside


def _behind(found: Candidates, number: int) -> set[int]:
    return _all(found.readers, number)


def _before(found: Candidates, number: int) -> set[int]:
    return _all(found.sources, number)


def _all(step: tuple[frozenset[int], ...], start: int) -> set[int]:
    reached: set[int] = set()
    waiting = [start]
    while waiting:
        for each in step[waiting.pop()] - reached:
            reached.add(each)
            waiting.append(each)
    return reached


def _leads_on(found: Candidates, number: int) -> bool:
    return any(found.places[each].kind == "output" for each in _behind(found, number))


def _name_around(record: Trace, seen: Seen) -> str:
    """Return the innermost module around one that returns its output as it is: a block bears a better name."""
    return next(
        (each.name for each in record.seen.values() if each.as_is and seen.name in _chain(record, each)), seen.name
    )


def _chain(record: Trace, each: Seen) -> set[str]:
    names: set[str] = set()
    while each.as_is and each.as_is not in names:
        names.add(each.as_is)
        each = record.seen[each.as_is]
    return names


def _left_out(record: Trace, found: Candidates, inside: set[int], beside: list[str]) -> Iterable[str]:
    missed = [f"{each.name} ({reason(each)})" for each in _untappable(record)]
    if missed:
        yield f"Left out, though they have weights: {', '.join(missed)}."
    if inside:
        names = ", ".join(found.places[each].seen.name for each in sorted(inside))
        yield f"Left out, inside branches that a residual path goes around: {names}."
    yield from _unfollowed(record, found)
    if beside:
        why = "they do not depend on the data or no derivative of an output leads to them"
        yield f"Left out, as {why}: {', '.join(beside)}."


def _unfollowed(record: Trace, found: Candidates) -> Iterable[str]:
    """Say which tensors of layers that give several are read and not followed."""
    for each in record.seen.values():
        numbers = {place: found.number.get((each.name, place)) for place in each.spots}
        read = [place for place, number in numbers.items() if number is not None and found.readers[number]]
        if each.leaf and len(read) > 1:
            yield f"Of what {each.name} gives, {read[0]} is followed, and {', '.join(read[1:])} is read as well."


def _untappable(record: Trace) -> list[Seen]:
    weighted = [each for each in record.seen.values() if has_weights(each.module)]
    called = [each for each in weighted if each.leaf and (each.calls != 1 or each.problem)]
    # Attention of torch's reads the weights of a module inside it without calling it.
    leaves = tuple(f"{each.name}." for each in record.seen.values() if each.leaf)
    idle = [each for each in weighted if each.calls == 0 and not any(True for _ in each.module.children())]
    return [*called, *(each for each in idle if not each.name.startswith(leaves))]


def reason(seen: Seen) -> str:
    """Say why a module cannot be tapped.

    Parameters
    ----------
    seen
        A module that was called.

    Returns
    -------
    str
        Part of a sentence.
    """
    if seen.calls == 0:
        return "never called on the first samples"
    return seen.problem if seen.calls == 1 else f"called {seen.calls} times"


def _passes_on(follower: Seen, before: Seen) -> bool:
    if follower.calls != 1 or follower.problem or follower.shape != before.shape:
        return False
    free = not any(True for _ in follower.module.parameters()) and not _RESHAPES.search(type(follower.module).__name__)
    return free or _is_norm(follower.module) or isinstance(follower.module, nn.PReLU)


def _is_norm(module: nn.Module) -> bool:
    return any("Norm" in kind.__name__ for kind in type(module).__mro__)


def has_weights(module: nn.Module) -> bool:
    """Tell whether a module has a parameter of two axes or more.

    Parameters
    ----------
    module
        Any.

    Returns
    -------
    bool
        False for norms, activations and scales.
    """
    return any(parameter.dim() >= 2 for parameter in module.parameters())
