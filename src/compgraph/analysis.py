"""What one call finds, and how statistics become it: components, graph, groups, and what speaks against them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import networkx as nx
import numpy as np

from compgraph.arguments import checked
from compgraph.check import ChanceTest, TaskProfile, against_rotations, against_twins, stability
from compgraph.connect import build_graph, edges
from compgraph.connect.rules import Rule
from compgraph.dealing import Deal, in_turn
from compgraph.decompose import ComponentSet, Interaction, Method, components
from compgraph.decompose.methods import Decomposition
from compgraph.group import Partition
from compgraph.group.algorithms import Algorithm
from compgraph.group.communities import against_nulls, found_groups
from compgraph.group.partition import SIGNIFICANT
from compgraph.show.report import summarise, write_report
from compgraph.statistics import Statistics


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What one call found.

    Attributes
    ----------
    stats
        Statistics of the model on the data.
    components
        Components of every space; ``components.interactions`` has the blocks that the method ``"interaction"`` found.
    graph
        The component graph.
    found
        The groups that the algorithm gave, reliable or not. Its p-value is the largest of all nulls that were drawn,
        NaN without null graphs, and its stability the smallest of those measured.
    groups
        The same where they are reliable (p-value <= 0.05 and stability >= 0.6), else everything in one group with the
        p-value and stability that say why.
    tests
        The nulls that go beyond the graph: untrained twins and random rotations.
    """

    stats: Statistics
    components: ComponentSet
    graph: nx.DiGraph
    found: Partition
    groups: Partition
    tests: tuple[ChanceTest, ...] = ()

    def __str__(self) -> str:
        return summarise(self.graph, self.found, stats=self.stats, evidence=self.evidence)

    @property
    def evidence(self) -> tuple[str, ...]:
        """Sentences on what speaks for the groups and against them."""
        interactions = self.components.interactions
        asked, drawn = self.found.parameters.get("n_null", 0), self.found.n_drawn
        early = self.found.n_groups > 1 and drawn is not None and drawn < asked
        ended = (f"null graphs: {drawn or 'none'} of {asked} drawn, as no more can make the groups reliable",) * early
        return (*map(str, self.tests), *ended, *(interactions.notes if interactions else ()))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the model's outputs: ``"output"`` of a lone tensor, else where each stands in what is returned."""
        return self.stats.outputs

    def noting(self, note: str) -> "Analysis":
        """Return the analysis with a sentence added before its other notes.

        Parameters
        ----------
        note
            For people.

        Returns
        -------
        Analysis
            Otherwise the same.
        """
        return replace(self, stats=replace(self.stats, notes=(note, *self.stats.notes)))

    @property
    def hierarchy(self) -> Mapping[str, tuple[int, ...]]:
        """Node id to its group and, where the method divides a group again, to its part of that group."""
        groups = self.groups.assignment
        places = {node: (each.get("block"), each.get("part")) for node, each in self.graph.nodes(data=True)}
        divided = {place[0] for place in places.values() if place[1]}
        parts: dict[int, list[tuple[int | None, int | None]]] = {}
        for node, group in groups.items():
            if self.groups.n_groups > 1 and places[node][0] in divided and places[node] not in parts.get(group, ()):
                parts.setdefault(group, []).append(places[node])
        return {
            node: (group, parts[group].index(places[node])) if places[node] in parts.get(group, ()) else (group,)
            for node, group in groups.items()
        }

    @checked
    def save(self, folder: str | os.PathLike[str], *, profile: TaskProfile | None = None) -> Path:
        """Write everything people and programs look at into a folder.

        Parameters
        ----------
        folder
            Made when missing. An older report in it is replaced as a whole; other files are left alone.
        profile
            Task profile: groups that serve a task go by its name in every file, and what each task moves is drawn.

        Returns
        -------
        pathlib.Path
            The folder, with ``tasks.html``, ``tasks.dot``, ``tasks.svg``, ``graph.json``, ``graph.graphml``,
            ``summary.json`` and ``figures/``; with a profile also ``flow.html`` and ``labels.json``.

        Raises
        ------
        OutputError
            When a file cannot be written.
        """
        return write_report(folder, self.graph, self.found, stats=self.stats, profile=profile, evidence=self.evidence)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How statistics become groups.

    Attributes
    ----------
    method, rule, algorithm, n_components, n_seeds, n_null, n_twins, seed
        As for `compgraph.analyze`.
    deal
        Who draws which twin, basis and null graph.
    """

    method: str | Method | Interaction | Decomposition
    rule: str | Rule
    algorithm: str | Algorithm
    n_components: int | None
    n_seeds: int
    n_null: int
    n_twins: int
    seed: int
    deal: Deal = in_turn

    def analysis(self, stats: Statistics) -> Analysis:
        """Find the graph and the groups of statistics.

        Parameters
        ----------
        stats
            Of a pass.

        Returns
        -------
        Analysis
            Groups of components in blocks are held against untrained twins first: where these have as wide a gap,
            nothing else is drawn.
        """
        parts = components(stats, self.method, n_components=self.n_components)
        graph = build_graph(parts, edges(stats, parts, self.rule))
        first = found_groups(graph, self.algorithm, seed=self.seed, n_seeds=self.n_seeds, n_null=self.n_null)
        if not (parts.interactions and parts.interactions.in_blocks and first.partition.n_groups > 1):
            found = against_nulls(first, deal=self.deal)
            return Analysis(stats, parts, graph, found, found.trusted())
        halves = stability(parts.interactions)
        twins = against_twins(stats, n=self.n_twins, seed=self.seed, deal=self.deal)
        refused = twins.p_value > SIGNIFICANT and any(map(twins.is_extreme, twins.by_chance))
        n = 0 if refused else self.n_null
        rotations = against_rotations(parts.interactions, n=n, seed=self.seed, deal=self.deal)
        untested = replace(first.partition, p_value=twins.p_value)
        found = untested if refused else against_nulls(first, deal=self.deal)
        found = _judged(found, (twins, rotations), halves)
        return Analysis(stats, parts, graph, found, found.trusted(), (twins, rotations))


def _judged(found: Partition, tests: tuple[ChanceTest, ...], halves: float) -> Partition:
    """Hold groups to the least favourable of all evidence."""
    values = [test.p_value for test in tests if test.by_chance]
    return replace(found, p_value=float(np.max([found.p_value, *values])), stability=min(found.stability, halves))
