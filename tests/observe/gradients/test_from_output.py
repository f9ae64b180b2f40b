"""Gradients of the output with respect to the rows of every site, against torch.func."""

from math import prod

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor, nn
from torch.autograd.functional import jacobian
from torch.func import jacrev, vmap

from compgraph.errors import NotFinite, RowsMix, ShapeError, SiteError
from compgraph.observe import collect
from compgraph.statistics import POSITIONS, Statistics


def gathered(stats: Statistics, filters: np.ndarray) -> dict[str, np.ndarray]:
    """Return all rows of the output's gradients, by the name of the layer."""
    chunks = list(stats.probe.output_gradients(filters))
    assert all(list(chunk) == [pair.source for pair in stats.pairs] for chunk in chunks)
    return {space.layer: np.concatenate([chunk[space] for chunk in chunks]) for space in chunks[0]}


def kept_inputs(stats: Statistics) -> Tensor:
    return torch.cat([call.args[0] for call in stats.probe.batches()])


def jacobians(segment, rows: Tensor, filters: np.ndarray) -> np.ndarray:
    """Return the gradient of each score of what a segment returns for each row."""
    weights = torch.tensor(filters)
    return vmap(jacrev(lambda row: weights @ segment(row[None])[0]))(rows).detach().numpy()


def require_rows(found: np.ndarray, expected: np.ndarray) -> None:
    """Require the same gradients row by row, up to the precision in which they are handed over."""
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_rows_are_those_of_jacrev(mlp, rows) -> None:
    model, filters = mlp.double(), np.random.default_rng(0).normal(size=(2, 3))
    stats = collect(model, rows.double(), sample=40)
    found, inputs = gathered(stats, filters), kept_inputs(stats)
    plain = nn.Sequential(*(nn.ReLU() if isinstance(each, nn.ReLU) else each for each in model))
    assert len(inputs) == 40
    segments = {"input": (plain, inputs), "act": (plain[2:], plain[:2](inputs)), "tanh": (plain[4:], plain[:4](inputs))}
    assert list(found) == list(segments)
    for layer, (segment, points) in segments.items():
        expected = jacobians(segment, points.detach(), filters)
        require_rows(found[layer], expected)
        if layer != "tanh":  # the last layer is linear: all its rows are the same
            with pytest.raises(AssertionError):
                require_rows(found[layer][::-1], expected)


def test_positions_of_an_image_are_rows_of_their_own(convnet) -> None:
    model = convnet.double()
    stats = collect(model, torch.randn(9, 2, 4, 4).double())
    model.eval()
    assert list(stats.layers) == ["input", "act", "conv2", "head"]
    found, images = gathered(stats, np.eye(3)), kept_inputs(stats)
    # Four positions of 2 x 2 are all kept, and a nudge is one of a whole cell of the finer map that faces them.
    maps = torch.relu(model.norm(model.conv1(images))).detach()

    def rest(row_of_cells: Tensor) -> Tensor:
        return model.head(torch.tanh(model.conv2(model.pool(row_of_cells))).mean((2, 3)))

    by_entry = jacobians(rest, maps, np.eye(3))  # sample, score, channel, height, width
    by_cell = by_entry.reshape(9, 3, 4, 2, 2, 2, 2).sum((4, 6)).reshape(9, 3, 4, 4)
    require_rows(found["act"], by_cell.transpose(0, 3, 1, 2).reshape(36, 3, 4))
    small = model.conv2(model.pool(maps)).detach()
    by_sample = jacobians(lambda each: model.head(torch.tanh(each).mean((2, 3))), small, np.eye(3)).sum((3, 4))
    require_rows(found["conv2"], by_sample)  # it faces an output without positions


