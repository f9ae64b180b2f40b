"""Tensors inside tuples, lists, mappings and dataclasses, nested in any way: by name, and exchanged."""

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import fields, is_dataclass
from typing import Any


def parts_of(value: Any) -> Mapping[str, Any] | None:
    """Return what a container holds, by name.

    Parameters
    ----------
    value
        Anything.

    Returns
    -------
    Mapping or None
        Keys of a mapping, fields of a dataclass or named tuple, numbers of a tuple or list; None for anything else.
    """
    if isinstance(value, Mapping):
        return {str(key): each for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, tuple | list):
        names = getattr(value, "_fields", None) or map(str, range(len(value)))
        return dict(zip(names, value, strict=True))
    return None


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Iterate over what is nested in containers.

    Parameters
    ----------
    value
        A tensor, or a container of containers.
    name
        Of the whole.

    Yields
    ------
    tuple
        Dotted name of the place, and what is there; the name of the whole where nothing is nested.

    Examples
    --------
    >>> [name for name, _ in leaves({"mask": 1, "boxes": (2, 3)})]
    ['mask', 'boxes.0', 'boxes.1']
    """
    inner = parts_of(value)
    if inner is None:
        yield name, value
        return
    for part, each in inner.items():
        yield from leaves(each, f"{name}.{part}" if name else part)


def exchanged(value: Any, change: Callable[[str, Any], Any], name: str = "") -> Any:
    """Return a container with what is nested in it exchanged.

    Parameters
    ----------
    value
        As for `leaves`; left as it is.
    change
        Called with the name and the content of each place.
    name
        Of the whole.

    Returns
    -------
    object
        Of the same types, and the same object where nothing changed.
    """
    inner = parts_of(value)
    if inner is None:
        return change(name, value)
    new = {part: exchanged(each, change, f"{name}.{part}" if name else part) for part, each in inner.items()}
    if all(new[part] is inner[part] for part in inner):
        return value
    if isinstance(value, tuple | list):
        return type(value)(*new.values()) if hasattr(value, "_fields") else type(value)(new.values())
    changed: Any = copy(value)
    if isinstance(value, Mapping):
        for key in value:
            changed[key] = new[str(key)]
    else:
        for part, each in new.items():
            object.__setattr__(changed, part, each)
    return changed
