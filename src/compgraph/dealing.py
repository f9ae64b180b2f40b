"""Independent pieces of work, such as twins and null graphs: done in turn, or dealt to several processes."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable


@runtime_checkable
class Deal(Protocol):
    """Does numbered pieces of work; who does which piece makes no difference to any of them."""

    def __call__(self, work: Callable[[int], float], n: int, /) -> list[float]:
        """Return what ``work`` gives for each number below ``n``, in order."""
        ...


def in_turn(work: Callable[[int], float], n: int, /) -> list[float]:
    """Do all pieces in this process, one after the other.

    Parameters
    ----------
    work
        Of a number gives a number.
    n
        Pieces.

    Returns
    -------
    list of float
        One for each piece.

    Examples
    --------
    >>> in_turn(lambda i: i / 2, 3)
    [0.0, 0.5, 1.0]
    """
    return [work(number) for number in range(n)]
