"""Component graphs by the groups that were found, beside the same graphs by the tasks that components serve."""

from collections import Counter
from collections.abc import Collection, Mapping

import networkx as nx
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from compgraph.check import TaskProfile
from compgraph.errors import BadRequest
from compgraph.group import Partition
from compgraph.show import INK, N_COLOURS, colour, plain
from note.measures.groups_and_tasks import found_and_reported
from note.pictures.pies import draw_pies


def groups_and_tasks_figure(found: Mapping[str, tuple[nx.DiGraph, Partition, TaskProfile]], *, title: str) -> Figure:
    """Draw graphs one below the other, on the left by group and on the right by task.

    Parameters
    ----------
    found
        Heading to a component graph, groups of its nodes, drawn whether they are reliable or not, and the tasks of its
        components. The tasks of all graphs are the same, and none has the colour of a group of any graph.
    title
        Heading of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Eight inches wide. Headings tell how many groups were found and are reported, and their adjusted Rand index
        against the tasks.

    Raises
    ------
    BadRequest
        When there are no graphs, a node has no group or task profile, or there are more groups and tasks than colours.
    EmptyData
        When no task moves any component of a graph.
    """
    tasks = {task: None for _, _, profile in found.values() for share in profile.share.values() for task in share}
    if not found:
        raise BadRequest("no graphs came; at least one is needed.")
    shades = _shades(tasks, max(1 + max(groups.assignment.values(), default=-1) for _, groups, _ in found.values()))
    heights = [max(2.8, 1.0 + 0.24 * _tallest(graph)) for graph, _, _ in found.values()]
    figure = Figure(figsize=(8, 0.6 + sum(heights)), layout="constrained")
    panels = figure.subplots(len(found), 2, squeeze=False, height_ratios=heights)
    for (left, right), (heading, (graph, groups, profile)) in zip(panels, found.items(), strict=True):
        score = found_and_reported(groups, profile)
        verdict = f"{score.n_found} groups found (p = {groups.p_value:.2f}), {score.n_reported} reported"
        plain(left, f"{heading}\n{verdict}")
        plain(right, f"the tasks that these components serve\nagreement (ARI) {score.found:.2f}")
        draw_pies(left, graph, {node: {colour(group): 1.0} for node, group in groups.assignment.items()})
        served = {node: {shades[task]: part for task, part in each.items()} for node, each in profile.share.items()}
        draw_pies(right, graph, served)
    handles = [Patch(color=shade, label=f"task {task}") for task, shade in shades.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=12, color=INK)
    return figure


def _shades(tasks: Collection[str], n_groups: int) -> dict[str, str]:
    """Return a colour for each task that none of so many groups has."""
    shades = [INK, *(colour(number) for number in range(n_groups, N_COLOURS))]
    if len(tasks) > len(shades):
        raise BadRequest(
            f"{n_groups} groups and {len(tasks)} tasks came, and there are {1 + N_COLOURS} colours that differ; draw "
            "graphs with fewer groups."
        )
    return dict(zip(tasks, shades, strict=False))


def _tallest(graph: nx.DiGraph) -> int:
    """Return how many components the space with the most has."""
    spaces = Counter((data["depth"], data["side"]) for _, data in graph.nodes(data=True))
    return max(spaces.values(), default=0)
