"""Every test runs with the shape annotations of the package enforced by beartype, and none is timed."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")

from hypothesis import settings
from jaxtyping import install_import_hook

# A deadline judges how busy the machine is, not whether a law holds.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
install_import_hook("compgraph", "beartype.beartype")

pytest_plugins = ["fixtures.graphs", "fixtures.networks", "fixtures.registries", "fixtures.trained"]
