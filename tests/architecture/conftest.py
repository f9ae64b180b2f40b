"""The package as text: its files, and the faces through which it is used."""

import ast
import inspect
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "compgraph"
FACES = (
    *("compgraph", "compgraph.check", "compgraph.connect", "compgraph.decompose", "compgraph.decompose.interaction"),
    *("compgraph.group", "compgraph.observe", "compgraph.show", "compgraph.show.flow", "compgraph.show.graph"),
    *("compgraph.statistics", "compgraph.storage", "compgraph.testing", "compgraph.toys"),
)


def exported(module: ModuleType) -> dict[str, Any]:
    return {f"{module.__name__}.{name}": getattr(module, name) for name in module.__all__}


@pytest.fixture(scope="session")
def trees() -> dict[str, ast.Module]:
    """Every file of the package, parsed."""
    return {str(path.relative_to(SOURCE)): ast.parse(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))}


@pytest.fixture(scope="session")
def public() -> dict[str, Any]:
    """What the faces export: a value with two faces once, under its first."""
    found: dict[int, tuple[str, Any]] = {}
    for face in FACES:
        for name, value in exported(import_module(face)).items():
            found.setdefault(id(value), (name, value))
    return dict(found.values())


@pytest.fixture(scope="session")
def functions(public: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in public.items() if inspect.isfunction(value)}


@pytest.fixture(scope="session")
def classes(public: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in public.items() if inspect.isclass(value)}
