"""What a model's forward takes, read off its signature."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from torch import nn


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of a forward method.

    Attributes
    ----------
    positional
        Names of those that can be given by position.
    keyword
        Names of those that need their name.
    unnamed
        How many of the positional ones cannot be given by name.
    defaults
        By name; those without one are required.
    rest
        Name that gathers further positional arguments, or empty.
    anything
        Whether further keyword arguments are taken.
    """

    positional: tuple[str, ...]
    keyword: tuple[str, ...]
    unnamed: int
    defaults: Mapping[str, Any]
    rest: str
    anything: bool

    @property
    def names(self) -> tuple[str, ...]:
        """All names in the order of the signature."""
        return self.positional + self.keyword

    @property
    def n_required(self) -> int:
        """Number of positional arguments without which the model cannot run."""
        return sum(name not in self.defaults for name in self.positional)

    def lacking(self, given: Mapping[str, Any]) -> list[str]:
        """Return the required parameters that were not given.

        Parameters
        ----------
        given
            By name.

        Returns
        -------
        list of str
            Their names.
        """
        return [name for name in self.names if name not in self.defaults and name not in given]

    def name(self, place: int) -> str:
        """Return the name of a positional argument.

        Parameters
        ----------
        place
            Its number.

        Returns
        -------
        str
            A dotted one for those that forward gathers beside others, and the number where it gathers all.
        """
        if place < len(self.positional):
            return self.positional[place]
        return f"{self.rest}.{place - len(self.positional)}" if self.positional else str(place)

    def __str__(self) -> str:
        shown = [name if name not in self.defaults else f"{name}={self.defaults[name]!r}" for name in self.positional]
        shown += [f"*{self.rest}"] if self.rest else ["*"] * bool(self.keyword)
        shown += [name if name not in self.defaults else f"{name}={self.defaults[name]!r}" for name in self.keyword]
        return f"forward({', '.join(shown + ['**'] * self.anything)})"


def signature_of(model: nn.Module) -> Signature:
    """Read the signature of a model's forward.

    Parameters
    ----------
    model
        Wrappers that only run another module elsewhere or compiled are looked through.

    Returns
    -------
    Signature
        Taking anything, where the signature cannot be read.

    Examples
    --------
    >>> print(signature_of(nn.LSTM(3, 2)))
    forward(input, hx=None)
    """
    try:
        found = inspect.signature(_called(model).forward).parameters.values()
    except (TypeError, ValueError):
        return Signature((), (), 0, {}, "args", anything=True)
    by_kind: dict[Any, list[Parameter]] = {kind: [each for each in found if each.kind is kind] for kind in _KINDS}
    unnamed, usual, rest, keyword, anything = (by_kind[kind] for kind in _KINDS)
    return Signature(
        tuple(each.name for each in unnamed + usual),
        tuple(each.name for each in keyword),
        len(unnamed),
        {each.name: each.default for each in found if each.default is not Parameter.empty},
        rest[0].name if rest else "",
        bool(anything),
    )


_KINDS = (
    Parameter.POSITIONAL_ONLY,
    Parameter.POSITIONAL_OR_KEYWORD,
    Parameter.VAR_POSITIONAL,
    Parameter.KEYWORD_ONLY,
    Parameter.VAR_KEYWORD,
)


def _called(model: nn.Module) -> nn.Module:
    # Looked up among the submodules: an attribute may be one that the model hands on to another.
    while True:
        inner = model._modules.get("_orig_mod")  # noqa: SLF001 - named_children would skip a module that is there twice
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = model.module
        if inner is None:
            return model
        model = inner
