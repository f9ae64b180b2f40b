"""Results do not depend on the unit: data and weights from the smallest to the largest that have squares."""

import math

import networkx as nx
import numpy as np
import pytest
import torch
from torch import nn

import compgraph as cg
from compgraph.errors import DeadSite, NotFinite
from compgraph.group import balanced, layered_modularity, memberships, null_graphs

SCALES = (2.0**490, 2.0**100, 2.0**-470)
WAYS = [
    ("pca", "covariance"),
    ("pca", "correlation"),
    ("neuron", "plsr"),
    ("plsr", "plsr"),
    ("gradient", "gradient"),
    ("interaction", "gradient"),
]


def homogeneous() -> nn.Module:
    """A network whose activations are all twice as large when the data are."""
    torch.manual_seed(0)
    sizes = ((4, 8), (8, 6), (6, 3))
    layers = [each for p, q in sizes for each in (nn.Linear(p, q, bias=False), nn.ReLU())]
    return nn.Sequential(*layers[:-1]).double()


def found(scale: float, method: str, rule: str) -> tuple[cg.Components, nx.DiGraph, cg.Partition]:
    model, rows = homogeneous(), torch.randn(200, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    stats = cg.collect(model, rows * scale)
    parts = cg.components(stats, method)
    graph = cg.build_graph(parts, cg.edges(stats, parts, rule))
    return parts, graph, cg.communities(graph, "louvain", n_null=2)


@pytest.mark.parametrize(("method", "rule"), WAYS)
def test_components_edges_and_groups_are_the_same_in_every_unit_of_the_data(method, rule) -> None:
    parts, graph, groups = found(1.0, method, rule)
    for scale in SCALES:
        scaled, other, same = found(scale, method, rule)
        for space, part in parts.items():
            np.testing.assert_array_equal(scaled[space].share, part.share)
            np.testing.assert_array_equal(
                scaled[space].deviation / part.deviation, scaled[space].deviation[0] / part.deviation[0]
            )
        assert dict(other.edges) != {}
        assert {e: d["weight"] for e, d in other.edges.items()} == {e: d["weight"] for e, d in graph.edges.items()}
        assert (same.assignment, same.quality, same.p_value) == (groups.assignment, groups.quality, groups.p_value)


@pytest.mark.parametrize(("scale", "size"), [(1e200, r"e\+200"), (1e-200, "e-200")])
def test_data_without_squares_are_not_called_dead(scale, size) -> None:
    with pytest.raises(
        NotFinite, match=rf"varies by about \d{size}, and squares of that leave double precision"
    ) as caught:
        found(scale, "pca", "plsr")
    assert "Give data in other units, of a size between 1e-140 and 1e140" in str(caught.value)
    assert found(scale * 1e-100 if scale > 1 else scale * 1e100, "pca", "plsr")[2].n_groups >= 1  # as it says


def test_what_never_varies_is_still_called_dead() -> None:
    with pytest.raises(DeadSite, match="input in never varies"):
        cg.components(cg.collect(homogeneous(), torch.ones(20, 4, dtype=torch.float64) * 1e200), "pca")


@pytest.fixture(scope="module")
def graph() -> nx.DiGraph:
    return found(1.0, "pca", "plsr")[1]


def weighing(graph: nx.DiGraph, unit: float) -> nx.DiGraph:
    other = graph.copy()
    for _, _, data in other.edges(data=True):
        data["weight"] *= unit
    return other


UNITS = (2.0**-660, 2.0**530, 2.0**1020)  # from 1e-199 to 1e307


@pytest.mark.parametrize("algorithm", ["spectral", "louvain", "layered", "greedy", "label_propagation"])
def test_groups_are_the_same_in_every_unit_of_the_weights(graph, algorithm) -> None:
    usual = cg.communities(graph, algorithm, n_null=3, n_seeds=2)
    for unit in UNITS:
        heavy = cg.communities(weighing(graph, unit), algorithm, n_null=3, n_seeds=2)
        assert heavy.assignment == usual.assignment
        assert heavy.p_value == usual.p_value
        assert heavy.quality == pytest.approx(usual.quality, rel=1e-9)
        np.testing.assert_allclose([*heavy.membership.values()], [*usual.membership.values()], rtol=1e-9)


@pytest.mark.parametrize("unit", UNITS)
def test_what_is_made_of_a_graph_is_the_same_in_every_unit(graph, unit, tmp_path) -> None:
    heavy, groups = weighing(graph, unit), cg.communities(graph, "louvain", n_null=0)
    assert layered_modularity(heavy, groups.assignment) == pytest.approx(layered_modularity(graph, groups.assignment))
    shares = memberships(graph, groups.assignment)
    assert memberships(heavy, groups.assignment)[next(iter(graph))] == pytest.approx(shares[next(iter(graph))])
    for made in (balanced(heavy), *null_graphs(heavy, n=1)):
        assert all(math.isfinite(weight) for _, _, weight in made.edges(data="weight"))
    for suffix in ("json", "graphml", "dot", "html", "png"):
        assert cg.save(heavy, tmp_path / f"heavy.{suffix}", groups=groups).stat().st_size
    again = cg.load(tmp_path / "heavy.json")
    assert all(again.edges[edge] == data for *edge, data in heavy.edges(data=True))
