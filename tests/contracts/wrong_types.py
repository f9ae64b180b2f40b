"""Call every public function with arguments of wrong types, and list what does not answer with a `CompgraphError`.

To be run without the checks that the tests put on annotations: those would refuse before the function could.
"""

import contextlib
import inspect
import io
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

import compgraph as cg
from compgraph import check, connect, decompose, statistics
from compgraph.decompose.interaction import couplings_of
from compgraph.toys import Plan

FACES = (
    *("compgraph", "compgraph.check", "compgraph.connect", "compgraph.decompose", "compgraph.decompose.interaction"),
    *("compgraph.group", "compgraph.observe", "compgraph.show", "compgraph.show.flow", "compgraph.show.graph"),
    *("compgraph.statistics", "compgraph.testing", "compgraph.toys"),
)
TRAINS = ("digit_pair_networks", "digit_pairs", "digit_triples", "iris_pairs", "multiplication", "multiplications")


class Strange:
    """Something no function takes."""

    def __repr__(self) -> str:
        return "strange"


WRONG: tuple[Any, ...] = (
    *(Strange(), None, "x", b"x", 2.5, -1, True, 1j, np.float32(0.5), float("nan"), float("inf")),
    *([], {}, (), [Strange()], {"x": Strange()}, {Strange(): 1}, np.array(["x"]), np.zeros((2, 2, 2, 2))),
)


def public() -> dict[str, Callable[..., Any]]:
    """Return every function that a face exports, once."""
    found: dict[int, tuple[str, Any]] = {}
    for face in map(import_module, FACES):
        for name in face.__all__:
            if inspect.isfunction(value := getattr(face, name)):
                found.setdefault(id(value), (f"{face.__name__}.{name}", value))
    return dict(found.values())


def right() -> dict[str, Any]:
    """Return something right for every parameter, by its name or by the function and its name."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    data = torch.randn(40, 3)
    stats = cg.collect(model, data)
    parts = cg.components(stats)
    matrices = cg.edges(stats, parts)
    graph = cg.build_graph(parts, matrices)
    groups = cg.communities(graph, n_null=0)
    tasks = {"a": data * torch.tensor([1.0, 0, 0]), "b": data * torch.tensor([0, 1.0, 0])}
    profile = cg.task_profile(parts, model, tasks)
    cg.save(graph, "right.json")
    names = {node: index % 2 for index, node in enumerate(graph)}
    pair = stats.pairs[0]
    moments = stats.moments[pair]
    draws = np.random.default_rng(0).normal(size=(60, 2, 4))
    rows = np.random.default_rng(0).normal(size=(60, 4))
    (coupled,) = couplings_of([draws], ["data"])
    usage = check.usage(parts, model, data)
    return {
        "model": model,
        "data": data,
        "inputs": data,
        "example": data,
        "stats": stats,
        "shards": [stats],
        "check_rule.rule": "plsr",
        "check_algorithm.algorithm": "louvain",
        "check_component_method.method": "pca",
        "check_exporter.exporter": ".dot",
        "check_rotation.rotation": "varimax",
        "parts": parts,
        "matrices": matrices,
        "graph": graph,
        "groups": groups,
        "tasks": tasks,
        "profile": profile,
        "labels": names,
        "analysis": parts,
        "group_of": names,
        "found": parts.interactions,
        "space": pair.source,
        "pair": pair,
        "moments": moments,
        "rows": rows,
        "gradients": draws,
        "membership": {"a": [0.5, 0.5]},
        "energies": rows[0] ** 2,
        "a": names,
        "b": names,
        "truth": names,
        "profile_share": profile.share,
        "angles": np.linspace(0.1, 1, 9),
        "usual": rows[:, 0],
        "strange": rows[:, 1],
        "examples": usage,
        "reference": usage,
        "tolerance": 0.1,
        "options": {},
        "path": "right.json",
        "folder": "right",
        "name": "mine",
        "text": "text",
        "index": 0,
        "n": 1,
        "seed": 1,
        "limit": 4,
        "n_components": 2,
        "view": coupled.view(),
        "scatter": np.eye(3),
        "metrics": ["data"],
        "axes": Figure().subplots(),
        "title": "",
        "figure": Figure(),
        "entries": [("a", "#000000")],
        "group": 1,
        "suffix": "png",
        "unit": "",
        "shares": profile.share,
        "matrix": np.eye(2),
        "row_labels": ["a", "b"],
        "column_labels": ["a", "b"],
        "seeds": [0],
        "sweeps": 2,
        "ids": np.arange(3),
        "method": "pca",
        "rule": connect.plsr,
        "rotation": lambda scores, _: np.eye(len(scores.T)),
        "epochs": 1,
        "dpi": 50,
        "function": lambda *graphs, **_: [set(graphs[0])],
        "exporter": lambda *_: "",
        "n_twins": 0,
        "n_null": 1,
        "joint_diagonaliser.matrices": np.stack([np.eye(3)] * 2),
        "describe.found": cg.sites(model, data),
        "check.stability.found": parts.interactions,
        "row_gradients.filters": np.eye(4),
        "principal_angles.a": rows[:2],
        "principal_angles.b": rows[2:4],
        "subspace_overlap.a": rows[:2],
        "subspace_overlap.b": rows[2:4],
        "gradient_capture.gradients": rows,
        "gradient_capture.covariances": {"a": np.eye(4), "b": np.eye(4)},
        "merge_angles.gradients": rows,
        "distinct_directions.gradients": rows,
        "gradient_reads.gradients": statistics.GradientMoments.of(draws),
        "split.gradients": [draws],
        "widest_gap.gradients": [draws],
        "couplings_of.gradients": [draws],
        "single_linkage.rows": rows[:5],
        "from_json.data": connect.to_json(graph),
        "from_graphml.data": connect.to_graphml(graph),
        "write_atomically.data": b"x",
        "save_flow.path": "flow.html",
        "register_algorithm.name": "mine",
        "register_exporter.suffix": ".mine",
        "register_method.method": decompose.pca,
        "communities.algorithm": "louvain",
        "null_graphs.n": 1,
        "with_groups.groups": groups,
        "match_tasks.labels": profile.labels,
        "interaction_components.rotations": ("commutant",),
        "planted.plan": Plan(epochs=1),
        "analyze.data": data,
    }


def arguments(name: str, function: Callable[..., Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return right arguments: what has no default, and what is known of the rest."""
    own = name.rpartition(".")[2]
    found = {}
    for each in inspect.signature(function).parameters.values():
        if each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
            continue
        if f"{own}.{each.name}" in known:
            found[each.name] = known[f"{own}.{each.name}"]
        elif each.default is each.empty:
            found[each.name] = known[each.name]
    return found


