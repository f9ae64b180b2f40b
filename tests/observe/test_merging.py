"""Statistics of shards are those of one pass: to float64's rounding, in any order, and of these shards alone."""

from collections.abc import Iterator
from itertools import islice, permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import compgraph as cg
from compgraph.errors import BadRequest, EmptyData, ForeignRecord
from compgraph.statistics import Statistics

SUMS = ("mean_x", "mean_y", "xx", "xy", "yy")
BLOCK = 4096


class Maps(nn.Module):
    """Positions at three grids, and none."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 5, 3, padding=1), nn.Conv2d(5, 4, 3)
        self.head = nn.Linear(36, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.second(torch.relu(self.first(x)))).flatten(1))


def network() -> nn.Module:
    torch.manual_seed(0)
    return Maps()


@pytest.fixture(scope="module")
def data() -> Tensor:
    return 3 + torch.randn(2 * BLOCK + 900, 2, 5, 5, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def whole(data: Tensor) -> Statistics:
    return cg.collect(network(), data)


def contiguous(data: Tensor, cuts: list[int]) -> list[Statistics]:
    ends = [*cuts, len(data)]
    return [cg.collect(network(), data[a:b], first_row=a) for a, b in zip([0, *cuts], ends, strict=True)]


def error(one: Statistics, other: Statistics) -> float:
    """Largest difference of any sum, in units of its largest entry."""
    differences = [
        np.abs(getattr(one.moments[pair], name) - getattr(other.moments[pair], name)).max()
        / np.abs(getattr(other.moments[pair], name)).max()
        for pair in other.pairs
        for name in SUMS
    ]
    return float(max(differences))


def asked(stats: Statistics) -> np.ndarray:
    return stats.live("a test").gradient_moments(stats.pairs[-1], np.eye(3)).second


def identical(one: Statistics, other: Statistics) -> bool:
    """Tell whether two statistics are the same to the bit."""
    return (
        one.pairs == other.pairs
        and one.notes == other.notes
        and all(
            np.array_equal(getattr(one.moments[pair], name), getattr(other.moments[pair], name))
            for pair in other.pairs
            for name in SUMS
        )
        and same_samples(one, other)
    )


def same_samples(one: Statistics, other: Statistics) -> bool:
    fields = ("x", "y", "ids", "n", "capacity", "seed")
    return all(
        np.array_equal(getattr(one.samples[pair], name), getattr(other.samples[pair], name))
        for pair in other.pairs
        for name in fields
    )


@pytest.mark.parametrize("cuts", [[BLOCK], [BLOCK, 2 * BLOCK]])
def test_shards_cut_at_blocks_are_one_process(cuts: list[int], data: Tensor, whole: Statistics) -> None:
    shards = contiguous(data, cuts)
    merged = [cg.merge(order) for order in islice(permutations(shards), 5)]
    assert error(merged[0], whole) < 1e-10
    assert same_samples(merged[0], whole)
    assert all(identical(each, merged[0]) for each in merged[1:])
    assert len({asked(each).tobytes() for each in merged}) == 1
    rows = [each.identity.rows for each in (merged[0], whole) if each.identity]
    assert rows[0] == rows[1]


def test_what_is_asked_of_the_model_is_what_one_process_asks(data: Tensor, whole: Statistics) -> None:
    merged = cg.merge(contiguous(data, [BLOCK]))
    for pair in whole.pairs:
        filters = np.eye(len(whole.moments[pair].mean_y))
        found, expected = (each.live("a test").gradient_moments(pair, filters) for each in (merged, whole))
        assert found.n == expected.n
        np.testing.assert_array_equal(found.second, expected.second)


def interleaved(data: Tensor, n: int, **options: str) -> list[Statistics]:
    """Deal rows out one by one, as a DistributedSampler does."""
    loaders = [[data[rank::n][i : i + 256] for i in range(0, len(data[rank::n]), 256)] for rank in range(n)]
    numbers = [range(rank, len(data), n) for rank in range(n)]
    return [cg.collect(network(), loader, row_ids=ids, **options) for loader, ids in zip(loaders, numbers, strict=True)]


@pytest.mark.parametrize("n", [2, 3, 8])
@pytest.mark.parametrize(("precision", "most"), [("auto", 2e-6), ("float64", 1e-10)])
def test_rows_that_are_dealt_out_merge_as_the_precision_says(n: int, precision: str, most: float, data: Tensor) -> None:
    shards, one = interleaved(data, n, precision=precision), cg.collect(network(), data, precision=precision)
    merged = [cg.merge(order) for order in islice(permutations(shards), 5)]
    assert error(merged[0], one) < most
    assert same_samples(merged[0], one) or error(merged[0], one) > 0
    assert all(identical(each, merged[0]) for each in merged[1:])
    assert len({asked(each).tobytes() for each in merged}) == 1


def test_a_cut_within_a_block_is_seen(data: Tensor, whole: Statistics) -> None:
    assert error(cg.merge(contiguous(data, [BLOCK - 7])), whole) > 1e-10


def test_adding_in_another_order_is_not_the_same_to_the_bit(data: Tensor) -> None:
    a, b, c = contiguous(data, [BLOCK, 2 * BLOCK])
    assert not identical(c + b + a, cg.merge([a, b, c]))


def changed(model: nn.Module) -> nn.Module:
    with torch.no_grad():
        next(model.parameters()).view(-1)[0] += 1e-6
    return model


def foreign(rows: Tensor) -> Iterator[tuple[str, list[Statistics], type[Exception], str]]:
    half = len(rows) // 2
    first, rest = rows[:half], rows[half:]
    one = cg.collect(network(), first)
    yield "weights", [one, cg.collect(changed(network()), rest, first_row=half)], ForeignRecord, "'first.weight' holds"
    yield "seed", [one, cg.collect(network(), rest, first_row=half, seed=1)], ForeignRecord, "with seed=0 and seed=1"
    sample = cg.collect(network(), rest, first_row=half, sample=7)
    yield "sample", [one, sample], ForeignRecord, "sample=1024 and sample=7"
    double = cg.collect(network(), rest, first_row=half, precision="float64")
    yield "precision", [one, double], ForeignRecord, "precision='auto' and precision='float64'"
    named = cg.collect(network(), rest, ["first"], first_row=half)
    yield "layers", [one, named], ForeignRecord, r"layers=None and layers=\['first'\]"
    yield "overlap", [one, cg.collect(network(), rest, first_row=half - 1)], BadRequest, f"row {half - 1} comes twice"
    yield "twice", [one, one], BadRequest, "row 0 comes twice"
    gap = cg.collect(network(), rest, first_row=half + 5)
    yield "gap", [one, gap], BadRequest, f"5 rows are missing: {half}-{half + 4}"
    yield "first missing", [cg.collect(network(), rest, first_row=half)], BadRequest, f"rows are missing: 0-{half - 1}"
    by_hand = Statistics(one.pairs, one.moments, one.samples, one.n_samples)
    yield "by hand", [one, by_hand], ForeignRecord, "do not know of which rows they are"
    yield "nothing", [], EmptyData, "merge got no statistics"


def test_foreign_shards_are_refused_by_the_first_difference(data: Tensor) -> None:
    for what, shards, kind, message in foreign(data[:200]):
        with pytest.raises(kind, match=message):
            cg.merge(shards)
        assert what


def test_what_is_missing_at_the_end_is_noticed_where_the_number_is_known(data: Tensor) -> None:
    shards = contiguous(data[:300], [100, 200])
    assert cg.merge(shards, n_rows=300).n_samples == 300
    with pytest.raises(BadRequest, match=r"have 200 rows \(0-199\), and n_rows=300"):
        cg.merge(shards[:2], n_rows=300)
    assert cg.merge(shards[::2], gaps=True).n_samples == 200


def test_a_model_that_changed_is_not_asked(data: Tensor) -> None:
    model = network()
    stats = cg.collect(model, data[:200])
    parts = cg.components(stats, "pca")
    assert cg.edges(stats, parts, "gradient")
    changed(model)
    with pytest.raises(ForeignRecord, match=r"edge rule 'gradient' asks the model again.*'first\.weight' holds other"):
        cg.edges(stats, parts, "gradient")
    assert cg.edges(stats, parts, "plsr"), "moments need no model"
    other = cg.collect(model, data[:200])
    with pytest.raises(ForeignRecord, match=r"statistics and components are of different models"):
        cg.edges(other, parts, "plsr")
    with pytest.raises(ForeignRecord, match=r"the model and the components are of different models"):
        cg.task_profile(parts, model, {"a": data[:50], "b": data[50:100]})


def test_a_graph_says_what_it_was_made_of(data: Tensor) -> None:
    stats = cg.collect(network(), data[:200])
    parts = cg.components(stats, "pca")
    made = cg.build_graph(parts, cg.edges(stats, parts, "plsr")).graph
    assert (made["data"], made["version"]) == ("0-199", cg.__version__)
    other = cg.components(cg.collect(changed(network()), data[:200]), "pca")
    assert cg.build_graph(other, []).graph["model"] != made["model"]


def test_a_profile_of_another_model_is_not_drawn(data: Tensor, undrawn: None, tmp_path: Path) -> None:
    tasks = {"a": data[:50], "b": data[50:100] * torch.tensor([0.1, 2.0])[:, None, None]}
    models = [network(), changed(network())]
    mine, other = (cg.analyze(each, data[:300], n_null=0, n_twins=0) for each in models)
    mine.save(tmp_path / "own", profile=cg.task_profile(mine, models[0], tasks))
    with pytest.raises(ForeignRecord, match=r"the graph is of the model \w{8} and the task profile of \w{8}"):
        mine.save(tmp_path / "other", profile=cg.task_profile(other, models[1], tasks))
