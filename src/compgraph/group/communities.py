"""Groups of strongly linked components, with their significance and stability."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import networkx as nx
import numpy as np
from jaxtyping import Int64
from sklearn.metrics import adjusted_mutual_info_score
from threadpoolctl import threadpool_limits

from compgraph.arguments import checked, is_finite, shown, whole_number
from compgraph.connect.graph import ordered_nodes
from compgraph.dealing import Deal, in_turn
from compgraph.errors import BadRequest
from compgraph.group.algorithms import ON_LINKS, Algorithm, resolve, run, run_on_links, takes_seed
from compgraph.group.canonical import canonical_copy, undirected_links
from compgraph.group.layered import modularity_of_links
from compgraph.group.links import Links, links_of
from compgraph.group.membership import memberships
from compgraph.group.null import null_of
from compgraph.group.partition import Partition
from compgraph.group.spectral import spectral_communities

TEST_RUNS = 2  # runs that are compared with those on null graphs, the same number on both sides
SAME_QUALITY = 1e-7  # qualities closer than this are equal: rounding must not decide


@dataclass(frozen=True, slots=True)
class _Search:
    """One algorithm with its parameters and seeds, to be applied alike to a graph and to its nulls."""

    function: Algorithm
    seeds: tuple[int, ...]
    weight: str
    params: Mapping[str, Any]
    graph: nx.DiGraph

    def runs(self, links: Links) -> list[list[list[int]]]:
        if self.function in ON_LINKS:
            blocks = _blocks(self.graph, links)
            return [run_on_links(self.function, links, blocks, seed=s, params=self.params) for s in self.seeds]
        plain = undirected_links(links, self.graph, weight=self.weight)
        return [run(self.function, plain, seed=s, weight=self.weight, params=self.params) for s in self.seeds]

    def settled(self, links: Links, runs: list[list[list[int]]]) -> bool:
        """Whether there is one group whatever the weights, so that no null graph says anything else."""
        blocks = _blocks(self.graph, links) if self.function is spectral_communities else None
        one = blocks is not None and len(np.unique(blocks)) == 1 and not self.params.get("n_groups")
        return one and abs(_evidence(links, runs)) <= SAME_QUALITY

    def by_chance(self, links: Links, n: int, *, seed: int, deal: Deal) -> list[float]:
        """Return the evidence on each null graph."""
        streams = np.random.SeedSequence(seed).spawn(n)

        def evidence(number: int) -> float:
            null = null_of(links, streams[number])
            return _evidence(null, self.runs(null))

        return deal(evidence, n)

    def quality(self, plain: nx.Graph, groups: list[list[int]]) -> float:
        resolution = self.params.get("resolution", 1)
        return float(nx.community.modularity(plain, groups, weight=self.weight, resolution=resolution))


def _evidence(links: Links, runs: list[list[list[int]]]) -> float:
    """Return the best layered modularity of the first runs: the statistic of the test."""
    return max(modularity_of_links(links, np.array(_labels(groups))) for groups in runs[:TEST_RUNS])


def _blocks(graph: nx.DiGraph, links: Links) -> Int64[np.ndarray, " n"] | None:
    found = [graph.nodes[node].get("block") for node in links.nodes]
    return None if None in found else np.array(found, dtype=np.int64)


@checked
def communities(
    graph: nx.DiGraph,
    algorithm: str | Algorithm = "spectral",
    *,
    seed: int | np.integer = 0,
    n_seeds: int | np.integer = 10,
    n_null: int | np.integer = 99,
    weight: str = "weight",
    deal: Deal = in_turn,
    **params: Any,
) -> Partition:
    r"""Group the nodes of a component graph by how strongly they are linked.

    The best of several runs by modularity on the undirected graph,

    .. math:: Q = \sum_c \left[ \frac{W_c}{W} - \gamma \left( \frac{S_c}{2 W} \right)^2 \right],

    with :math:`W_c` the weight of the links inside group :math:`c`, :math:`S_c` the summed strength of its nodes,
    :math:`W` all weight, and :math:`\gamma` the resolution.

    Parameters
    ----------
    graph
        A component graph. Its direction is dropped: reciprocal weights are summed.
    algorithm
        ``"spectral"``, ``"louvain"``, ``"layered"`` (Louvain with a null for every two spaces), ``"greedy"``,
        ``"label_propagation"``, ``"leiden"`` (fast; needs ``compgraph[fast]``), a registered name, or a function
        ``(graph, weight=, seed=, **params)`` that returns an iterable of node sets. The function sees a frozen
        undirected graph with nodes numbered in canonical order and the attributes kept.
    seed
        Where all random numbers start.
    n_seeds
        Runs with different seeds; an algorithm without ``seed`` runs once.
    n_null
        Strength-preserving null graphs for the p-value; 0 leaves it NaN, and fewer than 19 cannot reach 0.05.
    weight
        The edge attribute to read: finite and not negative. Weights beyond 1e-30 or 1e30 are seen in another unit.
    deal
        Who searches which null graph, ``(work, n) -> list``; the numbers are the same whoever does.
    **params
        The algorithm's own parameters. ``resolution`` is :math:`\gamma` (default 1): higher for more, smaller groups.

    Returns
    -------
    Partition
        A group for every node, the same for every insertion order of nodes and edges. Without any positive weight:
        one group, quality 0, p-value 1.

    Raises
    ------
    GraphError
        When the graph is empty, breaks the schema, or a weight is missing, negative or not finite.
    UnknownName
        When no algorithm has that name.
    BadRequest
        When a number is out of range, the algorithm does not know a parameter, or it returns no partition.

    Notes
    -----
    The p-value is :math:`(1 + \#\{T_0 \ge T\}) / (1 + n)`, with :math:`T` and :math:`T_0` the better
    `layered_modularity` of the first two runs, with the same seeds, on the graph and on each of :math:`n`
    `null_graphs`: the same search on both sides, so that a better search cannot pass for structure. :math:`Q` itself
    is no good for this: groups that follow the layers raise it on both sides and hide the rest.

    Stability is 1 for the single run of a deterministic algorithm and NaN for a single run of a seeded one, which
    says nothing about other seeds.

    Modularity at resolution 1 splits a deep graph of few groups along its depth, which costs both the groups and
    power of the test; a lower resolution (such as 0.5 for two groups over six spaces) keeps them whole. It merges
    groups far smaller than the graph. Nodes without links are groups of their own.

    Cost: ``n_seeds + 2 n_null`` searches, each about O(edges) for ``"louvain"``.

    References
    ----------
    Newman, M. E. J., Girvan, M. (2004). Finding and evaluating community structure in networks.
    https://doi.org/10.1103/PhysRevE.69.026113

    Blondel, V. D. et al. (2008). Fast unfolding of communities in large networks.
    https://doi.org/10.1088/1742-5468/2008/10/P10008

    Examples
    --------
    >>> import torch
    >>> import compgraph as cg
    >>> stats = cg.collect(torch.nn.Linear(3, 2), torch.eye(3))
    >>> parts = cg.components(stats, "neuron")
    >>> graph = cg.build_graph(parts, cg.edges(stats, parts, "covariance"))
    >>> found = cg.communities(graph, "louvain", n_null=19)
    >>> sorted(found.assignment) == sorted(graph), 0 < found.p_value <= 1
    (True, True)
    """
    seed = whole_number(seed, "seed", minimum=0)
    n_seeds = whole_number(n_seeds, "n_seeds", minimum=1)
    n_null = whole_number(n_null, "n_null", minimum=0)
    _require_resolution(params.get("resolution", 1))
    name, function = resolve(algorithm)
    record = {"weight": weight, "n_seeds": n_seeds, "n_null": n_null, **params}
    plain = canonical_copy(graph, weight=weight)
    if plain.number_of_edges() == 0:
        return Partition.single(graph, algorithm=name, parameters=record, seed=seed)

    seeds = _derived_seeds(seed, n_seeds if takes_seed(function) else 1)
    search = _Search(function, seeds, weight, params, graph)
    test = replace(search, seeds=seeds[:TEST_RUNS])
    given = links_of(graph, weight, ordered_nodes(graph))
    links = given.near_one()
    if links is not given:
        plain = undirected_links(links, graph, weight=weight)
    # Handing matrices this small to several threads costs more than it saves.
    with threadpool_limits(limits=1):
        runs = search.runs(links)
        by_chance = [0.0] * n_null
        if not search.settled(links, runs):
            by_chance = test.by_chance(links, n_null, seed=seed, deal=deal)
    qualities = [search.quality(plain, groups) for groups in runs]
    best = next(i for i, quality in enumerate(qualities) if quality >= max(qualities) - SAME_QUALITY)
    assignment = dict(zip(ordered_nodes(graph), _labels(runs[best]), strict=True))
    return Partition(
        assignment=assignment,
        quality=qualities[best],
        p_value=_p_value(_evidence(links, runs), by_chance),
        stability=_stability(runs, deterministic=not takes_seed(function)),
        algorithm=name,
        parameters=record,
        seed=seed,
        membership=memberships(graph, assignment, weight=weight),
    )


def _require_resolution(resolution: Any) -> None:
    if is_finite(resolution) and resolution > 0:
        return
    raise BadRequest(f"resolution={shown(resolution)}: a finite number above 0 is needed; 1 is ordinary modularity.")


def _derived_seeds(seed: int, n: int) -> tuple[int, ...]:
    # Neighbouring user seeds must not share runs, so they are hashed rather than counted up.
    return tuple(np.random.SeedSequence(seed).generate_state(n).tolist())


def _labels(groups: list[list[int]]) -> list[int]:
    """Return the group of node 0, 1, ...; groups come sorted."""
    group_of = {node: label for label, group in enumerate(groups) for node in group}
    return [group_of[node] for node in range(len(group_of))]


def _p_value(evidence: float, by_chance: Sequence[float]) -> float:
    if not by_chance:
        return math.nan
    as_good = sum(null >= evidence - SAME_QUALITY for null in by_chance)
    return (1 + as_good) / (1 + len(by_chance))


def _stability(runs: list[list[list[int]]], *, deterministic: bool) -> float:
    """Average the adjusted mutual information over all pairs of runs."""
    if len(runs) == 1:
        return 1.0 if deterministic else math.nan
    pairs = combinations([_labels(groups) for groups in runs], 2)
    return float(np.mean([adjusted_mutual_info_score(a, b) for a, b in pairs]))
