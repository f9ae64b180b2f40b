"""A model on data: where it can be tapped, and the statistics of what it computes."""

from compgraph.observe.collect import collect
from compgraph.observe.resolve import Layers
from compgraph.observe.sites import Site, describe, sites
from compgraph.observe.untrained import has_weights, kept_statistics, untrained_twin

__all__ = ["Layers", "Site", "collect", "describe", "has_weights", "kept_statistics", "sites", "untrained_twin"]