def test_of_many_positions_a_few_are_kept(convnet) -> None:
    model = convnet.double()
    stats = collect(model, torch.randn(9, 2, 4, 4).double())
    model.eval()
    found, images = gathered(stats, np.eye(3))["input"], kept_inputs(stats)

    def plain(image: Tensor) -> Tensor:
        maps = model.pool(torch.relu(model.norm(model.conv1(image))))
        return model.head(torch.tanh(model.conv2(maps)).mean((2, 3)))

    by_entry = jacobians(plain, images, np.eye(3)).reshape(9, 3, 2, 16).transpose(0, 3, 1, 2)
    assert found.shape == (9 * POSITIONS, 3, 2)
    places = []
    for sample, rows in enumerate(found.reshape(9, POSITIONS, 3, 2)):
        distance = np.abs(by_entry[sample][None] - rows[:, None]).max(axis=(2, 3))
        assert distance.min(axis=1).max() < 1e-6 * np.abs(by_entry).max()
        places.append(tuple(distance.argmin(axis=1).tolist()))
        assert len(set(places[-1])) == POSITIONS
    assert len(set(places)) > 1


class Mixer(nn.Module):
    """Tokens in, tokens out; each output token reads all input tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.across, self.out = nn.Linear(3, 4), nn.Linear(3, 3), nn.Linear(4, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = torch.tanh(self.inside(tokens))
        return self.out(hidden + torch.tanh(self.across(hidden.mT)).mT)


def test_positions_of_the_output_are_summed_with_the_signs_of_the_sample() -> None:
    model = Mixer().double()
    stats = collect(model, torch.randn(8, 3, 3).double(), ["inside"])
    filters = np.random.default_rng(0).normal(size=(2, 2))
    found, tokens = gathered(stats, filters), kept_inputs(stats)
    (_, ids), *more = stats.probe._kept.chunks(100)
    assert not more
    signs = stats.probe._kept.signs((3,), ids).reshape(8, 3)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    full = vmap(jacrev(lambda each: model(each[None])[0]))(tokens).detach().numpy()  # n, position, output, position, in
    expected = np.einsum("ns,qo,nsotp->ntqp", signs, filters, full).reshape(24, 2, 3)
    require_rows(found["input"], expected)
    with pytest.raises(AssertionError):
        require_rows(found["input"], np.einsum("qo,nsotp->ntqp", filters, full).reshape(24, 2, 3))
    assert prod(found["inside"].shape) == 24 * 2 * 4


def test_a_selector_picks_the_tensor_that_is_nudged(recurrent) -> None:
    model = recurrent.double()
    stats = collect(model, torch.randn(9, 4, 4).double(), {"lstm": lambda out: out[0]})
    found = gathered(stats, np.eye(2))
    expected = model.head.weight.detach().numpy()
    require_rows(found["lstm"], np.broadcast_to(expected, (9, 2, 6)))
    # torch.func cannot batch an LSTM.
    tokens = [jacobian(lambda each: model(each[None])[0], each).numpy() for each in kept_inputs(stats)]
    require_rows(found["input"], np.stack(tokens).transpose(0, 2, 1, 3).reshape(36, 2, 4))


def test_chunks_do_not_change_rows(mlp, rows, monkeypatch) -> None:
    stats = collect(mlp.double(), rows.double(), sample=40)
    whole = gathered(stats, np.eye(3))
    monkeypatch.setattr(stats.probe, "_chunk", 7)
    chunks = list(stats.probe.output_gradients(np.eye(3)))
    assert [len(next(iter(chunk.values()))) for chunk in chunks] == [7, 7, 7, 7, 7, 5]
    parts = gathered(stats, np.eye(3))
    for layer, expected in whole.items():
        require_rows(parts[layer], expected)


def test_a_few_inputs_are_the_first_of_all(mlp, rows) -> None:
    stats = collect(mlp.double(), rows.double(), sample=40)
    (few,) = stats.probe.output_gradients(np.eye(3), 9)
    for space, each in few.items():
        assert_array_equal(each, gathered(stats, np.eye(3))[space.layer][:9])


def test_the_same_rows_each_time(convnet) -> None:
    stats = collect(convnet, torch.randn(12, 2, 8, 8))
    first, second = (gathered(stats, np.eye(3)) for _ in range(2))
    for layer, each in first.items():
        assert_array_equal(second[layer], each)


def test_sums_of_passes_give_the_rows_of_all(mlp, rows) -> None:
    model = mlp.double()
    parts = [collect(model, each.double(), first_row=100 * i) for i, each in enumerate(rows.split(100))]
    found, expected = (gathered(stats, np.eye(3)) for stats in (parts[1] + parts[0], collect(model, rows.double())))
    for layer, each in found.items():
        assert_array_equal(each, expected[layer])


def state(model: nn.Module) -> list:
    modules = [(each.training, len(each._forward_hooks), len(each._forward_pre_hooks)) for each in model.modules()]
    values = [(each.clone(), each.requires_grad, each.grad is None) for each in model.parameters()]
    return [modules, values, [each.clone() for each in model.buffers()], torch.get_rng_state()]


def require_same(before: list, after: list) -> None:
    assert before[0] == after[0]
    for (a, *flags), (b, *others) in zip(before[1], after[1], strict=True):
        assert torch.equal(a, b)
        assert flags == others
    assert all(torch.equal(a, b) for a, b in zip(before[2] + before[3:], after[2] + after[3:], strict=True))


def test_the_model_and_the_random_numbers_of_torch_are_left_alone(rows) -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(5, 2))
    model[0].weight.requires_grad_(False)
    stats = collect(model, rows)
    before = state(model)
    with torch.no_grad():
        gathered(stats, np.eye(2))
    require_same(before, state(model))
    # A loop that is left early finds it so too.
    next(iter(stats.probe.output_gradients(np.eye(2))))
    require_same(before, state(model))
    model[1].train(False)
    with pytest.raises(AssertionError):
        require_same(before, state(model))


class Cut(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.detach()


@pytest.mark.parametrize(("after", "target"), [(nn.Identity(), "3"), (nn.Linear(5, 5), "3")])
def test_a_detach_is_named_and_leaves_no_hooks(after, target, rows) -> None:
    model = nn.Sequential(nn.Linear(6, 5), Cut(), nn.ReLU(), after)
    stats = collect(model, rows, ["0", "3"])
    before = state(model)
    with pytest.raises(
        SiteError, match=rf"no gradient flows from '(input|0)' to '{target}': between them stands a detach"
    ):
        gathered(stats, np.eye(5))
    require_same(before, state(model))


def test_rows_that_mix_are_refused(rows) -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5, track_running_stats=False), nn.Linear(5, 2))
    stats = collect(model, rows)
    with pytest.raises(RowsMix, match=r"changing row 0 changed row \d at '1' \(BatchNorm1d\)"):
        gathered(stats, np.eye(2))


def test_filters_must_fit_the_output(mlp, rows) -> None:
    with pytest.raises(ShapeError, match="filters have 4 coordinates, and site 'head' has 3 features"):
        gathered(collect(mlp, rows), np.eye(4))


class Root(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.act = nn.Linear(6, 4), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.act(self.fc(x))
        return torch.sqrt(hidden * hidden)


def test_a_gradient_that_is_nan_is_named() -> None:
    stats = collect(Root(), torch.randn(40, 6), ["act"])
    with pytest.raises(NotFinite, match="gradient of the output by act in, in inputs"):
        gathered(stats, np.eye(4))


def test_half_precision_and_frozen_parameters(mlp, rows) -> None:
    for parameter in mlp.parameters():
        parameter.requires_grad_(False)
    found = gathered(collect(mlp.half(), rows.half()), np.eye(3))
    assert_allclose(found["tanh"], np.broadcast_to(mlp.head.weight.float().numpy(), (200, 3, 4)), rtol=1e-6)
