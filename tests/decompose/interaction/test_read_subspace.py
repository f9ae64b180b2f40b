from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from compgraph.decompose.interaction import most_read as reads
from compgraph.decompose.interaction.most_read import READ_ENERGY
from compgraph.decompose.interaction.output_scores import output_filters
from compgraph.decompose.interaction.read_subspace import Read, read_spaces
from compgraph.decompose.linear_algebra import triangular
from compgraph.errors import BadRequest, DeadSite
from compgraph.observe import collect
from compgraph.statistics import GradientMoments, Moments, Pair, Probe, Space, Statistics

SPACES = (Space("input", "in", 0), Space("h", "in", 1))
PAIRS = (Pair(SPACES[0], Space("h", "out", 1)), Pair(SPACES[1], Space("head", "out", 2)))
CHUNK = 64


@dataclass
class Tanh(Probe):
    """``x -> tanh(A x) -> tanh(B h)``, and what a pass over rows leaves behind."""

    first: np.ndarray
    second: np.ndarray
    x: np.ndarray

    def outputs(self, space: Space, rows: np.ndarray) -> np.ndarray:
        return np.tanh((np.tanh(rows @ self.first.T) if space == SPACES[0] else rows) @ self.second.T)

    def rows(self, space: Space) -> np.ndarray:
        return self.x if space == SPACES[0] else np.tanh(self.x @ self.first.T)

    def jacobians(self) -> dict[Space, np.ndarray]:
        hidden = self.rows(SPACES[1])
        late = (1 - self.outputs(SPACES[1], hidden) ** 2)[:, :, None] * self.second
        return {SPACES[0]: (late * (1 - hidden**2)[:, None, :]) @ self.first, SPACES[1]: late}

    def gradient_moments(self, *_: object) -> GradientMoments:
        pytest.fail("what the outputs read needs gradients of the outputs, and none between layers")

    def output_gradients(self, filters: np.ndarray, _most: int | None = None) -> Iterator[dict[Space, np.ndarray]]:
        found = {space: (filters @ each).astype(np.float32) for space, each in self.jacobians().items()}
        for start in range(0, len(self.x), CHUNK):
            yield {space: each[start : start + CHUNK] for space, each in found.items()}

    @property
    def statistics(self) -> Statistics:
        hidden = self.rows(SPACES[1])
        moments = {PAIRS[0]: Moments.of(self.x, hidden), PAIRS[1]: Moments.of(hidden, self.outputs(SPACES[1], hidden))}
        return Statistics(PAIRS, moments, {}, len(self.x), probe=self)

    @property
    def filters(self) -> dict[str, np.ndarray]:
        return output_filters(self.statistics, 48)

    def reads(self, limit: int = 48) -> dict[Space, Read]:
        return read_spaces(self.statistics, self.filters, limit)


class Cut(Tanh):
    """Its output does not see the input."""

    def jacobians(self) -> dict[Space, np.ndarray]:
        return {**super().jacobians(), SPACES[0]: np.zeros((600, 3, 7))}


@pytest.fixture
def net() -> Tanh:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 7)) @ rng.normal(size=(7, 7)) * [1, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1] + 0.3
    return Tanh(rng.normal(size=(6, 7)) * 0.5, rng.normal(size=(3, 6)), x)


def scores_are_white(net: Tanh, space: Space, read: Read) -> None:
    covariance = np.cov(net.rows(space), rowvar=False, bias=True)
    assert_allclose(read.axes @ covariance @ read.axes.T, np.eye(len(read.axes)), atol=1e-8)


def patterns_are_what_activations_do(net: Tanh, space: Space, read: Read) -> None:
    assert_allclose(read.axes @ read.patterns.T, np.eye(len(read.axes)), atol=1e-8)
    # The regression of the activations on the scores: nothing uncorrelated moves with them.
    covariance = np.cov(net.rows(space), rowvar=False, bias=True)
    assert_allclose(read.patterns, read.axes @ covariance, atol=1e-8)


def energy_is_what_a_nudge_does(net: Tanh, space: Space, read: Read) -> None:
    rows, step, n = net.rows(space), 1e-5, len(read.gradients)
    for k, pattern in enumerate(read.patterns):
        moved = (net.outputs(space, rows + step * pattern) - net.outputs(space, rows - step * pattern)) / (2 * step)
        assert_allclose(moved[:n] @ net.filters["output"].T, read.gradients[:, :, k], atol=1e-5)
        assert_allclose(((moved[:n] @ net.filters["output"].T) ** 2).sum(axis=1).mean(), read.energy[k], rtol=1e-5)


