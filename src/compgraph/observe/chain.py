"""The chain of sites that `collect` follows: which layers by default, and how neighbours face each other."""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from compgraph.errors import ShapeError, SiteError
from compgraph.observe.layers import Layers, as_mapping, resolve
from compgraph.observe.run.activations import Selector, problem, remedy
from compgraph.observe.run.batches import Call
from compgraph.observe.run.rows import Grid, RowMode, common_grid, grid_of, moment_fits, require_moment_fits
from compgraph.observe.run.trace import Seen, Trace
from compgraph.statistics import Pair, Space

_RESHAPES = re.compile("Pool|latten")


@dataclass(frozen=True, slots=True)
class Tap:
    """One site of the chain.

    Attributes
    ----------
    name
        Of the site.
    module
        Whose output is read; the whole model for its own input and output.
    select
        Picks the tensor out of what the module returned.
    shape
        Of the activation in the first batch.
    axis
        The axis of features; ``None`` where all but the samples are features.
    """

    name: str
    module: nn.Module
    select: Selector
    shape: tuple[int, ...]
    axis: int | None

    def pick(self, output: Any, size: int) -> Tensor:
        """Return the activation in what the module returned.

        Parameters
        ----------
        output
            What the module returned.
        size
            Number of samples.

        Returns
        -------
        torch.Tensor
            With samples first.

        Raises
        ------
        SiteError
            When that is no activation.
        ShapeError
            When it has other features or positions than in the first batch.
        """
        activation = output if self.select is None else self.select(output)
        trouble = problem(activation, size)
        if trouble:
            by = "" if self.select is None else " after its selector"
            raise SiteError(f"site {self.name!r}{by} {trouble}. {remedy(self.name, trouble)}")
        if tuple(activation.shape[1:]) != self.shape[1:]:
            raise ShapeError(
                f"site {self.name!r} gives {tuple(activation.shape)} where the first batch gave {self.shape}: only the "
                "number of samples may change. Pad or crop the inputs to one size."
            )
        result: Tensor = activation
        return result


