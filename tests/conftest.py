"""Every test runs with the shape annotations of the package enforced by beartype, and none is timed."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")

import jaxtyping
import pytest
from hypothesis import settings

from fixtures.enforced import sparing

# A deadline judges how busy the machine is, not whether a law holds.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

jaxtyping.jaxtyped = sparing
jaxtyping.install_import_hook("compgraph", "beartype.beartype")

FIXTURES = ("browser", "graphs", "networks", "registries", "site_graphs", "trained", "undrawn")


def pytest_configure(config: pytest.Config) -> None:
    """Register fixtures where tests run: a process that only deals tests out to others needs not import torch first."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        for name in FIXTURES:
            config.pluginmanager.import_plugin(f"fixtures.{name}")
