"""The places of a model that can be tapped, by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from compgraph.observe.layers import again
from compgraph.observe.run.batches import Call, as_call
from compgraph.observe.run.restore import observing
from compgraph.observe.run.trace import Seen, trace
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


def sites(model: nn.Module, example: Any) -> tuple[Site, ...]:
    """List every place of a model that can be tapped, in order of execution.

    Parameters
    ----------
    model
        Run once, in eval mode, and left as it was.
    example
        A batch: a tensor, a tuple or list of positional arguments, or a dict of keyword arguments.

    Returns
    -------
    tuple of Site
        First the model's input, last its output; modules that were never called stand before the output.

    Raises
    ------
    SiteError
        For TorchScript and lazy modules.

    Examples
    --------
    >>> import torch
    >>> found = sites(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU()), torch.zeros(5, 3))
    >>> [site.name for site in found]
    ['input', '0', '1', 'output']
    """
    model = bare(model)
    call = Call(tuple(example)) if isinstance(example, tuple | list) else as_call(example)
    with observing(model):
        record = trace(model, call.private(device_of(model, call)))
    unread = "" if call.single is not None else "is not one floating-point tensor"
    begin = Site(record.input.name, "model input", tuple(call.tensors[0].shape), 1, not unread, unread)
    inner = [Site(*_row(each)) for each in record.seen.values()]
    out = record.output
    return (begin, *inner, Site(out.name, "model output", out.shape, 1, not out.problem, out.problem))


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


def _row(each: Seen) -> tuple[str, str, tuple[int, ...], int, bool, str]:
    reason = each.problem
    if each.calls == 0:
        reason = "never called"
    elif each.calls > 1:
        reason = f"called {each.calls} times{again(each)}"
    return each.name, type(each.module).__name__, each.shape, each.calls, not reason, reason
