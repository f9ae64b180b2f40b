"""Files that are written whole or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path

from compgraph.arguments import checked
from compgraph.errors import OutputError
from compgraph.storage import litter
from compgraph.storage.places import expanded, reason_of


@checked
def write_atomically(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write a file so that readers see either what was there before or all of ``data``.

    Parameters
    ----------
    path
        Where to write; missing parent folders are made and ``~`` is the home folder.
    data
        The whole content.

    Returns
    -------
    pathlib.Path
        ``path``, with symbolic links followed.

    Raises
    ------
    BadRequest
        When it is no path, or empty.
    OutputError
        When the place cannot be written; what was there is untouched and no partial file is left.

    Notes
    -----
    What an earlier writer left in the same folder when it was killed is removed; files of living ones are not.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(f"{folder}/new/file.txt", b"all of it").read_bytes()
    b'all of it'
    """
    target = expanded(path)
    try:
        target = target.resolve()
        require_replaceable(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        litter.sweep(target.parent)
        _replace(target, data)
    except (OSError, ValueError, RuntimeError) as error:
        raise OutputError(
            f"cannot write {str(path)!r}: {reason_of(error)}. Nothing was changed there; choose a path that can be "
            "written."
        ) from error
    return target


@checked
def require_writable(folder: str | os.PathLike[str]) -> None:
    """Raise unless files can be written into a folder, so that a long computation does not end in vain.

    Parameters
    ----------
    folder
        Made when missing, and left as it is otherwise.

    Raises
    ------
    BadRequest
        When it is no path, or empty.
    OutputError
        When it cannot be made or written to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     require_writable(f"{folder}/new")
    ...     Path(folder, "new").is_dir()
    True
    """
    place = expanded(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            pass
    except (OSError, ValueError) as error:
        raise OutputError(
            f"cannot write into {str(folder)!r}: {reason_of(error)}. Choose a folder that can be written."
        ) from error


def require_replaceable(target: Path) -> None:
    """Raise unless a path is free or that of a regular file.

    Parameters
    ----------
    target
        A path whose links were followed.

    Raises
    ------
    OSError
        Saying what is there.

    Examples
    --------
    >>> require_replaceable(Path.home())
    Traceback (most recent call last):
        ...
    IsADirectoryError: it is a folder
    """
    if target.is_dir():
        raise IsADirectoryError("it is a folder")
    if target.exists() and not target.is_file():
        # Replacing it would destroy a pipe or, for root, a device.
        raise OSError("it is a device or pipe, not a file")
    # Where links lead in a circle, following them ends at one of them.
    if target.is_symlink():
        raise OSError("its links lead in a circle")


def write_synced(path: Path, data: bytes, mode: int) -> None:
    """Write a file that did not exist, down to the disk.

    Parameters
    ----------
    path
        Its name.
    data
        The whole content.
    mode
        Who may read and write it.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_synced(Path(folder, "x"), b"all of it", 0o644)
    ...     Path(folder, "x").read_bytes()
    b'all of it'
    """
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(mode)


def mode_of(target: Path) -> int:
    """Return who may read and write a file, or one that is to be made there.

    Parameters
    ----------
    target
        A path.

    Returns
    -------
    int
        The bits.

    Examples
    --------
    >>> oct(mode_of(Path(__file__)))[:3]
    '0o6'
    """
    return target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a loss of power, where the system can.

    Parameters
    ----------
    folder
        An existing folder.

    Examples
    --------
    >>> sync_folder(Path.home())
    """
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _replace(target: Path, data: bytes) -> None:
    with litter.temporary(target.parent) as (name, file):
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        name.chmod(mode_of(target))
        if not litter.LOCKS:
            # An open file cannot be renamed there; elsewhere it is open, and so locked, until it has its name.
            file.close()
        name.replace(target)
    sync_folder(target.parent)


def _umask() -> int:
    # The umask can only be read by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
