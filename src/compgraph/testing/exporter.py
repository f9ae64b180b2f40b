"""What every file format promises."""

from collections.abc import Callable
from dataclasses import dataclass

import networkx as nx

from compgraph.arguments import checked
from compgraph.errors import BadRequest, CompgraphError, unknown_name
from compgraph.group import Partition
from compgraph.show.export import EXPORTERS, Exporter, require_suffix
from compgraph.testing.contract import Breach, Unusable, answer, contract, judge, other_dice, require_function
from compgraph.testing.graphs import HOSTILE, UNWRITABLE, groups_of, layered, shuffled, shuffled_groups

ORDINARY = "a graph of 3 layers and 12 nodes in two groups"


@dataclass(frozen=True, slots=True)
class _Subject:
    exporter: Exporter

    def content(self, graph: nx.DiGraph, groups: Partition | None, shown: str) -> object:
        return answer(lambda: self.exporter(graph, groups), shown)

    def data(self, graph: nx.DiGraph, groups: Partition | None, shown: str) -> bytes:
        """Return the bytes that `compgraph.save` would write."""
        content = self.content(graph, groups, shown)
        if isinstance(content, bytes):
            return content
        if not isinstance(content, str):
            raise Unusable(f"{type(content).__name__} came", shown)
        return answer(content.encode, shown)


def _given() -> tuple[nx.DiGraph, Partition]:
    graph = layered()
    return graph, groups_of(graph)


@contract("Let it answer for any graph that compgraph.connect.check_graph accepts.")
def answers(subject: _Subject) -> None:
    """An answer to an ordinary graph and its groups, and no exception."""
    subject.content(*_given(), ORDINARY)


@contract("Return the whole content of the file; nothing is to be written.")
def text_or_bytes(subject: _Subject) -> None:
    """Text that UTF-8 can hold, or bytes."""
    subject.data(*_given(), ORDINARY)


@contract("Return the whole content of the file; nothing is to be written.")
def something(subject: _Subject) -> None:
    """A file that is not empty."""
    if not subject.data(*_given(), ORDINARY):
        raise Breach("an empty file came", ORDINARY)


@contract("Write no date, no counter and no random number.")
def deterministic(subject: _Subject) -> None:
    """The same bytes for the same graph and groups."""
    one = subject.data(*_given(), ORDINARY)
    with other_dice():
        if subject.data(*_given(), ORDINARY) != one:
            raise Breach("two calls gave different bytes", ORDINARY)


@contract("Go through nodes in the order of compgraph.connect.ordered_nodes(graph), and through sorted edges.")
def order_free(subject: _Subject) -> None:
    """The same bytes in whatever order nodes, edges and groups were inserted."""
    graph, groups = _given()
    shown = f"{ORDINARY}, inserted in another order (seed 4)"
    one, other = (
        subject.data(graph, groups, shown),
        subject.data(shuffled(graph), shuffled_groups(groups), shown),
    )
    if one != other:
        at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
        raise Breach(f"the files differ from byte {at} on", shown)


@contract("Expect None in place of groups.")
def graphs_without_groups(subject: _Subject) -> None:
    """A file for a graph whose groups are None."""
    subject.data(layered(), None, f"{ORDINARY}, groups None")


@contract("Call a group by groups.name(number).")
def groups_with_names(subject: _Subject) -> None:
    """A file for groups that bear the names of tasks, any text."""
    graph, groups = _given()
    shown = f"{ORDINARY}, called {HOSTILE[0]!r} and {HOSTILE[5]!r}"
    subject.data(graph, groups.named({0: HOSTILE[0], 1: HOSTILE[5]}), shown)


@contract("Escape what the format reads as its own: quotes, backslashes, markup, line ends.")
def names_are_data(subject: _Subject) -> None:
    """A file, in UTF-8 where it is text, whatever layers and labels are called."""
    for name in HOSTILE:
        graph = layered(("input", name, "head"), width=2)
        subject.data(graph, groups_of(graph), f"a graph with a layer called {name[:40]!r} ({len(name)} characters)")


@contract("Escape what the format cannot hold, or raise a compgraph.errors.GraphError that says where it is.")
def unwritable_names(subject: _Subject) -> None:
    """A file, or a CompgraphError, for names with control characters or half of a surrogate pair."""
    for name in UNWRITABLE:
        graph = layered(("input", name, "head"), width=2)
        try:
            subject.data(graph, None, f"a graph with a layer called {name!r}")
        except Unusable as breach:
            if not isinstance(breach.__cause__, CompgraphError):
                raise


@contract("Divide by no number of nodes or edges less one.")
def one_node(subject: _Subject) -> None:
    """A file for a graph of one node."""
    graph = layered(("input",), width=1)
    subject.data(graph, groups_of(graph), "a graph of one node")


@contract("Take no maximum over edges there may be none of.")
def no_edges(subject: _Subject) -> None:
    """A file for a graph without edges."""
    graph, groups = _given()
    graph.clear_edges()
    subject.data(graph, groups, "12 nodes and no edge")


@contract("Work on a copy: graph.copy().")
def leaves_the_graph_alone(subject: _Subject) -> None:
    """A graph that is afterwards what it was before."""
    graph, groups = _given()
    subject.content(graph, groups, ORDINARY)
    if not nx.utils.graphs_equal(graph, layered()):
        raise Breach("the graph is not what it was", ORDINARY)


FORMS = (answers, text_or_bytes)
LAWS = (
    *(something, deterministic, order_free, graphs_without_groups, groups_with_names, names_are_data),
    *(unwritable_names, one_node, no_edges, leaves_the_graph_alone),
)


@checked
def check_exporter(exporter: str | Callable[..., str | bytes], *, suffix: str | None = None) -> None:
    """Hold an exporter to everything that the package's own formats promise.

    Parameters
    ----------
    exporter
        A function ``(graph, groups or None) -> str or bytes``, or a registered suffix such as ``".html"``.
    suffix
        The suffix that the function will be registered for, to be checked too.

    Raises
    ------
    ContractBroken
        Naming every contract that is broken: what came, what was needed, the graph that shows it, and what to do.
    UnknownName
        When no exporter has this suffix.
    BadRequest
        When it is neither a suffix nor a function, or the suffix is no suffix.

    Notes
    -----
    That hostile names stay data in the file, only a reader of the format can tell: open one.

    Examples
    --------
    >>> check_exporter(".json")
    >>> try:
    ...     check_exporter(lambda graph, groups: " ".join(graph), suffix=".txt")
    ... except AssertionError as error:
    ...     print(*error.contracts)
    order_free
    """
    if suffix is not None:
        require_suffix(suffix)
    if isinstance(exporter, str):
        if suffix is not None:
            raise BadRequest(f"suffix={suffix!r} came with the registered {exporter!r}; give one of the two.")
        if exporter.lower() not in EXPORTERS:
            raise unknown_name("exporter for the suffix", exporter, EXPORTERS)
        judge(f"exporter for {exporter!r}", _Subject(EXPORTERS[exporter.lower()]), FORMS, LAWS)
        return
    require_function(exporter, "exporter")
    name = suffix or getattr(exporter, "__name__", "custom")
    judge(f"exporter {name!r}", _Subject(exporter), FORMS, LAWS)
