"""Arrays beside plain facts in one file, with a checksum over the content of both: safetensors, nothing executed."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from compgraph.errors import FileFormatError

_NAME = "compgraph"
_LENGTH = 8  # bytes of the number before the header that says how long it is


def seal(kind: str, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Put facts and arrays into one piece.

    Parameters
    ----------
    kind
        What they are and in which version, such as ``"compgraph-statistics/1"``.
    facts
        What JSON can hold, whose order is kept; no NaN or infinity.
    arrays
        Of numbers, by name.

    Returns
    -------
    bytes
        A safetensors file: the same for the same content, on every machine.

    Examples
    --------
    >>> facts, arrays = unseal(seal("demo/1", {"n": 2}, {"x": np.eye(2)}), "demo/1")
    >>> facts, arrays["x"].shape
    ({'n': 2}, (2, 2))
    """
    text = json.dumps({"kind": kind, **facts}, allow_nan=False)
    content = {name: np.ascontiguousarray(each).reshape(np.shape(each)) for name, each in arrays.items()}
    # One entry, as the library writes several in any order.
    return save(content, {_NAME: json.dumps([text, _checksum(text, content)])})


def unseal(data: bytes, kind: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Take facts and arrays out of a piece that `seal` made.

    Parameters
    ----------
    data
        The bytes.
    kind
        What they have to be.

    Returns
    -------
    tuple of dict
        Facts and arrays, as they were sealed.

    Raises
    ------
    FileFormatError
        When the data are something else, of another version, or one bit of their content is not as it was written.

    Examples
    --------
    >>> unseal(seal("demo/1", {}, {}), "demo/2")
    Traceback (most recent call last):
        ...
    compgraph.errors.FileFormatError: it holds 'demo/1'; 'demo/2' is needed here.
    """
    try:
        arrays = load(data)
        length = int.from_bytes(data[:_LENGTH], "little")
        header = json.loads(data[_LENGTH : _LENGTH + length])
        text, checksum = map(str, json.loads(header["__metadata__"][_NAME]))
        fits = _checksum(text, arrays) == checksum
        facts = json.loads(text) if fits else {}
        found = facts.pop("kind", None)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FileFormatError(f"it is damaged, or was not written by compgraph ({_reason(error)}).") from error
    if not fits:
        raise FileFormatError(
            "its content is not what was written: the checksum does not fit. Copy the file again, or make it anew."
        )
    if found != kind:
        raise FileFormatError(f"it holds {found!r}; {kind!r} is needed here.")
    return facts, arrays


def _checksum(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    total = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        each = arrays[name]
        total.update(f"\0{name}\0{each.dtype.str}\0{each.shape}\0".encode())
        total.update(np.ascontiguousarray(each).reshape(-1).view(np.uint8).data)
    return total.hexdigest()


def _reason(error: Exception) -> str:
    return f"no {error} in it" if isinstance(error, KeyError) else " ".join(str(error).split())[:120]
