"""What every record follows: read-only float64 arrays and mappings, one line as text, pickled as its fields."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

SHOWN = 4  # entries of a tuple that a representation lists


def read_only(values: ArrayLike) -> np.ndarray:
    """Return ``values`` as a C-contiguous float64 array that cannot be written to.

    The caller's array is never frozen in place: a writeable float64 array is copied.

    Parameters
    ----------
    values
        Anything NumPy can turn into numbers.

    Returns
    -------
    numpy.ndarray
        A read-only array.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.flags.writeable or not array.flags.c_contiguous:
        array = np.array(array, order="C", copy=True)
        array.flags.writeable = False
    return array


def frozen(array: np.ndarray) -> np.ndarray:
    """Freeze an array that nobody else holds, so that records share it and make no copies.

    Parameters
    ----------
    array
        Of any kind.

    Returns
    -------
    numpy.ndarray
        The same.
    """
    array.flags.writeable = False
    return array


def brief(record: Any) -> str:
    """Return a representation of a dataclass on one line: shapes in place of arrays, sizes of mappings and tuples.

    Parameters
    ----------
    record
        An instance of a dataclass.

    Returns
    -------
    str
        Meant as its ``__repr__``.
    """
    shown = []
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, np.ndarray):
            text = f"array{value.shape}"
        elif isinstance(value, Mapping):
            text = f"{{{len(value)} entries}}"
        elif isinstance(value, tuple) and any(isinstance(each, np.ndarray) for each in value):
            text = f"({len(value)} arrays)"
        elif isinstance(value, tuple) and len(value) > SHOWN:
            text = f"({len(value)} entries)"
        else:
            text = repr(value)
        shown.append(f"{field.name}={text}")
    return f"{type(record).__name__}({', '.join(shown)})"


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
