"""A search for groups that is the same for a graph and for its null graphs, and the statistic of the test."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any

import networkx as nx
import numpy as np
from jaxtyping import Float64, Int64
from threadpoolctl import ThreadpoolController

from compgraph.group.algorithms import ON_LINKS, Algorithm, run, run_on_links
from compgraph.group.canonical import undirected
from compgraph.group.layered import layered_qualities
from compgraph.group.links import Links
from compgraph.group.many import ManyLinks, is_sparse
from compgraph.group.spectral import DENSE, spectral_communities

TEST_RUNS = 2  # runs that are compared with those on null graphs, the same number on both sides


@dataclass(frozen=True, slots=True)
class Search:
    """One algorithm with its parameters and seeds, to be applied alike to a graph and to its nulls.

    Attributes
    ----------
    function
        The algorithm.
    seeds
        One for each run, where the algorithm takes any.
    weight
        The edge attribute that it reads.
    params
        Its own parameters.
    graph
        Gives the attributes of the nodes.
    blocks
        Block of each node in canonical order, where all have one.
    """

    function: Algorithm
    seeds: tuple[int, ...]
    weight: str
    params: Mapping[str, Any]
    graph: nx.DiGraph
    blocks: Int64[np.ndarray, " n"] | None

    def runs(self, many: ManyLinks) -> Int64[np.ndarray, "m runs n"]:
        """Return the group of each node of each graph.

        Parameters
        ----------
        many
            Component graphs, nodes in canonical order.

        Returns
        -------
        numpy.ndarray
            One run for each seed, or a single one of an algorithm without.
        """
        if self.function in ON_LINKS:
            return run_on_links(self.function, many, self.blocks, seeds=self.seeds, params=self.params)
        plain = [undirected(many.each(i), self.graph, weight=self.weight) for i in range(len(many))]
        return np.stack([[self._run(graph, seed) for seed in self.seeds] for graph in plain])

    def _run(self, graph: nx.Graph, seed: int) -> Int64[np.ndarray, " n"]:
        groups = run(self.function, graph, seed=seed, weight=self.weight, params=self.params)
        label_of = {node: label for label, group in enumerate(groups) for node in group}
        return np.array([label_of[node] for node in graph], dtype=np.int64)

    def evidence(self, many: ManyLinks) -> Float64[np.ndarray, " m"]:
        """Search graphs and return the statistic of the test.

        Parameters
        ----------
        many
            As for `runs`.

        Returns
        -------
        numpy.ndarray
            That of `evidence`.
        """
        return evidence(many, self.runs(many))

    def is_settled(self) -> bool:
        """Tell whether there is one group whatever the weights, so that no null graph says anything else.

        Returns
        -------
        bool
            True where the nodes say that there is one.
        """
        if self.function is not spectral_communities or self.blocks is None or self.params.get("n_groups"):
            return False
        return len(np.unique(self.blocks)) == 1


def evidence(many: ManyLinks, runs: Int64[np.ndarray, "m runs n"]) -> Float64[np.ndarray, " m"]:
    """Return the best layered modularity of the first runs: the statistic of the test.

    Parameters
    ----------
    many
        Component graphs, nodes in canonical order.
    runs
        Group of each node.

    Returns
    -------
    numpy.ndarray
        Dimensionless.
    """
    return np.max([layered_qualities(many, labels) for labels in runs[:, :TEST_RUNS].transpose(1, 0, 2)], axis=0)


def blocks_of(graph: nx.DiGraph, links: Links) -> Int64[np.ndarray, " n"] | None:
    """Read the blocks of the nodes.

    Parameters
    ----------
    graph
        A component graph.
    links
        Gives the order of the nodes.

    Returns
    -------
    numpy.ndarray or None
        None where some node has no block.
    """
    found = [graph.nodes[node].get("block") for node in links.nodes]
    return None if None in found else np.array(found, dtype=np.int64)


def bytes_of(links: Links) -> int:
    """Return about how many bytes it takes to search one null graph.

    Parameters
    ----------
    links
        Of the graph.

    Returns
    -------
    int
        Those of the weights, and of the modes of the nodes where these are few.
    """
    entries = sum(int(np.count_nonzero(each)) if is_sparse(each) else each.size for each in links.matrices.values())
    return 8 * (entries + min(len(links.nodes), DENSE) ** 2)


def one_thread() -> AbstractContextManager[object]:
    """Keep products in one thread: handing matrices this small to several costs more than it saves.

    Returns
    -------
    contextlib.AbstractContextManager
        In which they are.
    """
    return _libraries().limit(limits=1)


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()  # takes milliseconds to look for them
