"""JSON that means one thing: no repeated keys, no numbers that are none, UTF-8."""

import json
import math
from collections import Counter
from typing import NoReturn

from compgraph.errors import FileFormatError


def parse_json(data: bytes) -> object:
    """Read JSON of which no part can be overlooked.

    Parameters
    ----------
    data
        Content of a file.

    Returns
    -------
    object
        Dicts, lists, str, int, float, bool and None.

    Raises
    ------
    FileFormatError
        When it is not JSON in UTF-8, repeats a key, holds a number that is not finite or has thousands of digits, or is
        nested too deeply.

    Examples
    --------
    >>> parse_json(b'{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    >>> parse_json(b'{"a": 1e999}')
    Traceback (most recent call last):
        ...
    compgraph.errors.FileFormatError: not readable as JSON: the number 1e999 is not finite.
    """
    try:
        # Bytes would be guessed to be UTF-16 or UTF-32 where they look so.
        return json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except RecursionError as error:
        raise FileFormatError("not readable as JSON: it is nested too deeply.") from error
    except ValueError as error:
        raise FileFormatError(f"not readable as JSON: {error}.") from error


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise ValueError(f"an object repeats a key, {twice!r:.80}; it means one thing, so give each key once")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"the number {text:.40} is not finite")
    return value
