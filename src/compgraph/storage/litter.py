"""Files that a writer leaves behind when it is killed: told from those of living writers by their locks, and swept."""

import contextlib
import io
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

LOCKS = sys.platform != "win32"
"""Whether this system can tell a living writer by its lock; else age tells."""
_TEMPORARY = re.compile(r"\.compgraph-[a-z0-9_]{8}\.tmp")
STALE_SECONDS = 3600.0
"""Age from which a temporary file is litter where there are no locks."""


@contextlib.contextmanager
def temporary(folder: Path) -> Iterator[tuple[Path, io.BufferedWriter]]:
    """Open a file for writing that nobody sweeps while it is open, and that is gone afterwards unless it was renamed.

    Parameters
    ----------
    folder
        Where it is made.

    Yields
    ------
    tuple of pathlib.Path and file
        Its name, and the open file.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder, temporary(Path(folder)) as (name, file):
    ...     sweep(Path(folder))
    ...     name.exists()
    True
    """
    handle, name = _locked(folder)
    try:
        with os.fdopen(handle, "wb") as file:
            yield Path(name), file
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink()


def _locked(folder: Path) -> tuple[int, str]:
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=".compgraph-", suffix=".tmp")
        _lock(handle, 1.0)
        # Between the two lines above somebody may have swept it.
        if not LOCKS or os.fstat(handle).st_nlink > 0:
            return handle, name
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove the temporary files of writers that are dead.

    Parameters
    ----------
    folder
        Where to look; what cannot be removed stays.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     left = Path(folder, ".compgraph-a1b2c3d4.tmp")
    ...     _ = left.write_bytes(b"half of")
    ...     sweep(Path(folder))
    ...     left.exists()
    False
    """
    for path in _named(folder, _TEMPORARY):
        with contextlib.suppress(OSError):
            _remove_dead(path)


def _remove_dead(path: Path) -> None:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, flags)
    try:
        state = os.fstat(handle)
        dead = stat.S_ISREG(state.st_mode) and _dead(handle, state)
        # While it is locked, so that no writer takes it for its own; its name may be another file's by now.
        if dead and LOCKS and os.path.samestat(state, path.lstat()):
            path.unlink()
    finally:
        os.close(handle)
    # Systems without locks cannot remove an open file.
    if dead and not LOCKS:
        path.unlink()


def folders(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    """Return the folders in a folder whose name has a pattern.

    Parameters
    ----------
    folder
        Where to look.
    pattern
        Of the whole name.

    Returns
    -------
    list of pathlib.Path
        Sorted; links are none.
    """
    return [path for path in _named(folder, pattern) if path.is_dir() and not path.is_symlink()]


def _named(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder) if pattern.fullmatch(entry.name))
    except OSError:
        return []


@contextlib.contextmanager
def locked(handle: int, *, seconds: float) -> Iterator[bool]:
    """Hold the lock of an open file or folder.

    Parameters
    ----------
    handle
        Its number.
    seconds
        How long to wait for another process that holds it.

    Yields
    ------
    bool
        Whether it is held: some file systems have no locks.

    Raises
    ------
    TimeoutError
        When the other process takes longer.
    """
    held = _lock(handle, seconds)
    try:
        yield held
    finally:
        if held:
            # Closing is not enough: a process that was forked meanwhile would hold it on.
            fcntl.flock(handle, fcntl.LOCK_UN)


def _lock(handle: int, seconds: float) -> bool:
    if not LOCKS:
        return False
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > until:
                raise TimeoutError(f"another process has been writing there for {seconds:g} s") from error
            time.sleep(0.005)
        except OSError:
            return False
        else:
            return True


def _dead(handle: int, state: os.stat_result) -> bool:
    """Tell whether nobody else holds the lock of a file, or, where there are no locks, whether it is old."""
    try:
        return _lock(handle, 0.0) or old(state)
    except TimeoutError:
        return False


def old(state: os.stat_result) -> bool:
    """Tell whether something was last changed so long ago that whoever did must be dead.

    Parameters
    ----------
    state
        What the system knows of it.

    Returns
    -------
    bool
        True after an hour.
    """
    return time.time() - state.st_mtime > STALE_SECONDS
