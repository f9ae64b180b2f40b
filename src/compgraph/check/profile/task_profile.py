"""Which task each component serves: its variance while one task's inputs move and the others rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, Protocol, runtime_checkable

import networkx as nx
import numpy as np
from jaxtyping import Float64
from torch import nn

from compgraph.arguments import checked
from compgraph.check.profile.covariances import covariances
from compgraph.check.profile.head_profile import head_energies
from compgraph.check.profile.tasks import SAME, UNMOVED, require_told_apart
from compgraph.connect import node_id
from compgraph.decompose import Components
from compgraph.errors import BadRequest, ForeignRecord, located
from compgraph.observe import collect
from compgraph.observe.collect import known_options
from compgraph.records import brief, freeze, rebuilt
from compgraph.statistics import Identity, Space, Statistics
from compgraph.statistics.identity import digest, require_same_model


@runtime_checkable
class Decomposed(Protocol):
    """Anything that holds the components of a model and what they came from, such as `compgraph.analyze` returns."""

    @property
    def stats(self) -> Statistics:
        """Statistics of the model on its data."""
        ...

    @property
    def components(self) -> Mapping[Space, Components]:
        """Components of every space."""
        ...


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TaskProfile:
    """How the variance of every component divides over tasks.

    Attributes
    ----------
    variance
        Node to task to variance of the component's score over that task's inputs, in squared activation units.
    share
        The same, divided by the sum over tasks: how much of what moves the component each task is.
    labels
        Node to dominant task. A component that no task moves, or two tasks alike and most, has no label.
    model
        Hash of the model, as on its component graph; empty where the components do not know it.
    """

    variance: Mapping[str, Mapping[str, float]]
    share: Mapping[str, Mapping[str, float]]
    labels: Mapping[str, str]
    model: str = ""

    __repr__ = brief
    __reduce__ = rebuilt

    def __post_init__(self) -> None:
        freeze(self, "variance", "share", "labels")

    @property
    def interference(self) -> Mapping[str, float]:
        """Node to the share that does not belong to its dominant task: 0 is pure, 1 - 1 / tasks is fully mixed."""
        return MappingProxyType({node: 1 - self.share[node][task] for node, task in self.labels.items()})


def require_profile_of(graph: nx.DiGraph, profile: TaskProfile) -> None:
    """Refuse a profile of another model than a graph is of.

    Parameters
    ----------
    graph
        A component graph.
    profile
        Of the same model, as far as both know.

    Raises
    ------
    ForeignRecord
        When both know their model, and the models differ.
    """
    known = graph.graph.get("model")
    if profile.model and isinstance(known, str) and known != profile.model:
        raise ForeignRecord(
            f"the graph is of the model {known:.8} and the task profile of {profile.model:.8}; make both of "
            "one analysis."
        )


@checked
def task_profile(
    analysis: Decomposed | Mapping[Space, Components],
    model: nn.Module,
    tasks: Mapping[str, Any] | Literal["heads"],
    **options: Any,
) -> TaskProfile:
    r"""Measure how much of each component's variance belongs to each task.

    .. math:: \mathrm{share}_{kt} = \mathrm{var}_t(s_k) \Big/ \sum_{t'} \mathrm{var}_{t'}(s_k)

    where :math:`\mathrm{var}_t` is taken over inputs in which only task ``t`` varies.

    Parameters
    ----------
    analysis
        What `compgraph.analyze` or `compgraph.components` returned.
    model
        The same model.
    tasks
        Name of each task to inputs in which only that task varies, in any form that `compgraph.collect` takes. Or
        ``"heads"``: each output of the model is a task, and what it depends on is asked of the model's gradients on
        the kept inputs, :math:`\mathrm{var}_t` being the mean squared change of its values, in units of their variance,
        when the score rises by one standard deviation.
    **options
        Passed on to `compgraph.collect`. What it was asked for the analysis (``layers``, ``rows``) is asked again; with
        components alone, ``layers`` are needed where a module was tapped with a function.

    Returns
    -------
    TaskProfile
        For every component.

    Raises
    ------
    BadRequest
        With fewer than two tasks, a task that moves nothing, two that move every component alike, heads of components
        alone, or when the model's layers or their widths are not those
        of the components.
    UnknownSite
        When the model lacks a layer of the components.

    Notes
    -----
    One pass over each task's inputs and O(k d^2) per space. Take the inputs from other data than the graph, or the
    comparison of groups with these labels is circular.

    Examples
    --------
    >>> import torch
    >>> import compgraph as cg
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
    >>> tasks = {"left": torch.tensor([[-2.0, 0.0], [2.0, 0.0]]), "right": torch.tensor([[0.0, -1.0], [0.0, 1.0]])}
    >>> parts = cg.components(cg.collect(model, torch.cat([*tasks.values()])), "neuron")
    >>> found = task_profile(parts, model, tasks)
    >>> found.labels["input/in/0"], dict(found.share["input/in/0"])
    ('left', {'left': 1.0, 'right': 0.0})
    """
    if isinstance(tasks, str):
        return _by_heads(analysis, tasks)
    if len(tasks) < 2:
        raise BadRequest(f"a task profile compares tasks and got {len(tasks)}; give inputs for at least two.")
    known_options(options)
    parts, options = parts_and_options(analysis, options)
    variances = {}
    for task, inputs in tasks.items():
        with located(f"task {task!r}"):
            variances[task] = _variances(parts, collect(model, inputs, **options))
    tables = {space: np.stack([variances[task][space] for task in tasks], axis=1) for space in sorted(parts)}
    floors = {space: UNMOVED * part.deviation**2 for space, part in parts.items()}
    require_told_apart(tables, list(tasks), floors)
    return replace(_profile(tables, list(tasks), floors), model=_model(parts))


def _by_heads(analysis: Decomposed | Mapping[Space, Components], tasks: str) -> TaskProfile:
    if tasks != "heads":
        raise BadRequest(f'tasks is {tasks!r}; needed are inputs by the name of each task, or "heads".')
    if not isinstance(analysis, Decomposed):
        raise BadRequest('tasks="heads" asks the model, which components do not know; give what analyze returned.')
    names = list(analysis.stats.outputs)
    if len(names) < 2:
        raise BadRequest(
            f"a task profile compares tasks, and the model has the one output {names[0]!r}; give inputs for at least "
            "two tasks."
        )
    parts = dict(analysis.components)
    tables = head_energies(analysis.stats, parts)
    found = _profile(tables, names, {space: np.full(len(part), UNMOVED) for space, part in parts.items()})
    return replace(found, model=_model(analysis.components))


def _model(parts: Mapping[Space, Components]) -> str:
    identity: Identity | None = getattr(parts, "identity", None)
    return "" if identity is None else digest(identity.model)


def _profile(
    tables: Mapping[Space, Float64[np.ndarray, "k tasks"]],
    tasks: Sequence[str],
    floors: Mapping[Space, Float64[np.ndarray, " k"]],
) -> TaskProfile:
    """Divide what moves each component among tasks; below its floor nothing moves it."""
    variance: dict[str, dict[str, float]] = {}
    share: dict[str, dict[str, float]] = {}
    labels = {}
    for space in sorted(tables):
        for index, row in enumerate(tables[space]):
            node, total = node_id(space, index), float(row.sum())
            variance[node] = dict(zip(tasks, row.tolist(), strict=True))
            moved = total > floors[space][index]
            share[node] = dict(zip(tasks, (row / total if moved else row * 0).tolist(), strict=True))
            if moved and (task := _dominant(share[node])):
                labels[node] = task
    return TaskProfile(variance, share, labels)


def _dominant(shares: Mapping[str, float]) -> str:
    """Return the task of the largest share, or nothing where two are as large: which came first is no reason."""
    first, second = sorted(shares, key=shares.__getitem__, reverse=True)[:2]
    return first if shares[first] - shares[second] > SAME else ""


def _variances(parts: Mapping[Space, Components], stats: Statistics) -> dict[Space, Float64[np.ndarray, " k"]]:
    require_same_spaces(parts, stats)
    scatter = covariances(stats)
    # Rounding leaves the variance of a score that cancels on either side of 0.
    return {
        space: np.clip(np.einsum("kd,de,ke->k", part.axes, scatter[space], part.axes), 0, None)
        for space, part in parts.items()
    }


@checked
def parts_and_options(
    analysis: Decomposed | Mapping[Space, Components], options: Mapping[str, Any]
) -> tuple[Mapping[Space, Components], dict[str, Any]]:
    """Return the components, and what is to be asked of `compgraph.collect` to see the same spaces again.

    Parameters
    ----------
    analysis
        What `compgraph.analyze` or `compgraph.components` returned.
    options
        Those given, which go first.

    Returns
    -------
    tuple
        With components alone, ``layers`` are the names of theirs.

    Examples
    --------
    >>> import torch
    >>> from compgraph.decompose import components
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
    >>> parts = components(collect(model, torch.eye(3)), "pca")
    >>> parts_and_options(parts, {"batch_size": 64})[1]
    {'batch_size': 64, 'layers': ['input', '1', '2']}
    """
    if isinstance(analysis, Decomposed):
        parts, asked = analysis.components, analysis.stats.asked.options
    else:
        parts, asked = analysis, {}
    found = {**asked, **options}
    if found.get("layers") is None:
        found["layers"] = list(dict.fromkeys(space.layer for space in sorted(parts)))
    return parts, found


def require_same_spaces(parts: Mapping[Space, Components], stats: Statistics) -> None:
    """Raise when statistics are not those of the spaces that components belong to.

    Parameters
    ----------
    parts
        The components of every space.
    stats
        Of the model they are to be applied to.

    Raises
    ------
    BadRequest
        Naming the layers of both, or the first space with another number of features.
    ForeignRecord
        When they are of another model, or of the model in another state.
    """
    if set(stats.spaces) != set(parts):
        came, needed = (", ".join(dict.fromkeys(s.layer for s in sorted(spaces))) for spaces in (stats.spaces, parts))
        raise BadRequest(
            f"the model has the layers {came} and the components {needed}; give the model the components came from, "
            "and layers= as it was given to collect."
        )
    widths = {space: len(stats.of_space(space).xx) for space in stats.spaces}
    for space, part in parts.items():
        if widths[space] != len(part.center):
            raise BadRequest(
                f"{space} has {widths[space]} features in the model and {len(part.center)} in the components; "
                "give the model the components came from, and the options that were given to collect."
            )
    require_same_model(stats.identity, getattr(parts, "identity", None), "the model and the components")
