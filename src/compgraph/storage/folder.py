"""Several files of a folder that become new together: a report is the old one or the new one, or says it is neither.

New files are written into a folder inside the target, then a journal says what is to be put where, and then each file
is renamed into its place. Up to the journal nothing of the target has changed; from there on whoever comes next can
finish the exchange. One file, the seal, is taken away before the first and put in place after the last.
"""

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from compgraph.errors import FileFormatError, OutputError
from compgraph.storage import journal, litter
from compgraph.storage.atomic import mode_of, require_replaceable, sync_folder, write_synced
from compgraph.storage.places import expanded, reason_of

_LOG = logging.getLogger("compgraph")
_PATIENCE, _PATIENCE_OF_READERS = 60.0, 5.0  # seconds to wait for another process


def replace_files(
    folder: str | os.PathLike[str], files: Mapping[str, bytes], *, remove: Collection[str] = (), seal: str
) -> Path:
    """Replace several files of a folder together.

    Parameters
    ----------
    folder
        Made when missing; other files in it are not touched. ``~`` is the home folder.
    files
        Name to content. A name may be in a folder of the folder, as in ``"figures/graph.png"``.
    remove
        Names of files that go, where they exist.
    seal
        The one of ``files`` that is taken away first and put in place last, so that a folder without it is one whose
        files are being replaced.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    BadRequest
        When the folder is no path, or empty.
    OutputError
        When a file cannot be written or replaced; then all are as they were.

    Notes
    -----
    When the process is killed the folder is either as it was, or the next call on it, or `settle`, finishes what was
    begun. Two processes that save into one folder do so one after the other.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     place = replace_files(folder, {"a.txt": b"one", "more/b.txt": b"two", "seal": b""}, seal="seal")
    ...     place = replace_files(folder, {"a.txt": b"three", "seal": b""}, remove=["more/b.txt"], seal="seal")
    ...     sorted(str(path.relative_to(place)) for path in place.rglob("*"))
    ['a.txt', 'more', 'seal']
    """
    place = expanded(folder)
    try:
        with _made(place), _alone(place) as locked:
            _settle_all(place, locked=locked)
            litter.sweep(place)
            _exchange(place, files, [name for name in remove if name not in files], seal)
    except (OSError, ValueError, RuntimeError) as error:
        where = f"{str(error.filename)!r}: " if isinstance(error, OSError) and error.filename else ""
        raise OutputError(
            f"cannot write into {str(folder)!r}: {where}{reason_of(error)}. All files there are as they were; choose "
            "a folder that can be written."
        ) from error
    return place


def settle(folder: str | os.PathLike[str]) -> None:
    """Finish what a process that was killed began to replace in a folder; without such a thing do nothing.

    Parameters
    ----------
    folder
        A folder that may hold files of `replace_files`. Where it cannot be written, it stays as it is and the logger
        ``compgraph`` says so.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     settle(folder)
    """
    place = expanded(folder)
    if not litter.folders(place, journal.STAGING):
        return
    try:
        with _alone(place, seconds=_PATIENCE_OF_READERS) as locked:
            _settle_all(place, locked=locked)
    except (OSError, ValueError, RuntimeError) as error:
        _LOG.warning(
            "%r holds files of two reports: an earlier save was interrupted and cannot be finished (%s). Save the "
            "report again.",
            str(folder),
            reason_of(error),
        )


@contextlib.contextmanager
def _made(place: Path) -> Iterator[None]:
    """Make a folder, and remove it again where nothing comes into it."""
    missing = [each for each in (place, *place.parents) if not each.exists()]
    place.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for each in missing:
                each.rmdir()
        raise


@contextlib.contextmanager
def _alone(place: Path, seconds: float = _PATIENCE) -> Iterator[bool]:
    """Keep other processes from replacing files in a folder, once none does; say whether that was possible."""
    if not litter.LOCKS:
        yield False
        return
    handle = os.open(place, os.O_RDONLY)
    try:
        with litter.locked(handle, seconds=seconds) as locked:
            yield locked
    finally:
        os.close(handle)


def _exchange(place: Path, files: Mapping[str, bytes], remove: Collection[str], seal: str) -> None:
    names = [*remove, *(name for name in files if name != seal), seal]
    targets = [journal.target(place, name) for name in names]
    for each in targets:
        require_replaceable(each)
    staging = Path(tempfile.mkdtemp(dir=place, prefix=journal.PREFIX, suffix=journal.SUFFIX))
    try:
        steps = [
            journal.Step(name, number, new=name in files, old=target.exists())
            for number, (name, target) in enumerate(zip(names, targets, strict=True))
        ]
        for step, target in zip(steps, targets, strict=True):
            if step.new:
                write_synced(staging / step.fresh, files[step.name], mode_of(target))
            if step.old:
                _keep(target, staging / step.kept)
        journal.begin(staging, steps)
        for folder in {target.parent for target in targets}:
            folder.mkdir(parents=True, exist_ok=True)
            litter.sweep(folder)
        journal.forward(place, staging, steps)
    except BaseException:
        journal.undo(place, staging)
        raise
    journal.clear(staging)
    sync_folder(place)


def _keep(target: Path, kept: Path) -> None:
    """Keep what a file holds under a second name; its own does not vanish for a moment."""
    try:
        os.link(target, kept)
    except OSError:
        # Some file systems have no second names.
        shutil.copy2(target, kept)


def _settle_all(place: Path, *, locked: bool) -> None:
    for staging in litter.folders(place, journal.STAGING):
        # Whoever made it is dead: else the lock would be theirs.
        if not locked and not litter.old(staging.stat()):
            continue
        try:
            journal.finish(place, staging)
        except FileFormatError as error:
            _LOG.warning("%r was left as it is: %s", str(staging), error)
