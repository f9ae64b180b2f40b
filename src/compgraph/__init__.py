"""The graph of the subspaces a trained torch network computes with, and the task groups in it.

Names are loaded when they are first used, so that importing compgraph costs next to nothing.
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from compgraph.version import VERSION

if TYPE_CHECKING:
    from compgraph.analysis import Analysis
    from compgraph.check.agreement import Agreement, agreement
    from compgraph.check.profile.task_profile import TaskProfile, task_profile
    from compgraph.connect.edges import edges
    from compgraph.connect.graph import build_graph
    from compgraph.connect.store import load
    from compgraph.decompose.components import Components
    from compgraph.decompose.find import components
    from compgraph.errors import CompgraphError
    from compgraph.group.communities import communities
    from compgraph.group.partition import Partition
    from compgraph.observe.collect import collect
    from compgraph.observe.sites import sites
    from compgraph.pipeline import analyze
    from compgraph.show import save
    from compgraph.statistics import Moments, Sample, Space, Statistics, merge

__version__ = VERSION

_HOMES = {
    "Agreement": "check",
    "Analysis": "analysis",
    "CompgraphError": "errors",
    "Components": "decompose",
    "Moments": "statistics",
    "Partition": "group",
    "Sample": "statistics",
    "Space": "statistics",
    "Statistics": "statistics",
    "TaskProfile": "check",
    "agreement": "check",
    "analyze": "pipeline",
    "build_graph": "connect",
    "collect": "observe",
    "communities": "group",
    "components": "decompose",
    "edges": "connect",
    "load": "connect",
    "merge": "statistics",
    "save": "show",
    "sites": "observe",
    "task_profile": "check",
}
_MOVED = {
    "ChanceTest": "check",
    "Directions": "decompose",
    "EdgeBlock": "connect",
    "GradientMoments": "statistics",
    "Interaction": "decompose",
    "Method": "decompose",
    "Overlap": "check",
    "Pair": "statistics",
    "Site": "observe",
    "check_graph": "connect",
    "cover": "check",
    "element_centric_similarity": "check",
    "omega_index": "check",
    "overlap": "check",
    "register_algorithm": "group",
    "register_exporter": "show",
    "register_method": "decompose",
    "register_rotation": "decompose",
    "register_rule": "connect",
    "true_cover": "check",
}
_RENAMED = {"EdgeBlock": "EdgeMatrix"}

__all__ = [
    "Agreement",
    "Analysis",
    "CompgraphError",
    "Components",
    "Moments",
    "Partition",
    "Sample",
    "Space",
    "Statistics",
    "TaskProfile",
    "agreement",
    "analyze",
    "build_graph",
    "collect",
    "communities",
    "components",
    "edges",
    "load",
    "merge",
    "save",
    "sites",
    "task_profile",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f"compgraph.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    if name in _MOVED:
        home, own = f"compgraph.{_MOVED[name]}", _RENAMED.get(name, name)
        warnings.warn(
            f"compgraph.{name} is {home}.{own} from 0.2 on; the old name goes with 0.3.",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(import_module(home), own)
    raise AttributeError(f"module 'compgraph' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
