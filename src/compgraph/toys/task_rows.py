"""Rows for a plan: features of the tasks, what is to be computed from them, and the bases they are seen in."""

from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor

from compgraph.toys.plan import MENU, Plan


@dataclass(frozen=True, slots=True, eq=False)
class TaskRows:
    """Hold features and targets in the tasks' own coordinates, and the bases the network meets them in.

    Attributes
    ----------
    features
        Those of the first task, then those of the second, and so on.
    targets
        In the same order; one task's worth of them if the output is shared.
    input_basis, output_basis
        Orthogonal; the network's inputs and targets are features and targets times them.
    """

    features: Float32[Tensor, "n p"]
    targets: Float32[Tensor, "n q"]
    input_basis: Float32[Tensor, "p p"]
    output_basis: Float32[Tensor, "q q"]

    @property
    def inputs(self) -> Float32[Tensor, "n p"]:
        """Features as the network sees them."""
        return self.features @ self.input_basis

    @property
    def answers(self) -> Float32[Tensor, "n q"]:
        """Targets as the network is to give them."""
        return self.targets @ self.output_basis


def draw_rows(plan: Plan, n: int, generator: torch.Generator) -> TaskRows:
    """Draw rows for a plan.

    Parameters
    ----------
    plan
        What is planted.
    n
        Number of rows, at least 2.
    generator
        Gives features, bases and projections.

    Returns
    -------
    TaskRows
        Functions are standardised over these rows.

    Notes
    -----
    Time and memory O(n), rows independent. Features that correlate are Gaussians of equal correlation, each put through
    its distribution function (a Gaussian copula).
    """
    features = _features(plan, n, generator)
    computed = torch.stack(
        [_functions(plan, task, features[:, task], generator) for task in range(plan.n_tasks)], dim=1
    )
    computed = (computed - computed.mean(dim=0)) / computed.std(dim=0)
    if plan.mixing:
        others = (computed.sum(dim=1, keepdim=True) - computed) / (plan.n_tasks - 1)
        computed = (1 - plan.mixing) * computed + plan.mixing * others
    if plan.scales is not None:
        computed = computed * torch.tensor(plan.scales).reshape(1, -1, 1)
    targets = computed.sum(dim=1) if plan.shared_output else computed.flatten(1)
    return TaskRows(
        features.flatten(1),
        targets,
        _basis(features[0].numel(), generator, turned=plan.rotate_inputs),
        _basis(targets.shape[1], generator, turned=plan.rotate_outputs),
    )


def _features(plan: Plan, n: int, generator: torch.Generator) -> Float32[Tensor, "{n} tasks inputs"]:
    shape = n, plan.n_tasks, plan.inputs_per_task
    if not plan.correlation:
        return 2 * torch.rand(shape, generator=generator) - 1
    equal = torch.full((plan.n_tasks, plan.n_tasks), plan.latent_correlation, dtype=torch.float64).fill_diagonal_(1)
    variances, axes = torch.linalg.eigh(equal)
    root = axes * variances.clamp(min=0).sqrt()
    latent = torch.einsum("st,nti->nsi", root, torch.randn(shape, generator=generator, dtype=torch.float64))
    uniform: Tensor = 2 * torch.special.ndtr(latent) - 1
    return uniform.float()


def _functions(plan: Plan, task: int, features: Tensor, generator: torch.Generator) -> Float32[Tensor, "n outputs"]:
    outputs = []
    for output in range(plan.outputs_per_task):
        n_features = features.shape[1]
        if plan.mixed:
            form = torch.randn(n_features, n_features, generator=generator)
            outputs.append(torch.einsum("ni,ij,nj->n", features, form, features))
            continue
        number = task * plan.outputs_per_task + output if plan.unlike else output
        if plan.n_tasks == 1:
            # Two functions of orthogonal planes of its own, so that every output reads more than one plane of the
            # features; not neighbours in the menu, as the two that depend on one direction each are.
            turned = (features @ _basis(n_features, generator, turned=True)).unbind(dim=1)
            first, second = MENU[number % len(MENU)], MENU[(number + 3) % len(MENU)]
            outputs.append(first(*turned[:2]) + second(*turned[-2:]))
            continue
        # Halves of the features, other halves for every output: nothing but all of them tells all outputs.
        halves = features.roll(-output, dims=1).tensor_split(2, dim=1)
        first, second = (half.sum(dim=1) / half.shape[1] ** 0.5 for half in halves)
        outputs.append(MENU[number % len(MENU)](first, second))
    return torch.stack(outputs, dim=1)


def _basis(n: int, generator: torch.Generator, *, turned: bool) -> Float32[Tensor, "{n} {n}"]:
    if not turned:
        return torch.eye(n)
    q, r = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    # Without the signs of r, the distribution would not be uniform over rotations and reflections.
    uniform: Tensor = q * r.diagonal().sign()
    return uniform.float()
