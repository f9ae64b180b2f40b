"""What a label is: equal by value, whichever library holds it, and none where it is None or NaN."""

import math
from collections.abc import Hashable, Mapping
from typing import Any

from compgraph.errors import BadRequest, EmptyData


def plain(label: Any) -> Any:
    """Return a label as Python has it.

    Parameters
    ----------
    label
        Of one node. Scalars of torch and NumPy are the number or text that they hold, so that they are equal where it
        is; inside tuples and sets as well.

    Returns
    -------
    object
        None for NaN, which is no label, as None is none. Arrays and lists stay as they are.

    Examples
    --------
    >>> import numpy as np
    >>> plain(np.int64(3)), plain(np.array(3)), plain(float("nan")), plain((np.int64(1), "a"))
    (3, 3, None, (1, 'a'))
    """
    if isinstance(label, tuple | frozenset):
        return type(label)(map(plain, label)) if type(label) in (tuple, frozenset) else label
    if getattr(label, "ndim", None) == 0 and callable(getattr(label, "item", None)):
        label = label.item()
    return None if isinstance(label, float) and math.isnan(label) else label


def one_label(node: str, label: Any) -> Hashable:
    """Return the label of a node that is to have one at most.

    Parameters
    ----------
    node
        Its id, for the message.
    label
        What came.

    Returns
    -------
    object
        As `plain` has it.

    Raises
    ------
    BadRequest
        When it is a tensor or array of several numbers, which would be told apart by where it lies in memory.
    """
    found: Hashable = plain(label)
    if getattr(found, "ndim", 0):
        raise BadRequest(
            f"node {node!r} has a label of shape {tuple(getattr(found, 'shape', ()))}; one label is needed, such as a "
            "text or a number. For nodes with several, see compgraph.check.overlap."
        )
    return found


def labelled(group_of: Mapping[str, object], labels: Mapping[str, object]) -> list[str]:
    """Return the nodes that have a label, sorted.

    Parameters
    ----------
    group_of
        Every node.
    labels
        Node id to label, or to several.

    Returns
    -------
    list of str
        Nodes whose label is neither missing, None nor NaN.

    Raises
    ------
    BadRequest
        When a label is of no node.
    EmptyData
        When no node has any.
    """
    strangers = [node for node in labels if node not in group_of]
    if strangers:
        raise BadRequest(
            f"{len(strangers)} of {len(labels)} labels belong to no node of the groups, the first to {strangers[0]!r}. "
            "Labels are keyed by node id."
        )
    nodes = sorted(node for node in group_of if plain(labels.get(node)) is not None)
    if not nodes:
        raise EmptyData(f"none of the {len(group_of)} nodes has a label; at least one is needed to compare with.")
    return nodes
