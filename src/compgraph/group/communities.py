"""Groups of strongly linked components, with their significance and stability."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import networkx as nx
import numpy as np
from jaxtyping import Int64
from sklearn.metrics import adjusted_mutual_info_score

from compgraph.arguments import checked, is_finite, shown, whole_number
from compgraph.dealing import Deal, in_turn
from compgraph.errors import BadRequest
from compgraph.group.algorithms import Algorithm, resolve, takes_seed
from compgraph.group.canonical import canonical_links
from compgraph.group.layered import SAME_QUALITY, modularity
from compgraph.group.links import Links
from compgraph.group.many import ManyLinks
from compgraph.group.membership import shares_of
from compgraph.group.modularity.louvain import LARGE, back_end, louvain_communities
from compgraph.group.null import Nulls
from compgraph.group.partition import Partition
from compgraph.group.search import TEST_RUNS, Search, blocks_of, bytes_of, evidence, one_thread
from compgraph.records import brief
from compgraph.sequential import drawn, p_value

AT_ONCE = 2**24  # bytes of the weights of null graphs that are searched together

ONE_BACK_END = ("threshold", "max_level")  # parameters that Louvain's search has in one of its back ends alone


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Found:
    """Groups that were not tested yet, and what that takes.

    Attributes
    ----------
    partition
        The groups, without a p-value.
    links
        The graph, nodes in canonical order.
    search
        What found them, with the seeds of the test; None where there is nothing to group.
    evidence
        The statistic of the test: the best layered modularity of its runs.
    """

    partition: Partition
    links: Links
    search: Search | None = None
    evidence: float = 0.0

    __repr__ = brief


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
        Strength-preserving null graphs for the p-value, at most; 0 leaves it NaN, and fewer than 19 cannot reach 0.05.
    weight
        The edge attribute to read: finite and not negative. Weights beyond 1e-30 or 1e30 are seen in another unit.
    deal
        Who searches which null graph, ``(work, numbers) -> list``; the numbers are the same whoever does.
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
    is no good for this: groups that follow the layers raise it on both sides and hide the rest. No more null graphs are
    drawn once so many have :math:`T_0 \ge T` that the p-value is above 0.05 whatever the others give, the fifth of 99;
    it is then their share of those drawn (Besag and Clifford 1991), which `Partition.n_drawn` counts.

    Stability is 1 for the single run of a deterministic algorithm and NaN for a single run of a seeded one, which
    says nothing about other seeds.

    Modularity at resolution 1 splits a deep graph of few groups along its depth, which costs both the groups and
    power of the test; a lower resolution (such as 0.5 for two groups over six spaces) keeps them whole. It merges
    groups far smaller than the graph. Nodes without links are groups of their own.

    Cost: ``n_seeds + 2 n_null`` searches at most, each about O(edges) for ``"louvain"``; ``"spectral"`` runs once.

    References
    ----------
    Newman, M. E. J., Girvan, M. (2004). Finding and evaluating community structure in networks.
    https://doi.org/10.1103/PhysRevE.69.026113

    Blondel, V. D. et al. (2008). Fast unfolding of communities in large networks.
    https://doi.org/10.1088/1742-5468/2008/10/P10008

    Besag, J., Clifford, P. (1991). Sequential Monte Carlo p-values. https://doi.org/10.1093/biomet/78.2.301

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
    found = found_groups(graph, algorithm, seed=seed, n_seeds=n_seeds, n_null=n_null, weight=weight, **params)
    return against_nulls(found, deal=deal)


def found_groups(
    graph: nx.DiGraph,
    algorithm: str | Algorithm,
    *,
    seed: int,
    n_seeds: int,
    n_null: int,
    weight: str = "weight",
    **params: Any,
) -> Found:
    """Find the groups of `communities`.

    Parameters
    ----------
    graph, algorithm, seed, n_seeds, n_null, weight, **params
        As for `communities`.

    Returns
    -------
    Found
        For `against_nulls`.
    """
    _require_resolution(params.get("resolution", 1))
    name, function = resolve(algorithm)
    record = {"weight": weight, "n_seeds": n_seeds, "n_null": n_null, **params}
    links = canonical_links(graph, weight=weight).near_one()
    if not links.matrices:
        return Found(Partition.single(graph, algorithm=name, parameters=record, seed=seed), links)
    if function is louvain_communities and len(links.nodes) > LARGE:
        record["backend"] = back_end(len(links.nodes), **{key: params[key] for key in ONE_BACK_END if key in params})
    seeds = _derived_seeds(seed, n_seeds if takes_seed(function) else 1)
    search, many = Search(function, seeds, weight, params, graph, blocks_of(graph, links)), ManyLinks.of(links)
    with one_thread():
        (runs,) = search.runs(many)
    qualities = [modularity(links, labels, resolution=params.get("resolution", 1)) for labels in runs]
    best = next(i for i, quality in enumerate(qualities) if quality >= max(qualities) - SAME_QUALITY)
    labels = _by_size(runs[best])
    partition = Partition(
        assignment=dict(zip(map(str, links.nodes), labels.tolist(), strict=True)),
        quality=qualities[best],
        p_value=math.nan,
        stability=_stability(runs, deterministic=not takes_seed(function)),
        algorithm=name,
        parameters=record,
        seed=seed,
        membership=shares_of(links, labels),
        n_drawn=0,
    )
    return Found(partition, links, replace(search, seeds=seeds[:TEST_RUNS]), float(evidence(many, runs[None])[0]))


def against_nulls(found: Found, *, deal: Deal) -> Partition:
    """Hold groups against null graphs, as `communities` does.

    Parameters
    ----------
    found
        Of `found_groups`.
    deal
        Who searches which null graph.

    Returns
    -------
    Partition
        With a p-value.
    """
    search, n = found.search, found.partition.parameters["n_null"]
    if search is None:
        return found.partition
    if search.is_settled() and abs(found.evidence) <= SAME_QUALITY:
        return replace(found.partition, p_value=1.0 if n else math.nan)
    nulls, at_once = Nulls(found.links), max(1, AT_ONCE // bytes_of(found.links))

    def by_chance(numbers: Sequence[int]) -> list[float]:
        # The child of that number of SeedSequence(seed), whoever asks for it and beside whichever others.
        streams = [np.random.SeedSequence(found.partition.seed, spawn_key=(number,)) for number in numbers]
        values: list[float] = []
        with one_thread():
            for i in range(0, len(streams), at_once):
                values += search.evidence(nulls.drawn(streams[i : i + at_once])).tolist()
        return values

    def extreme(value: float) -> bool:
        return value >= found.evidence - SAME_QUALITY

    values = drawn(by_chance, n, extreme, deal)
    return replace(found.partition, p_value=p_value([*map(extreme, values)], n), n_drawn=len(values))


def _require_resolution(resolution: Any) -> None:
    if is_finite(resolution) and resolution > 0:
        return
    raise BadRequest(f"resolution={shown(resolution)}: a finite number above 0 is needed; 1 is ordinary modularity.")


def _derived_seeds(seed: int, n: int) -> tuple[int, ...]:
    # Neighbouring user seeds must not share runs, so they are hashed rather than counted up.
    return tuple(np.random.SeedSequence(seed).generate_state(n).tolist())


def _by_size(labels: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Return numbers of groups by decreasing size, those of equal size by their first node."""
    _, first, which, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    return np.argsort(np.lexsort((first, -sizes)))[which]


def _stability(runs: Int64[np.ndarray, "runs n"], *, deterministic: bool) -> float:
    """Average the adjusted mutual information over all pairs of runs."""
    if len(runs) == 1:
        return 1.0 if deterministic else math.nan
    kinds, kind = np.unique([_by_size(labels) for labels in runs], axis=0, return_inverse=True)
    agreement = np.eye(len(kinds))  # runs are often equal, and then nothing is left to compute
    for a, b in combinations(range(len(kinds)), 2):
        agreement[a, b] = agreement[b, a] = adjusted_mutual_info_score(kinds[a], kinds[b])
    return float(np.mean([agreement[a, b] for a, b in combinations(kind.tolist(), 2)]))
