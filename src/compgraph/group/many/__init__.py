"""Many graphs with the same nodes at once, such as the null graphs of one."""

from compgraph.group.many.graphs import ManyLinks, fixed
from compgraph.group.many.pairs import DensePair, Pair, SparsePair, by_label, is_sparse

__all__ = ["DensePair", "ManyLinks", "Pair", "SparsePair", "by_label", "fixed", "is_sparse"]
