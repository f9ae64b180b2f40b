"""What every community algorithm promises."""

from dataclasses import dataclass

import networkx as nx
import numpy as np

from compgraph.arguments import checked
from compgraph.errors import BadRequest
from compgraph.group import canonical_copy
from compgraph.group.algorithms import Algorithm, resolve, run, takes
from compgraph.testing.contract import Breach, Unusable, answer, contract, judge, other_dice
from compgraph.testing.graphs import layered

PLANTED = "32 nodes in two groups, links between groups 0.01 times as heavy as within (seed 0)"
MIXED = "32 nodes in two groups, links between groups 0.8 times as heavy as within (seed 0)"
LARGEST_SEED = 2**32 - 1

Groups = list[list[int]]


@dataclass(frozen=True, slots=True)
class _Subject:
    function: Algorithm

    def groups(self, graph: nx.Graph, shown: str, *, seed: int = 0, weight: str = "weight") -> Groups:
        """Return a checked partition of a graph whose nodes are numbers."""
        return answer(lambda: run(self.function, graph, seed=seed, weight=weight, params={}), f"{shown}, seed={seed}")


def _graph(noise: float = 0.01, *, weight: str = "weight", scale: float = 1.0) -> nx.Graph:
    """Return what an algorithm is given: a frozen graph, nodes numbered in canonical order."""
    graph = layered(width=8, noise=noise)
    for _, _, data in graph.edges(data=True):
        data[weight] = data["weight"] * scale
    return canonical_copy(graph, weight=weight)


def _with_nodes(graph: nx.Graph, n: int) -> nx.Graph:
    """Return a frozen graph with further nodes that nothing is linked to."""
    more = nx.Graph(graph)
    more.add_nodes_from((len(graph) + i, dict(graph.nodes[len(graph) - 1])) for i in range(n))
    return nx.freeze(more)


@contract("Let it answer for any graph with positive weights; it is called with weight= and seed= where it takes them.")
def answers(subject: _Subject) -> None:
    """An answer to an ordinary graph, and no exception."""
    try:
        subject.groups(_graph(), PLANTED)
    except Unusable as breach:
        if not isinstance(breach.__cause__, BadRequest):
            raise


@contract("Return every node in exactly one set, those without links in one of their own.")
def partitions_the_nodes(subject: _Subject) -> None:
    """An iterable of node sets that hold each node once."""
    subject.groups(_graph(), PLANTED)


@contract("Draw from a generator seeded by `seed`, and keep nothing from one call to the next.")
def same_seed_same_groups(subject: _Subject) -> None:
    """The same groups for the same seed, up to 2**32 - 1, whatever random numbers were drawn elsewhere."""
    for seed in (0, 1, LARGEST_SEED):
        one = subject.groups(_graph(0.8), MIXED, seed=seed)
        with other_dice():
            if subject.groups(_graph(0.8), MIXED, seed=seed) != one:
                raise Breach("two calls gave different groups", f"{MIXED}, seed={seed}")


@contract("Read the weights: every two nodes of neighbouring spaces are linked, and only weights tell groups apart.")
def finds_planted_groups(subject: _Subject) -> None:
    """Groups that do not mix the two that were planted."""
    _require_pure(subject.groups(_graph(), PLANTED), _graph(), PLANTED)


def _require_pure(groups: Groups, graph: nx.Graph, shown: str) -> None:
    for group in groups:
        planted = {graph.nodes[node]["index"] % 2 for node in group}
        if len(planted) > 1:
            raise Breach(f"a group of {len(group)} nodes mixes both planted groups", shown)


@contract("Pass `weight` on to whatever reads the graph.")
def reads_the_weight_it_is_given(subject: _Subject) -> None:
    """The same groups where weights are in an attribute of another name, for an algorithm that takes `weight`."""
    shown = f"{PLANTED}, weights in the attribute 'importance'"
    graph = _graph(weight="importance")
    if takes(subject.function, "weight"):
        _require_same(subject.groups(graph, shown, weight="importance"), subject.groups(_graph(), shown), shown)