def answer(function: Callable[..., Any], given: Mapping[str, Any]) -> str:
    """Return the name of what was raised, nothing where nothing was; generators are begun."""
    try:
        result = function(**given)
        if isinstance(result, Iterator):
            next(result, None)
        if isinstance(result, contextlib.AbstractContextManager):
            result.__enter__()
    except cg.CompgraphError:
        return "CompgraphError"
    except Exception as error:  # noqa: BLE001 - whatever else comes is what is looked for
        return f"{type(error).__name__}: {error}"[:160]
    return ""


def offences(functions: Mapping[str, Callable[..., Any]], known: Mapping[str, Any]) -> tuple[list[str], int]:
    """List what is wrong, and count the pairs of function and parameter that were tried."""
    found, tried = [], 0
    for name, function in functions.items():
        usual = arguments(name, function, known)
        if not name.endswith(TRAINS) and (raised := answer(function, usual)):
            found.append(f"{name} with right arguments: {raised}")
        for each in inspect.signature(function).parameters.values():
            if each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
                continue
            tried += 1
            for wrong in WRONG:
                if name.endswith(TRAINS) and not isinstance(wrong, Strange):
                    continue  # what is right after all would train for seconds
                if isinstance(wrong, np.ndarray) and each.name in ("data", "inputs", "example"):
                    continue  # may be data of another model
                raised = answer(function, {**usual, each.name: wrong})
                if raised not in ("", "CompgraphError"):
                    found.append(f"{name}({each.name}={wrong!r}): {raised}")
                if isinstance(wrong, Strange) and not raised:
                    found.append(f"{name}({each.name}={wrong!r}) was taken")
    return found, tried


def unchecked(rows: np.ndarray, *, seed: int = 0) -> float:
    """Trust its arguments, as no public function may."""
    return float(rows.sum()) + seed


def answers() -> dict[str, Any]:
    """Return what was found, of the package and of a function that must be caught."""
    known, functions = right(), public()
    with contextlib.redirect_stdout(io.StringIO()):
        found, tried = offences(functions, known)
        twin, _ = offences({"twin.unchecked": unchecked}, known)
    return {"functions": len(functions), "parameters": tried, "offences": found, "twin": twin}
