"""Community algorithms by name, with networkx's own signature."""

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import networkx as nx
import numpy as np
from jaxtyping import Int64

from compgraph.arguments import checked
from compgraph.errors import BadRequest, unknown_name
from compgraph.group.layered_louvain import layered_louvain_communities, layered_louvain_labels
from compgraph.group.many import ManyLinks
from compgraph.group.modularity.leiden import leiden_communities
from compgraph.group.modularity.louvain import louvain_communities
from compgraph.group.modularity.runs import leiden_runs, louvain_runs
from compgraph.group.spectral import spectral_communities, spectral_labels

Algorithm = Callable[..., Iterable[Iterable[Any]]]


ALGORITHMS: dict[str, Algorithm] = {
    "louvain": louvain_communities,
    "greedy": nx.community.greedy_modularity_communities,
    "label_propagation": nx.community.asyn_lpa_communities,
    "spectral": spectral_communities,
    "layered": layered_louvain_communities,
    "leiden": leiden_communities,
}


def layered_louvain_runs(many: ManyLinks, seeds: Sequence[int], **params: Any) -> Int64[np.ndarray, "m runs n"]:
    """Run the search of `layered_louvain_communities` on each graph with each seed.

    Parameters
    ----------
    many
        The graphs as matrices.
    seeds
        One for each run.
    **params
        As for `layered_louvain_labels`.

    Returns
    -------
    numpy.ndarray
        Group of each node.
    """
    graphs = map(many.each, range(len(many)))
    return np.stack([[layered_louvain_labels(graph, seed, **params) for seed in seeds] for graph in graphs])


# The same searches on many graphs as matrices, which need no graphs of networkx: what a comparison with null graphs
# spends its time on. They take those of ``seeds`` and ``blocks`` that their signature has.
ON_LINKS: dict[Algorithm, Callable[..., Int64[np.ndarray, "m runs n"]]] = {
    spectral_communities: spectral_labels,
    layered_louvain_communities: layered_louvain_runs,
    louvain_communities: louvain_runs,
    leiden_communities: leiden_runs,
}


@checked
def register_algorithm(name: str, function: Algorithm) -> None:
    """Make a community algorithm available under a name.

    Parameters
    ----------
    name
        What `communities` will accept as ``algorithm``; an existing one is replaced.
    function
        ``function(graph, weight=, seed=, **params)`` returning an iterable of node sets. Whichever of ``weight`` and
        ``seed`` its signature lacks is not passed; one without ``seed`` is taken to be deterministic.

    Examples
    --------
    >>> def by_index(graph, weight):
    ...     indices = nx.get_node_attributes(graph, "index")
    ...     return [{node for node in graph if indices[node] == index} for index in set(indices.values())]
    >>> register_algorithm("index", by_index)
    >>> "index" in ALGORITHMS
    True
    """
    ALGORITHMS[name] = function


def resolve(algorithm: object) -> tuple[str, Algorithm]:
    """Return the name and the function that ``algorithm`` stands for.

    Parameters
    ----------
    algorithm
        A registered name, or a function.

    Returns
    -------
    tuple
        A name for people, and the function.

    Raises
    ------
    UnknownName
        When no algorithm has that name.
    BadRequest
        When ``algorithm`` is neither a name nor a function.
    """
    if isinstance(algorithm, str):
        if algorithm not in ALGORITHMS:
            raise unknown_name("community algorithm", algorithm, ALGORITHMS)
        return algorithm, ALGORITHMS[algorithm]
    if callable(algorithm):
        return getattr(algorithm, "__name__", type(algorithm).__name__), algorithm
    raise BadRequest(f"algorithm={algorithm!r}: a registered name or a function (graph, weight=, seed=) is needed.")


def takes_seed(function: Algorithm) -> bool:
    """Tell whether runs of ``function`` can differ by seed.

    Parameters
    ----------
    function
        The algorithm.

    Returns
    -------
    bool
        Whether its signature has ``seed``.
    """
    return takes(function, "seed")


