"""What a model returns, in whatever container: every floating leaf is an output with a name, and heads are tasks."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import compgraph as cg
from fixtures.any_networks import ModelOutput, ids, network, rows
from fixtures.maps_and_sequences import WIDTH, Bert, linear


class Boxes(NamedTuple):
    corners: Tensor
    scores: Tensor


@dataclass
class Detections:
    mask: Tensor
    boxes: Any
    loss: Tensor | None = None


Plain = namedtuple("Plain", "a b")


class Returning(nn.Module):
    """Two layers on the inputs, returned in a container of one's own."""

    def __init__(self, container: Any) -> None:
        super().__init__()
        self.left, self.right, self.container = linear(), linear(WIDTH, 2), container

    def forward(self, x: Tensor) -> Any:
        return self.container(self.left(x), self.right(x))


CONTAINERS = [
    (lambda a, b: (a, b), ("0", "1")),
    (lambda a, b: [a, b], ("0", "1")),
    (lambda a, b: (b, a), ("0", "1")),
    (lambda a, _b: (a,), ("0",)),
    (lambda a, b: {"mask": a, "score": b}, ("mask", "score")),
    (Plain, ("a", "b")),
    (Boxes, ("corners", "scores")),
    (Detections, ("mask", "boxes")),
    (lambda a, b: Detections(a, (b, b + 1)), ("mask", "boxes.0", "boxes.1")),
    (lambda a, b: {"mask": a, "boxes": Boxes(b, b.exp())}, ("mask", "boxes.corners", "boxes.scores")),
    (lambda a, b: ModelOutput(logits=a, hidden_states=(a.tanh(), b)), ("logits", "hidden_states.0", "hidden_states.1")),
    (lambda a, b: OrderedDict(z=a, y=b), ("z", "y")),
    (lambda a, b: a + b[:, :1], ("output",)),
    (lambda a, b: {"deep": {"deeper": [a, {"x": b}]}}, ("deep.deeper.0", "deep.deeper.1.x")),
]


@pytest.mark.parametrize(("container", "names"), CONTAINERS)
def test_outputs_have_the_names_of_their_places(container, names):
    model, data = Returning(container), rows()
    analysis = cg.analyze(model, data, n_null=0, n_twins=0)
    assert analysis.stats.outputs == analysis.outputs == names
    shown = {data["output"] for _, data in analysis.graph.nodes(data=True) if data.get("output")}
    assert shown == set(names)
    for name, space in analysis.stats.returned.items():
        expected = dict(_found(model(data)))[name].detach().double().numpy()
        moments = analysis.stats.of_space(space)
        np.testing.assert_allclose(moments.mean_x, expected.mean(0), atol=1e-5)
        np.testing.assert_allclose(moments.xx / len(data), np.cov(expected.T, bias=True), atol=1e-5)


def _found(value: Any, name: str = "") -> list[tuple[str, Tensor]]:
    """Spell the names independently of the package."""
    if isinstance(value, Tensor):
        return [(name or "output", value)]
    if isinstance(value, dict):
        parts = dict(value)
    elif isinstance(value, tuple) and hasattr(value, "_asdict"):
        parts = value._asdict()
    elif isinstance(value, Detections):
        parts = {"mask": value.mask, "boxes": value.boxes}
    else:
        parts = {str(place): each for place, each in enumerate(value)}
    return [each for key, part in parts.items() for each in _found(part, f"{name}.{key}" if name else key)]


class Mixed(Returning):
    def forward(self, x: Tensor) -> Any:
        a = self.left(x)
        return {
            "logits": a,
            "label": a.argmax(1),
            "mask": a > 0,
            "past": None,
            "name": "mixed",
            "loss": a.mean(),
            "temperature": 3.0,
        }


def test_what_is_no_output_is_left_out_by_name():
    stats = cg.collect(Mixed(None), rows())
    assert stats.outputs == ("logits",)
    (note,) = [note for note in stats.notes if note.startswith("Left out of what the model returns")]
    for name in ("label", "mask", "past", "name", "loss", "temperature"):
        assert f" {name} (" in note.replace(":", "")
    assert "label (gives int64 numbers" in note
    assert "past (returns None" in note


