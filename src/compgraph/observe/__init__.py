"""A model on data: where it can be tapped, and the statistics of what it computes."""

from compgraph.observe.collect import collect
from compgraph.observe.resolve import Layers
from compgraph.observe.sites import Site, describe, sites

__all__ = ["Layers", "Site", "collect", "describe", "sites"]
