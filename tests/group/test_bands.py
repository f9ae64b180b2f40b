"""Modes by factors of a band are those of the dense matrix, and no matrix of all nodes is formed on the way."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from compgraph.group import communities
from compgraph.group.links import Links
from compgraph.group.many import ManyLinks
from compgraph.group.null import Nulls
from compgraph.group.spectral import modes, spectral_labels
from compgraph.group.spectral.bands import Layout, laid_out, of_band
from compgraph.group.spectral.parts import parts_of
from fixtures.layered_graphs import plant

MORE = {
    "a chain": [],
    "skip links": [(i, i + 2) for i in range(0, 10, 3)],
    "a ring": [(0, 11)],
    "not two halves": [(0, 2), (3, 3)],
    "both ways": [(5, 4)],
}


def chain(*, spaces=12, size=8, groups=2, noise=0.05, spread=0.5, more=(), heads=0, left_out=()) -> Links:
    """Link spaces one after the other, some more pairs, and heads to the last one; some have no links at all."""
    rng = np.random.default_rng(0)
    places = [(f"layer{i}", "in", i) for i in range(spaces)] + [(f"head{i}", "out", spaces) for i in range(heads)]
    members = tuple(np.arange(i * size, (i + 1) * size) for i in range(len(places)))
    pairs = [(i, i + 1) for i in range(spaces - 1) if i not in left_out]
    pairs += [*more, *((spaces - 1, spaces + i) for i in range(heads))]
    group = np.arange(size) % groups
    same = np.where(group[:, None] == group, 1.0, noise)
    matrices = {ends: same * rng.uniform(1 - spread, 1 + spread, same.shape) for ends in pairs}
    return Links(tuple(range(len(places) * size)), tuple(places), members, matrices, directed=True)


def dense(many: ManyLinks, part) -> np.ndarray:
    return modes._shifted(many.adjacency()[:, part.nodes[:, None], part.nodes], part.level)[0]


def assert_same(links: Links, n: int = 4, above: float = -1.0) -> None:
    many = ManyLinks.of(links)
    for part in parts_of(many):
        matrix = dense(many, part)
        values, vectors = of_band(many, part, laid_out(links, part))(n, above)
        assert_allclose(values, 1 - np.linalg.eigvalsh(matrix)[: -n - 1 : -1], atol=1e-9)
        assert_allclose(vectors.T @ vectors, np.eye(n), atol=1e-9)
        assert_allclose(matrix @ vectors, vectors * (1 - values), atol=1e-7)


@pytest.mark.parametrize("heads", [0, 2])
@pytest.mark.parametrize("more", MORE)
def test_modes_are_those_of_the_dense_matrix(more, heads) -> None:
    assert_same(chain(more=MORE[more], heads=heads))
    assert_same(chain(more=MORE[more], heads=heads), above=0.5)


def test_of_parts_that_no_links_join() -> None:
    assert len(parts_of(ManyLinks.of(chain(left_out=[5])))) == 2
    assert_same(chain(left_out=[5]), n=2)


def test_nodes_without_links_are_left_out() -> None:
    links = chain()
    for i, own in links.matrices.items():
        own[3 if i[0] % 2 else slice(0, 0)] = 0.0
        own[:, 3 if i[1] % 2 else slice(0, 0)] = 0.0
    assert len(parts_of(ManyLinks.of(links))[0].nodes) < len(links.nodes)
    assert_same(links)


@pytest.mark.parametrize("groups", [2, 4])
def test_groups_apart_are_as_many_modes_of_eigenvalue_one(groups) -> None:
    links = chain(groups=groups, noise=0.0, spread=0.0)  # as much of each group in every space
    (part,) = parts_of(ManyLinks.of(links))
    values, _ = of_band(ManyLinks.of(links), part, laid_out(links, part))(groups, 0.85)
    assert_allclose(values[: groups - 1], 0, atol=1e-12)
    assert values[groups - 1] > 1e-3
    assert_same(links)


def test_no_mode_is_above_the_limit() -> None:
    many = ManyLinks.of(chain(noise=1.0))
    (part,) = parts_of(many)
    few, largest = of_band(many, part, laid_out(many.links, part)), np.linalg.eigvalsh(dense(many, part))[-1]
    assert len(few(3, largest + 1e-9)[0]) == 0
    assert len(few(3, largest - 1e-9)[0]) == 3


def test_too_many_modes_are_not_found_this_way() -> None:
    many = ManyLinks.of(chain())
    (part,) = parts_of(many)
    assert of_band(many, part, laid_out(many.links, part))(len(part.nodes) // 8, -1.0) is None


def test_a_ring_is_laid_out_twice_as_wide() -> None:
    links = chain(more=[(0, 11)])
    assert laid_out(chain(), parts_of(ManyLinks.of(chain()))[0]).width == 2 * 8 - 1
    assert laid_out(links, parts_of(ManyLinks.of(links))[0]).width == 3 * 8 - 1


def test_long_chains_are_narrow_and_wide_ones_are_not() -> None:
    for spaces, size, narrow in ((40, 20, True), (2, 700, False)):
        many = ManyLinks.of(chain(spaces=spaces, size=size))
        assert laid_out(many.links, parts_of(many)[0]).is_narrow(many) == narrow


@pytest.mark.parametrize(("noise", "groups"), [(0.02, 2), (0.05, 3), (0.3, 2)])
def test_communities_are_those_of_dense_matrices(noise, groups, monkeypatch) -> None:
    graph = plant(groups, size=25, layers=13, noise=noise)  # 24 spaces
    found = communities(graph, n_null=3)
    monkeypatch.setattr(modes, "DENSE", len(graph))
    slow = communities(graph, n_null=3)
    assert (found.assignment, found.p_value) == (slow.assignment, slow.p_value)


@pytest.mark.parametrize("options", [{}, {"n_groups": 3}])
def test_groups_are_those_of_products_alone(options, monkeypatch) -> None:
    links = chain(spaces=60, size=20, groups=3)
    for many in (ManyLinks.of(links), Nulls(links).drawn(np.random.SeedSequence(0).spawn(2))):
        found = spectral_labels(many, None, **options)
        monkeypatch.setattr(Layout, "is_narrow", lambda *_: False)
        assert_array_equal(spectral_labels(many, None, **options), found)
        monkeypatch.undo()


@pytest.mark.parametrize("narrow", [True, False])
def test_no_matrix_of_all_nodes_is_formed(narrow, monkeypatch) -> None:
    links = chain(spaces=100, size=20)
    if not narrow:
        monkeypatch.setattr(Layout, "is_narrow", lambda *_: False)
    tracemalloc.start()
    try:
        spectral_labels(ManyLinks.of(links), None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * len(links.nodes) ** 2 / 2
