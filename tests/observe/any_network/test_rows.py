"""What a row is, where samples are and which axis holds features: read off the model, never off a length that fits."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import compgraph as cg
from fixtures.any_networks import rows
from fixtures.maps_and_sequences import WIDTH, Recurrent, linear


class Inside(nn.Module):
    """Puts time first for its recurrent layer alone."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.lstm, self.head = linear(4, WIDTH), nn.LSTM(WIDTH, 5), linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(self.a(x).transpose(0, 1))[0].transpose(0, 1))


@pytest.mark.parametrize("shape", [(40, 5, 4), (16, 16, 4), (6, 6, 4), (4, 4, 4), (40, 6, 4)])
def test_time_first_inside_is_followed_whatever_the_lengths(shape, same_moments):
    torch.manual_seed(0)
    model, data = Inside(), torch.randn(shape)
    stats = cg.collect(model, data, batch_size=shape[0])
    assert [(p.source.layer, p.target.layer) for p in stats.pairs] == [("input", "a"), ("a", "lstm"), ("lstm", "head")]
    hidden = model.a(data)
    steps = model.lstm(hidden.transpose(0, 1))[0].transpose(0, 1)
    same_moments(stats.moments[stats.pairs[1]], hidden.reshape(-1, WIDTH), steps.reshape(-1, 5))


@pytest.mark.parametrize("shape", [(5, 40, 4), (7, 7, 4), (4, 4, 4), (40, 5, 4)])
def test_time_first_data_with_their_axis_of_samples(shape, same_moments):
    torch.manual_seed(0)
    model, data = Recurrent(batch_first=False), torch.randn(shape)
    stats = cg.collect(model, data, samples=1)
    assert stats.n_samples == shape[1]
    steps = model.lstm(data)[0].transpose(0, 1)
    same_moments(stats.moments[stats.pairs[1]], steps.reshape(-1, WIDTH), model.head(steps).reshape(-1, 2))


class ChannelNorm(nn.Module):
    """A layer norm over the channels of maps, as its authors wrote it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(channels))

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(1, keepdim=True)
        return self.weight[:, None, None] * (x - mean) / ((x - mean).pow(2).mean(1, keepdim=True) + 1e-6).sqrt()


class ConvNeXtBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.norm, self.up, self.down = nn.LayerNorm(channels), linear(channels, 9), linear(9, channels)
        self.gamma = nn.Parameter(torch.full((channels,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        y = self.dwconv(x).permute(0, 2, 3, 1)
        y = self.gamma * self.down(nn.functional.gelu(self.up(self.norm(y))))
        return x + y.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(self, channels: int = 5) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, channels, 2, 2), ChannelNorm(channels)
        self.blocks = nn.ModuleList(ConvNeXtBlock(channels) for _ in range(2))
        self.head = linear(channels, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.stem(x))
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))


def test_features_of_blocks_that_turn_their_axes_are_channels(same_moments):
    torch.manual_seed(0)
    model, data = ConvNeXt(), rows(3, 8, 8)
    stats = cg.collect(model, data, ["norm", "blocks.0.up", "blocks.0.down", "blocks.0", "blocks.1", "head"])
    widths = {space.layer: len(stats.of_space(space).mean_x) for space in stats.spaces}
    assert widths == {
        "input": 3, "norm": 5, "blocks.0.up": 9, "blocks.0.down": 5, "blocks.0": 5, "blocks.1": 5, "head": 2,
    }  # fmt: skip
    before = model.norm(model.stem(data))
    after = model.blocks[0](before)
    (pair,) = [p for p in stats.pairs if (p.source.layer, p.target.layer) == ("norm", "blocks.0")]
    flat = [each.permute(0, 2, 3, 1).reshape(-1, 5) for each in (before, after)]
    same_moments(stats.moments[pair], *flat)
    defaults = cg.collect(model, data)
    assert "blocks.0" in defaults.layers
    assert {len(defaults.of_space(s).mean_x) for s in defaults.spaces if s.layer.startswith("blocks")} == {5}


@pytest.mark.parametrize("length", [7, 5])
def test_channels_of_a_convolution_that_is_transposed(length, same_moments):
    class Transposed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.own, self.head = nn.Conv1d(3, 5, 1), Doubling(), linear(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.own(self.conv(x).transpose(1, 2)))

    torch.manual_seed(0)
    model, data = Transposed(), rows(3, length)
    stats = cg.collect(model, data, ["conv", "own", "head"])
    conv = model.conv(data).transpose(1, 2).reshape(-1, 5)
    same_moments(stats.moments[stats.pairs[1]], conv, 2 * conv)


class Doubling(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


class Unsaid(nn.Module):
    """Nothing in it says which axis holds features."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 5))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("ij,njk->nik", self.weight, x)


