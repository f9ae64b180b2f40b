import networkx as nx
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from compgraph.errors import BadRequest
from compgraph.group import communities
from fixtures.layered_graphs import plant
from note.measures.k_means import k_means_communities


def found(graph: nx.Graph, **options) -> list[list[int]]:
    return sorted(map(sorted, k_means_communities(graph, **options)))


def bipartite(weights: np.ndarray, name: str = "weight") -> nx.Graph:
    graph = nx.Graph()
    rows, columns = weights.shape
    graph.add_nodes_from(range(rows + columns))
    graph.add_edges_from((i, rows + j, {name: float(weights[i, j])}) for i, j in np.ndindex(rows, columns))
    return graph


def goes_by_rows(group) -> None:
    """The best of all splits in two has the least squares around the means of rows, counted by hand."""
    rng = np.random.default_rng(3)
    graph = bipartite(rng.normal(size=(4, 4)))
    rows = nx.to_numpy_array(graph)
    splits = [np.array(list(np.binary_repr(code, 8)), dtype=int) for code in range(1, 128)]
    spread = [sum(((rows[s == k] - rows[s == k].mean(axis=0)) ** 2).sum() for k in (0, 1)) for s in splits]
    groups = group(graph, n_groups=2, seed=0)
    assert len(groups) == 2
    assert adjusted_rand_score(splits[int(np.argmin(spread))], [int(node in groups[1]) for node in graph]) == 1


def test_groups_have_the_least_squares_of_rows() -> None:
    goes_by_rows(found)

    def of_links(graph, **_):
        return sorted(map(sorted, nx.community.kernighan_lin_bisection(graph, seed=0)))

    with pytest.raises(AssertionError):
        goes_by_rows(of_links)


def test_it_is_an_algorithm_like_others_and_finds_layers() -> None:
    groups = communities(plant(2, noise=0.0), k_means_communities, n_seeds=2, n_null=0)
    assert groups.algorithm == "k_means_communities"
    assert groups.n_groups == 2


def test_the_weight_that_is_asked_for_is_read() -> None:
    graph = bipartite(np.array([[5.0], [5.0], [0.0]]), name="other")
    assert found(graph, seed=0, weight="other", n_groups=3) == [[0, 1], [2], [3]]
    assert found(graph, seed=0, n_groups=2) == [[0, 1, 2], [3]]  # without a weight, an edge counts 1


def test_equal_rows_stay_together() -> None:
    graph = nx.empty_graph(4)
    assert found(graph, seed=0) == [[0, 1, 2, 3]]


@pytest.mark.parametrize("n_groups", [0, 5])
def test_a_number_of_groups_that_cannot_be_is_refused(n_groups) -> None:
    with pytest.raises(BadRequest, match=f"n_groups={n_groups}"):
        k_means_communities(nx.empty_graph(4), n_groups=n_groups)
