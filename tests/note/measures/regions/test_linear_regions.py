from collections import OrderedDict

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

from compgraph.check import distinct_directions
from compgraph.errors import BadRequest, EmptyData, ShapeError, SiteError, UnknownSite
from compgraph.observe import collect, row_gradients
from note.measures.regions.linear_regions import activation_patterns, reaching_patterns, regions

GATES = ["act1", "act2"]


@pytest.fixture
def network() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(
        OrderedDict(
            fc1=nn.Linear(3, 8), act1=nn.ReLU(inplace=True), fc2=nn.Linear(8, 6), act2=nn.ReLU(), head=nn.Linear(6, 2)
        )
    )


@pytest.fixture
def rows() -> torch.Tensor:
    return torch.randn(1500, 3, generator=torch.Generator().manual_seed(0))


def by_weights(network: nn.Sequential, rows: torch.Tensor, score: np.ndarray) -> np.ndarray:
    """Follow open paths from the input to a score at act2 through the weights, row by row."""
    first, second = (layer.weight.detach().numpy() for layer in (network.fc1, network.fc2))
    with torch.no_grad():
        low = torch.relu(network.fc1(rows))
        high = torch.relu(network.fc2(low)).numpy() > 0
    low = low.numpy() > 0
    found = np.zeros((len(rows), 14), dtype=bool)
    for r in range(len(rows)):
        for i in np.flatnonzero(low[r]):
            for j in np.flatnonzero(high[r]):
                if first[i].any() and second[j, i] != 0 and score[j] != 0:
                    found[r, i] = found[r, 8 + j] = True
    return found


def reaching(network, rows, score, source="input"):
    return reaching_patterns(network, rows, layers=GATES, source=source, target="act2", score=score)


def test_gates_are_open_where_outputs_are_positive(network, rows):
    found = activation_patterns(network, rows, layers=GATES)
    with torch.no_grad():
        low = network.fc1(rows)
        high = network.fc2(torch.relu(low))
    assert_array_equal(found, torch.cat([low > 0, high > 0], dim=1).numpy())
    assert_array_equal(found[:, 8:], activation_patterns(network, rows, layers=["act2"]))


@pytest.mark.parametrize("score", [[1, 2, -1, 0.5, 1, 3], [0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 1e-3, 0]])
def test_reaching_gates_lie_on_open_paths(network, rows, score):
    with torch.no_grad():
        network.fc2.weight[:, :4] = 0  # no path through four of the first units
        network.fc1.weight[7] = 0  # a unit that the input does not move
    score = np.array(score, dtype=np.float64)
    assert_array_equal(reaching(network, rows, score), by_weights(network, rows, score))


def same_count(patterns_of, network, rows, source) -> None:
    """The regions that a component can tell apart are as many as its distinct gradients, row by row the same."""
    score = np.array([0, 1.0, 0, -2.0, 0, 0])
    stats = collect(network, rows, ["act1", "act2"] if source == "act1" else ["act2"], sample=2000)
    pair = next(pair for pair in stats.pairs if pair.target.layer == "act2")
    gradients = row_gradients(stats, pair, filters=score[None])
    assert_array_equal(gradients.ids, np.arange(len(rows)))
    distinct = distinct_directions(gradients.gradients[:, 0])
    found = regions(patterns_of(network, rows, score, source))
    pairs = np.unique(np.stack([distinct.labels, found.labels]), axis=1)
    assert len(distinct) == len(found) == pairs.shape[1] > 2
    assert_array_equal(distinct.counts, found.counts)


@pytest.mark.parametrize("source", ["input", "act1"])
def test_regions_of_a_component_are_its_distinct_gradients(network, rows, source):
    same_count(reaching, network, rows, source)


@pytest.mark.parametrize("source", ["input", "act1"])
def test_gates_that_do_not_reach_the_component_are_seen(network, rows, source):
    def all_gates(network, rows, _score, _source):
        return activation_patterns(network, rows, layers=GATES)

    def last_layer_alone(network, rows, _score, _source):
        return activation_patterns(network, rows, layers=["act2"])

    for broken in (all_gates, last_layer_alone):
        with pytest.raises(AssertionError):
            same_count(broken, network, rows, source)


def test_gates_before_the_source_never_count(network, rows):
    found = reaching(network, rows, np.ones(6), source="act1")
    assert not found[:, :8].any()
    assert_array_equal(found[:, 8:], activation_patterns(network, rows, layers=["act2"]))
    head = reaching_patterns(network, rows, layers=GATES, source="act2", target="output", score=np.ones(2))
    assert not head.any()


