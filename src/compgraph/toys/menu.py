"""The functions that planted tasks compute."""

from collections.abc import Callable

import torch
from torch import Tensor

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
