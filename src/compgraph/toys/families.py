"""The benchmark's list: plans that differ from two plain multiplications in one respect each."""

from collections.abc import Mapping
from types import MappingProxyType

from compgraph.toys.plan import Plan

_TASKS = {f"tasks-{n}": Plan(n_tasks=n) for n in (2, 3, 4)} | {
    f"tasks-{n}": Plan(n_tasks=n, width=64, epochs=200) for n in (6, 8)
}
_TARGETS = {
    "unequal-scale": Plan(scales=(1.0, 0.3)),
    "outputs-3": Plan(outputs_per_task=3),
    "outputs-rotated": Plan(outputs_per_task=3, rotate_outputs=True),
    "inputs-rotated": Plan(rotate_inputs=True),
    "both-rotated": Plan(n_tasks=3, outputs_per_task=2, unlike=True, width=48, rotate_inputs=True, rotate_outputs=True),
}
_NETWORKS = {
    **{f"depth-{depth}": Plan(depth=depth) for depth in (3, 4, 5, 6)},
    **{f"width-{width}": Plan(width=width) for width in (16, 64, 128, 256)},
    "gelu": Plan(activation="gelu"),
    "tanh": Plan(activation="tanh"),
    "layer-norm": Plan(layer_norm=True),
    "residual": Plan(residual=True),
}
_ENTANGLED = {
    "correlated-0.3": Plan(correlation=0.3),
    "anticorrelated-0.6": Plan(correlation=-0.6),
    **{f"mixing-{mixing}": Plan(mixing=mixing) for mixing in (0.1, 0.2, 0.3, 0.4, 0.5)},
    "shared-output": Plan(shared_output=True),
    "superposition": Plan(n_tasks=10, width=8),
}
_CONTROLS = {
    "single-1": Plan(n_tasks=1, inputs_per_task=4),
    "single-4": Plan(n_tasks=1, inputs_per_task=4, outputs_per_task=4),
    "untrained-relu-2": Plan(epochs=0),
    "untrained-relu-6": Plan(outputs_per_task=3, epochs=0),
    "untrained-gelu-6": Plan(outputs_per_task=3, activation="gelu", epochs=0),
    "untrained-tanh-10": Plan(outputs_per_task=5, activation="tanh", epochs=0),
    "mixed-3": Plan(n_tasks=1, inputs_per_task=4, outputs_per_task=3, mixed=True),
}
FAMILIES: Mapping[str, Plan] = MappingProxyType({**_TASKS, **_TARGETS, **_NETWORKS, **_ENTANGLED, **_CONTROLS})
"""Plans by name; those of one task or without training are controls, in which no groups are to be found.

In "superposition" ten tasks share eight units, too few to compute all: its networks explain about a quarter of the
variance and leave some tasks out, which their scores tell.
"""
