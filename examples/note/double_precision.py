"""A toy in double precision, where rounding stays far below the least difference of gradients that matters."""

from copy import deepcopy
from dataclasses import replace

from compgraph.toys import Toy


def in_double(toy: Toy) -> Toy:
    """Return the same network in double precision, with its data and the inputs of its tasks.

    Parameters
    ----------
    toy
        Left as it is.

    Returns
    -------
    Toy
        Of the same weights and inputs to the bit, for float64 holds every float32; `scores` are those of the toy.

    Notes
    -----
    The gradients of a network of rectifiers in two linear regions may differ by 1e-6 of their length, where a gate
    hardly matters. In float32 that is rounding; in float64 rounding is 1e-16 and the two are told apart with
    `compgraph.check.EXACT`. Costs one copy of the network and its inputs, twice as large.

    Examples
    --------
    >>> import torch
    >>> from compgraph.toys import multiplication
    >>> in_double(multiplication(seed=0, epochs=1)).model(torch.ones(1, 4, dtype=torch.float64)).dtype
    torch.float64
    """
    tasks = {name: rows.double() for name, rows in toy.tasks.items()}
    return replace(toy, model=deepcopy(toy.model).double(), data=toy.data.double(), tasks=tasks)
