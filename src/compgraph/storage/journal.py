"""The journal of an exchange of files: what is put where, forwards until all is new, or back until all is old.

Every step can be done twice: who comes after a killed process cannot know which it had done.
"""

import contextlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from compgraph.errors import FileFormatError
from compgraph.storage.atomic import sync_folder, write_synced
from compgraph.storage.reading import read_regular
from compgraph.storage.strict_json import parse_json

PREFIX, SUFFIX = ".compgraph-", ".new"
STAGING = re.compile(r"\.compgraph-[a-z0-9_]{8}\.new")
_FORWARD, _BACK = "forward.json", "back.json"
_OWN = re.compile(r"new-\d+|old-\d+|forward\.json|back\.json|begun")


@dataclass(frozen=True, slots=True)
class Step:
    """One file of an exchange.

    Attributes
    ----------
    name
        Where it goes, relative to the folder.
    number
        Of its contents in the staging folder.
    new
        Whether there is a new content; else the file goes.
    old
        Whether there was a file before.
    """

    name: str
    number: int
    new: bool
    old: bool

    @property
    def fresh(self) -> str:
        """Name of the new content in the staging folder."""
        return f"new-{self.number}"

    @property
    def kept(self) -> str:
        """Name of the old content in the staging folder."""
        return f"old-{self.number}"


def target(place: Path, name: str) -> Path:
    """Return where a file of a folder is, links followed.

    Parameters
    ----------
    place
        The folder.
    name
        Relative to it.

    Returns
    -------
    pathlib.Path
        A path inside the folder.

    Raises
    ------
    ValueError
        When the name leads out of the folder.

    Examples
    --------
    >>> target(Path("/nowhere"), "figures/graph.png").as_posix()
    '/nowhere/figures/graph.png'
    """
    inside, found = place.resolve(), (place / name).resolve()
    if not found.is_relative_to(inside) or found == inside or ".." in Path(name).parts:
        raise ValueError(f"{name!r} leads out of the folder; remove the link, or choose another folder")
    return found


def begin(staging: Path, steps: Sequence[Step]) -> None:
    """Write the journal: from here on the exchange is finished by whoever comes next.

    Parameters
    ----------
    staging
        The folder with all new contents, and second names of all old ones.
    steps
        In order, the seal last.
    """
    text = json.dumps([asdict(step) for step in steps])
    write_synced(staging / "begun", text.encode(), 0o600)
    sync_folder(staging)
    (staging / "begun").replace(staging / _FORWARD)
    sync_folder(staging)


def forward(place: Path, staging: Path, steps: Sequence[Step]) -> None:
    """Put everything new in its place.

    Parameters
    ----------
    place, staging
        The folder, and the one inside it.
    steps
        In order, the seal last.
    """
    seal = steps[-1]
    if (staging / seal.fresh).exists():
        target(place, seal.name).unlink(missing_ok=True)
        sync_folder(place)
    for step in steps:
        found = target(place, step.name)
        if not step.new:
            found.unlink(missing_ok=True)
        elif (staging / step.fresh).exists():
            found.parent.mkdir(parents=True, exist_ok=True)
            if step is seal:
                _sync_parents(place, steps)
            (staging / step.fresh).replace(found)
    # The journal goes when nothing more depends on it.
    sync_folder(place)


def _sync_parents(place: Path, steps: Sequence[Step]) -> None:
    for folder in {target(place, step.name).parent for step in steps}:
        sync_folder(folder)


def undo(place: Path, staging: Path) -> None:
    """Put everything old back where an exchange failed.

    Parameters
    ----------
    place, staging
        The folder, and the one inside it.
    """
    if (staging / _FORWARD).exists():
        (staging / _FORWARD).replace(staging / _BACK)
    finish(place, staging)


def finish(place: Path, staging: Path) -> None:
    """Finish an exchange, forwards or back as its journal says, or clear away one that had not begun.

    Parameters
    ----------
    place, staging
        The folder, and the one inside it.

    Raises
    ------
    FileFormatError
        When the journal is none that `begin` wrote.
    ValueError
        When it leads out of the folder.
    """
    if (staging / _BACK).exists():
        _back(place, staging, _read(staging / _BACK))
    elif (staging / _FORWARD).exists():
        forward(place, staging, _read(staging / _FORWARD))
    clear(staging)


def _back(place: Path, staging: Path, steps: Sequence[Step]) -> None:
    for step in steps:
        found = target(place, step.name)
        if step.old and (staging / step.kept).exists():
            (staging / step.kept).replace(found)
        elif step.new and not step.old:
            if not (staging / step.fresh).exists():
                found.unlink(missing_ok=True)
            if found.parent != place.resolve():
                with contextlib.suppress(OSError):
                    found.parent.rmdir()


def _read(path: Path) -> list[Step]:
    document = parse_json(read_regular(path))
    kinds = {"name": str, "number": int, "new": bool, "old": bool}
    steps = []
    for each in document if isinstance(document, list) else []:
        if not isinstance(each, dict) or {key: type(value) for key, value in each.items()} != kinds:
            raise FileFormatError(f"{str(path)!r} is no journal of a save.")
        steps.append(Step(**each))
    if not steps:
        raise FileFormatError(f"{str(path)!r} is no journal of a save.")
    return steps


def clear(staging: Path) -> None:
    """Remove a staging folder and what belongs into one, the journal first; whatever else is in it stays.

    Parameters
    ----------
    staging
        The folder.
    """
    with contextlib.suppress(OSError):
        own = [path for path in staging.iterdir() if _OWN.fullmatch(path.name)]
        for path in sorted(own, key=lambda path: path.name not in (_FORWARD, _BACK)):
            path.unlink()
        staging.rmdir()
