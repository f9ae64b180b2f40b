"""Task profiles against variances of plain activations, computed in NumPy."""

import math
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor, nn

from compgraph.check import TaskProfile, task_covariances, task_profile
from compgraph.connect import node_id
from compgraph.decompose import Components, components
from compgraph.errors import BadRequest, NotFinite, UnknownName, UnknownSite
from compgraph.observe import collect
from compgraph.pipeline import analyze
from compgraph.statistics import Space, Statistics

Parts = dict[Space, Components]
TASKS = {"left": [0, 1], "right": [2, 3]}


@pytest.fixture(scope="module")
def model(tanh_net) -> nn.Sequential:
    return tanh_net(4, 6, 3)


@pytest.fixture(scope="module")
def data() -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).normal(size=(300, 4)))


@pytest.fixture(scope="module")
def parts(model, data) -> Parts:
    return components(collect(model, data), "plsr")


@pytest.fixture(scope="module")
def inputs(data) -> dict[str, Tensor]:
    # The rest is held at 0.7, not at the mean, so that a twin that forgets to centre is found out.
    held = {task: torch.full_like(data, 0.7) for task in TASKS}
    for task, columns in TASKS.items():
        held[task][:, columns] = data[:, columns]
    return held


def activations(model: nn.Sequential, rows: np.ndarray) -> dict[str, np.ndarray]:
    weights = {name: value.detach().numpy() for name, value in model.named_parameters()}
    hidden = np.tanh(rows @ weights["fc1.weight"].T + weights["fc1.bias"])
    return {"input": rows, "act": hidden, "head": hidden @ weights["head.weight"].T + weights["head.bias"]}


def literal(parts: Parts, model: nn.Sequential, inputs: dict[str, Tensor]) -> dict[str, dict[str, float]]:
    rows = {task: activations(model, each.numpy()) for task, each in inputs.items()}
    return {
        node_id(space, index): {task: float(np.var(rows[task][space.layer] @ axis)) for task in inputs}
        for space, part in parts.items()
        for index, axis in enumerate(part.axes)
    }


def gives_the_variances(profile: Callable[..., TaskProfile], parts, model, inputs) -> None:
    found, expected = profile(parts, model, inputs), literal(parts, model, inputs)
    assert list(found.variance) == list(expected)
    for node, by_task in expected.items():
        assert found.variance[node] == pytest.approx(by_task, rel=1e-9, abs=1e-12), node


def shares_follow_from_variances(profile: Callable[..., TaskProfile], parts, model, inputs) -> None:
    found = profile(parts, model, inputs)
    for node, by_task in literal(parts, model, inputs).items():
        total = sum(by_task.values())
        assert found.share[node] == pytest.approx({task: value / total for task, value in by_task.items()}, abs=1e-9)
        assert found.labels[node] == max(by_task, key=by_task.__getitem__)
        assert found.interference[node] == pytest.approx(min(by_task.values()) / total, abs=1e-9)


CONTRACT = [gives_the_variances, shares_follow_from_variances]


@pytest.mark.parametrize("promise", CONTRACT, ids=lambda promise: promise.__name__)
def test_profile_is_that_of_plain_activations(promise, parts, model, inputs) -> None:
    promise(task_profile, parts, model, inputs)


def forgets_to_centre(parts, model, inputs) -> TaskProfile:
    rows = {task: activations(model, each.numpy()) for task, each in inputs.items()}
    variance = {
        node_id(space, index): {task: float(np.mean((rows[task][space.layer] @ axis) ** 2)) for task in inputs}
        for space, part in parts.items()
        for index, axis in enumerate(part.axes)
    }
    true = task_profile(parts, model, inputs)
    return TaskProfile(variance, true.share, true.labels)


def shares_deviations(parts, model, inputs) -> TaskProfile:
    true = task_profile(parts, model, inputs)
    roots = {node: {task: value**0.5 for task, value in by.items()} for node, by in true.variance.items()}
    share = {node: {task: value / sum(by.values()) for task, value in by.items()} for node, by in roots.items()}
    return TaskProfile(true.variance, share, true.labels)


