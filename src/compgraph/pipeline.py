"""The one-call path: a model and its data in, the graph and its groups out."""

import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from torch import nn

from compgraph.arguments import checked
from compgraph.check import ChanceTest, TaskProfile, against_rotations, against_twins, stability
from compgraph.connect import build_graph, edges
from compgraph.connect.rules import Rule
from compgraph.dealing import Deal, in_turn
from compgraph.decompose import ComponentSet, Interaction, Method, components
from compgraph.decompose.methods import Decomposition
from compgraph.errors import BadRequest, CompgraphError, RankLost
from compgraph.group import Partition, communities
from compgraph.group.algorithms import Algorithm
from compgraph.observe import collect
from compgraph.observe.collect import known_options
from compgraph.observe.ranks.exchange import Ranks
from compgraph.observe.readings import readings
from compgraph.observe.request import wished
from compgraph.observe.run.finite import blaming_weights
from compgraph.observe.run.unwrap import require_device
from compgraph.show.report import summarise, write_report
from compgraph.statistics import Statistics

# The best of those measured on networks whose tasks are known; README.md has the table.
METHOD, RULE, ALGORITHM = "interaction", "gradient", "spectral"


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
        return (*map(str, self.tests), *(interactions.notes if interactions else ()))

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


@checked
def analyze(
    model: nn.Module | Statistics,
    data: Any = None,
    layers: Any = None,
    *,
    method: str | Method | Interaction | Decomposition = METHOD,
    rule: str | Rule = RULE,
    algorithm: str | Algorithm = ALGORITHM,
    n_components: int | None = None,
    n_seeds: int = 10,
    n_null: int = 99,
    n_twins: int = 19,
    seed: int = 0,
    process_group: Any = None,
    **options: Any,
) -> Analysis:
    """Find the graph of the subspaces that a model computes with, and the groups in it.

    Parameters
    ----------
    model
        Any trained module; it comes back as it was. Or `Statistics` of one, of one pass or merged; then there are no
        data, layers or options of ``collect``.
    data
        Inputs it normally sees: a tensor, a sequence of tensors, a ``DataLoader`` or any iterable of batches.
    layers
        Names, globs, or a dict of selectors, as in `compgraph.collect`; by default chosen and reported.
    method
        Component method, as in `compgraph.components`. The default also says how many groups there are.
    rule
        Edge rule, as in `compgraph.edges`.
    algorithm, n_seeds, n_null
        Community algorithm, its runs and the null graphs, as in `compgraph.communities`.
    n_components
        At most this many per space.
    n_twins
        Untrained copies of the network to compare with, for the method ``"interaction"``: 19 are the fewest that can
        give a p-value of 0.05, 0 compares with none.
    seed
        Of the samples, the algorithm and all nulls.
    process_group
        A group of ``torch.distributed``, whose processes all make this call, share the data, as `compgraph.collect`
        says, and the nulls, and get the same analysis, as one process would.
    **options
        Passed on to `compgraph.collect`. With ``rows="auto"``, the default, positions are rows first; where that gives
        no reliable groups, and what a sample holds at all positions together has at most 2,048 features at each site
        and half as many as there are samples, samples are rows in a second analysis. A note says which one spoke.

    Returns
    -------
    Analysis
        ``print`` it for a summary; ``.save(folder)`` writes pages and figures.

    Raises
    ------
    BadRequest, EmptyData, RankLost
        When statistics come with data, layers or options, or a model without data; when there are fewer than two rows;
        when one of the processes dies, fails or falls silent. And as the four functions that this calls.

    Notes
    -----
    One pass over the data, and forward and backward passes over at most 1,024 of its inputs (as many again for each
    twin). Linear algebra costs O(d^3) per layer of width d, and for the default method O(q^4 r^2 + q^2 r^3) time and
    8 q^2 r^2 bytes per space, with q outputs and r directions read (at most 48 each unless ``n_components`` says more),
    for the network and for each twin: well below a second for ten of both, some 8 s for 48.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    >>> analysis = analyze(model, np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32), n_null=0, n_twins=0)
    >>> analysis.stats.layers
    ('input', '1', '2')
    >>> len(analysis.graph) == len(analysis.groups.assignment)
    True
    """
    recipe = _Recipe(method, rule, algorithm, n_components, n_seeds, n_null, n_twins, seed)
    with nullcontext() if process_group is None else Ranks.of(process_group) as ranks:
        recipe = recipe if ranks is None else replace(recipe, deal=ranks.deal)
        first, *others = _statistics(model, data, {"layers": layers, **options}, seed, ranks)
        found = recipe.analysis(first)
        for other in others:
            found = _spoken(found, other, recipe)
    return found


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How statistics become groups."""

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
        parts = components(stats, self.method, n_components=self.n_components)
        graph = build_graph(parts, edges(stats, parts, self.rule))
        seed, deal = self.seed, self.deal
        found = communities(graph, self.algorithm, seed=seed, n_seeds=self.n_seeds, n_null=self.n_null, deal=deal)
        tests: tuple[ChanceTest, ...] = ()
        if parts.interactions and parts.interactions.in_blocks and found.n_groups > 1:
            tests = (
                against_twins(stats, n=self.n_twins, seed=seed, deal=deal),
                against_rotations(parts.interactions, n=self.n_null, seed=seed, deal=deal),
            )
            found = _judged(found, tests, stability(parts.interactions))
        return Analysis(stats, parts, graph, found, found.trusted(), tests)


def _spoken(first: Analysis, stats: Statistics, recipe: _Recipe) -> Analysis:
    """Let another reading of rows speak where the first one gave no reliable groups, and say which one did."""
    if first.groups.n_groups > 1:
        return first.noting('rows="auto": positions as rows gave these groups; samples as rows were not asked.')
    try:
        other = recipe.analysis(stats)
    except RankLost:
        raise
    except CompgraphError as error:
        return first.noting(f'rows="auto": positions as rows; samples as rows could not be analysed: {error}')
    if other.groups.n_groups > 1:
        return other.noting(
            'rows="auto": samples as rows gave these groups, where positions as rows gave no reliable ones. Two '
            "readings are two chances: of networks without tasks, twice as many pass."
        )
    return first.noting('rows="auto": positions as rows; samples as rows gave no reliable groups either.')


def _statistics(
    model: nn.Module | Statistics, data: Any, options: dict[str, Any], seed: int, ranks: Ranks | None
) -> tuple[Statistics, ...]:
    """Collect statistics of one reading of rows or two, or take those that came."""
    if not isinstance(model, Statistics):
        known_options(options)
        require_device(options.get("device"))
        if data is None:
            raise BadRequest("a model came without data; give inputs that it normally sees: analyze(model, data).")
        options = options if ranks is None else {**options, "process_group": ranks}
        if options.get("rows", "auto") != "auto" or options.get("sample") == "all":
            return (collect(model, data, **options, seed=seed),)
        with blaming_weights(model):
            first, *others = readings(model, data, wished(**options, seed=seed), ("position", "sample"))
        first.require_rows()
        return first, *others
    given = [name for name, value in {"data": data, **options}.items() if value is not None]
    if given:
        raise BadRequest(
            f"statistics came together with {', '.join(given)}, which were settled when the statistics were collected; "
            "leave them out, or give the model."
        )
    model.require_rows()
    return (model,)


def _judged(found: Partition, tests: tuple[ChanceTest, ...], halves: float) -> Partition:
    """Hold groups to the least favourable of all evidence."""
    values = [test.p_value for test in tests if test.by_chance]
    return replace(found, p_value=float(np.max([found.p_value, *values])), stability=min(found.stability, halves))
