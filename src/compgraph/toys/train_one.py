"""What the toy makers share: a seeded stream, surroundings that do not leak, and one training loop."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from compgraph.arguments import checked, whole_number
from compgraph.errors import BadRequest


@checked
def seeded(seed: int) -> torch.Generator:
    """Make the one stream of random numbers that a toy draws everything from.

    Parameters
    ----------
    seed
        Any integer from 0 to 2**63 - 1.

    Returns
    -------
    torch.Generator
        On the CPU, independent of torch's global generator.

    Raises
    ------
    BadRequest
        If the seed is outside its range.

    Examples
    --------
    >>> torch.equal(torch.randn(3, generator=seeded(5)), torch.randn(3, generator=seeded(5)))
    True
    """
    if not 0 <= seed < 2**63:
        raise BadRequest(f"seed {seed} is outside 0 .. 2**63 - 1. Pass a non-negative integer.")
    return torch.Generator(device="cpu").manual_seed(seed)


def seed_list(seeds: Iterable[object]) -> tuple[int, ...]:
    """Check the seeds of several toys.

    Parameters
    ----------
    seeds
        Whole numbers, at least one.

    Returns
    -------
    tuple of int
        As they came.

    Raises
    ------
    BadRequest
        If there is none, or one is no whole number from 0 on.
    """
    checked = tuple(whole_number(seed, "a seed", minimum=0) for seed in seeds)
    if not checked:
        raise BadRequest("no seeds came; pass one for each network, such as range(10).")
    return checked


@contextmanager
def isolated() -> Iterator[None]:
    """Run a block, or a decorated function, on one CPU thread in float32 with gradients on.

    Notes
    -----
    The caller's thread count, default dtype, default device, gradient mode and the state of Python's
    random generator come back afterwards, also after an error. One thread makes sums independent of the
    number of cores, and is fastest at the size of the toys.
    """
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    # Importing scikit-learn for the first time draws from Python's generator.
    python_state = random.getstate()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    try:
        with torch.device("cpu"), torch.inference_mode(mode=False), torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_num_threads(threads)
        random.setstate(python_state)


def shuffled_batches(
    generators: Sequence[torch.Generator], n_rows: int
) -> Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Deal training rows in batches, each row once an epoch, in a new order every epoch.

    Parameters
    ----------
    generators
        The random stream of each network.
    n_rows
        Size of a batch; rows that do not fill one at the end of an epoch are left out of it.

    Returns
    -------
    function
        Maps a network's number, inputs and targets to those of its next batch.
    """
    waiting: dict[int, list[Tensor]] = {}

    def batch(network: int, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        if not waiting.get(network):
            order = torch.randperm(len(inputs), generator=generators[network])
            waiting[network] = [each for each in torch.split(order, n_rows) if len(each) == n_rows]
        rows = waiting[network].pop()
        return inputs[rows], targets[rows]

    return batch


def fit(
    model: nn.Module,
    batch: Callable[[], tuple[Tensor, Tensor]],
    *,
    n_steps: int,
    loss: Callable[[Tensor, Tensor], Tensor],
    lr: float,
    final_lr: float,
    weight_decay: float = 0.0,
) -> None:
    r"""Train a model in place, one AdamW step per batch, and leave it in eval mode.

    Each step moves the weights by :math:`-\eta\,(\hat m / (\sqrt{\hat v} + \epsilon) + \lambda w)`, where
    :math:`\hat m` and :math:`\hat v` are running means of the gradient and of its square.

    Parameters
    ----------
    model
        The network to train; its gradients are cleared at the end.
    batch
        Called once a step, gives inputs and targets.
    n_steps
        Number of steps.
    loss
        Maps outputs and targets to one number.
    lr
        Step size :math:`\eta` at the first step.
    final_lr
        Step size after the last step; it moves there linearly.
    weight_decay
        Decoupled decay :math:`\lambda`; 0 gives plain Adam.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", doi:10.48550/arXiv.1412.6980.
    Loshchilov and Hutter, "Decoupled weight decay regularization", doi:10.48550/arXiv.1711.05101.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, final_lr / lr, total_iters=n_steps)
    model.train()
    for _ in range(n_steps):
        inputs, targets = batch()
        optimizer.zero_grad()
        torch.autograd.backward(loss(model(inputs), targets))
        optimizer.step()
        schedule.step()
    optimizer.zero_grad()
    model.eval()
