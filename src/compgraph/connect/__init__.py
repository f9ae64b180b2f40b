"""Components and statistics become one networkx graph, which can be stored and read back exactly."""

from compgraph.connect.checksum import checksum
from compgraph.connect.edges import EdgeMatrix, edges
from compgraph.connect.graph import build_graph, node_id, ordered_nodes, spaces_of
from compgraph.connect.graphml_file import from_graphml, to_graphml
from compgraph.connect.json_file import from_json, to_json
from compgraph.connect.rules import GRADIENT, RULES, Rule, correlation, covariance, plsr, register_rule
from compgraph.connect.schema import SCHEMA, check_graph
from compgraph.connect.store import load
from compgraph.storage import require_writable, write_atomically

__all__ = [
    "GRADIENT",
    "RULES",
    "SCHEMA",
    "EdgeMatrix",
    "Rule",
    "build_graph",
    "check_graph",
    "checksum",
    "correlation",
    "covariance",
    "edges",
    "from_graphml",
    "from_json",
    "load",
    "node_id",
    "ordered_nodes",
    "plsr",
    "register_rule",
    "require_writable",
    "spaces_of",
    "to_graphml",
    "to_json",
    "write_atomically",
]
