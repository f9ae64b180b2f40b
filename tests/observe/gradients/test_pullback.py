import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor, nn
from torch.func import jacrev, vmap

from compgraph.errors import BadRequest, NotFinite, RowsMix, ShapeError, SiteError
from compgraph.observe import collect
from compgraph.observe.gradients.pullback import Pullback
from compgraph.statistics import GradientMoments, Pair, Space


def jacobians(segment, x: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Return the gradient of each score with respect to each row, by torch.func."""
    weights = torch.tensor(filters)
    jacobian = vmap(jacrev(lambda row: weights @ segment(row[None])[0]))(torch.tensor(x))
    return jacobian.detach().numpy()


def check(found: GradientMoments, expected: GradientMoments, tolerance: float = 1e-9) -> None:
    assert found.n == expected.n
    assert_allclose(found.total, expected.total, atol=tolerance * np.abs(expected.total).max())
    assert_allclose(found.second, expected.second, atol=tolerance * np.abs(expected.second).max())


def test_gradients_between_layers_are_jacobians(mlp, rows):
    model, filters = mlp.double(), np.random.default_rng(0).normal(size=(3, 4))
    stats = collect(model, rows.double(), sample=40)
    pair = stats.pairs[1]
    gradients = jacobians(model[2:4], stats.samples[pair].x, filters)
    found = stats.probe.gradient_moments(pair, filters)
    check(found, GradientMoments.of(gradients))
    patterns = np.random.default_rng(0).normal(size=(2, 5))
    check(stats.probe.gradient_moments(pair, filters, patterns), found.project(patterns))


def test_gradients_from_the_input_and_to_the_output(mlp, rows):
    stats = collect(mlp.double(), rows.double(), sample=40, layers=["tanh"])
    first, last = stats.pairs
    filters = np.eye(4)[:2]
    expected = jacobians(lambda x: mlp[2:4](torch.relu(mlp[0](x))), stats.samples[first].x, filters)
    check(stats.probe.gradient_moments(first, filters), GradientMoments.of(expected))
    expected = jacobians(mlp[4], stats.samples[last].x, np.eye(3))
    check(stats.probe.gradient_moments(last, np.eye(3)), GradientMoments.of(expected))


def test_a_nudge_moves_the_score_as_the_gradient_says(mlp, rows):
    model = mlp.double()
    stats = collect(model, rows.double(), sample=1)
    pair, direction = stats.pairs[1], np.random.default_rng(0).normal(size=(1, 5))
    (slope,) = stats.probe.gradient_moments(pair, np.eye(4)[:1], direction).total[0]
    at = torch.tensor(stats.samples[pair].x)
    step = 1e-6 * torch.tensor(direction)
    with torch.no_grad():
        change = (model[2:4](at + step) - model[2:4](at - step))[0, 0] / 2e-6
    assert slope == pytest.approx(float(change), rel=1e-6)


def test_pointwise_positions_have_their_own_gradients():
    model = nn.Sequential(nn.Conv2d(2, 3, 1), nn.Tanh(), nn.Conv2d(3, 4, 1)).double()
    stats = collect(model, torch.randn(6, 2, 4, 4).double())
    pair, filters = stats.pairs[0], np.random.default_rng(0).normal(size=(2, 3))
    rows = stats.samples[pair]
    assert rows.n == 96

    def segment(row: Tensor) -> Tensor:
        return model[:2](row[:, :, None, None])[:, :, 0, 0]

    expected = GradientMoments.of(jacobians(segment, rows.x, filters))
    check(stats.probe.gradient_moments(pair, filters), expected)


def test_mixing_positions_have_the_right_total_and_an_unbiased_second():
    model = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.Tanh()).double()
    images = torch.randn(400, 2, 4, 4).double()
    stats = collect(model, images, sample=400, layers=["1"])
    pair, filters = stats.pairs[0], np.eye(3)[:1]
    weight = torch.tensor(filters)

    def scores(image: Tensor) -> Tensor:
        return torch.einsum("kc,chw->khw", weight, model(image[None])[0]).reshape(-1)

    jacobian = vmap(jacrev(scores))(images).detach().flatten(3)  # sample, target position, channel, source position
    found = stats.probe.gradient_moments(pair, filters)
    assert found.n == 6400
    assert_allclose(found.total[0], jacobian.sum((0, 1, 3)).numpy(), rtol=1e-9)
    second = torch.einsum("nscp,nsdp->cd", jacobian, jacobian).numpy()
    assert_allclose(found.second[0], second, atol=0.05 * np.trace(second))


class Patches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch, self.mix = nn.Conv2d(2, 3, 2, 2), nn.Linear(3, 4)

    def forward(self, images: Tensor) -> Tensor:
        return torch.tanh(self.mix(self.patch(images).flatten(2).mT))


def test_patches_of_images_face_tokens():
    model = Patches().double()
    stats = collect(model, torch.randn(6, 2, 4, 6).double(), ["patch"])
    pair, filters = stats.pairs[1], np.random.default_rng(0).normal(size=(2, 4))
    sample = stats.samples[pair]
    assert sample.n == 36
    expected = torch.tanh(model.mix(torch.tensor(sample.x))).detach()
    assert_allclose(sample.y, expected.numpy())
    gradients = jacobians(lambda row: torch.tanh(model.mix(row)), sample.x, filters)
    check(stats.probe.gradient_moments(pair, filters), GradientMoments.of(gradients))


def test_samples_as_rows(convnet):
    model = convnet.double()
    stats = collect(model, torch.randn(6, 2, 4, 4).double(), ["conv2"], rows="sample")
    pair = stats.pairs[1]

    def segment(row: Tensor) -> Tensor:
        return model.head(torch.tanh(row.reshape(-1, 5, 2, 2)).mean((2, 3)))

    expected = GradientMoments.of(jacobians(segment, stats.samples[pair].x, np.eye(3)))
    check(stats.probe.gradient_moments(pair, np.eye(3)), expected)


def test_a_nudge_of_an_averaged_row_moves_its_whole_cell(convnet):
    model = convnet.double()
    images = torch.randn(5, 2, 8, 8).double()
    stats = collect(model, images)
    pair = stats.pairs[2]
    assert stats.moments[pair].n == 5
    found = stats.probe.gradient_moments(pair, np.eye(3)[:1])
    model.eval()
    with torch.no_grad():
        maps = model.conv2(model.pool(model.act(model.norm(model.conv1(images)))))
        slopes = []
        for channel in range(5):
            step = torch.zeros(5, 1, 1).double()
            step[channel] = 1e-6
            high, low = (model.head(torch.tanh(maps + sign * step).mean((2, 3)))[:, 0].sum() for sign in (1, -1))
            slopes.append(float(high - low) / 2e-6)
    assert_allclose(found.total[0], slopes, rtol=1e-6)


def test_gradients_through_a_picked_tensor(recurrent):
    model = recurrent.double()
    stats = collect(model, torch.randn(9, 5, 4).double(), {"lstm": lambda out: out[0]})
    pair = stats.pairs[1]
    found = stats.probe.gradient_moments(pair, np.eye(2))
    assert_allclose(found.mean, model.head.weight.detach().numpy(), rtol=1e-9)


class Report(nn.Module):
    """Returns its activations inside other things."""

    def __init__(self, wrap) -> None:
        super().__init__()
        self.fc, self.wrap = nn.Linear(4, 4).double(), wrap

    def forward(self, x: Tensor):
        return self.wrap(self.fc(x))


class Reader(nn.Module):
    def __init__(self, wrap, read) -> None:
        super().__init__()
        self.report, self.read = Report(wrap), read

    def forward(self, x: Tensor) -> Tensor:
        return self.read(self.report(x)) * 3.0


@pytest.mark.parametrize(
    ("wrap", "read"),
    [
        (lambda x: {"a": {"h": x}}, lambda out: out["a"]["h"]),
        (lambda x: (None, [x]), lambda out: out[1][0]),
        (lambda x: torch.return_types.max((x, x.long())), lambda out: out[0]),
    ],
)
def test_gradients_through_structures(wrap, read):
    stats = collect(Reader(wrap, read), torch.randn(9, 4).double(), {"report": read})
    found = stats.probe.gradient_moments(stats.pairs[1], np.eye(4))
    assert_allclose(found.mean, 3 * np.eye(4))


def test_a_selector_that_computes_cannot_be_nudged():
    model = Reader(lambda x: (x,), lambda out: out[0])
    stats = collect(model, torch.randn(9, 4).double(), {"report": lambda out: out[0] * 2})
    with pytest.raises(SiteError, match=r"selector of 'report' computes a new tensor, which cannot be nudged"):
        stats.probe.gradient_moments(stats.pairs[1], np.eye(4))


def test_chunks_do_not_matter(convnet, monkeypatch):
    images = torch.randn(40, 2, 8, 8)
    stats = collect(convnet, images)
    pair, filters = stats.pairs[1], np.eye(5)
    whole = stats.probe.gradient_moments(pair, filters)
    assert isinstance(stats.probe, Pullback)
    monkeypatch.setattr(stats.probe, "_chunk", 7)
    check(stats.probe.gradient_moments(pair, filters), whole, 1e-5)


def test_the_sample_is_bounded_and_independent_of_batches(mlp, rows):
    found = [collect(mlp, rows, sample=50, batch_size=size).probe for size in (16, 200)]
    pair = collect(mlp, rows).pairs[0]
    a, b = (each.gradient_moments(pair, np.eye(5)) for each in found)
    assert a.n == 50
    check(a, b, 1e-6)


def test_inputs_too_big_to_keep_are_fewer(monkeypatch, mlp, rows):
    monkeypatch.setattr("compgraph.observe.sums.input_sample._BYTES", 240)
    stats = collect(mlp, rows)
    assert "Gradients use 10 inputs instead of 1024: each takes 0.0 MB." in stats.notes
    assert stats.probe.gradient_moments(stats.pairs[0], np.eye(5)).n == 10


def test_frozen_parameters_and_half_precision(mlp, rows):
    for parameter in mlp.parameters():
        parameter.requires_grad_(False)
    stats = collect(mlp.half(), rows.half())
    with torch.no_grad():
        found = stats.probe.gradient_moments(stats.pairs[2], np.eye(3))
    assert_allclose(found.mean, mlp.head.weight.numpy(), rtol=1e-6)


def test_token_models_have_gradients_between_layers():
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 3)).double()
    stats = collect(model, torch.randint(0, 10, (20, 5)))
    found = stats.probe.gradient_moments(stats.pairs[0], np.eye(3))
    assert_allclose(found.mean, model[1].weight.detach().numpy())


@pytest.mark.parametrize(
    "mixer", [nn.BatchNorm1d(5, track_running_stats=False), nn.Softmax(dim=0)], ids=lambda each: type(each).__name__
)
def test_rows_that_mix_are_refused(mixer, rows):
    model = nn.Sequential(nn.Linear(6, 5), mixer, nn.Linear(5, 2))
    stats = collect(model, rows)
    with pytest.raises(
        RowsMix, match=rf"changing row 0 changed row \d at '1' \({type(mixer).__name__}\), with the model"
    ):
        stats.probe.gradient_moments(stats.pairs[0], np.eye(5))


def test_equal_samples_cannot_show_mixing():
    model = nn.Sequential(nn.Linear(3, 2))
    stats = collect(model, torch.ones(4, 3))
    assert_allclose(stats.probe.gradient_moments(stats.pairs[0], np.eye(2)).mean, model[0].weight.detach())


class Cut(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.detach()


@pytest.mark.parametrize("after", [nn.Identity(), nn.Linear(5, 5)])
def test_a_detach_in_between_is_named(after, rows):
    stats = collect(nn.Sequential(nn.Linear(6, 5), Cut(), after), rows, ["0", "2"])
    with pytest.raises(SiteError, match=r"no gradient flows from '0' to '2': between them stands a detach"):
        stats.probe.gradient_moments(stats.pairs[1], np.eye(5))


def test_requests_that_do_not_fit(mlp, rows):
    stats = collect(mlp, rows)
    pair = stats.pairs[0]
    with pytest.raises(ShapeError, match="filters have 4 coordinates, and site 'act' has 5 features"):
        stats.probe.gradient_moments(pair, np.eye(4))
    with pytest.raises(ShapeError, match="patterns have 4 coordinates, and site 'input' has 6 features"):
        stats.probe.gradient_moments(pair, np.eye(5), np.eye(4))
    other = Pair(Space("a", "in", 0), Space("b", "out", 1))
    with pytest.raises(BadRequest, match=r"no pair a -> b in these statistics\. Known: input -> act, act -> tanh"):
        stats.probe.gradient_moments(other, np.eye(5))


def test_gradients_are_the_same_each_time(convnet):
    stats = collect(convnet, torch.randn(10, 2, 8, 8))
    first, second = (stats.probe.gradient_moments(stats.pairs[0], np.eye(4)) for _ in range(2))
    assert_array_equal(first.second, second.second)


def test_a_gradient_that_is_nan_is_named():
    class Root(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.act = nn.Linear(3, 4), nn.ReLU()

        def forward(self, x):
            h = self.act(self.fc(x))
            return torch.sqrt(h * h)

    torch.manual_seed(0)
    stats = collect(Root(), torch.randn(40, 3), ["act"])
    with pytest.raises(NotFinite, match="gradients of output out with respect to act in"):
        stats.probe.gradient_moments(stats.pairs[-1], np.eye(4))
