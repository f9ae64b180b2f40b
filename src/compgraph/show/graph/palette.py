"""Colours that stay apart for every kind of colour vision, and the rule for when groups get any."""

from collections.abc import Sequence
from colorsys import hls_to_rgb, rgb_to_hls
from itertools import count

from compgraph.arguments import checked
from compgraph.group import Partition

BASE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
"""The Okabe-Ito colours that stand out on white."""
NEUTRAL = "#8A8F98"
"""The colour of a node when there are no groups to tell apart."""
FAINT = "#B4BAC4"
"""The colour of an edge that joins two groups."""
_LIGHTNESS = (1.0, 0.62, 1.45)
N_COLOURS = len(BASE) * len(_LIGHTNESS)
"""How many groups have colours that differ."""


@checked
def colour(group: int) -> str:
    """Return the colour of a group (or task) as ``#RRGGBB``.

    Parameters
    ----------
    group
        Index from 0. The six base colours come first, then darker, then lighter versions of them; from
        18 on they repeat.

    Returns
    -------
    str
        An sRGB colour.

    References
    ----------
    Okabe, M. and Ito, K. (2008). Color universal design. https://jfly.uni-koeln.de/color/

    Examples
    --------
    >>> colour(0), colour(6) == colour(0)
    ('#0072B2', False)
    """
    base = BASE[group % len(BASE)]
    hue, lightness, saturation = rgb_to_hls(*(int(base[i : i + 2], 16) / 255 for i in (1, 3, 5)))
    factor = _LIGHTNESS[group // len(BASE) % len(_LIGHTNESS)]
    red, green, blue = hls_to_rgb(hue, min(lightness * factor, 0.85), saturation)
    return "#" + "".join(f"{round(255 * part):02X}" for part in (red, green, blue))


def shown_groups(groups: Partition | None) -> dict[str, int]:
    """Return the groups worth showing: none unless there are at least two and they are reliable.

    Parameters
    ----------
    groups
        A partition, or none.

    Returns
    -------
    dict of str to int
        Node id to group; empty when the picture should not pretend there is structure.
    """
    if groups is None or groups.n_groups < 2 or not groups.reliable:
        return {}
    return dict(groups.assignment)


def task_colours(tasks: Sequence[str], groups: Partition | None = None) -> dict[str, str]:
    """Give every task a colour: that of the group that serves it, or one that no group shown has.

    Parameters
    ----------
    tasks
        Names, in the order in which colours are given out.
    groups
        A partition, whose ``names`` say which group serves which task.

    Returns
    -------
    dict of str to str
        Task to ``#RRGGBB``, in the order given.
    """
    shown = set(shown_groups(groups).values())
    serving = {} if groups is None else {name: group for group, name in groups.names.items() if group in shown}
    free = (number for number in count() if number not in shown)
    return {task: colour(serving[task] if task in serving else next(free)) for task in tasks}
