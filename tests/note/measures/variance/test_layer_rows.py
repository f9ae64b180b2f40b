"""Rows of a layer against the module's own output."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from compgraph.errors import EmptyData, NotFinite, ShapeError, UnknownSite
from compgraph.observe import collect
from note.measures.variance.layer_rows import layer_rows


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))


INPUTS = torch.randn(400, 3, generator=torch.Generator().manual_seed(1))


def are_rows_in_order(function, model) -> None:
    with torch.no_grad():
        expected = model[:2](INPUTS).numpy()
    assert_allclose(function(model, INPUTS, "1"), expected, rtol=1e-6)


def test_rows_are_those_of_the_layer_in_order(model) -> None:
    are_rows_in_order(layer_rows, model)


def test_rows_as_they_were_sampled_are_caught(model) -> None:
    def sampled(model, inputs, layer):
        stats = collect(model, inputs, [layer], sample="all", progress=False)
        return stats.samples[stats.pairs[0]].y

    with pytest.raises(AssertionError):
        are_rows_in_order(sampled, model)


def test_one_example_is_enough(model) -> None:
    assert layer_rows(model, INPUTS[:1], "1").shape == (1, 5)


def test_the_model_comes_back_as_it_was(model) -> None:
    model.train()
    layer_rows(model, INPUTS, "1")
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_positions_are_refused_with_numbers() -> None:
    convolution = nn.Sequential(nn.Conv1d(3, 4, 1), nn.Flatten(), nn.Linear(28, 2))
    with pytest.raises(ShapeError, match=r"layer '0' writes 42 rows for 6 examples"):
        layer_rows(convolution, torch.randn(6, 3, 7), "0")


@pytest.mark.parametrize(("inputs", "layer", "error"), [
    (INPUTS, "relu", UnknownSite), (INPUTS[:0], "1", EmptyData), (INPUTS * np.nan, "1", NotFinite)
])  # fmt: skip
def test_bad_input_is_refused(inputs, layer, error, model) -> None:
    with pytest.raises(error):
        layer_rows(model, inputs, layer)