def test_order_is_that_of_what_is_returned_not_of_execution():
    for name, expected in (("heads that read each other", ("0", "1")), ("faces", ("0", "1", "2"))):
        model, data = network(name)
        assert cg.collect(model, data).outputs == expected


def test_an_output_returned_twice_and_one_that_is_the_input():
    twice = cg.collect(Returning(lambda a, _: (a, a)), rows())
    first, second = (twice.of_space(twice.returned[name]) for name in ("0", "1"))
    np.testing.assert_array_equal(first.xx, second.xx)

    class Through(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = linear()

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, self.a(x)

    analysis = cg.analyze(Through(), rows(), n_null=0, n_twins=0)
    assert analysis.outputs == ("0", "1")
    assert {(p.source.layer, p.target.layer) for p in analysis.stats.pairs} == {("input", "a"), ("input", "output.0")}
    assert cg.collect(nn.Identity(), rows()).layers == ("input", "output")


def test_heads_are_tasks():
    model, data = network("heads apart")
    analysis = cg.analyze(model, data, n_null=0, n_twins=0)
    profile = cg.task_profile(analysis, model, "heads")
    seen = set()
    for node, label in profile.labels.items():
        layer = node.split("/")[0]
        known = {"left": "first", "first": "first", "right": "second", "second": "second"}.get(layer)
        if known:
            assert label == known, node
            assert profile.share[node][known] == pytest.approx(1.0, abs=1e-6)
            seen.add(layer)
    assert seen == {"left", "right", "first", "second"}
    parts = analysis.components[next(s for s in analysis.components if s.layer == "input")]
    for place, axis in enumerate(parts.axes):  # a direction of the inputs serves the head that reads its features
        share = profile.share[f"input/in/{place}"]
        moved = parts.patterns[place] ** 2 * analysis.stats.of_space(parts.space).xx.diagonal()
        if moved[:3].sum() > 0.99 * moved.sum():
            assert share["first"] > 0.9
        if moved[3:].sum() > 0.99 * moved.sum():
            assert share["second"] > 0.9
        assert len(axis) == WIDTH


def test_heads_need_two_outputs_and_an_analysis():
    model, data = network("residual")
    analysis = cg.analyze(model, data, n_null=0, n_twins=0)
    with pytest.raises(cg.errors.BadRequest, match="the one output 'output'"):
        cg.task_profile(analysis, model, "heads")
    with pytest.raises(cg.errors.BadRequest, match="components do not know"):
        cg.task_profile(analysis.components, model, "heads")


class Wide(nn.Module):
    """Two heads of forty numbers each, and one of two."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.a, self.b, self.c = linear(WIDTH, 10), linear(10, 40), linear(10, 40), linear(10, 2)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        h = torch.tanh(self.trunk(x))
        return {"a": self.a(h), "b": self.b(h), "c": self.c(h)}


def test_more_than_48_outputs_keep_the_names_of_their_heads():
    torch.manual_seed(0)
    model, data = Wide(), torch.randn(150, WIDTH)
    analysis = cg.analyze(model, data, n_null=0, n_twins=0)
    assert analysis.outputs == ("a", "b", "c")
    counts = {}
    for name, space in analysis.stats.returned.items():
        part = analysis.components[space]
        assert part.output == name
        assert part.axes.shape[1] == {"a": 40, "b": 40, "c": 2}[name]
        counts[name] = len(part)
    assert counts["c"] == 2
    assert counts["a"] == counts["b"] == 10  # the numerical rank of what stands behind
    outputs = [(n, d) for n, d in analysis.graph.nodes(data=True) if d.get("output")]
    assert {d["output"] for _, d in outputs} == {"a", "b", "c"}
    assert all(n.startswith(f"{d['output']}/") for n, d in outputs)


def test_a_dataclass_of_a_language_model():
    torch.manual_seed(0)
    stats = cg.collect(Bert(), {"input_ids": ids(30)})
    assert stats.outputs == ("last_hidden_state", "pooler_output")
    assert any("attentions (returns None" in note for note in stats.notes)


def test_one_output_by_a_selector():
    model = Returning(Detections)
    stats = cg.collect(model, rows(), {"left": None, "output": lambda out: out.boxes})
    assert stats.outputs == ("output",)
    assert len(stats.of_space(stats.returned["output"]).mean_x) == 2
