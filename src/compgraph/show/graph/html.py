"""The interactive page: one file, filled by pyvis, that opens without a network connection."""

from pathlib import Path
from typing import Any

import networkx as nx

from compgraph.arguments import checked
from compgraph.errors import MissingTool
from compgraph.group import Partition
from compgraph.show.graph.layout import ROW
from compgraph.show.graph.scene import Headed, Scene, scene

_OPTIONS: dict[str, Any] = {
    "physics": {"enabled": False},
    "layout": {"improvedLayout": False},
    "interaction": {"hover": True, "tooltipDelay": 120, "keyboard": {"enabled": True, "bindToWindow": False}},
    "nodes": {"shape": "dot", "borderWidth": 1.5, "font": {"size": 0}},
    "edges": {"smooth": False, "selectionWidth": 1.5, "hoverWidth": 1},
}


@checked
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

    Examples
    --------
    >>> import torch
    >>> import compgraph as cg
    >>> stats = cg.collect(torch.nn.Linear(3, 2), torch.eye(3))
    >>> parts = cg.components(stats, "neuron")
    >>> graph = cg.build_graph(parts, cg.edges(stats, parts, "covariance"))
    >>> html_page(graph)[:15]
    '<!DOCTYPE html>'
    """
    from pyvis.network import Network  # imports IPython, which is slow

    shown, net = scene(graph, groups), Network(directed=True)
    # Filled directly: pyvis's own adders are quadratic in the number of edges and change the caller's graph.
    net.nodes = _nodes(shown)
    net.edges = _edges(shown)
    net.options = _OPTIONS
    environment = net.templateEnv
    environment.autoescape = True
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "allow_nan": False}
    environment.loader.searchpath.insert(0, str(Path(__file__).parent / "page"))
    environment.globals.update(page=_page(shown), library=_vis_network(Path(net.template_dir)))
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


def _nodes(shown: Scene) -> list[dict[str, Any]]:
    """List the nodes; ``id`` is the rank, ``key`` the id in the graph."""
    return [
        {
            "id": rank,
            "key": mark.node,
            "label": mark.label,
            "index": mark.index,
            "group": mark.group,
            "x": round(mark.place[0], 3),
            "y": round(mark.place[1], 3),
            "size": round(11 + 8 * mark.share**0.5, 2),
            "color": mark.shade,
            "title": mark.words,
        }
        for rank, mark in enumerate(shown.marks)
    ]


def _edges(shown: Scene) -> list[dict[str, Any]]:
    return [
        {
            "from": line.source,
            "to": line.target,
            **{name: line.data[name] for name in ("weight", "effect", "kind", "rule")},
            "relative": round(line.relative, 5),
            "width": line.width,
            "color": line.shade,
            **({"together": True} if line.together else {}),
            **({"route": [[round(x, 3), round(y, 3)] for x, y in line.route]} if line.route else {}),
        }
        for line in shown.lines
    ]


def _column(each: Headed) -> dict[str, Any]:
    """Say where a stack stands; layers that share a depth have a height of their own."""
    stack = each.stack
    place = {"x": round(stack.x, 3), "depth": stack.depth, "subject": each.subject, "verb": each.verb}
    own = {"row": stack.row, "top": round(each.top, 3), "bottom": round(each.bottom, 3)} if stack.shared else {}
    return {**place, **own}


def _page(shown: Scene) -> dict[str, Any]:
    """Collect what stands around the picture."""
    return {
        "title": shown.title,
        "summary": shown.summary,
        "contents": shown.contents,
        "row": ROW,
        "threshold": shown.threshold,
        "columns": [_column(each) for each in shown.columns],
        "legend": [
            {"group": each.group, "name": each.name, "size": each.size, "color": each.shade} for each in shown.legend
        ],
    }
