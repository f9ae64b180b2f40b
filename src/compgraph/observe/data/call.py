"""One call of a model: its arguments, and where in them the samples are."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from compgraph.errors import BadRequest
from compgraph.observe.run.nested import exchanged, leaves

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type, torch.dtype, torch.device)


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of one call of a model.

    Attributes
    ----------
    args, kwargs
        Positional and keyword arguments, in the order of forward's signature.
    size
        Number of samples.
    axes
        For every tensor among the arguments the axis of its samples; None where all samples share it.
    whole
        Whether the samples cannot be taken apart.
    names
        Of the positional arguments; their numbers where there are no names.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    size: int
    axes: Mapping[str, int | None]
    whole: bool = False
    names: tuple[str, ...] = ()

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors among the arguments, by the name of the parameter and their place in it."""
        return tensors_of(self.args, self.kwargs, self.names)

    @property
    def inputs(self) -> dict[str, Tensor]:
        """Those tensors that can be sites: floating-point, dense and with an axis of samples."""
        return {
            name: each
            for name, each in self.tensors.items()
            if each.is_floating_point() and each.layout == torch.strided and self.axes[name] is not None
        }

    def map(self, change: Callable[[str, Tensor], Tensor]) -> "Call":
        """Return the call with every tensor exchanged.

        Parameters
        ----------
        change
            Called with the name of each tensor and the tensor.

        Returns
        -------
        Call
            Arguments that are not tensors stay as they are.
        """
        return self._changed(lambda name, each: change(name, each) if isinstance(each, Tensor) else each)

    def rows(self, index: slice | Tensor) -> "Call":
        """Return the call for some of its samples only.

        Parameters
        ----------
        index
            Which ones: a slice, numbers, or one truth value for each sample.

        Returns
        -------
        Call
            Tensors that all samples share stay as they are.

        Raises
        ------
        BadRequest
            When the samples cannot be taken apart.
        """
        if self.whole:
            raise BadRequest(f"a batch of {self.size} samples that cannot be taken apart was to be cut; use it whole.")
        size = len(torch.arange(self.size)[index.cpu() if isinstance(index, Tensor) else index])
        return replace(self.map(lambda name, each: _along(each, self.axes[name], index)), size=size)

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

        def own(_name: str, each: Any) -> Any:
            if isinstance(each, Tensor):
                return each.detach().to(device, copy=True)
            return each if is_plain(each) else _copied(each, device)

        return self._changed(own)

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

    def _changed(self, change: Callable[[str, Any], Any]) -> "Call":
        args = tuple(exchanged(each, change, name) for name, each in _named(self.args, {}, self.names))
        return replace(
            self, args=args, kwargs={name: exchanged(each, change, name) for name, each in self.kwargs.items()}
        )


def tensors_of(args: tuple[Any, ...], kwargs: Mapping[str, Any], names: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Return the tensors in arguments by name.

    Parameters
    ----------
    args, kwargs, names
        As in `Call`.

    Returns
    -------
    dict
        In the order of the arguments.
    """
    return {name: each for name, each in leaves_of(args, kwargs, names) if isinstance(each, Tensor)}


def leaves_of(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], names: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any]]:
    """Iterate over what is nested in arguments.

    Parameters
    ----------
    args, kwargs, names
        As in `Call`.

    Yields
    ------
    tuple
        Dotted name and content of each place.
    """
    for name, value in _named(args, kwargs, names):
        yield from leaves(value, name)


def is_plain(value: Any) -> bool:
    """Tell whether a value is one that no sample is in, such as a flag.

    Parameters
    ----------
    value
        A leaf of the arguments.

    Returns
    -------
    bool
        True for numbers, texts, None and the like.
    """
    return isinstance(value, _PLAIN) or type(value).__module__ == "numpy"


def _named(args: tuple[Any, ...], kwargs: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for place, each in enumerate(args):
        yield names[place] if place < len(names) else str(place), each
    yield from kwargs.items()


def _along(each: Tensor, axis: int | None, index: slice | Tensor) -> Tensor:
    if axis is None:
        return each
    return each[(*(slice(None),) * axis, index.to(each.device) if isinstance(index, Tensor) else index)]


def _copied(value: Any, device: torch.device) -> Any:
    """Return an object of the caller's own kind, with copies of its tensors on the device."""
    try:
        copied = deepcopy(value)
    except (RuntimeError, TypeError) as error:
        raise BadRequest(
            f"a batch holds a {type(value).__name__} that cannot be copied ({error}), and a model may write to its "
            "inputs. Give the model tensors that autograd did not compute."
        ) from error
    return copied.to(device) if callable(getattr(copied, "to", None)) else copied
