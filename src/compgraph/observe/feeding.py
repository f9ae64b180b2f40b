"""Which of the chosen sites feed which: by derivatives, and by finite steps where there are none."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn

from compgraph.errors import SiteError
from compgraph.observe.arrows import Held
from compgraph.observe.data.call import Call
from compgraph.observe.run.exchange import run_exchanged
from compgraph.observe.run.restore import observing
from compgraph.observe.run.tap import Tap
from compgraph.observe.run.trace import first_of
from compgraph.observe.site_graph import Arrow, SiteGraph

STEPPED = 8  # samples on which finite steps are tried


def feeding(
    model: nn.Module, call: Call, taps: Sequence[Tap], held: Held | None = None
) -> dict[int, dict[int, tuple[bool, bool]]]:
    """Find the sources of every site.

    Parameters
    ----------
    model
        Run once, and again for every site where something stands in the way of derivatives, or that none leads on from.
    call
        A few samples.
    taps
        The sites in order of execution.
    held
        The run with every site held, where there was one.

    Returns
    -------
    dict
        Number of a target to those of its sources, each with whether its arrow is quiet and whether it is blind.
    """
    try:
        reach = (held or Held(model, first_of(call, call.size), taps)).reach
    except (RuntimeError, SiteError):  # an operation without a derivative; what asks for gradients will say which
        reach = {}
    found: dict[int, dict[int, tuple[bool, bool]]] = {
        target: dict.fromkeys(each.direct, (False, False)) | dict.fromkeys(each.quiet, (True, False))
        for target, each in reach.items()
    }
    lone = [target for target, tap in enumerate(taps) if tap.kind != "input" and not found.get(target)]
    step = Step(model, call, taps)
    for target in lone:
        before = range(target)
        moves = target > 0 and target in step.moved(before)
        sources = [each for each in before if target in step.moved((each,))] if moves else []
        found[target] = dict.fromkeys(sources, (False, bool(reach)))
    read = {source for sources in found.values() for source in sources}
    for source, tap in enumerate(taps):  # what is read behind a detach alone
        if source not in read and tap.kind != "output":
            for target in step.moved((source,)) - {source}:
                found.setdefault(target, {}).setdefault(source, (False, bool(reach)))
    return {target: found.get(target, {}) for target in range(len(taps))}


def still_quiet(
    model: nn.Module, graph: SiteGraph, calls: Callable[[], Iterator[Call]]
) -> tuple[set[Arrow], set[Arrow]]:
    """Return the arrows along which nothing moves, and those along which only finite steps do.

    Parameters
    ----------
    model
        Run on one call after the other, until every arrow was seen to be something else.
    graph
        The sites.
    calls
        Gives them, with storage of their own.

    Returns
    -------
    tuple of set of Arrow
        Of those whose derivative was 0 on the first samples.
    """
    quiet = {arrow for arrow in graph.arrows if arrow.quiet}
    for call in calls() if quiet else ():
        reach = Held(model, call, graph.taps, targets={arrow.target for arrow in quiet}).reach
        quiet -= {arrow for arrow in quiet if arrow.source in reach[arrow.target].direct}
        if not quiet:
            break
    if not quiet:
        return set(), set()
    step = Step(model, first_of(next(calls()), STEPPED), graph.taps)
    blind = {arrow for arrow in quiet if arrow.target in step.moved((arrow.source,))}
    return quiet - blind, blind


class Step:
    """Runs of a model in which some sites are nudged by a finite step and all others are held.

    Parameters
    ----------
    model
        Run once, and once more for every set of sites.
    call
        Arguments.
    taps
        The sites.
    """

    def __init__(self, model: nn.Module, call: Call, taps: Sequence[Tap]) -> None:
        self._model, self._call, self._taps = model, call, taps
        self._known: dict[tuple[int, ...], set[int]] = {}

    @cached_property
    def _before(self) -> Mapping[int, Tensor]:
        return self._values(())

    def moved(self, sources: Collection[int]) -> set[int]:
        """Return the sites that move.

        Parameters
        ----------
        sources
            Numbers of the sites that are nudged.

        Returns
        -------
        set of int
            Numbers of sites, those that no derivative leads to among them.
        """
        key = tuple(sources)
        if key not in self._known:
            before = self._before  # not in the midst of the run that is compared with it
            after = self._values(key)
            self._known[key] = {number for number, value in before.items() if _differs(value, after.get(number))}
        return self._known[key]

    def _values(self, sources: Collection[int]) -> Mapping[int, Tensor]:
        seen: dict[int, Tensor] = {}

        def look(number: int, activation: Tensor) -> None:
            seen[number] = activation.detach().clone()

        def exchange(number: int, activation: Tensor) -> Tensor:
            held = self._before.get(number, activation) if sources else activation
            value = held if held.shape == activation.shape else activation
            if number not in sources:
                return value.clone()
            noise = torch.randn(value.shape, generator=torch.Generator().manual_seed(number)).to(value)
            return value + noise * (value.std() if value.numel() > 1 else 1.0)

        with observing(self._model):
            returned = run_exchanged(self._model, first_of(self._call, self._call.size), self._taps, look, exchange)
        for number, tap in enumerate(self._taps):
            if tap.kind == "output":
                look(number, tap.found(returned))
        return seen


def _differs(before: Tensor, after: Tensor | None) -> bool:
    if after is None or after.shape != before.shape:
        return True
    return not torch.allclose(after, before, rtol=1e-4, atol=1e-6, equal_nan=True)
