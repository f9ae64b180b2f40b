"""The interactive page: one file, filled by pyvis, that opens without a network connection."""

from pathlib import Path
from typing import Any

import networkx as nx

from compgraph.connect import ordered_nodes
from compgraph.errors import MissingTool
from compgraph.group import Partition
from compgraph.show.graph.layout import ROW, columns, layered_positions
from compgraph.show.graph.palette import FAINT, colour, node_colours, shown_groups
from compgraph.show.graph.widths import pen_width, readable_threshold, relative_weights
from compgraph.show.graph.words import describe_node, heading, next_layers, summary, title

_OPTIONS: dict[str, Any] = {
    "physics": {"enabled": False},
    "layout": {"improvedLayout": False},
    "interaction": {"hover": True, "tooltipDelay": 120, "keyboard": {"enabled": True, "bindToWindow": False}},
    "nodes": {"shape": "dot", "borderWidth": 1.5, "font": {"size": 0}},
    "edges": {"smooth": False, "selectionWidth": 1.5, "hoverWidth": 1},
}


def html_page(graph: nx.DiGraph, groups: Partition | None = None) -> str:
    """Return the interactive page of a component graph as HTML text.

    The page holds vis-network, the graph and its own code; its content security policy forbids loading anything
    else. Names of layers travel as JSON and are shown as text, never as markup.

    Parameters
    ----------
    graph
        A component graph.
    groups
        Its partition; one that is not reliable is reported in the summary and not coloured.

    Returns
    -------
    str
        A whole document; in a notebook show it with an ``iframe`` whose ``srcdoc`` is the escaped text.

    Raises
    ------
    MissingTool
        When the installed pyvis does not carry vis-network.

    Notes
    -----
    O(n log n + m log m) for n nodes and m edges; about 0.5 MB plus 200 bytes an edge.
    """
    from pyvis.network import Network  # imports IPython, which is slow

    net = Network(directed=True)
    # Filled directly: pyvis's own adders are quadratic in the number of edges and change the caller's graph.
    net.nodes = _nodes(graph, groups)
    net.edges = _edges(graph, groups)
    net.options = _OPTIONS
    environment = net.templateEnv
    environment.autoescape = True
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "allow_nan": False}
    environment.loader.searchpath.insert(0, str(Path(__file__).parent / "page"))
    environment.globals.update(page=_page(graph, groups), library=_vis_network(Path(net.template_dir)))
    net.path = "page.html"
    return str(net.generate_html())


def _vis_network(templates: Path) -> str:
    """Read the newest vis-network that pyvis carries, without the comment that asks for a source map."""
    found = sorted(templates.glob("lib/vis-*/vis-network.min.js"))
    if not found:
        raise MissingTool(
            f"pyvis at {templates} does not carry lib/vis-*/vis-network.min.js, which the HTML page is made of. "
            "Reinstall it (pip install --force-reinstall 'pyvis>=0.3.2') or save as .svg, .dot or .json."
        )
    return found[-1].read_text(encoding="utf-8").partition("//# sourceMappingURL")[0]


def _nodes(graph: nx.DiGraph, groups: Partition | None) -> list[dict[str, Any]]:
    """List the nodes in canonical order; ``id`` is the rank, ``key`` the id in the graph."""
    nodes = ordered_nodes(graph)
    positions, colours = layered_positions(graph, groups), node_colours(groups, nodes)
    group_of, readers = shown_groups(groups), next_layers(graph)
    return [
        {
            "id": rank,
            "key": node,
            "label": graph.nodes[node]["label"],
            "index": graph.nodes[node]["index"],
            "group": group_of.get(node),
            "x": round(positions[node][0], 3),
            "y": round(positions[node][1], 3),
            "size": round(11 + 8 * min(max(graph.nodes[node]["share"], 0.0), 1.0) ** 0.5, 2),
            "color": colours[node],
            "title": describe_node(graph, node, readers, groups),
        }
        for rank, node in enumerate(nodes)
    ]


def _edges(graph: nx.DiGraph, groups: Partition | None) -> list[dict[str, Any]]:
    """List the edges by the ranks of their ends; an edge inside a group has the colour of the group."""
    nodes = ordered_nodes(graph)
    rank = {node: position for position, node in enumerate(nodes)}
    group_of, colours, relative = shown_groups(groups), node_colours(groups, nodes), relative_weights(graph)
    records = []
    for source, target in sorted(graph.edges, key=lambda edge: (rank[edge[0]], rank[edge[1]])):
        data = graph.edges[source, target]
        inside = source in group_of and group_of[source] == group_of[target]
        records.append(
            {
                "from": rank[source],
                "to": rank[target],
                "weight": data["weight"],
                "effect": data["effect"],
                "kind": data["kind"],
                "rule": data["rule"],
                "relative": round(relative[source, target], 5),
                "width": pen_width(relative[source, target]),
                "color": colours[source] if inside else FAINT,
            }
        )
    return records


def _page(graph: nx.DiGraph, groups: Partition | None) -> dict[str, Any]:
    """Collect what stands around the picture: heading, summary, column headings, legend, threshold."""
    group_of, readers = shown_groups(groups), next_layers(graph)
    members = [group_of[node] for node in graph if node in group_of]
    return {
        "title": title(graph),
        "summary": summary(graph, groups),
        "row": ROW,
        "threshold": readable_threshold(relative_weights(graph), graph.number_of_nodes()),
        "columns": [
            {"x": round(column.x, 3), "depth": column.depth, "subject": subject, "verb": verb}
            for column in columns(graph, groups)
            for subject, verb in [heading(column, readers)]
        ],
        "legend": [
            {"group": group, "size": members.count(group), "color": colour(group)} for group in sorted(set(members))
        ],
    }