def test_an_axis_in_doubt_is_said_and_may_be_given(same_moments):
    torch.manual_seed(0)
    model, data = nn.Sequential(Unsaid(), nn.Tanh()), rows(5, 7)
    guessed = cg.collect(model, data, ["0"])
    assert any("Nothing in the model says which axis holds the features of" in note for note in guessed.notes)
    stats = cg.collect(model, data, ["0"], axis=1)
    assert not any("Nothing in the model says" in note for note in stats.notes)
    inner = model[0](data)
    same_moments(stats.moments[stats.pairs[0]], data.mT.reshape(-1, 5), inner.mT.reshape(-1, 5))
    by_name = cg.collect(model, data, ["0"], axis={"input": 1, "0": -2, "output": 1})
    np.testing.assert_array_equal(by_name.moments[by_name.pairs[0]].xx, stats.moments[stats.pairs[0]].xx)


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ({"0": 3}, r"axis=3 was given for '0', which gives \(\d+, 5, 7\).*another of its axes"),
        ({"0": 0}, r"axis=0 was given for '0'.*samples along axis 0"),
        ({"zero": 1}, r"axis names 'zero', and the sites are 'input', '0', 'output'"),
    ],
)
def test_a_wrong_axis_is_refused(axis, message):
    with pytest.raises(cg.errors.CompgraphError, match=message):
        cg.collect(nn.Sequential(Unsaid(), nn.Tanh()), rows(5, 7), ["0"], axis=axis)


class Positions(nn.Module):
    """Shares its weights over two positions, and each of its two outputs is a product of what stands at one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.spread, self.out = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
        self.spread.weight.data = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
        self.out.weight.data = torch.tensor([[0.25, -0.25], [0.25, -0.25]])

    def forward(self, x: Tensor) -> Tensor:
        squares = self.spread(x) ** 2
        return torch.stack([self.out(squares[:, 0])[:, 0], self.out(squares[:, 1])[:, 1]], 1)


def two_places(n: int = 600) -> Tensor:
    return torch.rand(n, 2, 2, generator=torch.Generator().manual_seed(0)) + 0.1


def test_a_task_that_lives_in_the_position_is_found_with_samples_as_rows():
    model, data = Positions(), two_places()
    analysis = cg.analyze(model, data, ["spread"], n_null=19, n_twins=0)
    assert analysis.groups.n_groups == 2
    assert analysis.stats.notes[0].startswith('rows="auto": samples as rows gave these groups')
    sides = {}
    for node, group in analysis.groups.assignment.items():
        space = next(s for s in analysis.components if node.startswith(f"{s.layer}/{s.side}/"))
        if space.layer == "input":
            moved = np.abs(analysis.components[space].patterns[int(node.split("/")[-1])])
            sides.setdefault(group, set()).add(bool(moved[:2].sum() > moved[2:].sum()))
    assert sorted(map(sorted, sides.values())) == [[False], [True]]


def test_a_reading_that_does_not_fit_is_said():
    torch.manual_seed(0)
    model = nn.Sequential(linear(60, 4), nn.Tanh(), linear(4, 2))
    analysis = cg.analyze(model, torch.randn(50, 40, 60), n_null=0, n_twins=0)
    (note,) = [note for note in analysis.stats.notes if 'rows="sample" was not tried' in note]
    assert "2400" in note
    few = cg.analyze(nn.Sequential(linear(6, 4), nn.Tanh(), linear(4, 2)), torch.randn(50, 7, 6), n_null=0, n_twins=0)
    assert any(
        'rows="sample" was not tried: 50 samples are too few for 42 features' in note for note in few.stats.notes
    )


def test_which_reading_was_asked_for_is_respected():
    model, data = Positions(), two_places(100)
    for asked, width in (("position", 2), ("sample", 4)):
        analysis = cg.analyze(model, data, ["spread"], rows=asked, n_null=0, n_twins=0)
        assert len(analysis.stats.of_space(analysis.stats.spaces[0]).mean_x) == width
        assert not any('rows="auto"' in note for note in analysis.stats.notes)


def test_without_positions_nothing_is_said_of_readings(mlp, rows):
    analysis = cg.analyze(mlp, rows, n_null=0, n_twins=0)
    assert not any("rows=" in note for note in analysis.stats.notes)