PROMISES = [scores_are_white, patterns_are_what_activations_do, energy_is_what_a_nudge_does]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_what_is_read_of_every_space(promise, net) -> None:
    found = net.reads()
    assert list(found) == list(SPACES)
    for space, read in found.items():
        promise(net, space, read)


@pytest.mark.parametrize(
    ("promise", "name"),
    [(PROMISES[0], "axes"), (PROMISES[1], "patterns"), (PROMISES[2], "energy"), (PROMISES[2], "gradients")],
)
def test_a_broken_reading_is_rejected(promise, name, net) -> None:
    for space, read in net.reads().items():
        spoilt = replace(read, **{name: getattr(read, name) * np.float32(1.01)})
        with pytest.raises(AssertionError):
            promise(net, space, spoilt)


def test_energies_are_apart_and_add_up(net) -> None:
    covariance = {space: np.cov(net.rows(space), rowvar=False, bias=True) for space in SPACES}
    for space, read in net.reads().items():
        flat = read.gradients.reshape(-1, len(read.axes)).astype(float)
        assert_allclose(flat.T @ flat / len(read.gradients), np.diag(read.energy), atol=1e-5)
        raw = net.filters["output"] @ net.jacobians()[space]
        assert_allclose(read.total, np.einsum("nbi,ij,nbj->", raw, covariance[space], raw) / len(raw), rtol=1e-5)
        assert (np.diff(read.energy) <= 0).all()


def test_directions_are_kept_until_they_hold_99_percent(net) -> None:
    for read in net.reads().values():
        assert read.energy.sum() >= READ_ENERGY * read.total
        assert read.energy[:-1].sum() < READ_ENERGY * read.total
    assert len(net.reads()[SPACES[0]].axes) < 6


def test_no_more_directions_than_the_limit(net) -> None:
    few, many = net.reads(2), net.reads()
    for space, read in few.items():
        assert len(read.axes) == 2
        assert_allclose(read.axes, many[space].axes[:2])
        assert_allclose(read.total, many[space].total, rtol=1e-7)  # sums of float32 products


def test_units_of_features_do_not_matter(net) -> None:
    units = 10.0 ** np.arange(-3, 4)
    scaled = Tanh(net.first / units, net.second, net.x * units)
    one, other = net.reads()[SPACES[0]], scaled.reads()[SPACES[0]]
    assert_allclose(other.energy, one.energy, rtol=1e-4)
    for a, b in zip(one.axes, other.axes * units, strict=True):
        assert_allclose(b * np.sign(a @ b), a, atol=1e-3 * np.abs(a).max())


def test_a_direction_that_never_varies_is_not_read(net) -> None:
    x = net.x.copy()
    x[:, 2] = x[:, 0] - x[:, 1]
    read = Tanh(net.first, net.second, x).reads()[SPACES[0]]
    never = np.array([1, -1, -1, 0, 0, 0, 0]) / np.sqrt(3)
    assert_allclose(read.axes @ never, 0, atol=1e-8)
    assert_allclose(read.patterns @ never, 0, atol=1e-8)


def test_gradients_stay_as_small_as_they_came(net) -> None:
    read = net.reads()[SPACES[0]]
    assert read.gradients.dtype == np.float32
    for name in ("axes", "patterns", "energy", "gradients"):
        assert not getattr(read, name).flags.writeable


def test_beyond_the_memory_fewer_rows_are_asked_for_and_the_answer_is_right_for_those(net, monkeypatch) -> None:
    monkeypatch.setattr(reads, "MEMORY", 1)
    found = net.reads()
    assert [len(read.gradients) for read in found.values()] == [CHUNK, CHUNK]
    for space, read in found.items():
        energy_is_what_a_nudge_does(net, space, read)
    monkeypatch.setattr(reads, "FEWEST_ROWS", CHUNK + 1)
    assert len(net.reads()[SPACES[0]].gradients) == 2 * CHUNK


def heads_of(*heads: np.ndarray) -> Statistics:
    pairs = [Pair(SPACES[0], Space(f"head{i}", "out", 1)) for i in range(len(heads))]
    moments = {pair: Moments.of(np.zeros((len(y), 1)), y) for pair, y in zip(pairs, heads, strict=True)}
    returned = {pair.target.layer: pair.target for pair in pairs}
    return Statistics(tuple(pairs), moments, {}, len(heads[0]), returned=returned)


def test_few_outputs_stand_for_themselves() -> None:
    y = np.random.default_rng(0).normal(size=(50, 4)) * [1, 10, 0, 0.1]
    filters = output_filters(heads_of(y), 3)["head0"]
    assert_allclose(filters, np.diag(1 / np.where(y.std(axis=0) > 0, y.std(axis=0), 1))[[0, 1, 3]])


