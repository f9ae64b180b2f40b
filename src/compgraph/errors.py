"""One tree of exceptions: every error compgraph raises on purpose is a `CompgraphError`.

A message says what came, what was needed and what to do.
"""

from collections.abc import Iterable
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


class GraphError(CompgraphError, ValueError):
    """A graph that does not follow the component-graph schema."""


class FileFormatError(CompgraphError, ValueError):
    """A file that is not what it should be: truncated, of another format or version, or hostile."""


class OutputError(CompgraphError, OSError):
    """A place that cannot be written; what was there before is untouched."""


class MissingTool(CompgraphError, RuntimeError):
    """An optional program or library that the request needs and this machine lacks."""


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
