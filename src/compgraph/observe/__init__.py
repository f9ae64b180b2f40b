"""A model on data: where it can be tapped, and the statistics of what it computes."""

from compgraph.observe.collect import collect
from compgraph.observe.gradients.row_by_row import row_gradients
from compgraph.observe.request import Layers
from compgraph.observe.run.restore import observing
from compgraph.observe.run.unwrap import bare
from compgraph.observe.sites import Site, describe, sites
from compgraph.observe.untrained import untrained_twin

__all__ = [
    "Layers",
    "Site",
    "bare",
    "collect",
    "describe",
    "observing",
    "row_gradients",
    "sites",
    "untrained_twin",
]
