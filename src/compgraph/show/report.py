"""Everything about one analysis as a summary to read and a folder to keep."""

import json
import math
import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from matplotlib.figure import Figure

from compgraph.check import TaskProfile, match_tasks
from compgraph.connect import spaces_of, write_atomically
from compgraph.errors import GraphError, MissingTool
from compgraph.group import Partition
from compgraph.show.export import save
from compgraph.show.figures import similarity_figure, task_variance_figure
from compgraph.show.flow import flow_figure, flow_html
from compgraph.show.graph.drawing import figure_bytes, graph_figure
from compgraph.show.graph.words import printable
from compgraph.statistics import Space, Statistics

# XML cannot carry every layer name, and an installed graphviz may fail; the other files hold the same.
OPTIONAL = ("graph.graphml", "tasks.svg")
FLOW = "flow.html"


def summarise(graph: nx.DiGraph, found: Partition, *, stats: Statistics, evidence: Sequence[str] = ()) -> str:
    """Return what an analysis found, for people.

    Parameters
    ----------
    graph
        The component graph.
    found
        Groups as the algorithm gave them.
    stats
        Statistics the graph was built from.
    evidence
        Sentences on what speaks for the groups and against them.

    Returns
    -------
    str
        A few lines of text.
    """
    spaces, counted = spaces_of(graph), _outputs(graph)
    outputs = {name: counted[name] for name in (*stats.outputs, *counted) if name in counted}
    # In the order of the data; what has no components comes last.
    layers = list(dict.fromkeys([space.layer for space in spaces] + list(stats.layers)))
    width = max(len(printable(layer)) for layer in layers)
    lines = [f"{len(layers)} sites, {stats.n_samples:,} examples: {_recipe(graph, found)}"]
    # What was chosen and what was left out comes before what was found in it.
    lines.extend(f"note: {printable(note)}" for note in stats.notes)
    for layer in layers:
        counts = ", ".join(f"{space.side} {len(nodes)}" for space, nodes in spaces.items() if space.layer == layer)
        lines.append(f"  {printable(layer):{width}}  components: {counts}")
    if outputs and list(outputs) != ["output"]:
        named = (f"{printable(name)} ({count})" for name, count in outputs.items())
        lines.append(f"components of outputs: {', '.join(named)}")
    lines.append(f"graph: {len(graph)} nodes, {graph.number_of_edges()} edges")
    lines.extend(_group_lines(graph, found))
    lines.extend(f"  {printable(sentence)}" for sentence in evidence)
    return "\n".join(lines)


def _outputs(graph: nx.DiGraph) -> Counter[str]:
    """Count the components of every output, in the order of the data."""
    named = [graph.nodes[node].get("output") for nodes in spaces_of(graph).values() for node in nodes]
    return Counter(name for name in named if isinstance(name, str))


def _recipe(graph: nx.DiGraph, found: Partition) -> str:
    methods = "/".join(sorted({method for _, method in graph.nodes(data="method")}))
    rules = sorted({rule for _, _, kind, rule in _kinds(graph) if kind == "between"})
    return f"{methods} components, {'/'.join(rules) or 'no'} edges, {found.algorithm} groups"


def _kinds(graph: nx.DiGraph) -> list[tuple[str, str, str, str]]:
    return [(source, target, edge["kind"], edge["rule"]) for source, target, edge in graph.edges(data=True)]


def _group_lines(graph: nx.DiGraph, found: Partition) -> list[str]:
    evidence = (
        f"p = {found.p_value:.3f}, stability {found.stability:.2f}, modularity {round(found.quality, 2) + 0.0:.2f}"
    )
    if math.isnan(found.p_value):
        evidence = evidence.replace("p = nan", "no null graphs drawn, so no p")
    if not found.reliable:
        return [f"groups: no reliable groups ({found.n_groups} found; {evidence})"]
    lines = [f"groups: {found.n_groups} ({evidence})"]
    for group, nodes in enumerate(found.groups()):
        counts = Counter(Space(**{k: graph.nodes[node][k] for k in ("layer", "side", "depth")}) for node in nodes)
        where = ", ".join(f"{printable(str(space))} {counts[space]}" for space in sorted(counts))
        lines.append(f"  {printable(found.name(group))}: {len(nodes)} components ({where})")
    shared = found.shared()
    if shared:
        count = f"{len(shared)} component{'s' * (len(shared) > 1)}"
        lines.append(f"  shared by several groups: {count}, such as {printable(shared[0])}")
    return lines