def exchanges_the_tasks(parts, model, inputs) -> TaskProfile:
    other = dict(zip(inputs, reversed(inputs.values()), strict=True))
    return task_profile(parts, model, other)


def labels_by_the_weakest(parts, model, inputs) -> TaskProfile:
    true = task_profile(parts, model, inputs)
    return TaskProfile(true.variance, true.share, {node: min(by, key=by.get) for node, by in true.share.items()})


@pytest.mark.parametrize(
    ("twin", "promise"),
    [
        (forgets_to_centre, gives_the_variances),
        (exchanges_the_tasks, gives_the_variances),
        (shares_deviations, shares_follow_from_variances),
        (labels_by_the_weakest, shares_follow_from_variances),
    ],
)
def test_broken_twins_are_rejected(twin, promise, parts, model, inputs) -> None:
    with pytest.raises(AssertionError):
        promise(twin, parts, model, inputs)


def test_interference_of_three_tasks_is_what_the_dominant_one_leaves() -> None:
    share = {"a": {"x": 0.5, "y": 0.3, "z": 0.2}, "b": {"x": 0.0, "y": 1.0, "z": 0.0}}
    assert TaskProfile({}, share, {"a": "x", "b": "y"}).interference == pytest.approx({"a": 0.5, "b": 0.0})


def nodes_by_unit(parts: Parts) -> list[str]:
    """Return the node of each input unit; components come by variance."""
    space, part = next(iter(parts.items()))
    return [node_id(space, index) for index in np.argsort(part.axes.argmax(axis=1)).tolist()]


def test_pure_components_interfere_with_nothing(model, data, inputs) -> None:
    units = components(collect(model, data), "neuron")
    found, pure = task_profile(units, model, inputs), nodes_by_unit(units)
    assert [found.labels[node] for node in pure] == ["left", "left", "right", "right"]
    assert_allclose([found.interference[node] for node in pure], 0, atol=1e-12)
    assert max(found.interference.values()) > 0.01  # dense layers mix


def test_component_that_no_task_moves_has_no_label(model, data) -> None:
    still = {task: torch.full_like(data, 0.7) for task in ("left", "right")}
    still["left"][:, 0], still["right"][:, 1] = data[:, 0], data[:, 1]
    units = components(collect(model, data), "neuron")
    found, unmoved = task_profile(units, model, still), nodes_by_unit(units)[2:]
    for node in unmoved:
        assert node not in found.labels
        assert node not in found.interference
        assert dict(found.share[node]) == {"left": 0, "right": 0}
    assert set(found.labels) == set(found.share) - set(unmoved)


def test_rounding_noise_moves_nothing(model, data) -> None:
    trembling = {"left": 0.7 + 1e-7 * data, "right": data}
    with pytest.raises(BadRequest, match="the inputs of task 'left' move no component: they are constant, or nearly"):
        task_profile(components(collect(model, data), "pca"), model, trembling)


def test_a_constant_task_is_refused_and_its_remedy_works(parts, model, inputs) -> None:
    constant = {**inputs, "third": torch.ones_like(next(iter(inputs.values())))}
    with pytest.raises(BadRequest, match="the inputs of task 'third' move no component"):
        task_profile(parts, model, constant)
    assert task_profile(parts, model, inputs).labels


def test_tasks_of_the_same_inputs_are_refused(parts, model, inputs) -> None:
    name, first = next(iter(inputs.items()))
    with pytest.raises(BadRequest, match=f"the tasks '{name}' and 'copy' move every component alike"):
        task_profile(parts, model, {**inputs, "copy": first})


def test_a_component_that_two_tasks_move_alike_has_no_label() -> None:
    linear = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Tanh())
    with torch.no_grad():
        linear[0].weight.copy_(torch.eye(3))
    rows = torch.tensor([[-1.0], [1.0]])
    tasks = {"a": rows * torch.tensor([1.0, 1, 0]), "b": rows * torch.tensor([0.0, 1, 1])}
    found = task_profile(components(collect(linear, torch.cat([*tasks.values()])), "neuron"), linear, tasks)
    of_a = {found.share[f"input/in/{k}"]["a"]: found.labels.get(f"input/in/{k}") for k in range(3)}
    assert of_a == {0.0: "b", 0.5: None, 1.0: "a"}
    assert set(found.interference) == set(found.labels)


