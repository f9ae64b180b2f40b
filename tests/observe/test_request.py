import pytest
from torch import nn

from compgraph.errors import BadRequest
from compgraph.observe.readings import wished
from compgraph.observe.request import as_mapping
from compgraph.observe.run.unwrap import bare


def test_layers_in_any_form():
    assert as_mapping(None) == {}
    assert as_mapping("a") == {"a": None}
    assert as_mapping(each for each in ("a", "b")) == {"a": None, "b": None}
    assert as_mapping({"a": len}) == {"a": len}


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (3, "layers is 3; needed are names"),
        ({"0": 3}, "layers has the entry '0': 3; needed are names with a function"),
        ([nn.ReLU()], "layers has the entry a ReLU; needed are names"),
    ],
)
def test_layers_that_are_none(layers, message):
    with pytest.raises(BadRequest, match=message):
        as_mapping(layers)


def test_a_model_that_is_none():
    with pytest.raises(BadRequest, match=r"model is a str; needed is a torch\.nn\.Module"):
        bare("resnet18")


def test_rows_that_are_neither():
    with pytest.raises(BadRequest, match='rows is \'pixel\'; needed is "auto", "position" or "sample"'):
        wished(rows="pixel")
