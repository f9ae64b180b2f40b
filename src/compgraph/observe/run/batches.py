"""What data can be: tensors, sequences of tensors, loaders and generators, as calls of a model."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from compgraph.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of one call of a model.

    Attributes
    ----------
    args, kwargs
        Positional and keyword arguments.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The arguments that are tensors."""
        return tuple(each for each in (*self.args, *self.kwargs.values()) if isinstance(each, Tensor))

    @property
    def size(self) -> int:
        """Number of samples: the length of the first tensor."""
        tensors = self.tensors
        if not tensors or tensors[0].dim() == 0:
            raise BadRequest(
                "a batch holds no tensor with an axis of samples. Needed: a tensor, a tuple or list that starts "
                f"with one, or a dict of keyword arguments; got {_kinds(self)}."
            )
        return len(tensors[0])

    @property
    def single(self) -> Tensor | None:
        """The one floating tensor the model reads, where that is all it reads."""
        if len(self.args) == 1 and not self.kwargs and isinstance(self.args[0], Tensor):
            return self.args[0] if self.args[0].is_floating_point() else None
        return None

    def map(self, change: Callable[[Tensor], Tensor]) -> "Call":
        """Return the call with every tensor replaced.

        Parameters
        ----------
        change
            Called with each tensor.

        Returns
        -------
        Call
            Arguments that are not tensors stay as they are.
        """

        def apply(value: Any) -> Any:
            return change(value) if isinstance(value, Tensor) else value

        return Call(tuple(map(apply, self.args)), {name: apply(value) for name, value in self.kwargs.items()})

    def rows(self, change: Callable[[Tensor], Tensor]) -> "Call":
        """Return the call with every tensor that has one entry per sample replaced.

        Parameters
        ----------
        change
            Called with each such tensor.

        Returns
        -------
        Call
            Masks and constants shared by all samples stay as they are.
        """
        size = self.size
        return self.map(lambda each: change(each) if each.dim() > 0 and len(each) == size else each)

    def private(self, device: torch.device) -> "Call":
        """Return the call on ``device`` with storage of its own, so that a model may write to its inputs.

        Parameters
        ----------
        device
            Where the model's parameters are.

        Returns
        -------
        Call
            Never shares memory with the caller's tensors.
        """
        return self.map(lambda each: each.detach().to(device, copy=True))

    def run(self, model: nn.Module) -> Any:
        """Call ``model``.

        Parameters
        ----------
        model
            Called with the arguments.

        Returns
        -------
        object
            Whatever the model returns.
        """
        return model(*self.args, **self.kwargs)


def as_call(batch: Any) -> Call:
    """Read one batch: a tensor, ``(x, y, ...)`` of which ``x`` counts, or a dict of keyword arguments.

    Parameters
    ----------
    batch
        What a loader yields. In ``(x, y, ...)``, ``x`` may itself be a tuple of positional arguments or a dict.

    Returns
    -------
    Call
        Sharing storage with ``batch``.

    Raises
    ------
    BadRequest
        When there is no tensor in it.
    """
    if isinstance(batch, Mapping):
        return Call((), dict(batch))
    if isinstance(batch, tuple | list) and batch:
        first = batch[0]
        if isinstance(first, tuple | list):
            return Call(tuple(map(_tensor, first)))
        return Call((), dict(first)) if isinstance(first, Mapping) else Call((_tensor(first),))
    return Call((_tensor(batch),))


def batches(data: Any, batch_size: int) -> Iterator[Any]:
    """Iterate over batches of anything data can be.

    Parameters
    ----------
    data
        A tensor, array or dict of tensors (sliced), a torch ``Dataset``, or an iterable of batches.
    batch_size
        Number of samples in a slice; an iterable's own batches are taken as they come.

    Returns
    -------
    iterator
        Of batches as `as_call` reads them.

    Raises
    ------
    BadRequest
        When ``data`` is none of these.
    """
    if isinstance(data, Tensor | np.ndarray):
        if data.ndim == 0:
            raise BadRequest(f"data is one number ({data}); needed is a batch with samples along its first axis.")
        return (data[start : start + batch_size] for start in range(0, len(data), batch_size))
    if isinstance(data, Mapping):
        size = Call((), data).size
        return (_slice(data, size, start, batch_size) for start in range(0, size, batch_size))
    if isinstance(data, Dataset) and not isinstance(data, Iterable):
        return iter(DataLoader(data, batch_size=batch_size))
    if isinstance(data, Iterable) and not isinstance(data, str | bytes):
        return iter(data)
    raise BadRequest(
        f"data is a {type(data).__name__}; needed is a tensor, a sequence of tensors, a DataLoader or an "
        "iterable of batches."
    )


def n_batches(data: Any, batch_size: int) -> int | None:
    """Return the number of batches where it is known beforehand.

    Parameters
    ----------
    data, batch_size
        As in `batches`.

    Returns
    -------
    int or None
        ``None`` for generators.
    """
    try:
        length = Call((), data).size if isinstance(data, Mapping) else len(data)
    except (TypeError, NotImplementedError):
        return None
    return -(-length // batch_size) if isinstance(data, Tensor | np.ndarray | Mapping | Dataset) else length


def _slice(data: Mapping[str, Any], size: int, start: int, length: int) -> Mapping[str, Any]:
    return Call((), data).rows(lambda each: each[start : start + length]).kwargs if start < size else {}


def _tensor(value: Any) -> Any:
    return torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value


def _kinds(call: Call) -> str:
    return ", ".join(type(each).__name__ for each in (*call.args, *call.kwargs.values())) or "nothing"
