"""Networks in which tasks are planted as a plan says, many trained at once."""

from collections.abc import Iterable

import torch
from torch import Tensor

from compgraph.arguments import checked
from compgraph.toys.families import FAMILIES
from compgraph.toys.perceptron import Perceptron, seeded_perceptron
from compgraph.toys.plan import Plan
from compgraph.toys.task_rows import TaskRows, draw_rows
from compgraph.toys.toy import Toy
from compgraph.toys.train_many import fit_together
from compgraph.toys.train_one import isolated, seed_list, seeded, shuffled_batches

__all__ = ["FAMILIES", "Plan", "planted"]

N_TRAIN, N_HELD_OUT, BATCH = 4_000, 2_000, 500
LEARNING_RATE = 1e-2


@checked
def planted(plan: Plan, *, seeds: Iterable[int]) -> tuple[Toy, ...]:
    """Train networks on the tasks of a plan, one network per seed.

    Parameters
    ----------
    plan
        What is planted.
    seeds
        Each fixes the rows, bases and initial weights of a network and the order of its batches.

    Returns
    -------
    tuple of Toy
        In the order of the seeds. `data` are 2,000 held-out rows; in the inputs of a task its features are those of
        `data` and all others are 0, their mean; controls have no tasks. `scores` are "r2" over all outputs
        and, unless outputs are shared, "r2_A", "r2_B", ... over those of a task, before their rotation.

    Raises
    ------
    BadRequest
        If there are no seeds, or one is outside its range.

    Notes
    -----
    4,000 training rows in batches of 500, Adam, step size 0.01 falling linearly to 0, mean squared error. The same
    seeds give the same bits on one machine, whatever its threads. Alone or beside other seeds, a network starts from
    the same weights and sees the same batches, but rounding differs. torch's global settings and generators are left
    alone.

    Examples
    --------
    >>> (toy,) = planted(Plan(n_tasks=3, epochs=1), seeds=[0])
    >>> toy.layers, sorted(toy.tasks)
    (('layers.0.act', 'layers.1.act', 'head'), ['A', 'B', 'C'])
    """
    seeds, n_threads = seed_list(seeds), torch.get_num_threads()
    with isolated():
        generators = [seeded(seed) for seed in seeds]
        drawn = [draw_rows(plan, N_TRAIN + N_HELD_OUT, generator) for generator in generators]
        models = [_network(plan, generator) for generator in generators]
        if plan.epochs:
            fit_together(
                models,
                torch.stack([rows.inputs[:N_TRAIN] for rows in drawn]),
                torch.stack([rows.answers[:N_TRAIN] for rows in drawn]),
                n_steps=plan.epochs * (N_TRAIN // BATCH),
                lr=LEARNING_RATE,
                final_lr=0.0,
                batch=shuffled_batches(generators, BATCH),
                n_threads=n_threads,
            )
        return tuple(_toy(plan, *each) for each in zip(models, drawn, seeds, strict=True))


def _network(plan: Plan, generator: torch.Generator) -> Perceptron:
    return seeded_perceptron(
        plan.widths,
        generator,
        activation=plan.activation,
        layer_norm=plan.layer_norm,
        residual=plan.residual,
    )


def _toy(plan: Plan, model: Perceptron, rows: TaskRows, seed: int) -> Toy:
    model.eval()
    features = rows.features[N_TRAIN:]
    return Toy(
        name=str(plan),
        model=model,
        data=rows.inputs[N_TRAIN:].clone(),
        tasks={
            name: _alone(features, task, plan.inputs_per_task) @ rows.input_basis
            for task, name in enumerate(plan.task_names)
        },
        layers=model.sites,
        scores=_scores(plan, model, rows),
        seed=seed,
    )


def _alone(features: Tensor, task: int, n_inputs: int) -> Tensor:
    kept = slice(task * n_inputs, (task + 1) * n_inputs)
    still = torch.zeros_like(features)
    still[:, kept] = features[:, kept]
    return still


def _scores(plan: Plan, model: Perceptron, rows: TaskRows) -> dict[str, float]:
    with torch.no_grad():
        found = model(rows.inputs[N_TRAIN:]) @ rows.output_basis.T
    targets = rows.targets[N_TRAIN:]
    scores = {"r2": _explained(found, targets)}
    if not plan.shared_output:
        blocks = zip(
            torch.split(found, plan.outputs_per_task, 1), torch.split(targets, plan.outputs_per_task, 1), strict=True
        )
        scores |= {f"r2_{name}": _explained(*block) for name, block in zip(plan.task_names, blocks, strict=False)}
    return scores


def _explained(found: Tensor, targets: Tensor) -> float:
    spread = (targets - targets.mean(dim=0)).square().sum()
    return 1 - ((found - targets).square().sum() / spread).item()
