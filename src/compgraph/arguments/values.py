"""Single values: numbers that are what they should be, and words for what came."""

import math
from numbers import Integral, Number, Real
from reprlib import Repr
from typing import Any

import numpy as np

from compgraph.errors import BadRequest

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def shown(value: object) -> str:
    """Say on a short line what came.

    Parameters
    ----------
    value
        Anything.

    Returns
    -------
    str
        Numbers and short texts as they are; of anything else its type.

    Examples
    --------
    >>> shown(2.5), shown(10**5000), shown(print)
    ('2.5', 'a whole number of thousands of digits', 'a builtin_function_or_method')
    """
    if isinstance(value, Integral) and not isinstance(value, bool) and abs(int(value)) > 10**60:
        return "a whole number of thousands of digits" if int(value).bit_length() > 10**4 else f"{str(value)[:9]}..."
    if value is None or isinstance(value, str | bytes | Number | np.bool_):
        return _SHORT.repr(value)
    held: Any = value
    inside = [*held, *held.values()] if isinstance(held, dict) else held
    if isinstance(inside, list | tuple | set) and all(isinstance(each, str | Number) for each in inside):
        said = _SHORT.repr(value)
        return said if len(said) <= _SHORT.maxstring else f"{with_article(type(value).__name__)} of {len(held)}"
    return with_article(type(value).__name__)


def with_article(noun: str) -> str:
    """Put "a" or "an" before a noun.

    Parameters
    ----------
    noun
        Such as the name of a type.

    Returns
    -------
    str
        By its first letter.
    """
    return f"{'an' if noun[:1] in 'AEIOUaeiou' else 'a'} {noun}"


def is_finite(value: Any) -> bool:
    """Tell whether something is a real number that a float can hold.

    Parameters
    ----------
    value
        Anything.

    Returns
    -------
    bool
        False for truth values, NaN, infinities and whole numbers that are too large.

    Examples
    --------
    >>> is_finite(2), is_finite(float("nan")), is_finite(10**400), is_finite("2")
    (True, False, False, False)
    """
    try:
        return is_real(value) and math.isfinite(float(value))
    except OverflowError:
        return False


def whole_number(value: object, name: str, *, minimum: int) -> int:
    """Return ``value`` as an int, or refuse it.

    Parameters
    ----------
    value
        What came: an int or a NumPy integer. A bool is not a number here.
    name
        The parameter's name, for the message.
    minimum
        The smallest value allowed.

    Returns
    -------
    int
        The value as a plain int.

    Raises
    ------
    BadRequest
        When it is no integer, or too small.

    Examples
    --------
    >>> whole_number(3, "n_seeds", minimum=1)
    3
    """
    if isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= minimum:
        return int(value)
    raise BadRequest(f"{name}={shown(value)}: a whole number of at least {minimum} is needed.")


def is_whole(value: object) -> bool:
    """Tell whether something is a whole number, and no truth value.

    Parameters
    ----------
    value
        Anything.

    Returns
    -------
    bool
        True for the integers of NumPy as well.
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_real(value: object) -> bool:
    """Tell whether something is a real number, and no truth value.

    Parameters
    ----------
    value
        Anything.

    Returns
    -------
    bool
        True for NaN, infinities and the numbers of NumPy as well.
    """
    return isinstance(value, Real) and not isinstance(value, bool)
