"""Every entry of every registry keeps the contracts of its kind, and picks them up by being registered."""

import importlib.util
import shutil

import pytest

from compgraph.connect import GRADIENT, RULES, register_rule
from compgraph.decompose import METHODS, ROTATIONS, Interaction, register_method, register_rotation
from compgraph.errors import ContractBroken
from compgraph.group import ALGORITHMS, register_algorithm
from compgraph.show import register_exporter, registered_exporters
from compgraph.testing import check_algorithm, check_component_method, check_exporter, check_rotation, check_rule

needs_leiden = pytest.mark.skipif(
    importlib.util.find_spec("graspologic_native") is None, reason="graspologic-native is not installed"
)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_methods(name) -> None:
    check_component_method(name)


@pytest.mark.parametrize("name", sorted(ROTATIONS))
def test_rotations(name) -> None:
    check_rotation(name)
    check_component_method(Interaction((name,)))


@pytest.mark.parametrize("name", [*sorted(RULES), GRADIENT])
def test_rules(name) -> None:
    check_rule(name)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs_leiden if name == "leiden" else ()) for name in sorted(ALGORITHMS)]
)
def test_algorithms(name) -> None:
    check_algorithm(name)


@pytest.mark.parametrize("suffix", registered_exporters())
def test_exporters(suffix) -> None:
    check_exporter(suffix)


@pytest.mark.parametrize("suffix", [".pdf", ".png", ".svg"])
def test_images_where_graphviz_is_not_installed(suffix, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    check_exporter(suffix)


def nothing(*_given, **_options) -> None:
    return None


@pytest.mark.parametrize(
    ("register", "check", "name"),
    [
        (register_method, check_component_method, "mine"),
        (register_rotation, check_rotation, "mine"),
        (register_rule, check_rule, "mine"),
        (register_algorithm, check_algorithm, "mine"),
        (register_exporter, check_exporter, ".mine"),
    ],
)
def test_what_is_registered_is_held_to_them_by_its_name(register, check, name) -> None:
    register(name, nothing)
    with pytest.raises(ContractBroken, match=f"'{name}' breaks 1 of "):
        check(name)
