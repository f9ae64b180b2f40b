"""Checks of the numbers a call is given."""

from numbers import Integral

from compgraph.errors import BadRequest


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
    raise BadRequest(f"{name}={value!r}: a whole number of at least {minimum} is needed.")
