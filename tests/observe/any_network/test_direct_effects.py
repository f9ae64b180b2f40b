"""The weight of an arrow is what the source by itself does to the target: against algebra, and joint where shared."""

import numpy as np
import pytest
import torch
from scipy.linalg import block_diag
from torch import Tensor, nn

import compgraph as cg
from compgraph.connect.rules import plsr
from compgraph.decompose.partial_least_squares import plsr_reads, plsr_writes
from compgraph.statistics import Moments, Pair, Statistics
from fixtures.any_networks import ROWS, network
from fixtures.maps_and_sequences import WIDTH, linear


class LinearResidual(nn.Module):
    """Everything is a matrix, so that every direct effect is a product of some."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.up, self.down, self.head = linear(), linear(WIDTH, 8), linear(8, WIDTH), linear(WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x)
        return self.head(2 * h + self.down(self.up(h)))


@pytest.fixture
def straight() -> tuple[LinearResidual, Tensor]:
    torch.manual_seed(1)
    return LinearResidual().double(), torch.randn(ROWS, WIDTH, dtype=torch.float64)


def weights(model: LinearResidual) -> dict[str, np.ndarray]:
    return {name: module.weight.detach().numpy() for name, module in model.named_children()}


def pair_of(stats: Statistics, source: str, target: str) -> Pair:
    (found,) = [each for each in stats.pairs if (each.source.layer, each.target.layer) == (source, target)]
    return found


EFFECTS = {
    ("stem", "down"): lambda w: w["down"] @ w["up"],
    ("stem", "head"): lambda w: 2 * w["head"],
    ("down", "head"): lambda w: w["head"],
    ("input", "stem"): lambda w: w["stem"],
}


@pytest.mark.parametrize("ends", EFFECTS)
def test_gradients_hold_every_other_site(straight, ends):
    model, data = straight
    stats = cg.collect(model, data, ["stem", "down", "head"])
    pair, expected = pair_of(stats, *ends), EFFECTS[ends](weights(model))
    found = stats.probe.gradient_moments(pair, np.eye(len(expected)))
    np.testing.assert_allclose(found.total / found.n, expected, atol=1e-10)
    np.testing.assert_allclose(found.second / found.n, expected[:, :, None] * expected[:, None, :], atol=1e-10)
    each = stats.probe.row_gradients(pair, np.eye(len(expected))).gradients
    np.testing.assert_allclose(each, np.broadcast_to(expected, each.shape), atol=1e-10)


def test_without_the_branch_tapped_the_path_through_it_counts(straight):
    model, data = straight
    stats = cg.collect(model, data, ["stem", "head"])
    w = weights(model)
    found = stats.probe.gradient_moments(pair_of(stats, "stem", "head"), np.eye(3))
    expected = w["head"] @ (2 * np.eye(WIDTH) + w["down"] @ w["up"])
    np.testing.assert_allclose(found.total / found.n, expected, atol=1e-10)


def test_edges_are_the_direct_effects_in_deviations_and_their_shares(straight):
    model, data = straight
    stats = cg.collect(model, data, ["stem", "down", "head"])
    parts = cg.components(stats, "neuron")
    found = {(e.source.layer, e.target.layer): e for e in cg.edges(stats, parts) if e.kind == "between"}
    w, squares = weights(model), {}
    for ends, effect in EFFECTS.items():
        edge, expected = found[ends], effect(w).T
        source, target = parts[edge.source], parts[edge.target]
        # components come in the order of their variance
        order = [each.axes.argmax(axis=1) for each in (source, target)]
        expected = expected[np.ix_(*order)] * source.deviation[:, None] / target.deviation
        np.testing.assert_allclose(edge.effect, expected, atol=1e-9)
        squares[ends] = expected**2 * target.share
    for target in ("stem", "down", "head"):
        total = sum(each.sum() for ends, each in squares.items() if ends[1] == target)
        for ends, each in squares.items():
            if ends[1] == target:
                np.testing.assert_allclose(found[ends].weight, each / total, atol=1e-9)
        assert sum(e.weight.sum() for ends, e in found.items() if ends[1] == target) == pytest.approx(1.0)


def test_outputs_depend_on_a_site_by_all_paths(straight):
    model, data = straight
    stats = cg.collect(model, data, ["stem", "down", "head"])
    w = weights(model)
    for chunk in stats.probe.output_gradients(np.eye(3)):
        for space, gradients in chunk.items():
            stream = 2 * np.eye(WIDTH) + w["down"] @ w["up"]
            expected = {
                "input": w["head"] @ stream @ w["stem"],
                "stem": w["head"] @ stream,
                "down": w["head"],
            }[space.layer]
            np.testing.assert_allclose(gradients, np.broadcast_to(expected, gradients.shape), atol=1e-6)


def test_a_gate_weighs_by_what_the_other_factor_is():
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.value, self.gate = linear(WIDTH, 1), linear(WIDTH, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.value(x) * self.gate(x)

    torch.manual_seed(0)
    model, data = Gated().double(), torch.randn(30, WIDTH, dtype=torch.float64)
    stats = cg.collect(model, data, ["value", "gate"])
    with torch.no_grad():
        value, gate = model.value(data).numpy(), model.gate(data).numpy()
    for name, other in (("value", gate), ("gate", value)):
        found = stats.probe.gradient_moments(pair_of(stats, name, "output"), np.eye(1))
        np.testing.assert_allclose(found.total.item() / 30, other.mean(), atol=1e-12)
        np.testing.assert_allclose(found.second.item() / 30, (other**2).mean(), atol=1e-12)


def joint(stats: Statistics, pairs: tuple[Pair, ...]) -> Moments:
    """Return the moments of the concatenated rows that were kept, all of them."""
    samples = [stats.samples[pair] for pair in pairs]
    for each in samples:
        np.testing.assert_array_equal(each.ids, samples[0].ids)
    if len({pair.target for pair in pairs}) == 1:
        return Moments.of(np.concatenate([each.x for each in samples], axis=1), samples[0].y)
    return Moments.of(samples[0].x, np.concatenate([each.y for each in samples], axis=1))


@pytest.mark.parametrize(("name", "reader"), [("two heads", "reg"), ("mixture", "out"), ("attention", "out")])
def test_partial_least_squares_of_what_a_site_reads_is_joint(name, reader):
    model, data = network(name)
    stats = cg.collect(model.double(), data.double(), sample="all")
    parts = cg.components(stats, "pca")
    (target,) = [space for space in stats.spaces if (space.layer, space.side) == (reader, "out")]
    pairs = stats.into(target)
    assert len(pairs) > 1
    together = joint(stats, pairs)
    found = stats.facing(target)
    for field in ("mean_x", "mean_y", "xx", "xy", "yy"):
        np.testing.assert_allclose(getattr(found, field), getattr(together, field), atol=1e-9)
    expected = plsr(together.project(block_diag(*(parts[p.source].axes for p in pairs)), parts[target].axes))
    edges = {e.source: e.effect for e in cg.edges(stats, parts, "plsr") if e.target == target and e.kind == "between"}
    np.testing.assert_allclose(np.concatenate([edges[p.source] for p in pairs]), expected, atol=1e-7)
    alone = plsr(stats.moments[pairs[0]].project(parts[pairs[0].source].axes, parts[target].axes))
    assert np.abs(edges[pairs[0].source] - alone).max() > 1e-3


@pytest.mark.parametrize(("name", "site"), [("two heads", "trunk"), ("residual", "stem"), ("mixture", "input")])
def test_components_see_all_readers_of_a_site_and_all_it_reads(name, site):
    model, data = network(name)
    stats = cg.collect(model.double(), data.double(), sample="all")
    parts = cg.components(stats, "plsr", n_components=3)
    (read,) = [space for space in stats.spaces if (space.layer, space.side) == (site, "in")]
    assert len(stats.out_of(read)) > 1
    same_directions(parts[read].axes, plsr_reads(joint(stats, stats.out_of(read)), 3).axes)
    for space in stats.spaces:
        if space.side == "out":
            same_directions(parts[space].axes, plsr_writes(joint(stats, stats.into(space)), 3).axes)


def same_directions(a: np.ndarray, b: np.ndarray) -> None:
    units = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (a, b)]
    assert units[0].shape == units[1].shape
    np.testing.assert_allclose(np.abs((units[0] * units[1]).sum(axis=1)), 1, atol=1e-6)
