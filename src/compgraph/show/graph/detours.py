"""Ways around: an arrow that passes other layers runs above or below them, never across their nodes."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Arrow:
    """What has to pass.

    Attributes
    ----------
    start, stop
        Across: the columns where it starts and ends.
    level
        Down: where it would run if nothing were in its way.
    thickness
        How much room it takes.
    """

    start: float
    stop: float
    level: float
    thickness: float


@dataclass(frozen=True, slots=True)
class Detour:
    """A level stretch of an arrow.

    Attributes
    ----------
    start, stop
        The first and last column that it passes.
    level
        Down: where its middle runs.
    """

    start: float
    stop: float
    level: float


def detours(
    arrows: Mapping[Key, Arrow], columns: Mapping[float, tuple[float, float]], *, gap: float
) -> dict[Key, Detour]:
    """Lead arrows around the columns that they pass.

    Parameters
    ----------
    arrows
        Those that pass no column need no way around and get none.
    columns
        Place across of every column, to its upper and lower end.
    gap
        Least room between an arrow and what it passes: a column, or another arrow.

    Returns
    -------
    dict
        No two level stretches touch, nor does one touch a column.

    Notes
    -----
    Short arrows first, so that long ones run around them; each on the side that is nearer to its level, above where
    both are alike. O(a log a + a c) for a arrows and c columns.

    Examples
    --------
    >>> columns = {0.0: (-1.0, 1.0), 1.0: (-3.0, 3.0), 2.0: (-1.0, 1.0)}
    >>> detours({"past": Arrow(0.0, 2.0, 0.0, 1.0), "next": Arrow(0.0, 1.0, 0.0, 1.0)}, columns, gap=2.0)
    {'past': Detour(start=1.0, stop=1.0, level=-5.5)}
    """
    xs = sorted(columns)
    upper, lower = ([columns[x][side] for x in xs] for side in (0, 1))
    passed = {key: (bisect_right(xs, arrow.start), bisect_left(xs, arrow.stop)) for key, arrow in arrows.items()}
    found: dict[Key, Detour] = {}
    for key in sorted(arrows, key=lambda each: passed[each][1] - passed[each][0]):  # stable: as given among equals
        arrow, (first, last) = arrows[key], passed[key]
        if first >= last:
            continue
        half = arrow.thickness / 2
        over, under = min(upper[first:last]) - gap - half, max(lower[first:last]) + gap + half
        above = arrow.level - over <= under - arrow.level
        level = over if above else under
        skyline, edge = (upper, level - half) if above else (lower, level + half)
        skyline[first:last] = [edge] * (last - first)
        found[key] = Detour(xs[first], xs[last - 1], level)
    return found
