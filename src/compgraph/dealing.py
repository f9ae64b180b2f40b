"""Independent pieces of work, such as twins and null graphs: done in turn, or dealt to several processes."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from compgraph.arguments import whole_number
from compgraph.errors import BadRequest

Work = Callable[[Sequence[int]], Sequence[float]]
"""Of some of the numbers gives what belongs to each; what it gives for one does not depend on the others."""


@runtime_checkable
class Deal(Protocol):
    """Does numbered pieces of work; who does which piece, and beside which others, makes no difference to any."""

    def __call__(self, work: Work, numbers: Sequence[int], /) -> list[float]:
        """Return what ``work`` gives for each of the numbers, in order."""
        ...


def in_turn(work: Work, numbers: Sequence[int], /) -> list[float]:
    """Do all pieces in this process.

    Parameters
    ----------
    work
        Of numbers gives numbers.
    numbers
        Pieces.

    Returns
    -------
    list of float
        One for each piece.

    Examples
    --------
    >>> in_turn(lambda numbers: [i / 2 for i in numbers], range(3))
    [0.0, 0.5, 1.0]
    """
    return list(work(numbers))


def in_processes(n_jobs: int) -> Deal:
    """Return a deal among processes of this machine.

    Parameters
    ----------
    n_jobs
        How many; -1 for one on each core that this process may use.

    Returns
    -------
    Deal
        `in_turn` for 1. Work and all that it refers to, such as a model, is sent to processes of joblib's, which last
        for some minutes. What pieces give is the same for any number of processes, up to the rounding of
        threads: each process computes on its share of the cores.

    Raises
    ------
    BadRequest
        When ``n_jobs`` is neither -1 nor a whole number of at least 1, or work cannot be sent.

    Examples
    --------
    >>> in_processes(1) is in_turn
    True
    """
    if (n_jobs := whole_number(n_jobs, "n_jobs", minimum=-1)) == 0:
        raise BadRequest("n_jobs=0: nobody would do the work. 1 is this process, -1 is one for each core.")
    if n_jobs == 1:
        return in_turn

    def deal(work: Work, numbers: Sequence[int], /) -> list[float]:
        from joblib import Parallel, delayed, effective_n_jobs

        shares = min(effective_n_jobs(n_jobs), len(numbers))
        if shares < 2:
            return in_turn(work, numbers)
        try:
            parts = Parallel(n_jobs=shares)(delayed(work)(numbers[start::shares]) for start in range(shares))
        except Exception as error:
            if "Pickl" not in type(error).__name__:
                raise
            raise BadRequest(
                f"n_jobs={n_jobs}: the model cannot be sent to other processes ({error}). Use n_jobs=1, or keep locks, "
                "open files and generators out of the model."
            ) from error
        found = [0.0] * len(numbers)
        for start, part in enumerate(parts):
            found[start::shares] = part
        return found

    return deal
