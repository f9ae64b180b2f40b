from dataclasses import replace

import numpy as np
import pytest
import torch

from compgraph.check import EXACT, distinct_directions
from compgraph.toys import Plan, Toy, planted
from note.double_precision import in_double
from note.measures.gradients.between_sites import site_gradients
from note.measures.regions.linear_regions import reaching_patterns, regions


@pytest.fixture(scope="module")
def toy():
    (made,) = planted(Plan(epochs=1, width=8), seeds=[3])
    return made


def tensors(toy):
    return [toy.data, *toy.tasks.values(), *toy.model.state_dict().values()]


def test_the_same_network_in_double_precision(toy):
    exact = in_double(toy)
    assert all(after.dtype == torch.float64 for after in tensors(exact))
    for before, after in zip(tensors(toy), tensors(exact), strict=True):
        assert before.dtype == torch.float32
        assert torch.equal(before, after.float())
        assert torch.equal(before.double(), after)
    assert (exact.name, exact.scores, exact.seed, exact.layers) == (toy.name, toy.scores, toy.seed, toy.layers)
    assert not exact.model.training


def hardly_open(toy: Toy) -> Toy:
    """Weaken one gate of the first layer until single precision cannot see it."""
    weakened = replace(toy, model=in_double(toy).model.float())
    with torch.no_grad():
        unit = int((weakened.model.layers[0](toy.data) > 0).float().var(dim=0).argmax())
        weakened.model.layers[1].linear.weight[:, unit] *= 1e-7
    return weakened


def as_many_gradients_as_regions(prepare, toy: Toy, tolerance: float) -> None:
    """Gradients of an output are equal where the gates that reach it are."""
    made = prepare(hardly_open(toy))
    between, first = {"source": "input", "target": "head"}, np.eye(2)[:1]
    gradients = site_gradients(made.model, made.data, filters=first, **between)[:, 0]
    patterns = reaching_patterns(made.model, made.data, layers=toy.layers[:2], score=first[0], **between)
    assert len(distinct_directions(gradients, tolerance=tolerance)) == len(regions(patterns))


def test_in_double_precision_no_gate_is_lost(toy):
    as_many_gradients_as_regions(in_double, toy, EXACT)
    with pytest.raises(AssertionError):
        as_many_gradients_as_regions(lambda each: each, toy, 1e-5)
