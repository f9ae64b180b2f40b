"""Every test runs with the shape annotations of the package enforced by beartype, and none is timed."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")

from collections.abc import Callable
from types import CodeType
from typing import Any

import jaxtyping
import pytest
from hypothesis import settings

# A deadline judges how busy the machine is, not whether a law holds.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

_jaxtyped = jaxtyping.jaxtyped
_seen: set[CodeType] = set()


def _sparing(**options: Any) -> Callable[[Any], Any]:
    """Enforce annotations of functions, and those of a function inside another the first time it is made.

    It is made anew by every call, and preparing the checks each time took half of the time of a pass over a model.
    """
    check = _jaxtyped(**options)

    def enforced(definition: Any) -> Any:
        code = getattr(definition, "__code__", None)
        if code is not None and "<locals>" in definition.__qualname__:
            if code in _seen:
                return definition
            _seen.add(code)
        return check(definition)

    return enforced


jaxtyping.jaxtyped = _sparing
jaxtyping.install_import_hook("compgraph", "beartype.beartype")

FIXTURES = ("graphs", "networks", "registries", "site_graphs", "trained")


def pytest_configure(config: pytest.Config) -> None:
    """Register fixtures where tests run: a process that only deals tests out to others needs not import torch first."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        for name in FIXTURES:
            config.pluginmanager.import_plugin(f"fixtures.{name}")
