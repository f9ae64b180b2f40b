"""Options such as ``--axis NAME=NUMBER``: one number for all, or one for each name."""

from collections.abc import Sequence
from typing import Any

from compgraph.errors import BadRequest


def named_numbers(option: str, texts: Sequence[str]) -> Any:
    """Return what the texts of an option say, as `compgraph.collect` takes it.

    Parameters
    ----------
    option
        Its name, such as ``"--axis"``.
    texts
        As they were given: one number, or ``NAME=NUMBER`` any number of times; ``none`` is a number that is none.

    Returns
    -------
    int, dict or None
        None where nothing was given. What is no number stays text, which `compgraph.collect` refuses in its own words.

    Raises
    ------
    BadRequest
        When a name has no number or comes twice, or a number for all comes with others.

    Examples
    --------
    >>> named_numbers("--samples", ["1"]), named_numbers("--samples", ["x=1", "mask=none"])
    (1, {'x': 1, 'mask': None})
    """
    named: dict[str, Any] = {}
    for text in texts:
        # The last sign of equality: a name may hold others, a number may not.
        name, sign, number = text.rpartition("=")
        if not sign:
            if len(texts) > 1:
                raise BadRequest(f"{option} {text!r} is for all, and others are given beside it; give it alone.")
            return _number(text)
        if not name or not number:
            raise BadRequest(f"{option} {text!r} is neither NUMBER nor NAME=NUMBER, such as 1 or fc1=1.")
        if name in named:
            raise BadRequest(f"{option} gives {name!r} twice; give it once.")
        named[name] = _number(number)
    return named or None


def _number(text: str) -> Any:
    if text.lower() == "none":
        return None
    try:
        return int(text)
    except ValueError:
        return text
