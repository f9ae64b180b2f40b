import dataclasses

import numpy as np
import pytest

from compgraph.errors import BadRequest, UnknownName
from compgraph.toys.families import FAMILIES
from compgraph.toys.plan import Plan


def test_plan_names_what_differs_from_the_default():
    assert str(Plan()) == "planted"
    assert str(Plan(scales=(1.0, 0.3), rotate_inputs=True)) == "planted scales=(1.0,0.3) rotate_inputs=True"


def test_tasks_are_named_unless_there_are_none_to_tell_apart():
    assert Plan(n_tasks=3).task_names == ("A", "B", "C")
    assert Plan(n_tasks=1).task_names == ()
    assert Plan(epochs=0).task_names == ()


@pytest.mark.parametrize(
    ("plan", "widths"),
    [
        (Plan(), (4, 32, 32, 2)),
        (Plan(n_tasks=3, inputs_per_task=4, outputs_per_task=2, width=5, depth=3), (12, 5, 5, 5, 6)),
        (Plan(n_tasks=3, outputs_per_task=2, depth=1, shared_output=True), (6, 32, 2)),
    ],
)
def test_widths_follow_the_tasks(plan, widths):
    assert plan.widths == widths


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n_tasks": 0}, r"n_tasks=0.*at least 1"),
        ({"n_tasks": 27}, r"n_tasks=27.*26 at most"),
        ({"inputs_per_task": 1}, r"inputs_per_task=1.*at least 2"),
        ({"width": 0}, r"width=0"),
        ({"epochs": -1}, r"epochs=-1.*at least 0"),
        ({"scales": (1.0,)}, r"scales=\(1\.0,\).*each of the 2 tasks"),
        ({"scales": (1.0, float("nan"))}, r"scales=\(1\.0, nan\).*positive"),
        ({"mixing": 1.5}, r"mixing=1\.5.*between 0 and 1"),
        ({"mixing": float("nan")}, r"mixing=nan"),
        ({"n_tasks": 3, "correlation": -0.6}, r"correlation=-0\.6: 3 tasks can be correlated by -0\.483 to 1"),
        ({"correlation": float("nan")}, r"correlation=nan"),
        ({"n_tasks": 1, "mixing": 0.1}, r"n_tasks=1 leaves none to mix"),
        ({"n_tasks": 1, "shared_output": True}, r"n_tasks=1 leaves none"),
        ({"n_tasks": 9, "unlike": True}, r"9 x 1 unlike functions, and there are 8"),
        ({"n_tasks": 3, "outputs_per_task": 3, "unlike": True}, r"3 x 3 unlike functions"),
        ({"mixed": True}, r"n_tasks=2 came, pass 1"),
    ],
)
def test_contradictions_are_refused(wrong, said):
    with pytest.raises(BadRequest, match=said):
        Plan(**wrong)


def test_as_many_unlike_functions_as_there_are_are_fine():
    assert Plan(n_tasks=4, outputs_per_task=2, unlike=True).widths[-1] == 8


def test_unknown_activation_is_refused():
    with pytest.raises(UnknownName, match=r"no activation 'than'.*Did you mean 'tanh'"):
        Plan(activation="than")


@pytest.mark.parametrize("correlation", [-1.0, -0.6, 0.0, 0.3, 1.0])
def test_latent_correlation_inverts_the_law_of_uniform_transforms(correlation):
    latent = Plan(correlation=correlation).latent_correlation
    assert 6 / np.pi * np.arcsin(latent / 2) == pytest.approx(correlation)


def test_families_are_the_benchmarks_list():
    assert {
        *(f"tasks-{n}" for n in (2, 3, 4, 6, 8)),
        *("unequal-scale", "outputs-3", "outputs-rotated", "inputs-rotated", "both-rotated"),
        *(f"depth-{n}" for n in (3, 4, 5, 6)),
        *(f"width-{n}" for n in (16, 64, 128, 256)),
        *("gelu", "tanh", "layer-norm", "residual", "correlated-0.3", "anticorrelated-0.6"),
        *(f"mixing-0.{n}" for n in (1, 2, 3, 4, 5)),
        *("shared-output", "superposition", "single-1", "single-4"),
        *("untrained-relu-2", "untrained-relu-6", "untrained-gelu-6", "untrained-tanh-10", "mixed-3"),
    } == set(FAMILIES)


def test_names_of_families_say_their_number():
    for name, plan in FAMILIES.items():
        *_, number = name.rsplit("-", 1)
        count = {
            "tasks": plan.n_tasks,
            "depth": plan.depth,
            "width": plan.width,
            "single": plan.outputs_per_task,
            "mixed": plan.outputs_per_task,
            "untrained": plan.widths[-1],
            "mixing": plan.mixing,
            "correlated": plan.correlation,
            "anticorrelated": -plan.correlation,
        }.get(name.split("-")[0])
        assert count is None or count == float(number), name


def test_families_differ_and_cannot_be_changed():
    assert len(set(FAMILIES.values())) == len(FAMILIES)
    with pytest.raises(dataclasses.FrozenInstanceError):
        FAMILIES["gelu"].width = 3
    with pytest.raises(TypeError, match=r"item assignment"):
        FAMILIES["mine"] = Plan()
