"""What is planted in a network: how many tasks, how they are dressed up, and the network that learns them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from string import ascii_uppercase

import torch
from torch import Tensor

from compgraph.arguments import whole_number
from compgraph.errors import BadRequest, unknown_name
from compgraph.toys.perceptron import ACTIVATIONS

# Functions of two numbers, ordered so that neighbours are unlike. No combination of a few of them depends on one
# direction of the two numbers alone: a product is a difference of squares of sum and difference, and with either
# of those beside it a task would come apart into two.
MENU: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    lambda a, b: a * b,
    lambda a, b: torch.sin(2 * a + b),
    lambda a, b: (a - b / 2).abs(),
    lambda a, b: a * torch.cos(3 * b),
    lambda a, b: torch.exp(a * b - b),
    lambda a, b: a * torch.maximum(a, -b),
    lambda a, b: torch.exp(-2 * a.square() - b.square()),
    lambda a, b: torch.maximum(a, b / 2),
)


@dataclass(frozen=True, slots=True)
class Plan:
    r"""Say which tasks a network is to learn, and on which inputs.

    The features of the tasks are uniform on (-1, 1). Task :math:`t` has outputs :math:`y_{t,o}`, functions of its own
    features alone, each with zero mean and unit variance over the rows drawn.

    Attributes
    ----------
    n_tasks
        Number of tasks, 1 to 26.
    inputs_per_task
        Features of a task, at least 2.
    outputs_per_task
        Functions of a task's features that the network is to compute.
    unlike
        Whether tasks compute unlike functions, of which there are eight for all outputs together. Otherwise output
        :math:`o` is the same function in every task, and the first is a product.
    mixed
        Whether functions are random quadratic forms of all features, so that nothing can be told apart; for one task.
    width
        Units of a hidden layer.
    depth
        Number of hidden layers.
    activation
        A key of `compgraph.toys.perceptron.ACTIVATIONS`.
    layer_norm
        Whether hidden layers are normalised before the activation.
    residual
        Whether hidden layers from the second on add to their input.
    scales
        One factor per task, by which its targets are multiplied; 1 for all if not given.
    rotate_inputs, rotate_outputs
        Whether the network sees features, or is to give targets, in a random orthogonal basis, one per seed.
    correlation
        Between the first features of any two tasks, between the second ones, and so on; features stay uniform.
    mixing
        Share :math:`\lambda` of the other tasks in a task's targets,
        :math:`y'_t = (1 - \lambda) y_t + \lambda \operatorname{mean}_{s \ne t} y_s`.
    shared_output
        Whether the targets of all tasks are summed into one set of outputs.
    epochs
        Passes over the training rows; 0 leaves the network untrained.

    Raises
    ------
    BadRequest
        If a number is out of range, or two requests contradict one another.
    UnknownName
        If there is no such activation.

    Notes
    -----
    The plan has a true answer, the tasks, unless it is a control: one task, or an untrained network.

    Examples
    --------
    >>> str(Plan(n_tasks=3, width=64)), Plan(n_tasks=3).task_names
    ('planted n_tasks=3 width=64', ('A', 'B', 'C'))
    """

    n_tasks: int = 2
    inputs_per_task: int = 2
    outputs_per_task: int = 1
    unlike: bool = False
    mixed: bool = False
    width: int = 32
    depth: int = 2
    activation: str = "relu"
    layer_norm: bool = False
    residual: bool = False
    scales: tuple[float, ...] | None = None
    rotate_inputs: bool = False
    rotate_outputs: bool = False
    correlation: float = 0.0
    mixing: float = 0.0
    shared_output: bool = False
    epochs: int = 100

    def __post_init__(self) -> None:
        least = {"n_tasks": 1, "inputs_per_task": 2, "outputs_per_task": 1, "width": 1, "depth": 1, "epochs": 0}
        for name, minimum in least.items():
            whole_number(getattr(self, name), name, minimum=minimum)
        if self.n_tasks > len(ascii_uppercase):
            raise BadRequest(f"n_tasks={self.n_tasks}: tasks are named by letters, so {len(ascii_uppercase)} at most.")
        if self.activation not in ACTIVATIONS:
            raise unknown_name("activation", self.activation, ACTIVATIONS)
        self._check_scales()
        self._check_correlation()
        if not 0 <= self.mixing <= 1:
            raise BadRequest(f"mixing={self.mixing}: a share between 0 and 1 is needed.")
        if self.n_tasks == 1 and (self.mixing or self.correlation or self.shared_output):
            raise BadRequest("mixing, correlation and shared_output are between tasks; n_tasks=1 leaves none to mix.")
        if self.unlike and self.n_tasks * self.outputs_per_task > len(MENU):
            raise BadRequest(
                f"unlike=True asks for {self.n_tasks} x {self.outputs_per_task} unlike functions, and there are "
                f"{len(MENU)}; plan fewer tasks or outputs."
            )
        if self.mixed and self.n_tasks > 1:
            raise BadRequest(f"mixed=True makes one task of everything; n_tasks={self.n_tasks} came, pass 1.")

    def _check_scales(self) -> None:
        if self.scales is None:
            return
        if len(self.scales) != self.n_tasks or not all(0 < each < math.inf for each in self.scales):
            raise BadRequest(
                f"scales={self.scales}: one positive number for each of the {self.n_tasks} tasks is needed."
            )

    def _check_correlation(self) -> None:
        # The latent Gaussians' correlation; with n_tasks variables, equal correlations below -1 / (n_tasks - 1)
        # belong to no distribution.
        lowest = -1 / max(1, self.n_tasks - 1)
        if not (-1 <= self.correlation <= 1 and lowest <= self.latent_correlation <= 1):
            raise BadRequest(
                f"correlation={self.correlation}: {self.n_tasks} tasks can be correlated by "
                f"{6 / math.pi * math.asin(lowest / 2):.3f} to 1."
            )

    @property
    def latent_correlation(self) -> float:
        r"""Correlation :math:`2 \sin(\pi r / 6)` of Gaussians whose uniform transforms correlate by :math:`r`."""
        return 2 * math.sin(math.pi * self.correlation / 6)

    @property
    def task_names(self) -> tuple[str, ...]:
        """Letters that name the tasks, in order of their features; none for a control."""
        return tuple(ascii_uppercase[: self.n_tasks]) if self.n_tasks > 1 and self.epochs else ()

    @property
    def widths(self) -> tuple[int, ...]:
        """Numbers of features of the network: the input, each hidden layer, the output."""
        n_outputs = self.outputs_per_task * (1 if self.shared_output else self.n_tasks)
        return (self.n_tasks * self.inputs_per_task, *[self.width] * self.depth, n_outputs)

    def __str__(self) -> str:
        """Name the fields that differ from the default."""
        told = [f"{each.name}={getattr(self, each.name)}" for each in fields(self) if self._differs(each.name)]
        return " ".join(["planted", *told]).replace(", ", ",")

    def _differs(self, name: str) -> bool:
        return bool(getattr(self, name) != Plan.__dataclass_fields__[name].default)
