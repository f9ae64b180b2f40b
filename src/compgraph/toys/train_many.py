"""Train many networks of one architecture at once, each on data of its own."""

import copy
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from jaxtyping import Shaped
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.nn import functional

from compgraph.arguments import whole_number
from compgraph.errors import BadRequest, ShapeError, unknown_name
from compgraph.toys.perceptron import Perceptron
from compgraph.toys.relu_pass import Memory, rectified_pass
from compgraph.toys.train_one import fit, isolated

Batch = Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]]
LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {"mse": functional.mse_loss}
# What one thread works on at a time, in numbers per layer: more falls out of its cache, less is all overhead.
BLOCK, MOST_TOGETHER = 2**20, 16


class Stack(nn.Module):
    """Run networks of one architecture side by side, each with its own weights on its own rows.

    Parameters
    ----------
    models
        The networks; their weights are copied.

    Raises
    ------
    ShapeError
        If the networks differ in the names or shapes of their weights.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        kinds = {tuple((name, tuple(weight.shape)) for name, weight in model.named_parameters()) for model in models}
        if len(kinds) != 1:
            raise ShapeError(f"{len(models)} networks of {len(kinds)} architectures came; train each kind by itself.")
        stacked, _ = stack_module_state(list(models))
        self._names = tuple(stacked)
        self._weights = nn.ParameterList(weight.detach() for weight in stacked.values())
        # In a tuple, so that the skeleton's own weights are not among those that are trained.
        self._skeleton = (copy.deepcopy(models[0]).to("meta"),)

    def forward(self, inputs: Shaped[Tensor, "models n ..."]) -> Shaped[Tensor, "models n ..."]:
        """Map the rows of each network to its outputs."""

        def one(weights: dict[str, Tensor], rows: Tensor) -> Tensor:
            outputs: Tensor = functional_call(self._skeleton[0], weights, (rows,))
            return outputs

        outputs: Tensor = torch.vmap(one)(dict(zip(self._names, self._weights, strict=True)), inputs)
        return outputs

    def hand_back(self, models: Sequence[nn.Module]) -> None:
        """Copy the weights into the networks they came from.

        Parameters
        ----------
        models
            The networks, in the order in which they were stacked.
        """
        with torch.no_grad():
            for name, weights in zip(self._names, self._weights, strict=True):
                for model, weight in zip(models, weights, strict=True):
                    model.get_parameter(name).copy_(weight)


class RectifiedStack(Stack):
    """Run rectified perceptrons side by side, in two thirds of the time where there are thousands of rows.

    Parameters
    ----------
    models
        Each `compgraph.toys.perceptron.Perceptron.rectified`; their weights are copied.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__(models)
        self._memory: Memory = {}

    def forward(self, inputs: Shaped[Tensor, "models n ..."]) -> Shaped[Tensor, "models n ..."]:
        """Map the rows of each network to its outputs; go back before the next pass, which uses the same memory."""
        return rectified_pass(self._memory, inputs, *self._weights)


def fit_together(
    models: Sequence[nn.Module],
    inputs: Shaped[Tensor, "models rows ..."],
    targets: Shaped[Tensor, "models rows ..."],
    *,
    n_steps: int,
    lr: float,
    final_lr: float,
    loss: str | Callable[[Tensor, Tensor], Tensor] = "mse",
    weight_decay: float = 0.0,
    batch: Batch | None = None,
    n_threads: int | None = None,
) -> None:
    r"""Train networks of one architecture in place, each as `fit` would by itself, and leave them in eval mode.

    The step minimises :math:`\sum_s L(f_{\theta_s}(x_s), y_s)`. A term depends on its own weights alone and the
    optimizer moves every weight by itself, so no network influences another.

    Parameters
    ----------
    models
        The networks, without dropout or batch statistics.
    inputs, targets
        Training rows of each network.
    n_steps
        Number of steps.
    lr
        Step size at the first step.
    final_lr
        Step size after the last step; it moves there linearly.
    loss
        "mse", or a function of one network's outputs and targets that gives one number.
    weight_decay
        Decoupled decay; 0 gives plain Adam.
    batch
        Called once a step and network with the network's number, its inputs and its targets; gives the rows of
        the step, equally many for every network. Without it, every step sees all rows.
    n_threads
        How many groups of networks are trained at the same time; the caller's torch threads if not given.
        The numbers do not depend on it, if `batch` keeps the networks' random streams apart.

    Raises
    ------
    UnknownName
        If there is no such loss.
    ShapeError
        If the networks differ in architecture, or the numbers of networks, inputs and targets differ.
    BadRequest
        If there is no network, or a number is out of range.

    Notes
    -----
    Networks go in groups whose activations fit a core's cache, one thread a group. For batches of a few hundred
    rows that is several times faster than one network after the other, where each step is mostly overhead;
    for thousands of rows it is as fast on each thread. Weights equal those trained alone up to rounding, which
    long training amplifies.
    """
    if callable(loss):
        minimise = loss
    elif loss in LOSSES:
        minimise = LOSSES[loss]
    else:
        raise unknown_name("loss", loss, LOSSES)
    if not len(models) == len(inputs) == len(targets):
        raise ShapeError(
            f"{len(models)} networks came with rows for {len(inputs)} and targets for {len(targets)}; "
            "the first axis of inputs and targets counts networks."
        )
    whole_number(len(models), "the number of networks", minimum=1)
    whole_number(n_steps, "n_steps", minimum=1)
    if not lr > 0 <= final_lr:
        raise BadRequest(f"lr={lr} and final_lr={final_lr}: a positive first step size and a last of at least 0.")
    threads = torch.get_num_threads() if n_threads is None else whole_number(n_threads, "n_threads", minimum=1)
    train = partial(
        fit,
        n_steps=n_steps,
        loss=lambda outputs, answers: torch.vmap(minimise)(outputs, answers).sum(),
        lr=lr,
        final_lr=final_lr,
        weight_decay=weight_decay,
    )
    stack = RectifiedStack if batch is None and all(map(_is_rectified, models)) else Stack
    size = _group_size(models[0], inputs.shape[1] if batch is None else 0)
    groups = [range(start, min(start + size, len(models))) for start in range(0, len(models), size)]
    with isolated(), ThreadPoolExecutor(threads) as pool:
        list(
            pool.map(
                lambda group: _train_group(train, stack, models, _rows(group, inputs, targets, batch), group), groups
            )
        )


def _is_rectified(model: nn.Module) -> bool:
    return type(model) is Perceptron and model.rectified


def _group_size(model: nn.Module, n_rows: int) -> int:
    widest = max(max(weight.shape, default=1) for weight in model.parameters())
    return max(1, min(MOST_TOGETHER, BLOCK // max(1, n_rows * widest)))


def _rows(group: range, inputs: Tensor, targets: Tensor, batch: Batch | None) -> Callable[[], tuple[Tensor, Tensor]]:
    if batch is None:
        everything = inputs[group.start : group.stop], targets[group.start : group.stop]
        return lambda: everything

    def draw() -> tuple[Tensor, Tensor]:
        drawn = [batch(each, inputs[each], targets[each]) for each in group]
        return torch.stack([rows for rows, _ in drawn]), torch.stack([answers for _, answers in drawn])

    return draw


def _train_group(
    train: Callable[..., None],
    stack: type[Stack],
    models: Sequence[nn.Module],
    rows: Callable[[], tuple[Tensor, Tensor]],
    group: range,
) -> None:
    members = [models[each] for each in group]
    together = stack(members)
    train(together, rows)
    together.hand_back(members)
    for model in members:
        model.eval()
