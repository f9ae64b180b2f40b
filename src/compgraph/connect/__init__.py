"""Components and statistics become one networkx graph, which can be stored and read back exactly."""

from compgraph.connect.edges import EdgeBlock, edges, register_rule
from compgraph.connect.formats import from_graphml, from_json, to_graphml, to_json
from compgraph.connect.graph import (
    SCHEMA,
    build_graph,
    build_joined_graph,
    check_graph,
    node_id,
    ordered_nodes,
    spaces_of,
)
from compgraph.connect.store import load, require_writable, write_atomically

__all__ = [
    "SCHEMA",
    "EdgeBlock",
    "build_graph",
    "build_joined_graph",
    "check_graph",
    "edges",
    "from_graphml",
    "from_json",
    "load",
    "node_id",
    "ordered_nodes",
    "register_rule",
    "require_writable",
    "spaces_of",
    "to_graphml",
    "to_json",
    "write_atomically",
]
