"""Of which model, which data and which options a record is, so that nothing passes for that of another."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compgraph.errors import ForeignRecord
from compgraph.records import freeze, rebuilt
from compgraph.statistics.rows import Rows


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """What a record was made of.

    Attributes
    ----------
    model
        Name of every parameter and buffer to a hash of its type, shape and content.
    rows
        Numbers of the samples.
    options
        What else decides the numbers: plain values by name.
    version
        Of compgraph.
    """

    model: Mapping[str, str]
    rows: Rows
    options: Mapping[str, Any]
    version: str

    __reduce__ = rebuilt

    def __post_init__(self) -> None:
        freeze(self, "model", "options")

    def in_words(self) -> dict[str, str]:
        """Return the same as texts, for records that hold no others.

        Returns
        -------
        dict
            One hash of the ``model``, the rows of the ``data``, the ``options`` as JSON, and the ``version``.
        """
        options = json.dumps(described(self.options), sort_keys=True)
        return {"model": digest(self.model), "data": str(self.rows), "options": options, "version": self.version}

    def __repr__(self) -> str:
        return f"Identity({len(self.model)} tensors, rows {self.rows}, version {self.version!r})"


def digest(model: Mapping[str, str]) -> str:
    """Return one hash in place of those of all parameters and buffers.

    Parameters
    ----------
    model
        As in `Identity`.

    Returns
    -------
    str
        Of 32 hexadecimal digits.
    """
    return hashlib.sha256(json.dumps(dict(model), sort_keys=True).encode()).hexdigest()[:32]


def described(value: Any) -> Any:
    """Return an option as JSON can hold it.

    Parameters
    ----------
    value
        What a user gave.

    Returns
    -------
    object
        Functions become words, as no file holds them.
    """
    if isinstance(value, Mapping):
        return {str(name): described(each) for name, each in value.items()}
    if isinstance(value, str | int | float | None):
        return value
    return [described(each) for each in value] if isinstance(value, Iterable) else "a function"


def moved(mine: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Name the first parameter or buffer in which two models differ.

    Parameters
    ----------
    mine, theirs
        As in `Identity`.

    Returns
    -------
    str
        For people; empty where there is no difference.

    Examples
    --------
    >>> moved({"fc.weight": "1f", "fc.bias": "2e"}, {"fc.weight": "1f", "fc.bias": "3d"})
    "'fc.bias' holds other numbers, the first of 1 that do"
    """
    for name in (*mine, *theirs):
        if name not in theirs or name not in mine:
            return f"{name!r} is in one of them only"
    others = [name for name in mine if mine[name] != theirs[name]]
    return f"{others[0]!r} holds other numbers, the first of {len(others)} that do" if others else ""


def require_same_model(mine: Identity | None, theirs: Identity | None, what: str) -> None:
    """Refuse two records of different models.

    Parameters
    ----------
    mine, theirs
        Of the records; nothing is asked of a record that does not know.
    what
        The two records, for the message.

    Raises
    ------
    ForeignRecord
        Naming the first difference.
    """
    if mine is None or theirs is None:
        return
    if difference := moved(mine.model, theirs.model):
        raise ForeignRecord(
            f"{what} are of different models: {difference}. Make both from one model in one state, such as by "
            "collecting the statistics again."
        )


def require_unchanged(mine: Identity, now: Mapping[str, str], purpose: str) -> None:
    """Refuse a model that has changed since it was looked at.

    Parameters
    ----------
    mine
        Of what was made of it then.
    now
        Hashes of its parameters and buffers.
    purpose
        What it is asked for, as the subject of a sentence.

    Raises
    ------
    ForeignRecord
        Naming the first difference.
    """
    if difference := moved(mine.model, now):
        raise ForeignRecord(
            f"{purpose} asks the model again, which is not as it was when the statistics were collected: {difference}. "
            "Collect them again from the model as it is."
        )


def require_mergeable(mine: Identity, theirs: Identity) -> None:
    """Refuse parts that are not of one pass over one data set.

    Parameters
    ----------
    mine, theirs
        Of the parts.

    Raises
    ------
    ForeignRecord
        Naming the first difference in model, version or options.
    """
    require_same_model(mine, theirs, "statistics that are to be merged")
    if mine.version != theirs.version:
        raise ForeignRecord(
            f"statistics of compgraph {mine.version} and {theirs.version} do not merge; collect all with one version."
        )
    for name, one, other in _unlike(mine.options, theirs.options):
        raise ForeignRecord(
            f"statistics with {name}={one!r} and {name}={other!r} do not merge; collect all parts in the same way."
        )


def _unlike(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in dict.fromkeys([*mine, *theirs]):
        if mine.get(name) != theirs.get(name):
            yield name, mine.get(name), theirs.get(name)
