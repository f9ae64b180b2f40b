"""Still images: graphviz where its programs are installed, matplotlib everywhere else."""

import shutil
import subprocess

import networkx as nx

from compgraph.errors import MissingTool
from compgraph.group import Partition
from compgraph.show.graph.dot import scene_dot
from compgraph.show.graph.drawing import figure_bytes, graph_figure
from compgraph.show.graph.scene import scene

SECONDS = 60.0
"""How long a graphviz program may take."""
RANKED_EDGES = 300
"""Above this many edges ``dot`` takes long and draws a tangle: ``neato -n2`` draws our own positions instead."""


def render(graph: nx.DiGraph, groups: Partition | None = None, *, suffix: str) -> bytes:
    """Draw a component graph as an image.

    Up to 300 edges are laid out by ``dot``; more, and edges that pass layers, are drawn by ``neato -n2`` in the layered
    positions of the HTML page. Without graphviz on the PATH matplotlib draws those positions.

    Parameters
    ----------
    graph
        A component graph.
    groups
        Its partition.
    suffix
        ``".svg"``, ``".png"`` or ``".pdf"``.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    MissingTool
        When a graphviz program is found but fails or takes longer than a minute, with the number of edges.
    """
    shown = scene(graph, groups)
    ranked = len(shown.lines) <= RANKED_EDGES and not any(line.route for line in shown.lines)
    program = "dot" if ranked else "neato"
    found = shutil.which(program)
    if found is None:
        return figure_bytes(graph_figure(graph, groups), suffix)
    options = [found, "-n2"] if program == "neato" else [found]
    return _run([*options, f"-T{suffix.removeprefix('.')}"], scene_dot(shown), len(shown.lines))


def _run(command: list[str], text: str, n_edges: int) -> bytes:
    """Feed DOT text to a graphviz program; it is killed when its time is up."""
    remedy = "Save as .html, or as .dot and render that elsewhere."
    try:
        # The program comes from the PATH and its arguments from this file; names of layers travel by stdin.
        done = subprocess.run(  # noqa: S603
            command, input=text.encode(), capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise MissingTool(f"{command[0]} did not draw {n_edges} edges in {SECONDS:g} s. {remedy}") from error
    except OSError as error:
        raise MissingTool(f"{command[0]} cannot be run: {error.strerror}. {remedy}") from error
    if done.returncode != 0 or not done.stdout:
        reason = done.stderr.decode(errors="replace").strip()[:300] or f"exit status {done.returncode}"
        raise MissingTool(f"{command[0]} failed on {n_edges} edges: {reason}. {remedy}")
    return done.stdout
