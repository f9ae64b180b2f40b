"""The graph of components with one node for the two sides of a layer, as the note draws it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import networkx as nx
import numpy as np

from compgraph.connect import EdgeMatrix, build_graph
from compgraph.decompose import Components
from compgraph.errors import GraphError
from compgraph.statistics import Space


def build_joined_graph(parts: Mapping[Space, Components], matrices: Iterable[EdgeMatrix]) -> nx.DiGraph:
    """Build the graph in which a component that a layer writes is the same node as the one that is read of it.

    Parameters
    ----------
    parts
        Components of every space, as `compgraph.components` returns them, the same on either side of a layer: those of
        methods such as ``"pca"`` and ``"interaction"`` are, those of ``"plsr"`` are not.
    matrices
        Edges between pairs of spaces, as `compgraph.edges` returns them. Those within a layer are left out.

    Returns
    -------
    networkx.DiGraph
        As of `build_graph`, with nodes of the side ``"out"``, and of the side ``"in"`` where no layer writes what is
        read, as of the inputs.

    Raises
    ------
    GraphError
        When the sides of a layer differ in their components, or as of `build_graph`.

    Notes
    -----
    Cost O(nodes + edges), and O(k d) to compare the sides.
    """
    written = {space.layer: space for space in parts if space.side == "out"}
    once = {space: part for space, part in parts.items() if space.side == "out" or space.layer not in written}
    for space in sorted(parts.keys() - once.keys()):
        _require_same_axes(parts[space], parts[written[space.layer]])
    between = (matrix for matrix in matrices if matrix.kind == "between")
    return build_graph(once, [replace(each, source=written.get(each.source.layer, each.source)) for each in between])


def _require_same_axes(read: Components, wrote: Components) -> None:
    if read.axes.shape != wrote.axes.shape or not np.allclose(read.axes, wrote.axes):
        raise GraphError(
            f"{len(wrote)} components in {wrote.space} and {len(read)} in {read.space} are not the same and cannot be "
            "joined; use build_graph, or a method that finds the same on both sides, such as 'pca'."
        )