@dataclass(frozen=True, slots=True)
class Chain:
    """The sites of one analysis in order of execution.

    Attributes
    ----------
    taps
        At least two.
    grids
        For each consecutive pair, the positions at which both ends are rows.
    notes
        Sentences on what was chosen.
    """

    taps: tuple[Tap, ...]
    grids: tuple[Grid, ...]
    notes: tuple[str, ...]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs of facing spaces."""
        names = [tap.name for tap in self.taps]
        return tuple(Pair(Space(names[i], "in", i), Space(names[i + 1], "out", i + 1)) for i in range(len(names) - 1))


def chain(record: Trace, call: Call, layers: Layers, *, rows: RowMode) -> Chain:
    """Choose the sites of an analysis.

    Parameters
    ----------
    record
        Of the model on the first batch.
    call
        That batch.
    layers
        As in `compgraph.observe.collect`.
    rows
        What a row is.

    Returns
    -------
    Chain
        From the model's input, or the first layer where the input is no activation, to the model's output.

    Raises
    ------
    SiteError
        When a layer or the model's output cannot be tapped, or fewer than two sites are left.
    ShapeError
        When a site has too many features.
    """
    wanted = as_mapping(layers)
    names, notes = _names(record, wanted)
    taps = [_tap(name, record.seen[name], rows) for name in names]
    obstacle = _input_obstacle(record, call, rows)
    if obstacle:
        start = taps[0].name if taps else record.output.name
        notes.append(f"The model reads {obstacle}, so the chain starts at {start!r}.")
    else:
        taps.insert(0, _tap(record.input.name, record.input, rows))
    if record.output.select or not names or names[-1] not in record.output.reads or record.seen[names[-1]].select:
        _require_output(record)
        taps.append(_tap(record.output.name, record.output, rows))
    if len(taps) < 2:
        raise SiteError(
            f"only the site {taps[0].name!r} is left, and a graph needs two. Name layers with layers=[...]; "
            "compgraph.sites(model, example) lists them."
        )
    return _facing(taps, notes)


def default_layers(record: Trace) -> list[str]:
    """Choose the layers with weights, each read after the activation or normalisation that follows it.

    Parameters
    ----------
    record
        Of the model.

    Returns
    -------
    list of str
        Names in order of execution.

    Notes
    -----
    A layer is a module without called submodules, with a parameter of two axes or more, called once and
    returning one floating tensor. It is moved forward over modules that are called next, are given exactly its
    output and keep its shape: activations, dropout, norms, but no pooling.
    """
    leaves = [each for each in record.seen.values() if each.leaf]
    found: list[str] = []
    for i, each in enumerate(leaves):
        if each.calls != 1 or each.problem or _is_norm(each.module) or not _has_weights(each.module):
            continue
        last = each
        for follower in leaves[i + 1 :]:
            if not (last.name in follower.reads and _passes_on(follower, last)):
                break
            last = follower
        found.append(last.name)
    return found


def _names(record: Trace, wanted: dict[str, Selector]) -> tuple[list[str], list[str]]:
    """Return the layers to tap and what there is to say about the choice."""
    if not set(wanted) - {record.output.name}:
        names = default_layers(record)
        notes = [f"Layers were chosen automatically: {', '.join(names) or 'none has weights'}."]
        missed = [f"{each.name} ({_reason(each)})" for each in _untappable(record)]
        return names, notes + [f"Left out, though they have weights: {', '.join(missed)}."] * bool(missed)
    names = resolve(record, wanted)
    asked = [name for name in wanted if name in names]
    if asked == [name for name in names if name in asked]:
        return names, []
    return names, [f"Layers were put in order of execution: {', '.join(names)}."]


def _untappable(record: Trace) -> list[Seen]:
    leaves = [each for each in record.seen.values() if each.leaf and _has_weights(each.module)]
    return [each for each in leaves if each.calls != 1 or each.problem]


def _reason(seen: Seen) -> str:
    return seen.problem if seen.calls == 1 else f"called {seen.calls} times"


def _input_obstacle(record: Trace, call: Call, rows: RowMode) -> str:
    """Say why the model's input is no site, or nothing."""
    given = ", ".join(f"{str(each.dtype).removeprefix('torch.')} {tuple(each.shape)}" for each in call.tensors)
    if call.single is None:
        return f"{given}, not one floating-point tensor"
    fits = moment_fits(record.input.shape, record.input.axis if rows == "position" else None)
    return "" if fits else f"{given}, too many features for their second moment"


def _facing(taps: list[Tap], notes: list[str]) -> Chain:
    own = [grid_of(tap.shape, tap.axis) for tap in taps]
    grids = tuple(common_grid(a, b) for a, b in pairwise(own))
    for i, grid in enumerate(grids):
        if own[i] != grid or own[i + 1] != grid:
            where = f"{taps[i].name!r} {own[i]} and {taps[i + 1].name!r} {own[i + 1]}"
            notes.append(f"Positions of {where} are averaged to {grid or 'one row per sample'} where they face.")
    return Chain(tuple(taps), grids, tuple(notes))


def _passes_on(follower: Seen, before: Seen) -> bool:
    if follower.calls != 1 or follower.problem or follower.shape != before.shape:
        return False
    free = not any(True for _ in follower.module.parameters()) and not _RESHAPES.search(type(follower.module).__name__)
    return free or _is_norm(follower.module) or isinstance(follower.module, nn.PReLU)


def _is_norm(module: nn.Module) -> bool:
    return any("Norm" in kind.__name__ for kind in type(module).__mro__)


def _has_weights(module: nn.Module) -> bool:
    return any(parameter.dim() >= 2 for parameter in module.parameters())


def _require_output(record: Trace) -> None:
    if record.output.problem:
        advice = remedy(record.output.name, record.output.problem)
        raise SiteError(f"the model's output {record.output.problem}. {advice}")


def _tap(name: str, seen: Seen, rows: RowMode) -> Tap:
    axis = seen.axis if rows == "position" else None
    require_moment_fits(name, seen.shape, axis)
    return Tap(name, seen.module, seen.select, seen.shape, axis)
