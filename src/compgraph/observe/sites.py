"""The places of a model that can be tapped, by name."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from compgraph.arguments import checked
from compgraph.observe.data.reader import Reader
from compgraph.observe.request import again
from compgraph.observe.run.restore import observing
from compgraph.observe.run.seen import Seen
from compgraph.observe.run.trace import trace
from compgraph.observe.run.unwrap import bare, device_of


@dataclass(frozen=True, slots=True)
class Site:
    """A place where activations can be read.

    Attributes
    ----------
    name
        ``"input"``, ``"output"`` or the dotted name of a module.
    kind
        Name of the module's type.
    shape
        Of what it gave for the example, samples first; empty where that is not one tensor.
    calls
        How often it was called in one run of the model.
    tappable
        Whether `collect` can read it as it is.
    reason
        Why not, where it is not.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    calls: int
    tappable: bool
    reason: str = ""

    def __str__(self) -> str:
        state = "" if self.tappable else f"  ({self.reason})"
        return f"{self.name}  {self.kind}  {self.shape}{state}"


@checked
def sites(
    model: nn.Module,
    example: Any,
    *,
    call: Callable[[Any], Any] | None = None,
    samples: int | Mapping[str, int | None] | None = None,
) -> tuple[Site, ...]:
    """List every place of a model that can be tapped, in order of execution.

    Parameters
    ----------
    model
        Run once, in eval mode, and left as it was.
    example
        A batch, in any form that `compgraph.collect` takes.
    call, samples
        As in `compgraph.collect`.

    Returns
    -------
    tuple of Site
        First the model's input, last its output; modules that were never called stand before the output.

    Raises
    ------
    SiteError
        For TorchScript and lazy modules.
    BadRequest
        When the batch does not fit the model, or it is in doubt what is meant.

    Examples
    --------
    >>> import torch
    >>> found = sites(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU()), torch.zeros(5, 3))
    >>> [site.name for site in found]
    ['input', '0', '1', 'output']
    """
    model = bare(model)
    batch = Reader(model, call=call, samples=samples).read(example)
    with observing(model):
        record = trace(model, batch.private(device_of(model, batch)))
    shown = {name: _shown(each, batch.size) for name, each in record.everything.items()}
    unread = "gives no floating-point numbers with an axis of samples"
    read = batch.inputs
    integers = [
        Site(f"input.{name}", "model input", tuple(each.shape), 1, tappable=False, reason=unread)
        for name, each in batch.tensors.items()
        if name not in read
    ]
    begin, inner, end = (
        [
            Site(name, kind or type(each.module).__name__, shown[name], each.calls, *_state(each))
            for name, each in part.items()
        ]
        for part, kind in ((record.inputs, "model input"), (record.seen, ""), (record.outputs, "model output"))
    )
    return (*begin, *integers, *inner, *end)


def _shown(each: Seen, size: int) -> tuple[int, ...]:
    """Return the shape of a tensor for all samples, of which the trace saw a few."""
    if not each.spots or each.problem:
        return each.shape
    shape = list(each.shape)
    shape[each.spot.samples] = size
    return tuple(shape)


@checked
def describe(found: Iterable[Site]) -> str:
    """Lay out sites as a table for people.

    Parameters
    ----------
    found
        From `sites`.

    Returns
    -------
    str
        One line per site under a heading.

    Examples
    --------
    >>> import torch
    >>> print(describe(sites(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU()), torch.zeros(5, 3))))
    site    type          shape   calls  tappable
    input   model input   (5, 3)  1      yes
    0       Linear        (5, 2)  1      yes
    1       ReLU          (5, 2)  1      yes
    output  model output  (5, 2)  1      yes
    """
    heading = ("site", "type", "shape", "calls", "tappable")
    rows = [heading] + [
        (each.name, each.kind, str(each.shape), str(each.calls), "yes" if each.tappable else f"no: {each.reason}")
        for each in found
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(heading))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _state(each: Seen) -> tuple[bool, str]:
    reason = each.problem
    if each.calls == 0:
        reason = "never called"
    elif each.calls > 1:
        reason = f"called {each.calls} times{again(each)}"
    return not reason, reason
