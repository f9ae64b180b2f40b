"""Contracts for those who extend: what the package's own methods, rules, algorithms and formats keep, and yours can."""

from compgraph.testing.algorithm import check_algorithm
from compgraph.testing.component_method import check_component_method
from compgraph.testing.exporter import check_exporter
from compgraph.testing.kinds import CONTRACTS
from compgraph.testing.rotation import check_rotation
from compgraph.testing.rule import check_rule

__all__ = [
    "CONTRACTS",
    "check_algorithm",
    "check_component_method",
    "check_exporter",
    "check_rotation",
    "check_rule",
]
