"""Which sites hand numbers of the inputs on as they are, so that their rows are as private as the inputs."""

from collections import defaultdict

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from compgraph.observe.data.call import Call
from compgraph.observe.run.trace import first_of, hooked
from compgraph.observe.site_graph import SiteGraph

_SAMPLES = 16  # that are looked at
_FEATURES = 2**16  # of a site that are looked at, at random
_OFTEN = 3  # samples in which a number of an input has to be found: one may be there by chance


def handed_on(model: nn.Module, graph: SiteGraph, first: Call) -> set[int]:
    """Return the sites at which numbers of the inputs are found again, such as those of identities, masks and pools.

    Parameters
    ----------
    model
        Is run on a few samples.
    graph
        The sites.
    first
        The first batch.

    Returns
    -------
    set of int
        Their numbers; an input itself is none. A site where a feature is a number of the same sample's inputs in
        several samples is one, also where that is chance, as it may be among inputs of few values.
    """
    call = first_of(first, _SAMPLES)
    given = _numbers(call)
    of_module: dict[nn.Module, list[int]] = defaultdict(list)
    found: set[int] = set()

    def look(number: int, output: object) -> None:
        if _found_again(graph.taps[number].pick(output, call.size), given):
            found.add(number)

    def hook(module: nn.Module, _args: object, output: object) -> None:
        for number in of_module[module]:
            look(number, output)

    for number, tap in enumerate(graph.taps):
        if tap.kind == "module":
            of_module[tap.module].append(number)
    with hooked(dict.fromkeys(of_module, hook)):
        returned = call.run(model)
    for number, tap in enumerate(graph.taps):
        if tap.kind == "output":
            look(number, returned)
    return found


def _numbers(call: Call) -> Float[Tensor, "n m"]:
    """Return the numbers in the inputs of each sample, in order of size."""
    parts = [torch.zeros(call.size, 1, dtype=torch.float64)]
    for name, each in call.tensors.items():
        axis, rows = call.axes[name], each.detach()
        rows = rows if rows.layout == torch.strided else rows.to_dense()
        rows = (torch.view_as_real(rows) if rows.is_complex() else rows).double().cpu()
        samples = rows.reshape(1, -1) if axis is None else rows.movedim(axis, 0).reshape(call.size, -1)
        parts.append(samples.expand(call.size, -1))
    return torch.cat(parts, dim=1).sort(dim=1).values


def _found_again(activation: Tensor, given: Float[Tensor, "n m"]) -> bool:
    rows = activation.detach().reshape(len(given), -1)
    if rows.shape[1] > _FEATURES:
        rows = rows[:, torch.randperm(rows.shape[1], generator=torch.Generator().manual_seed(0))[:_FEATURES]]
    rows = rows.double().cpu().contiguous()
    places = torch.searchsorted(given, rows).clamp(max=given.shape[1] - 1)
    same: Bool[Tensor, "n d"] = (rows != 0) & (given.gather(1, places) == rows)
    return bool((same.sum(dim=0) >= min(_OFTEN, len(rows))).any())
