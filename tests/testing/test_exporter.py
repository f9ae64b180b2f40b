"""Every contract of exporters has one that breaks it and no other, and is caught by its name."""

import itertools
import json

import pytest

from compgraph.connect import to_json
from compgraph.errors import BadRequest, ContractBroken, GraphError, UnknownName
from compgraph.testing import CONTRACTS, check_exporter


def honest(graph, groups):
    lines = sorted(json.dumps([a, b, graph.nodes[a]["layer"]]) for a, b in graph.edges)
    group = {} if groups is None else {node: groups.name(each) for node, each in sorted(groups.assignment.items())}
    return "\n".join([*sorted(graph), *lines, json.dumps(group)])


def raises(graph, groups):
    raise KeyError("nothing here")


def a_list(graph, groups):
    return honest(graph, groups).splitlines()


def empty(graph, groups):
    return b""


def counts():
    counter = itertools.count()
    return lambda graph, groups: f"{honest(graph, groups)} {next(counter) if len(graph) == 12 else 0}"


def as_inserted(graph, groups):
    return honest(graph, groups) + " ".join(graph)


def needs_groups(graph, groups):
    return honest(graph, groups) + ("" if graph.graph.get("loose") else str(groups.n_groups))


def numbered_groups(graph, groups):
    for name in () if groups is None else groups.names.values():
        name.encode("ascii")
    return honest(graph, groups)


def refuses_markup(graph, groups):
    for _, layer in graph.nodes(data="layer"):
        if "<" in layer:
            raise GraphError("markup")
    return honest(graph, groups)


def bare_text(graph, groups):
    layers = sorted({layer for _, layer in graph.nodes(data="layer")})
    return "".join(layers) + honest(graph, groups)


def divides_by_pairs(graph, groups):
    return f"{graph.number_of_edges() / (len(graph) * (len(graph) - 1))}{honest(graph, groups)}"


def heaviest(graph, groups):
    weights = [weight for *_, weight in graph.edges(data="weight")]
    return f"{max(weights) if len(graph) > 1 else 0}{honest(graph, groups)}"


def writes_on_the_graph(graph, groups):
    graph.graph["written"] = 1
    return honest(graph, groups)


TWINS = {
    "answers": raises,
    "text_or_bytes": a_list,
    "something": empty,
    "deterministic": counts(),
    "order_free": as_inserted,
    "graphs_without_groups": needs_groups,
    "groups_with_names": numbered_groups,
    "names_are_data": refuses_markup,
    "unwritable_names": bare_text,
    "one_node": divides_by_pairs,
    "no_edges": heaviest,
    "leaves_the_graph_alone": writes_on_the_graph,
}
ALSO = {
    # A file that is never the same is not the same in another order either.
    "deterministic": ("order_free",),
    # Names that cannot be written are tried on graphs without groups.
    "graphs_without_groups": ("unwritable_names",),
}


def test_every_contract_has_a_broken_twin() -> None:
    assert list(TWINS) == list(CONTRACTS["exporter"])


@pytest.mark.parametrize("name", TWINS)
def test_a_broken_twin_is_rejected_by_the_contract_that_it_breaks(name) -> None:
    with pytest.raises(ContractBroken, match=f"- {name}: ") as caught:
        check_exporter(TWINS[name])
    assert caught.value.contracts == (name, *ALSO.get(name, ()))


def test_what_they_are_twins_of_is_accepted() -> None:
    check_exporter(honest)
    check_exporter(lambda graph, _: to_json(graph), suffix=".mine")


def test_suffixes_are_checked_too() -> None:
    with pytest.raises(BadRequest, match="a dot followed by letters"):
        check_exporter(honest, suffix="mine")
    with pytest.raises(BadRequest, match="give one of the two"):
        check_exporter(".json", suffix=".mine")
    with pytest.raises(ContractBroken, match=r"exporter '\.mine' breaks 1 of 12"):
        check_exporter(empty, suffix=".mine")
    with pytest.raises(UnknownName, match=r"no exporter for the suffix '\.jsn'.*Did you mean '\.json'"):
        check_exporter(".jsn")
