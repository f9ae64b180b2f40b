"""Community algorithms by name, with networkx's own signature."""

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import networkx as nx

from compgraph.errors import BadRequest, unknown_name
from compgraph.group.spectral import spectral_communities

Algorithm = Callable[..., Iterable[Iterable[Any]]]

ALGORITHMS: dict[str, Algorithm] = {
    "louvain": nx.community.louvain_communities,
    "greedy": nx.community.greedy_modularity_communities,
    "label_propagation": nx.community.asyn_lpa_communities,
    "spectral": spectral_communities,
}


def register_algorithm(name: str, function: Algorithm) -> None:
    """Make a community algorithm available under a name.

    Parameters
    ----------
    name
        What `communities` will accept as ``method``.
    function
        ``function(graph, weight=, seed=, **params)`` returning an iterable of node sets. Whichever of ``weight`` and
        ``seed`` its signature lacks is not passed; one without ``seed`` is taken to be deterministic.

    Raises
    ------
    BadRequest
        When the name is taken by another function.
    """
    if ALGORITHMS.get(name, function) is not function:
        raise BadRequest(f"an algorithm named {name!r} is already registered. Choose another name.")
    ALGORITHMS[name] = function


def resolve(method: object) -> tuple[str, Algorithm]:
    """Return the name and the function that ``method`` stands for.

    Parameters
    ----------
    method
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
        When ``method`` is neither a name nor a function.
    """
    if isinstance(method, str):
        if method not in ALGORITHMS:
            raise unknown_name("community algorithm", method, ALGORITHMS)
        return method, ALGORITHMS[method]
    if callable(method):
        return getattr(method, "__name__", type(method).__name__), method
    raise BadRequest(f"method={method!r}: a registered name or a function (graph, weight=, seed=) is needed.")


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
    return "seed" in _parameters(function)


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
    accepted = _parameters(function)
    unknown = [name for name in params if name not in accepted]
    if unknown and not any(each.kind is each.VAR_KEYWORD for each in accepted.values()):
        own = [name for name in list(accepted)[1:] if name not in ("weight", "seed")]
        raise BadRequest(f"the algorithm takes no parameter {unknown[0]!r}. Its own parameters: {own}.")
    common = {name: value for name, value in (("weight", weight), ("seed", seed)) if name in accepted}
    found = function(graph, **common, **params)
    try:
        groups = [sorted(group) for group in found]
    except TypeError:
        raise BadRequest(
            f"the algorithm returned {type(found).__name__} {str(found)[:60]!r}; an iterable of node sets is needed."
        ) from None
    _require_partition(groups, graph)
    return sorted(filter(None, groups), key=lambda group: (-len(group), group[0]))


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
