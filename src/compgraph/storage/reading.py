"""The one door through which files are read: they are looked at first."""

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from compgraph.errors import BadRequest, FileFormatError
from compgraph.storage.places import expanded, reason_of

MAX_BYTES = 1 << 30
SMALL = 1 << 24
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def read_regular(path: str | os.PathLike[str], *, limit: int = MAX_BYTES) -> bytes:
    """Read a regular file that is not too large.

    Parameters
    ----------
    path
        The file; links are followed and ``~`` is the home folder.
    limit
        Bytes that are read at most.

    Returns
    -------
    bytes
        Its content.

    Raises
    ------
    BadRequest
        When it is no path, or empty.
    FileFormatError
        When it is missing, a folder, pipe, socket or device, or larger than the limit: at once, nothing waits.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "file.txt").write_bytes(b"all of it")
    ...     read_regular(f"{folder}/file.txt")
    b'all of it'
    """
    with open_regular(path, limit=limit) as file:
        # A file may grow, and those of the system have no length at all; the room for a limit may not be there.
        data = file.read(min(limit, max(os.fstat(file.fileno()).st_size, SMALL)) + 1) or b""
        if len(data) > limit:
            raise FileFormatError(_too_large(path, limit))
    return data


@contextlib.contextmanager
def open_regular(path: str | os.PathLike[str], *, limit: int | None = None) -> Iterator[io.BufferedReader]:
    """Open a regular file that is not too large for reading.

    Parameters
    ----------
    path
        The file; links are followed and ``~`` is the home folder.
    limit
        Bytes that it may have; by default any number.

    Yields
    ------
    file
        At its beginning; what the system refuses while it is read is a `FileFormatError` too.

    Raises
    ------
    BadRequest
        When it is no path, or empty.
    FileFormatError
        When it is missing, a folder, pipe, socket or device, or larger than the limit: at once, nothing waits.

    Examples
    --------
    >>> with open_regular("/dev/zero") as file:
    ...     file.read()
    Traceback (most recent call last):
        ...
    compgraph.errors.FileFormatError: cannot read '/dev/zero': it is a device; give a regular file.
    """
    place = expanded(path)
    try:
        # Opening alone can change a device, so it is looked at first, and again when nothing can be exchanged any more.
        _require_regular(place.stat(), path, limit)
        flags = (getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_BINARY", "O_CLOEXEC"))
        handle = os.open(place, os.O_RDONLY | sum(flags))
        with os.fdopen(handle, "rb") as file:
            _require_regular(os.fstat(handle), path, limit)
            yield file
    except (FileFormatError, BadRequest):
        raise
    except OSError as error:
        raise FileFormatError(f"cannot read {str(path)!r}: {reason_of(error)}.") from error
    except ValueError as error:
        # A path that can be none, such as one with a zero; errors of what is done with the file are the caller's.
        if place.parts and _possible(place):
            raise
        raise FileFormatError(f"cannot read {str(path)!r}: {error}.") from error


def _possible(place: Path) -> bool:
    try:
        return b"\0" not in os.fsencode(place)
    except ValueError:
        return False


def _require_regular(state: os.stat_result, path: str | os.PathLike[str], limit: int | None) -> None:
    kind = stat.S_IFMT(state.st_mode)
    if kind != stat.S_IFREG:
        raise FileFormatError(f"cannot read {str(path)!r}: it is {_KINDS.get(kind, 'no file')}; give a regular file.")
    if limit is not None and state.st_size > limit:
        raise FileFormatError(_too_large(path, limit))


def _too_large(path: str | os.PathLike[str], limit: int) -> str:
    return f"cannot read {str(path)!r}: it has more than the {limit:,} bytes that are read at most."
