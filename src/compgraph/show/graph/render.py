"""Still images: graphviz where its programs are installed, matplotlib everywhere else."""

import re
import shutil
import subprocess

import networkx as nx

from compgraph.errors import MissingTool
from compgraph.group import Partition
from compgraph.show.graph.dot import scene_dot
from compgraph.show.graph.drawing import figure_bytes, graph_figure, take_apart
from compgraph.show.graph.scene import scene

_DATE = re.compile(rb"(/CreationDate \(D:)\d{14}")
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
        figure = graph_figure(graph, groups)
        drawn = figure_bytes(figure, suffix)
        take_apart(figure)
        return drawn
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
    if done.returncode == 0 and done.stdout and not _is_image(done.stdout, command[-1].removeprefix("-T")):
        raise MissingTool(
            f"{command[0]} ended well, but what it gave is no {command[-1].removeprefix('-T')} ({done.stdout[:40]!r}). "
            f"{remedy}"
        )
    if done.returncode != 0 or not done.stdout:
        reason = done.stderr.decode(errors="replace").strip()[:300] or f"exit status {done.returncode}"
        raise MissingTool(f"{command[0]} failed on {n_edges} edges: {reason}. {remedy}")
    # The same graph gives the same bytes, whenever it is drawn: as long a date, so that no offset in the file moves.
    return _DATE.sub(rb"\g<1>19700101000000", done.stdout)


def _is_image(data: bytes, kind: str) -> bool:
    """Tell whether an image begins and ends as one of its kind does."""
    if kind == "svg":
        return data.lstrip().startswith((b"<?xml", b"<svg", b"<!DOCTYPE svg")) and data.rstrip().endswith(b"</svg>")
    start, end = {"png": (b"\x89PNG\r\n\x1a\n", b"IEND"), "pdf": (b"%PDF-", b"%%EOF")}[kind]
    return data.startswith(start) and end in data[-64:]
