"""The multilayer perceptron of the toys, with a module name for every place worth tapping."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from compgraph.errors import unknown_name

ACTIVATIONS: Mapping[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU}


class Perceptron(nn.Module):
    r"""Stack blocks :math:`x \mapsto \sigma(W x + b)` under a linear head.

    Modules are named ``layers.<i>.linear``, ``layers.<i>.act`` and ``head``.

    Parameters
    ----------
    widths
        Numbers of features: the input, each hidden layer, the output.
    activation
        A key of `ACTIVATIONS`.

    Raises
    ------
    UnknownName
        If there is no such activation.

    Examples
    --------
    >>> Perceptron([4, 16, 16, 2]).sites
    ('layers.0.act', 'layers.1.act', 'head')
    """

    def __init__(self, widths: Sequence[int], *, activation: str = "relu") -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise unknown_name("activation", activation, ACTIVATIONS)
        *hidden, n_outputs = widths
        self.layers = nn.Sequential(
            *(
                nn.Sequential(OrderedDict(linear=nn.Linear(p, q), act=ACTIVATIONS[activation]()))
                for p, q in pairwise(hidden)
            )
        )
        self.head = nn.Linear(hidden[-1], n_outputs)

    @property
    def sites(self) -> tuple[str, ...]:
        """Name the outputs of the activations and of the head, in order of execution."""
        return (*(f"layers.{i}.act" for i in range(len(self.layers))), "head")

    def forward(self, inputs: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch outputs"]:
        """Map inputs to outputs; rows do not influence one another."""
        outputs: Tensor = self.head(self.layers(inputs))
        return outputs


def seeded_perceptron(widths: Sequence[int], generator: torch.Generator, *, activation: str = "relu") -> Perceptron:
    """Initialise a perceptron from a generator and leave torch's global generator as it was.

    Parameters
    ----------
    widths
        Numbers of features: the input, each hidden layer, the output.
    generator
        Gives one number, the seed of the initial weights.
    activation
        A key of `ACTIVATIONS`.

    Returns
    -------
    Perceptron
        Untrained, with torch's usual initial weights.

    Raises
    ------
    UnknownName
        If there is no such activation.
    """
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would also reseed accelerators, which the fork does not put back.
        torch.default_generator.manual_seed(seed)
        return Perceptron(widths, activation=activation)
