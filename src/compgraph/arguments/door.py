"""The check in front of public functions."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cached_property, update_wrapper
from typing import Any, ParamSpec, TypeVar

from compgraph.arguments.annotations import Need, need
from compgraph.arguments.values import shown
from compgraph.errors import CompgraphError, unknown_name

Given = ParamSpec("Given")
Result = TypeVar("Result")


def checked(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Hold the arguments of a public function to its annotations.

    Parameters
    ----------
    function
        Annotated. Numbers of NumPy are as good as those of Python, numeric arrays of any precision as good as the one
        that is annotated; what is annotated as ``Any`` is the function's own to check.

    Returns
    -------
    callable
        The same, which raises before it begins where an argument is of another type: `GraphError` for graphs,
        `BadRequest` for all else.

    Examples
    --------
    >>> def half(n: int) -> float:
    ...     return n / 2
    >>> checked(half)("4")
    Traceback (most recent call last):
        ...
    compgraph.errors.BadRequest: n='4': a whole number of at least 0 is needed.
    """
    door = _Door(function)

    def through(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        door.check(args, kwargs)
        return function(*args, **kwargs)

    return update_wrapper(through, function)


class _Door:
    """The needs of one function, worked out at its first call."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    @cached_property
    def needs(self) -> dict[str, Need]:
        found = inspect.signature(self.function).parameters.values()
        plain = [each for each in found if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
        return {each.name: need(each.annotation, each.name) for each in plain}

    @cached_property
    def order(self) -> list[tuple[str, Need]]:
        return list(self.needs.items())

    def check(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        for (name, wanted), value in zip(self.order, args, strict=False):
            if not wanted.accepts(value):
                raise refusal(name, value, wanted)
        for name, value in kwargs.items():
            given = self.needs.get(name)
            if given is not None and not given.accepts(value):
                raise refusal(name, value, given)


def refusal(name: str, value: object, wanted: Need) -> CompgraphError:
    """Build the error for an argument of the wrong type.

    Parameters
    ----------
    name
        The parameter.
    value
        What came.
    wanted
        What was needed.

    Returns
    -------
    CompgraphError
        Ready to raise. It says where an argument holds what was needed, as an analysis holds its graph.
    """
    if isinstance(value, str) and wanted.choices:
        return unknown_name(f"choice of {name}", value, wanted.choices)
    first, *others = sorted(wanted.words, key="None".__eq__)
    said = f"{name}={shown(value)}: {first} is needed{''.join(f', or {each}' for each in others)}."
    inside = _inside(value, wanted.kind)
    return wanted.error(said + (f" Give .{inside} of what came." if inside else ""))


def _inside(value: object, kind: Any) -> str:
    if not isinstance(kind, type) or not is_dataclass(value) or isinstance(value, type):
        return ""
    return next((each.name for each in fields(value) if isinstance(getattr(value, each.name), kind)), "")