def test_of_more_outputs_than_the_limit_the_leading_components_are_kept() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 9)) + 0.1 * rng.normal(size=(200, 9))
    y *= 10.0 ** rng.integers(-2, 3, size=9)
    filters = output_filters(heads_of(y), 4)["head0"]
    scores = (y - y.mean(axis=0)) @ filters.T
    assert_allclose(scores.T @ scores / len(y), np.eye(4), atol=1e-8)
    leading = np.linalg.eigh(np.corrcoef(y, rowvar=False))[1][:, ::-1][:, :4].T
    expected = (y - y.mean(axis=0)) / y.std(axis=0) @ leading.T
    assert_allclose(np.abs(np.corrcoef(scores.T, expected.T)[:4, 4:]), np.eye(4), atol=1e-6)


def test_many_outputs_of_low_rank_stand_for_no_more_than_their_rank() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 9))
    filters = output_filters(heads_of(y), 6)["head0"]
    assert filters.shape == (3, 9)
    assert_allclose(np.cov(y @ filters.T, rowvar=False, bias=True), np.eye(3), atol=1e-8)


def test_heads_share_the_limit_and_none_mixes_with_another() -> None:
    rng = np.random.default_rng(0)
    wide, narrow, single = rng.normal(size=(300, 100)), rng.normal(size=(300, 5)), rng.normal(size=(300, 1))
    filters = output_filters(heads_of(wide, narrow, single), 48)
    assert {name: each.shape for name, each in filters.items()} == {
        "head0": (42, 100),
        "head1": (5, 5),
        "head2": (1, 1),
    }
    many = output_filters(heads_of(*(rng.normal(size=(300, 2)) for _ in range(60))), 48)
    assert [len(each) for each in many.values()] == [1] * 60, "no head is lost"


def test_a_head_that_never_varies_is_left_out() -> None:
    y = np.random.default_rng(0).normal(size=(50, 2))
    assert list(output_filters(heads_of(y, np.ones((50, 3))), 48)) == ["head0"]


def test_a_space_that_moves_no_output_is_named(net) -> None:
    cut = Cut(net.first, net.second, net.x)
    with pytest.raises(DeadSite, match=r"the output does not change with input in: .*all 0.*use 'pca' or 'plsr'"):
        cut.reads()


def test_the_model_is_needed(net) -> None:
    with pytest.raises(BadRequest, match=r"'interaction' needs the model.*collect them from the model"):
        read_spaces(replace(net.statistics, probe=None), net.filters, 48)


def test_what_a_pooled_head_reads_is_kept_beside_a_head_with_many_positions() -> None:
    class Detector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk, self.seg, self.cls = nn.Conv2d(8, 8, 1, groups=2), nn.Conv2d(4, 2, 1), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            h = torch.tanh(self.trunk(x))
            return {"seg": self.seg(h[:, :4]), "cls": self.cls(h[:, 4:].mean((2, 3)))}

    torch.manual_seed(0)
    stats = collect(Detector(), torch.randn(300, 8, 8, 8), ["trunk"])
    filters = output_filters(stats, 48)
    read = read_spaces(stats, filters, 48)[Space("trunk", "in", 1)]
    by_seg, by_cls = (np.abs(read.axes[:, part]).max() for part in (slice(0, 4), slice(4, 8)))
    assert min(by_seg, by_cls) > 0.5
    together = read.gradients.reshape(-1, len(read.axes)).astype(float)
    assert_allclose(together.T @ together / len(read.gradients), np.diag(read.energy), atol=1e-5 * read.energy[0])


@pytest.mark.parametrize("smallest", [triangular.SMALLEST_PIVOT, 1e-8])
def test_what_outputs_read_of_features_that_nearly_agree_is_found_beside_what_cancels(monkeypatch, smallest) -> None:
    monkeypatch.setattr(triangular, "SMALLEST_PIVOT", smallest)
    # Outputs follow the difference of two features, which hardly varies, and a little of their sum, which does.
    draws = np.random.default_rng(0).normal(size=(500, 2))
    gradients = np.array([1.0, -1.0]) + 1e-5 * draws[:, :1]
    covariance = np.ones((2, 2)) + 1e-13 * np.eye(2)
    space = Space("h", "in", 1)
    chunks = [{space: gradients[:, None].astype(np.float32)}]
    found = reads.most_read(reads.OutputGradients(chunks, {space: covariance}, 1.0, [1]), space, 5)
    sums = gradients.astype(np.float32).astype(float).sum(axis=1)
    if smallest == 1e-8:  # as of a covariance of float32 sums: too coarse
        assert found.energy[0] < 0.1 * (sums**2).mean()
    else:
        assert_allclose(found.energy[0], (sums**2).mean(), rtol=1e-3)
        assert_allclose(np.abs(found.patterns[0]), 1, rtol=1e-3)
