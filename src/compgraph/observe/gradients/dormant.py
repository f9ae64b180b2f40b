"""A probe without its model as plain facts and arrays, and back."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn

from compgraph.errors import BadRequest, FileFormatError
from compgraph.observe.data.call import Call
from compgraph.observe.request import Layers, as_mapping
from compgraph.observe.run.activations import Selector, selector_for
from compgraph.observe.run.tap import Kind, Tap
from compgraph.observe.site_graph import Arrow, SiteGraph
from compgraph.observe.sums.input_sample import Held

_PLAIN = (type(None), bool, int, float, str)


def graph_facts(graph: SiteGraph) -> dict[str, Any]:
    """Return a graph of sites as JSON can hold it.

    Parameters
    ----------
    graph
        The graph.

    Returns
    -------
    dict
        Of each site all but its module and its selector, which may be a function.
    """
    taps = [
        {name: getattr(tap, name) for name in Tap.__slots__ if name not in ("module", "select")}
        | {"selected": tap.select is not None}
        for tap in graph.taps
    ]
    arrows = [asdict(each) for each in graph.arrows]
    named, returned = sorted(graph.named), list(graph.returned)
    return {"taps": taps, "arrows": arrows, "notes": list(graph.notes), "named": named, "returned": returned}


def graph_of(facts: Mapping[str, Any], model: nn.Module, layers: Layers) -> SiteGraph:
    """Return the graph of sites of a model that was described by facts.

    Parameters
    ----------
    facts
        From `graph_facts`.
    model
        With the same modules.
    layers
        As they were given to `compgraph.collect`, for their selectors.

    Returns
    -------
    SiteGraph
        Whose taps are in the model.

    Raises
    ------
    BadRequest
        When a site had a selector and none is given.
    """
    selectors = as_mapping(layers)
    taps = []
    for each in facts["taps"]:
        values = {**each, "shape": tuple(each["shape"])}
        _require_kinds(values)
        values["select"] = _selector(selectors, each["name"]) if values.pop("selected") else None
        if values["kind"] not in get_args(Kind):
            raise FileFormatError(
                f"it holds a site of the kind {values['kind']!r}; known are {', '.join(get_args(Kind))}."
            )
        taps.append(Tap(module=model, **values))
    arrows = [Arrow(**{**each, "grid": tuple(each["grid"])}) for each in facts["arrows"]]
    for arrow in arrows:
        _require_numbers("an arrow", (arrow.source, arrow.target, *arrow.grid))
        if type(arrow.quiet) is not bool or type(arrow.blind) is not bool:
            raise ValueError("an arrow is neither quiet nor not")
    if any(type(each) is not str for each in (*facts["notes"], *facts["named"], *facts["returned"])):
        raise ValueError("names and notes are no texts")
    graph = SiteGraph(
        tuple(taps), (0,) * len(taps), tuple(arrows), tuple(facts["notes"]), frozenset(facts["named"]),
        tuple(facts["returned"]),
    )  # fmt: skip
    return graph.of(model).with_depths()


def _require_kinds(values: Mapping[str, Any]) -> None:
    """Raise unless a site is made of names and numbers, as a file may hold anything in their place."""
    if any(type(values[name]) is not str for name in ("name", "kind", "place", "output")):
        raise ValueError(f"a site is called {values['name']!r:.40}")
    numbers = (*values["shape"], values["samples"], values["buckets"], abs(values["axis"] or 0))
    _require_numbers(f"site {values['name']!r:.40}", numbers)


def _require_numbers(about: str, values: tuple[Any, ...]) -> None:
    if any(type(each) is not int or each < 0 for each in values):
        raise ValueError(f"{about} has {values!r:.80} for numbers")


def _selector(selectors: Mapping[str, Selector], name: str) -> Selector:
    selector = selector_for(name, selectors)
    if selector is None:
        raise BadRequest(
            f"site {name!r} was picked by a function, which no file holds; give it again, as in "
            f"attach(model, layers={{{name!r}: function, ...}})."
        )
    return selector


def input_facts(held: Held) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return kept inputs as facts and arrays.

    Parameters
    ----------
    held
        The inputs.

    Returns
    -------
    tuple of dict
        What JSON can hold, and the bytes of tensors.

    Raises
    ------
    BadRequest
        When the arguments hold what is neither tensor nor plain value.
    """
    arrays: dict[str, np.ndarray] = {}
    calls = []
    for number, (call, ids) in enumerate(held.calls):
        arrays[f"{number}.ids"] = ids
        calls.append(
            {
                "args": [_packed(each, arrays) for each in call.args],
                "kwargs": {name: _packed(each, arrays) for name, each in call.kwargs.items()},
                "size": call.size,
                "axes": dict(call.axes),
                "whole": call.whole,
                "names": list(call.names),
                "ids": f"{number}.ids",
            }
        )
    rules = {"capacity": held.capacity, "seed": held.seed, "all_wanted": held.all_wanted, "offered": held.offered}
    return {**rules, "notes": list(held.notes), "calls": calls}, arrays


def inputs_of(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Held:
    """Return kept inputs that were described by facts.

    Parameters
    ----------
    facts, arrays
        From `input_facts`.

    Returns
    -------
    Held
        With storage of its own.
    """
    calls = []
    for each in facts["calls"]:
        args = tuple(_unpacked(value, arrays) for value in each["args"])
        kwargs = {name: _unpacked(value, arrays) for name, value in each["kwargs"].items()}
        call = Call(args, kwargs, each["size"], each["axes"], each["whole"], tuple(each["names"]))
        calls.append((call, arrays[each["ids"]].copy()))
    rules = (facts["capacity"], facts["seed"], facts["all_wanted"], tuple(facts["notes"]), facts["offered"])
    return Held(*rules, tuple(calls))


def _packed(value: Any, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    if isinstance(value, Tensor) and value.layout == torch.strided:
        place = f"t{len(arrays)}"
        content = value.detach().resolve_conj().resolve_neg().cpu().contiguous()
        arrays[place] = content.reshape(-1).view(torch.uint8).numpy()
        return {"tensor": place, "dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape)}
    if type(value) in (tuple, list):
        return {type(value).__name__: [_packed(each, arrays) for each in value]}
    if type(value) is dict and all(type(key) is str for key in value):
        return {"dict": {key: _packed(each, arrays) for key, each in value.items()}}
    if type(value) in _PLAIN:
        return {"plain": repr(value) if type(value) is float else value, "float": type(value) is float}
    raise BadRequest(
        f"the model's arguments hold a {type(value).__name__}, which is not written to files; give the model tensors "
        "and plain values through call=, or leave the inputs out with keep_inputs=False."
    )


def _unpacked(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Any:
    if "tensor" in facts:
        dtype = getattr(torch, facts["dtype"], None)
        if not isinstance(dtype, torch.dtype):
            raise FileFormatError(f"it holds tensors of the type {facts['dtype']!r}, which this torch does not have.")
        content = torch.from_numpy(arrays[facts["tensor"]].copy())
        return content.view(dtype).reshape(facts["shape"])
    for kind in (tuple, list):
        if kind.__name__ in facts:
            return kind(_unpacked(each, arrays) for each in facts[kind.__name__])
    if "dict" in facts:
        return {key: _unpacked(each, arrays) for key, each in facts["dict"].items()}
    return float(facts["plain"]) if facts["float"] else facts["plain"]