def test_the_model_comes_back_as_it_was(network, rows):
    network.train()
    before = rows.clone()
    reaching(network, rows, np.ones(6))
    assert network.training
    assert all(each.requires_grad and each.grad is None for each in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())
    assert torch.equal(rows, before)


def test_regions_count_patterns():
    patterns = np.array([[1, 0], [0, 0], [1, 0], [1, 1], [1, 0]], dtype=bool)
    found = regions(patterns)
    assert len(found) == 3
    assert found.counts.tolist() == [3, 1, 1]
    assert_array_equal(found.patterns[found.labels], patterns)
    with pytest.raises(EmptyData, match=r"0 patterns"):
        regions(patterns[:0])


def test_requests_that_cannot_be_met(network, rows):
    with pytest.raises(UnknownSite, match=r"no module 'act3'. Nearest: 'act"):
        activation_patterns(network, rows, layers=["act3"])
    with pytest.raises(SiteError, match=r"module 'fc1' is a Linear, and only torch.nn.ReLU"):
        activation_patterns(network, rows, layers=["fc1"])
    with pytest.raises(BadRequest, match=r"layers=\[\]: a list of names"):
        activation_patterns(network, rows, layers=[])
    with pytest.raises(EmptyData, match=r"0 inputs"):
        activation_patterns(network, rows[:0], layers=GATES)
    with pytest.raises(ShapeError, match=r"the score has 5 weights, and 'act2' gives 6 entries"):
        reaching(network, rows, np.ones(5))
    with pytest.raises(SiteError, match=r"no gradient flows from 'head' to 'act2'"):
        reaching(network, rows, np.ones(6), source="head")
    with pytest.raises(UnknownSite, match=r"no module 'fc3'"):
        reaching(network, rows, np.ones(6), source="fc3")


def test_modules_that_run_twice_or_never(rows):
    act = nn.ReLU()
    twice = nn.Sequential(nn.Linear(3, 3), act, nn.Linear(3, 3), act)
    with pytest.raises(SiteError, match=r"module '1' was called more than once"):
        activation_patterns(twice, rows, layers=["1"])

    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.ReLU(), nn.ReLU()

        def forward(self, x):
            return self.used(x)

    with pytest.raises(SiteError, match=r"module 'unused' was never called"):
        activation_patterns(Idle(), rows, layers=["unused"])


class Returning(nn.Module):
    """A layer of rectifiers whose output is changed before it is returned."""

    def __init__(self, change) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.fc, self.act, self.change = nn.Embedding(9, 2), nn.Linear(2, 3), nn.ReLU(), change

    def forward(self, x):
        rows = x if x.is_floating_point() else self.embed(x)
        return self.change(self.act(self.fc(rows)))


PLANE = torch.randn(5, 2, generator=torch.Generator().manual_seed(1))


def reaching_output(change, *, inputs=PLANE, source="input", target="output", score=(1.0, 1.0, 1.0)):
    score = np.array(score)
    return reaching_patterns(Returning(change), inputs, layers=["act"], source=source, target=target, score=score)


def test_a_model_that_returns_more_than_a_tensor():
    def two(found):
        return found, None

    with pytest.raises(SiteError, match=r"the model returned a tuple; name a module as target"):
        reaching_output(two)
    assert_array_equal(reaching_output(two, target="act"), activation_patterns(Returning(two), PLANE, layers=["act"]))


def test_one_number_a_sample_and_none():
    expected = activation_patterns(Returning(nn.Identity()), PLANE, layers=["act"])
    assert_array_equal(reaching_output(lambda found: found.sum(dim=1), score=[1.0]), expected)
    with pytest.raises(ShapeError, match=r"'output' gives a tensor of shape \(\) for 5 inputs; needed is one row each"):
        reaching_output(torch.sum, score=[1.0])


def test_whole_numbers_are_no_source():
    tokens = torch.arange(5)
    with pytest.raises(SiteError, match=r"'input' holds torch.int64, and only floating numbers"):
        reaching_output(nn.Identity(), inputs=tokens)
    assert reaching_output(nn.Identity(), inputs=tokens, source="embed").shape == (5, 3)


def test_arrays_are_inputs_too():
    assert_array_equal(reaching_output(nn.Identity(), inputs=PLANE.numpy()), reaching_output(nn.Identity()))
    same = activation_patterns(Returning(nn.Identity()), PLANE.numpy(), layers=["act"])
    assert_array_equal(same, activation_patterns(Returning(nn.Identity()), PLANE, layers=["act"]))