def takes(function: Algorithm, name: str) -> bool:
    """Tell whether an algorithm has a parameter.

    Parameters
    ----------
    function
        The algorithm.
    name
        The parameter, such as ``"weight"``.

    Returns
    -------
    bool
        Whether its signature has it.
    """
    return name in _parameters(function)


def run(function: Algorithm, graph: nx.Graph, *, seed: int, weight: str, params: Mapping[str, Any]) -> list[list[int]]:
    """Run an algorithm once and check that it returned a partition of the nodes.

    Parameters
    ----------
    function
        The algorithm.
    graph
        A graph whose nodes are ``0..n-1``.
    seed
        Passed when the algorithm takes one.
    weight
        The edge attribute to read, passed when the algorithm takes one.
    params
        The algorithm's own parameters.

    Returns
    -------
    list of list of int
        Communities by decreasing size, ties by their first node; nodes in order.

    Raises
    ------
    BadRequest
        When the algorithm does not know a parameter, or its answer misses, repeats or invents nodes.
    """
    found = function(graph, **_arguments(function, params, weight=weight, seed=seed), **params)
    try:
        groups = [sorted(group) for group in found]
    except TypeError:
        raise BadRequest(
            f"the algorithm returned {type(found).__name__} {str(found)[:60]!r}; an iterable of node sets is needed."
        ) from None
    _require_partition(groups, graph)
    return sorted(filter(None, groups), key=lambda group: (-len(group), group[0]))


def run_on_links(
    function: Algorithm,
    many: ManyLinks,
    blocks: Int64[np.ndarray, " n"] | None,
    *,
    seeds: Sequence[int],
    params: Mapping[str, Any],
) -> Int64[np.ndarray, "m runs n"]:
    """Run an algorithm of `ON_LINKS` on each of many graphs.

    Parameters
    ----------
    function
        A key of `ON_LINKS`.
    many
        Component graphs, nodes in canonical order.
    blocks
        Block of each node, where all have one; passed when the algorithm reads them.
    seeds
        One for each run, passed when the algorithm reads them; else there is one run.
    params
        As for `run`.

    Returns
    -------
    numpy.ndarray
        Group of each node.

    Raises
    ------
    BadRequest
        When the algorithm does not know a parameter.
    """
    _arguments(function, params)
    search = ON_LINKS[function]
    given = {name: value for name, value in {"blocks": blocks, "seeds": seeds}.items() if name in _parameters(search)}
    return search(many, **given, **params)


def _arguments(function: Algorithm, params: Mapping[str, Any], **common: object) -> dict[str, object]:
    """Refuse parameters that an algorithm does not know; return those of ``common`` that it does."""
    accepted = _parameters(function)
    unknown = [name for name in params if name not in accepted]
    if unknown and not any(each.kind is each.VAR_KEYWORD for each in accepted.values()):
        own = [name for name in list(accepted)[1:] if name not in ("weight", "seed")]
        raise BadRequest(f"the algorithm takes no parameter {unknown[0]!r}. Its own parameters: {own}.")
    return {name: value for name, value in common.items() if name in accepted}


def _parameters(function: Algorithm) -> Mapping[str, inspect.Parameter]:
    # networkx wraps its functions so that the visible signature accepts any keyword; orig_func has the true one.
    return inspect.signature(getattr(function, "orig_func", function)).parameters


def _require_partition(groups: list[list[int]], graph: nx.Graph) -> None:
    seen = Counter(node for group in groups for node in group)
    faults = {
        "in no group": [node for node in graph if node not in seen],
        "in several groups": [node for node, times in seen.items() if times > 1],
        "not in the graph": [node for node in seen if node not in graph],
    }
    for fault, nodes in faults.items():
        if nodes:
            raise BadRequest(
                f"the algorithm returned no partition of the {len(graph)} nodes: {nodes[:5]} "
                f"({len(nodes)} in all, numbers in canonical order) {fault}. Each node must be in exactly one group."
            )
