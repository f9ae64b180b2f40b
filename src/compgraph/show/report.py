"""Everything about one analysis as a summary to read and a folder to keep."""

import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from matplotlib.figure import Figure

from compgraph.check import TaskProfile, match_tasks
from compgraph.check.profile.task_profile import require_profile_of
from compgraph.connect import spaces_of
from compgraph.errors import BadRequest, FileFormatError, GraphError, MissingTool
from compgraph.group import Partition
from compgraph.show.export import exported
from compgraph.show.figures import similarity_figure, task_variance_figure
from compgraph.show.flow import flow_figure, flow_html
from compgraph.show.graph.drawing import figure_bytes, graph_figure, take_apart
from compgraph.show.graph.words import printable
from compgraph.statistics import Space, Statistics
from compgraph.storage import expanded, parse_json, read_regular, replace_files, settle

# XML cannot carry every layer name, and an installed graphviz may fail; the other files hold the same.
OPTIONAL = ("graph.graphml", "tasks.svg")
FLOW, LABELS, SUMMARY = "flow.html", "labels.json", "summary.json"


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
        Task profile: groups that serve a task go by its name, the variance by task is drawn, as bars and as a flow, and
        ``labels.json`` says which task each component serves.
    evidence
        Sentences for ``summary.json``.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    BadRequest
        When the folder is no path, or the profile no `TaskProfile`.
    OutputError
        When a file cannot be written.

    Notes
    -----
    Whatever is raised, an earlier report in the folder is as it was. The new one replaces it as a whole: first
    ``summary.json`` goes, which comes back last, so that a folder without it is one being replaced. When the process is
    killed in between, the next save into the folder, or the next `compgraph.load` of a graph in it, finishes the
    exchange. ``summary.json`` lists the ``files`` of the report; all others in the folder are not touched.

    ``graph.graphml`` and ``tasks.svg`` are left out where they cannot be made; ``summary.json`` says why.
    """
    if profile is not None and not isinstance(profile, TaskProfile):
        raise BadRequest(f"profile is a {type(profile).__name__}; a TaskProfile is needed, as task_profile returns.")
    place = expanded(folder)
    if profile is not None:
        require_profile_of(graph, profile)
    if profile is not None and profile.labels:
        found = found.named(match_tasks(found, profile.labels, weights=dict(graph.nodes(data="share"))))
    files, skipped = _pages(graph, found.trusted())
    for name, figure in _figures(graph, found.trusted(), profile):
        files[f"figures/{name}"] = figure_bytes(figure, ".png")
        take_apart(figure)
    if profile is not None:
        files[FLOW] = flow_html(graph, profile, groups=found.trusted()).encode()
        files[LABELS] = json.dumps(dict(profile.labels), indent=1).encode()
    document = {
        **facts(graph, found, stats=stats),
        "evidence": list(evidence),
        "skipped": skipped,
        "files": sorted([*files, SUMMARY]),
    }
    files[SUMMARY] = json.dumps(document, indent=1, allow_nan=False).encode()
    settle(place)
    return replace_files(place, files, remove=_leftovers(place), seal=SUMMARY)


def _pages(graph: nx.DiGraph, groups: Partition) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the graph in all its formats, and why one that may be left out is."""
    files: dict[str, bytes] = {}
    skipped: dict[str, str] = {}
    for name in ("graph.json", "graph.graphml", "tasks.html", "tasks.dot", "tasks.svg"):
        try:
            files[name] = exported(graph, Path(name).suffix, groups)
        except (GraphError, MissingTool) as error:
            if name not in OPTIONAL:
                raise
            skipped[name] = str(error)
    return files, skipped


def _figures(graph: nx.DiGraph, groups: Partition, profile: TaskProfile | None) -> Iterator[tuple[str, Figure]]:
    """Yield figures with their names, one at a time as each takes megabytes."""
    yield "graph.png", graph_figure(graph, groups)
    if profile is not None:
        title = "Variance of each component by task"
        yield "tasks.png", task_variance_figure(profile.share, graph, title=title, groups=groups)
        yield "flow.png", flow_figure(graph, profile, groups=groups)
    overlaps = _overlaps(graph)
    beside = Counter(space.depth for space in overlaps)
    for space, overlap in overlaps.items():
        labels = [[graph.nodes[node]["label"] for node in nodes] for nodes in overlap[:2]]
        row = [other for other in overlaps if other.depth == space.depth].index(space)
        name = f"overlap-{space.depth}-{row}.png" if beside[space.depth] > 1 else f"overlap-{space.depth}.png"
        title = f"{printable(space.layer)}: what is written against what is read"
        yield name, similarity_figure(overlap[2], *labels, title=title, unit="effect of the within-layer rule")


def _leftovers(place: Path) -> list[str]:
    """Return what an earlier report may have made: left in the folder, it would pass for part of this one."""
    drawn = ["flow.png", "tasks.png", *(path.name for path in (place / "figures").glob("overlap-[0-9]*.png"))]
    # Labels may be the user's own, unless the earlier report says they are its.
    labels = [LABELS] if LABELS in _files_of(place / SUMMARY) else []
    return [*OPTIONAL, FLOW, *labels, *(f"figures/{name}" for name in drawn)]


def _files_of(summary: Path) -> list[object]:
    try:
        document = parse_json(read_regular(summary))
    except FileFormatError:
        return []
    files = document.get("files") if isinstance(document, dict) else None
    return files if isinstance(files, list) else []


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
