"""The one-call path: a model and its data in, the graph and its groups out."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx
from torch import nn

from compgraph.check import TaskProfile
from compgraph.connect import build_graph, edges
from compgraph.connect.edges import Rule
from compgraph.decompose import Components, Method, components
from compgraph.decompose.registry import Decomposition
from compgraph.group import Partition, communities
from compgraph.group.algorithms import Algorithm
from compgraph.observe import collect
from compgraph.show.report import summarise, write_report
from compgraph.statistics import Space, Statistics

# The best of those measured on networks whose tasks are known; README.md has the table.
METHOD, RULE, ALGORITHM = "gradient", "correlation", "spectral"


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What one call found.

    Attributes
    ----------
    stats
        Statistics of the model on the data.
    components
        Components of every space.
    graph
        The component graph.
    found
        The groups that the algorithm gave, reliable or not.
    groups
        The same where they are reliable (p-value <= 0.05 and stability >= 0.6), else everything in one group with the
        p-value and stability that say why.
    """

    stats: Statistics
    components: Mapping[Space, Components]
    graph: nx.DiGraph
    found: Partition
    groups: Partition

    def __str__(self) -> str:
        return summarise(self.graph, self.found, stats=self.stats)

    def save(self, folder: str | os.PathLike[str], *, profile: TaskProfile | None = None) -> Path:
        """Write everything people and programs look at into a folder.

        Parameters
        ----------
        folder
            Made when missing. Files of the same names are replaced, each as a whole.
        profile
            Task profile, for a figure of the variance of each component by task.

        Returns
        -------
        pathlib.Path
            The folder, with ``tasks.html``, ``tasks.dot``, ``tasks.svg``, ``graph.json``, ``graph.graphml``,
            ``summary.json`` and ``figures/``.

        Raises
        ------
        OutputError
            When a file cannot be written.
        """
        return write_report(folder, self.graph, self.found, stats=self.stats, profile=profile)


def analyze(
    model: nn.Module,
    data: Any,
    layers: Any = None,
    *,
    method: str | Method | Decomposition = METHOD,
    rule: str | Rule = RULE,
    algorithm: str | Algorithm = ALGORITHM,
    n_components: int | None = None,
    n_seeds: int = 10,
    n_null: int = 99,
    seed: int = 0,
    **options: Any,
) -> Analysis:
    """Find the graph of the subspaces that a model computes with, and the groups in it.

    Parameters
    ----------
    model
        Any trained module; it comes back as it was.
    data
        Inputs it normally sees: a tensor, a sequence of tensors, a ``DataLoader`` or any iterable of batches.
    layers
        Names, globs, or a dict of selectors, as in `compgraph.collect`; by default chosen and reported.
    method
        Component method, as in `compgraph.components`.
    rule
        Edge rule, as in `compgraph.edges`.
    algorithm, n_seeds, n_null
        Community algorithm, its runs and the null graphs, as in `compgraph.communities`.
    n_components
        At most this many per space.
    seed
        Of the samples, the algorithm and the null graphs.
    **options
        Passed on to `compgraph.collect`.

    Returns
    -------
    Analysis
        ``print`` it for a summary; ``.save(folder)`` writes pages and figures.

    Raises
    ------
    CompgraphError
        Saying what came, what was needed and what to do; see the four functions this calls.

    Notes
    -----
    One pass over the data, forward and backward passes over at most 1,024 of its inputs, and linear algebra of cost
    O(d^3) per layer of width d.
    """
    stats = collect(model, data, layers, seed=seed, **options)
    parts = components(stats, method, n_components=n_components)
    graph = build_graph(parts, edges(stats, parts, rule))
    found = communities(graph, algorithm, seed=seed, n_seeds=n_seeds, n_null=n_null)
    return Analysis(stats, parts, graph, found, found.trusted())