@contract("Let the numbers of the nodes say nothing: they are names.")
def numbers_are_names(subject: _Subject) -> None:
    """Groups that do not mix those that were planted, however the nodes are numbered."""
    order = np.random.default_rng(6).permutation(len(_graph())).tolist()
    numbered = nx.relabel_nodes(nx.Graph(_graph()), dict(enumerate(order)))
    plain = nx.Graph()
    plain.add_nodes_from(sorted(numbered.nodes(data=True)))
    plain.add_edges_from(sorted((min(a, b), max(a, b), data) for a, b, data in numbered.edges(data=True)))
    shown = f"{PLANTED}, numbered in another order (seed 6)"
    _require_pure(subject.groups(nx.freeze(plain), shown), plain, shown)


@contract("Compare weights with one another, such as with their mean, and never with a number of your own.")
def ignores_units(subject: _Subject) -> None:
    """The same groups when all weights are multiplied by a number."""
    one = subject.groups(_graph(), PLANTED)
    for power in (-20, 20):
        shown = f"{PLANTED}, weights times 2**{power}"
        _require_same(subject.groups(_graph(scale=2.0**power), shown), one, shown)


def _require_same(came: Groups, needed: Groups, shown: str) -> None:
    if came != needed:
        raise Breach(
            f"groups of {[*map(len, came)]} nodes came, and of {[*map(len, needed)]} from the plain graph", shown
        )


@contract("Put a node that nothing is linked to into a set of its own.")
def lone_nodes_stay_alone(subject: _Subject) -> None:
    """A group of its own for every node without links."""
    shown = f"{PLANTED}, and 2 nodes without links"
    graph = _with_nodes(_graph(), 2)
    for group in subject.groups(graph, shown):
        lone = [node for node in group if graph.degree(node) == 0]
        if lone and len(group) > 1:
            raise Breach(f"node {lone[0]} is in a group of {len(group)}", shown)


@contract("Search each connected component by itself.")
def separate_parts_stay_apart(subject: _Subject) -> None:
    """No group with nodes that no path of links joins."""
    shown = "32 nodes in two groups without links between them (seed 0)"
    graph = _graph(0.0)
    for group in subject.groups(graph, shown):
        if sum(1 for part in nx.connected_components(graph) if part & {*group}) > 1:
            raise Breach(f"a group of {len(group)} nodes has some of both parts", shown)


@contract("Expect graphs of two nodes and one link, the smallest there are.")
def smallest_graph(subject: _Subject) -> None:
    """An answer for two nodes and one link."""
    graph = canonical_copy(layered(("input", "head"), width=1))
    subject.groups(graph, "two linked nodes")


@contract("Work on a copy: nx.Graph(graph).")
def leaves_the_graph_alone(subject: _Subject) -> None:
    """A graph that is afterwards what it was before."""
    graph = nx.Graph(_graph())
    subject.groups(graph, PLANTED)
    if not nx.utils.graphs_equal(graph, nx.Graph(_graph())):
        raise Breach("the graph is not what it was", PLANTED)


FORMS = (answers, partitions_the_nodes)
LAWS = (
    *(same_seed_same_groups, finds_planted_groups, reads_the_weight_it_is_given, numbers_are_names, ignores_units),
    *(lone_nodes_stay_alone, separate_parts_stay_apart, smallest_graph, leaves_the_graph_alone),
)


@checked
def check_algorithm(algorithm: str | Algorithm) -> None:
    """Hold a community algorithm to everything that the package's own promise.

    Parameters
    ----------
    algorithm
        A function ``(graph, weight=, seed=)`` that returns an iterable of node sets, or a registered name.

    Raises
    ------
    ContractBroken
        Naming every contract that is broken: what came, what was needed, the graph that shows it, and what to do.
    UnknownName
        When no algorithm has this name.
    BadRequest
        When it is neither a name nor a function.
    MissingTool
        When it needs a library that is not installed.

    Notes
    -----
    Only graphs that `compgraph.communities` would hand to an algorithm are tried: undirected and frozen, nodes numbered
    in canonical order, all weights positive, at least one link.

    Examples
    --------
    >>> check_algorithm("louvain")
    >>> try:
    ...     check_algorithm(lambda graph: [set(graph)])
    ... except AssertionError as error:
    ...     print(*error.contracts)
    finds_planted_groups numbers_are_names lone_nodes_stay_alone separate_parts_stay_apart
    """
    name, function = resolve(algorithm)
    judge(f"community algorithm {name!r}", _Subject(function), FORMS, LAWS)
