"""Outputs that the data do not move or that no derivative leads to, and outputs of one number for each sample."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import compgraph as cg
from compgraph.check import usage
from compgraph.observe.run.rows import common_grid
from fixtures.any_networks import rows
from fixtures.maps_and_sequences import WIDTH, linear

QUICK: dict[str, Any] = {"n_null": 2, "n_twins": 1}


class Ending(nn.Module):
    def __init__(self, end: Callable[[Tensor], Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.end = linear(), linear(WIDTH, 2), end

    def forward(self, x: Tensor) -> Any:
        return self.end(self.b(torch.tanh(self.a(x))))


@pytest.mark.parametrize(
    ("end", "name"),
    [
        (lambda y: {"y": y, "scale": torch.ones(len(y))}, "scale"),
        (lambda y: {"y": y, "hard": y.sign()}, "hard"),
        (lambda y: {"y": y, "mask": (y > 0).float()}, "mask"),
        (lambda y: {"y": y, "copy": y.detach() * 2}, "copy"),
    ],
)
def test_an_output_without_derivatives_is_left_out_by_name(end, name):
    analysis = cg.analyze(Ending(end), rows(), **QUICK)
    assert analysis.outputs == ("y",)
    assert any("returns" in note and note.endswith(f"{name}.") for note in analysis.stats.notes)


def test_all_the_model_gives_behind_a_detach_is_kept():
    stats = cg.collect(Ending(lambda y: y.detach() * 2), rows())
    assert stats.outputs == ("output",)
    assert len(cg.edges(stats, cg.components(stats, "pca"), "plsr")) > 0


@pytest.mark.parametrize("end", [lambda y: y[:, :1].squeeze(-1), lambda y: y.mean(1)])
def test_one_number_for_each_sample(end):
    analysis = cg.analyze(Ending(end), rows(), **QUICK)
    assert len(analysis.components[analysis.stats.returned["output"]]) == 1


@pytest.mark.parametrize(
    ("grids", "expected"),
    [
        (((4, 4), (16,), (8,)), ()),
        (((16,), (8,), (4, 4)), ()),
        (((4, 4), (16,)), (16,)),
        (((4, 4), (2, 8), (3, 3)), (2, 3)),
        (((5,), ()), ()),
        (((7,),), (7,)),
    ],
)
def test_the_common_grid_does_not_depend_on_the_order(grids, expected):
    assert common_grid(*grids) == common_grid(*reversed(grids)) == expected


def test_all_of_a_few_rows_fit():
    torch.manual_seed(0)
    model, data = nn.Sequential(nn.Linear(30, 300), nn.ReLU(), nn.Linear(300, 5)), torch.randn(50, 30)
    stats = cg.collect(model, data, sample="all")
    assert stats.layers == ("input", "1", "2")
    assert not any("Gradients" in note for note in stats.notes)
    assert usage(cg.components(stats, "pca"), model, data).share.shape[0] == 50


def test_twins_keep_the_rows_and_the_budget_of_the_pass():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    stats = cg.collect(model, torch.randn(40, 1, 8, 8), sample=17, seed=3, memory="100MB")
    twin = stats.probe.again(twin=0)
    assert twin.probe._chunk == stats.probe._chunk
    assert {(each.capacity, each.seed) for each in twin.samples.values()} == {(17, 3)}


def test_parts_that_their_data_prune_differently_merge_to_what_one_pass_sees():
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.g, self.b = linear(), linear(), linear(WIDTH, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = torch.tanh(self.a(x))
            return self.b(h + self.g(h) * (x[:, :1] > 0))

    torch.manual_seed(0)
    model, data = Gated(), rows()
    data[:, 0] = data[:, 0].abs()
    shut = data.clone()
    shut[:, 0] *= -1
    parts = [cg.collect(model, part, first_row=i * len(data)) for i, part in enumerate((shut, shut, data))]
    whole = cg.collect(model, torch.cat([shut, shut, data]))
    assert "g" not in parts[0].layers
    assert "g" in parts[2].layers
    assert (parts[0] + parts[1]).layers == parts[0].layers
    for merged in (cg.merge(parts), cg.merge(parts[::-1]), parts[0] + parts[1] + parts[2]):
        assert merged.pairs == whole.pairs
        assert merged.notes == whole.notes


def test_a_recurrent_layer_that_is_named_is_the_tensor_that_is_read():
    class Speaker(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(4, 6, 2, batch_first=True), nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.lstm(x)[1][0][-1])

    torch.manual_seed(0)
    model, data = Speaker(), torch.randn(40, 5, 4)
    chosen, named = cg.collect(model, data), cg.collect(model, data, ["lstm", "head"])
    assert chosen.pairs == named.pairs
    assert [len(each.moments[each.pairs[0]].mean_y) for each in (chosen, named)] == [12, 12]
