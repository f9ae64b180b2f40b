"""Every test runs with the shape annotations of the package enforced by beartype."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")

from jaxtyping import install_import_hook

install_import_hook("compgraph", "beartype.beartype")