def test_whatever_goes_wrong_names_the_task(parts, model, inputs) -> None:
    broken = {name: each.clone() for name, each in inputs.items()}
    broken["right"][3] = math.nan
    with pytest.raises(NotFinite, match=r"^task 'right': site 'input' holds NaN or infinite values in batch 0"):
        task_profile(parts, model, broken)
    with pytest.raises(RuntimeError) as caught:
        task_profile(parts, model, {**inputs, "wide": torch.zeros(4, 99)})
    assert "while compgraph was at task 'wide'" in caught.value.__notes__


def test_options_that_collect_does_not_know(parts, model, inputs) -> None:
    with pytest.raises(UnknownName, match=r"no option of compgraph.collect 'batchsize'.*Did you mean 'batch_size'"):
        task_profile(parts, model, inputs, batchsize=3)


def test_analysis_and_components_are_alike(parts, model, inputs) -> None:
    class Analysis:
        components = parts
        stats = Statistics((), {}, {}, 0)

    assert dict(task_profile(Analysis(), model, inputs).labels) == dict(task_profile(parts, model, inputs).labels)


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_tasks(n, parts, model, data) -> None:
    with pytest.raises(BadRequest, match=f"compares tasks and got {n}; give inputs for at least two"):
        task_profile(parts, model, dict.fromkeys(["left"][:n], data))


def test_model_without_the_layers(data, inputs, model, tanh_net) -> None:
    parts = components(collect(model, data, ["fc1"]), "pca")
    with pytest.raises(UnknownSite, match="no module 'fc1'"):
        task_profile(parts, tanh_net(4, 6, 3, first="other"), inputs)


def test_components_of_other_layers(parts, model, inputs) -> None:
    with pytest.raises(BadRequest, match="the model has the layers input, fc1, output and the components input, act"):
        task_profile(parts, model, inputs, layers=["fc1"])


def test_model_of_another_width(parts, inputs, tanh_net) -> None:
    with pytest.raises(BadRequest, match="act out has 9 features in the model and 6 in the components"):
        task_profile(parts, tanh_net(4, 9, 3), inputs)


@pytest.mark.parametrize(
    ("names", "layers"), [(("output", "act", "head"), ["output", "head"]), (("input", "act", "output"), None)]
)
def test_modules_called_input_and_output(names, layers, data, inputs) -> None:
    modules = zip(names, (nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)), strict=True)
    model = nn.Sequential(OrderedDict(modules)).double()
    parts = components(collect(model, data, layers), "pca")
    assert set(task_profile(parts, model, inputs).share) == {
        node_id(space, index) for space, part in parts.items() for index in range(len(part))
    }


def test_selectors_of_the_analysis_are_used_again() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.lstm(x)[0])

    torch.manual_seed(0)
    model, x = Recurrent(), torch.randn(40, 5, 3)
    analysis = analyze(model, x, {"lstm": lambda out: out[0], "head": None}, n_null=0, n_seeds=1)
    profile = task_profile(analysis, model, {"a": x * torch.tensor([1.0, 0, 0]), "b": x * torch.tensor([0, 1.0, 1])})
    assert set(profile.variance) == set(analysis.graph)


def are_the_covariances(function, model, inputs) -> None:
    found = function(model, inputs, layers=["act", "head"], progress=False)
    assert {space.layer for space in found} == {"input", "act", "head"}
    for space, by_task in found.items():
        for task, rows in inputs.items():
            expected = np.cov(activations(model, rows.numpy())[space.layer].T, bias=True)
            assert_allclose(by_task[task], expected, rtol=1e-6, atol=1e-9)


def test_covariances_by_task_are_those_of_the_activations(model, inputs) -> None:
    are_the_covariances(task_covariances, model, inputs)


def test_covariances_of_another_task_are_caught(model, inputs) -> None:
    def swapped(model, inputs, **options):
        turned = dict(zip(inputs, reversed(inputs.values()), strict=True))
        return task_covariances(model, turned, **options)

    with pytest.raises(AssertionError):
        are_the_covariances(swapped, model, inputs)
