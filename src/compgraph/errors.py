"""One tree of exceptions: every error compgraph raises on purpose is a `CompgraphError`.

A message says what came, what was needed and what to do.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


class CompgraphError(Exception):
    """Root of the tree; catch it to catch everything compgraph raises on purpose."""


class UnknownName(CompgraphError, ValueError):
    """A registered name (method, rule, algorithm, suffix) that does not exist."""


class UnknownSite(CompgraphError, ValueError):
    """A module name or pattern that matches nothing in the model."""


class SiteError(CompgraphError, ValueError):
    """A module that exists but cannot be tapped: never called, called twice, or without one float tensor."""


class ShapeError(CompgraphError, ValueError):
    """An array or activation whose shape does not fit the request."""


class RowsMix(CompgraphError, ValueError):
    """Rows of a batch influence one another, so per-row gradients do not exist."""


class NotFinite(CompgraphError, ValueError):
    """NaN or infinity where finite numbers are needed."""


class EmptyData(CompgraphError, ValueError):
    """No data, or too few rows to estimate anything."""


class DeadSite(CompgraphError, ValueError):
    """A space that never varies over the data, so it has no components."""


class BadRequest(CompgraphError, ValueError):
    """A parameter outside its range."""


class ForeignRecord(CompgraphError, ValueError):
    """A record of another model, of other data or of other options than what it is used with."""


class GraphError(CompgraphError, ValueError):
    """A graph that does not follow the component-graph schema."""


class FileFormatError(CompgraphError, ValueError):
    """A file that is not what it should be: truncated, of another format or version, or hostile."""


class OutputError(CompgraphError, OSError):
    """A place that cannot be written; what was there before is untouched."""


class RankLost(CompgraphError, RuntimeError):
    """One of several processes that work together died, failed or fell silent, so that none can go on."""


class MissingTool(CompgraphError, RuntimeError):
    """An optional program or library that the request needs and this machine lacks."""


class ContractBroken(CompgraphError, AssertionError):
    """A function of one's own that breaks promises every method, rule, algorithm or format keeps.

    Parameters
    ----------
    message
        Every broken contract in words.
    contracts
        Their names.
    """

    def __init__(self, message: str, contracts: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.contracts = contracts


@contextmanager
def located(where: str) -> Iterator[None]:
    """Say of whatever is raised meanwhile where it was.

    Parameters
    ----------
    where
        Such as ``"task 'left'"``: what stands before the message of an error of this package, and in a note of others.

    Yields
    ------
    None
        Nothing.

    Examples
    --------
    >>> with located("task 'left'"):
    ...     raise EmptyData("data has no rows.")
    Traceback (most recent call last):
        ...
    compgraph.errors.EmptyData: task 'left': data has no rows.
    """
    try:
        yield
    except CompgraphError as error:
        if error.args:
            error.args = (f"{where}: {error.args[0]}", *error.args[1:])
        raise
    except BaseException as error:
        error.add_note(f"while compgraph was at {where}")
        raise


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """Build the error for a misspelt registry name, with the known names and the nearest one.

    Parameters
    ----------
    kind
        What the name stands for, such as ``"component method"``.
    name
        The name that came.
    known
        The names that exist.

    Returns
    -------
    UnknownName
        Ready to raise.

    Examples
    --------
    >>> print(unknown_name("edge rule", "plrs", ["plsr", "gradient"]))
    no edge rule 'plrs'. Known: 'gradient', 'plsr'. Did you mean 'plsr'?
    """
    names = sorted(known)
    nearest = get_close_matches(name, names, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    listing = ", ".join(repr(each) for each in names)
    return UnknownName(f"no {kind} {name!r}. Known: {listing}.{hint}")