def write_report(
    folder: str | os.PathLike[str],
    graph: nx.DiGraph,
    found: Partition,
    *,
    stats: Statistics,
    profile: TaskProfile | None = None,
    evidence: Sequence[str] = (),
) -> Path:
    """Write the pages, stored graphs, figures and summary of an analysis into a folder.

    Parameters
    ----------
    folder
        Made when missing.
    graph
        The component graph.
    found
        Groups as the algorithm gave them; drawn as one where they are not reliable.
    stats
        Statistics the graph was built from.
    profile
        Task profile: groups that serve a task go by its name, and the variance by task is drawn, as bars and as a flow.
    evidence
        Sentences for ``summary.json``.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    OutputError
        When a file cannot be written; each file is written as a whole or not at all.

    Notes
    -----
    ``graph.graphml`` and ``tasks.svg`` are left out where they cannot be made; ``summary.json`` says why.
    """
    place = Path(folder)
    if profile is not None and profile.labels:
        found = found.named(match_tasks(found, profile.labels, weights=dict(graph.nodes(data="share"))))
    groups = found.trusted()
    skipped: dict[str, str] = {}
    for name in ("graph.json", "graph.graphml", "tasks.html", "tasks.dot", "tasks.svg"):
        try:
            save(graph, place / name, groups=groups)
        except (GraphError, MissingTool) as error:
            if name not in OPTIONAL:
                raise
            skipped[name] = str(error)
    figures = _figures(graph, groups, profile)
    for name, figure in figures.items():
        write_atomically(place / "figures" / name, figure_bytes(figure, ".png"))
    if profile is not None:
        write_atomically(place / FLOW, flow_html(graph, profile, groups=groups).encode())
    document = json.dumps(
        {**facts(graph, found, stats=stats), "evidence": list(evidence), "skipped": skipped}, indent=1, allow_nan=False
    )
    write_atomically(place / "summary.json", document.encode())
    _remove_leftovers(place, {*figures, *([FLOW] if profile is not None else [])}, skipped)
    return place


def _figures(graph: nx.DiGraph, groups: Partition, profile: TaskProfile | None) -> dict[str, Figure]:
    figures = {"graph.png": graph_figure(graph, groups)}
    if profile is not None:
        title = "Variance of each component by task"
        figures["tasks.png"] = task_variance_figure(profile.share, graph, title=title, groups=groups)
        figures["flow.png"] = flow_figure(graph, profile, groups=groups)
    overlaps = _overlaps(graph)
    beside = Counter(space.depth for space in overlaps)
    for space, overlap in overlaps.items():
        labels = [[graph.nodes[node]["label"] for node in nodes] for nodes in overlap[:2]]
        row = [other for other in overlaps if other.depth == space.depth].index(space)
        name = f"overlap-{space.depth}-{row}.png" if beside[space.depth] > 1 else f"overlap-{space.depth}.png"
        figures[name] = similarity_figure(
            overlap[2],
            *labels,
            title=f"{printable(space.layer)}: what is written against what is read",
            unit="effect of the within-layer rule",
        )
    return figures


def _remove_leftovers(place: Path, made: Collection[str], skipped: Mapping[str, str]) -> None:
    """Remove what an earlier report in the same folder made and this one did not: it would pass for part of it."""
    figures = place / "figures"
    drawn = [place / FLOW, figures / "flow.png", figures / "tasks.png", *figures.glob("overlap-[0-9]*.png")]
    for leftover in [each for each in drawn if each.name not in made] + [place / name for name in skipped]:
        leftover.unlink(missing_ok=True)


def _overlaps(graph: nx.DiGraph) -> Mapping[Space, tuple[list[str], list[str], np.ndarray]]:
    spaces, found = spaces_of(graph), {}
    for space, written in spaces.items():
        read = spaces.get(Space(space.layer, "in", space.depth), [])
        if space.side == "out" and read:
            effects = [[graph.edges.get((a, b), {}).get("effect", 0.0) for b in read] for a in written]
            found[space] = (written, read, np.array(effects))
    return found


def facts(graph: nx.DiGraph, found: Partition, *, stats: Statistics) -> dict[str, Any]:
    """Return what an analysis found, for programs.

    Parameters
    ----------
    graph
        The component graph.
    found
        Groups as the algorithm gave them.
    stats
        Statistics the graph was built from.

    Returns
    -------
    dict
        Plain values for JSON; NaN is None.
    """
    return {
        "recipe": _recipe(graph, found),
        "n_samples": stats.n_samples,
        "layers": list(stats.layers),
        "outputs": dict(_outputs(graph)),
        "components": {str(space): len(nodes) for space, nodes in spaces_of(graph).items()},
        "nodes": len(graph),
        "edges": graph.number_of_edges(),
        "n_groups": found.trusted().n_groups,
        "groups_found": found.n_groups,
        "reliable": found.reliable,
        **{name: _plain(getattr(found, name)) for name in ("p_value", "stability", "quality")},
        "tasks": {str(group): name for group, name in found.trusted().names.items()},
        "algorithm": found.algorithm,
        "seed": found.seed,
        "notes": list(stats.notes),
    }


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
