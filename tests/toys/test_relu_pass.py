"""Passes by hand against torch's own differentiation of the same perceptrons."""

import pytest
import torch
from torch.nn import functional

from compgraph.toys.perceptron import seeded_perceptron
from compgraph.toys.relu_pass import rectified_pass
from compgraph.toys.train_many import RectifiedStack, Stack
from compgraph.toys.train_one import seeded

N_NETWORKS, N_ROWS = 3, 50


def networks(**dressing):
    generator = seeded(0)
    models = [seeded_perceptron([3, 6, 5, 2], generator, **dressing).double() for _ in range(N_NETWORKS)]
    return models, torch.randn(N_NETWORKS, N_ROWS, 3, generator=generator, dtype=torch.float64)


def outputs_and_gradients(stack, inputs):
    """Return outputs, and gradients of a loss to which every output matters differently."""
    outputs = stack(inputs)
    cotangents = torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype).reshape(outputs.shape)
    return outputs.detach().clone(), torch.autograd.grad((outputs * cotangents).sum(), list(stack.parameters()))


def agrees_with_torch(make) -> None:
    models, inputs = networks()
    outputs, gradients = outputs_and_gradients(make(models), inputs)
    expected, oracle = outputs_and_gradients(Stack(models), inputs)
    torch.testing.assert_close(outputs, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradients, oracle, rtol=1e-12, atol=1e-12)


class Leaky(RectifiedStack):
    """A broken twin: gradients pass through closed gates."""

    def forward(self, inputs):
        hidden = inputs
        for weight, bias in zip(self._weights[:-2:2], self._weights[1:-2:2], strict=True):
            values = torch.baddbmm(bias.unsqueeze(1), hidden, weight.transpose(1, 2))
            hidden = values + (values.clamp(min=0) - values).detach()
        return torch.baddbmm(self._weights[-1].unsqueeze(1), hidden, self._weights[-2].transpose(1, 2))


def test_outputs_and_gradients_are_those_of_torch() -> None:
    agrees_with_torch(RectifiedStack)


def test_gradients_through_closed_gates_are_caught() -> None:
    with pytest.raises(AssertionError, match="not close"):
        agrees_with_torch(Leaky)


def test_memory_is_kept_and_grows_with_the_rows() -> None:
    models, inputs = networks()
    stack = RectifiedStack(models)
    first = outputs_and_gradients(stack, inputs)
    held = {name: each.data_ptr() for name, each in stack._memory.items()}
    torch.testing.assert_close(outputs_and_gradients(stack, inputs), first, rtol=0, atol=0)
    assert {name: each.data_ptr() for name, each in stack._memory.items()} == held
    half = outputs_and_gradients(stack, inputs[:, ::2])
    torch.testing.assert_close(half, outputs_and_gradients(Stack(models), inputs[:, ::2]), rtol=1e-12, atol=1e-12)


def test_what_was_returned_does_not_change_with_the_next_pass() -> None:
    models, inputs = networks()
    stack = RectifiedStack(models)
    with torch.no_grad():
        first = stack(inputs)
        kept = first.clone()
        stack(2 * inputs)
    torch.testing.assert_close(first, kept, rtol=0, atol=0)


def test_a_pass_back_over_overwritten_memory_is_refused() -> None:
    models, inputs = networks()
    stack = RectifiedStack(models)
    first = stack(inputs).sum()
    stack(2 * inputs)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        first.backward()


def test_one_layer_is_an_affine_map() -> None:
    weight, bias = torch.randn(2, 3, 4, requires_grad=True), torch.randn(2, 3, requires_grad=True)
    inputs = torch.randn(2, 7, 4)
    found = rectified_pass({}, inputs, weight, bias)
    torch.testing.assert_close(
        found, torch.stack([functional.linear(*each) for each in zip(inputs, weight, bias, strict=True)])
    )
    (by_weight,) = torch.autograd.grad(found.sum(), weight)
    torch.testing.assert_close(by_weight, inputs.sum(dim=1, keepdim=True).expand(2, 3, 4))


@pytest.mark.parametrize(
    ("dressing", "rectified"),
    [({}, True), ({"activation": "tanh"}, False), ({"layer_norm": True}, False)],
)
def test_perceptrons_know_whether_they_are_rectified(dressing, rectified) -> None:
    assert networks(**dressing)[0][0].rectified is rectified


def test_a_residual_perceptron_is_not_rectified() -> None:
    assert not seeded_perceptron([3, 6, 6, 2], seeded(0), residual=True).rectified
