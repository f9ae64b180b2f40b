"""Paths as people write them: ``~`` is their home, and what is no path is said to be none."""

import errno
import os
from pathlib import Path

from compgraph.errors import BadRequest


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with ``~`` replaced by the home folder.

    Parameters
    ----------
    path
        A file or folder.

    Returns
    -------
    pathlib.Path
        The same, otherwise as it was written.

    Raises
    ------
    BadRequest
        When it is no path, empty, or begins with the ``~`` of somebody unknown.

    Examples
    --------
    >>> expanded("~/graph.json").name, expanded("~/graph.json") == Path.home() / "graph.json"
    ('graph.json', True)
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise BadRequest(
            f"a {type(path).__name__} came as a path ({path!r:.80}); a str or pathlib.Path is needed, such as "
            "'results/graph.json'."
        )
    if not os.fspath(path):
        raise BadRequest("an empty text came as a path; write '.' for the current folder, or a name.")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise BadRequest(f"{str(path)!r}: {error} Write the whole path, without '~'.") from error


def reason_of(error: BaseException) -> str:
    """Return in words why the operating system refused a path.

    Parameters
    ----------
    error
        An `OSError`, or the `ValueError` of a path that cannot be one.

    Returns
    -------
    str
        Without the path.

    Examples
    --------
    >>> reason_of(NotADirectoryError(20, "Not a directory"))
    'a part of the path is a file and not a folder'
    """
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a part of the path is a file and not a folder"
    # Python itself raises an error without a number where it follows links.
    if isinstance(error, RuntimeError) or getattr(error, "errno", None) == errno.ELOOP:
        return "its links lead in a circle"
    return getattr(error, "strerror", None) or str(error)
