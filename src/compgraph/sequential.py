r"""Monte Carlo tests that end as soon as they cannot become significant.

Of at most :math:`n` values under a null, as many are drawn as it takes to see :math:`h` of them at least as extreme as
the observed one. With the last of these at draw :math:`l`,

.. math:: p = h / l, \qquad\text{or}\qquad p = (1 + g) / (1 + n)

where all were drawn and :math:`g < h` of them are as extreme. Both are valid: under the null
:math:`P(p \le \alpha) \le \alpha`.

Source: Besag and Clifford, "Sequential Monte Carlo p-values", Biometrika 78 (1991), doi:10.1093/biomet/78.2.301.
"""

import math
from collections.abc import Callable, Sequence

from compgraph.dealing import Deal, Work

LEVEL = 20  # one over the level: a test ends where p cannot be 1/20 any more


def enough(n: int) -> int:
    """Return how many extreme values end a test: the fewest with which p is above 0.05 wherever the last one comes.

    Parameters
    ----------
    n
        Values at most.

    Returns
    -------
    int
        The ``h`` of the formulas.

    Examples
    --------
    >>> enough(19), enough(99)
    (1, 5)
    """
    return n // LEVEL + 1


def drawn(work: Work, n: int, extreme: Callable[[float], bool], deal: Deal) -> tuple[float, ...]:
    """Draw values until there are enough extreme ones.

    Parameters
    ----------
    work
        Gives the values of some numbers below ``n``.
    n
        Values at most.
    extreme
        Whether a value is at least as extreme as the observed one.
    deal
        Who draws which.

    Returns
    -------
    tuple of float
        The values up to the last one that counts, the same whoever draws them.

    Notes
    -----
    Values are drawn in rounds, each three times as long as the one before: of 19 twins 2, 6 and 11. Few rounds waste
    little time on beginnings, and what is drawn beyond the last value is at most about twice as much again.

    Examples
    --------
    >>> from compgraph.dealing import in_turn
    >>> drawn(lambda numbers: [float(i) for i in numbers], 19, lambda value: value >= 3, in_turn)
    (0.0, 1.0, 2.0, 3.0)
    """
    values: list[float] = []
    left, size = enough(n), 2 * enough(n)
    while len(values) < n:
        for value in deal(work, range(len(values), min(n, len(values) + size))):
            values.append(value)
            left -= extreme(value)
            if left == 0:
                return tuple(values)
        size *= 3
    return tuple(values)


def p_value(extreme: Sequence[bool], n: int) -> float:
    """Return the p-value of values that were drawn.

    Parameters
    ----------
    extreme
        Of each of `drawn`, whether it is at least as extreme as the observed one.
    n
        How many were asked for.

    Returns
    -------
    float
        NaN where none was asked for.

    Examples
    --------
    >>> p_value([False, True], 19), p_value([False] * 19, 19)
    (0.5, 0.05)
    """
    if n == 0:
        return math.nan
    found = sum(extreme)
    return found / len(extreme) if found >= enough(n) else (1 + found) / (1 + n)
