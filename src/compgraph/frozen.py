"""Read-only mappings in records, and how such records are pickled and copied."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any


def freeze(record: Any, *names: str) -> None:
    """Replace mappings of a record under construction by read-only views of copies of their own.

    Parameters
    ----------
    record
        A frozen dataclass.
    names
        Fields that hold mappings; the mappings in them are replaced too.
    """
    for name in names:
        object.__setattr__(record, name, _frozen(getattr(record, name)))


def rebuilt(record: Any) -> tuple[type, tuple[Any, ...]]:
    """Reduce a record to its type and fields, for ``__reduce__``: views cannot be pickled, and dictionaries can.

    Parameters
    ----------
    record
        A dataclass that makes views of its dictionaries when it is built.

    Returns
    -------
    tuple
        What builds it again.
    """
    return type(record), tuple(_thawed(getattr(record, each.name)) for each in fields(record))


def _frozen(value: Any) -> Any:
    return (
        MappingProxyType({key: _frozen(each) for key, each in value.items()}) if isinstance(value, Mapping) else value
    )


def _thawed(value: Any) -> Any:
    return {key: _thawed(each) for key, each in value.items()} if isinstance(value, MappingProxyType) else value
