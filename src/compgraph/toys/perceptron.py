"""The multilayer perceptron of the toys, with a module name for every place worth tapping."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from compgraph.errors import ShapeError, unknown_name

ACTIVATIONS: Mapping[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}


class ResidualBlock(nn.Sequential):
    """Add what its modules compute to what comes in."""

    def forward(self, inputs: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch features"]:
        """Map rows to rows of the same width."""
        outputs = inputs
        for module in self:
            outputs = module(outputs)
        return inputs + outputs


def _block(n_inputs: int, n_outputs: int, activation: str, *, layer_norm: bool, residual: bool) -> nn.Sequential:
    modules: OrderedDict[str, nn.Module] = OrderedDict(linear=nn.Linear(n_inputs, n_outputs))
    if layer_norm:
        modules["norm"] = nn.LayerNorm(n_outputs)
    modules["act"] = ACTIVATIONS[activation]()
    return ResidualBlock(modules) if residual else nn.Sequential(modules)


class Perceptron(nn.Module):
    r"""Stack blocks :math:`x \mapsto \sigma(W x + b)` under a linear head.

    Modules are named ``layers.<i>.linear``, ``layers.<i>.act`` and ``head``; a layer norm between the first two is
    ``layers.<i>.norm``.

    Parameters
    ----------
    widths
        Numbers of features: the input, each hidden layer, the output.
    activation
        A key of `ACTIVATIONS`.
    layer_norm
        Whether :math:`W x + b` is normalised, each row by itself, with a learnt scale and shift per feature.
    residual
        Whether blocks from the second on compute :math:`x + \sigma(W x + b)`; hidden widths must then be equal.

    Raises
    ------
    UnknownName
        If there is no such activation.
    ShapeError
        If a residual block would have to change the width.

    Examples
    --------
    >>> Perceptron([4, 16, 16, 2]).sites
    ('layers.0.act', 'layers.1.act', 'head')
    """

    def __init__(
        self, widths: Sequence[int], *, activation: str = "relu", layer_norm: bool = False, residual: bool = False
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise unknown_name("activation", activation, ACTIVATIONS)
        *hidden, n_outputs = widths
        if residual and len(set(hidden[1:])) > 1:
            raise ShapeError(f"hidden widths {hidden[1:]} differ; what a residual block adds must have one width.")
        self.residual = residual
        self.layers = nn.Sequential(
            *(
                _block(p, q, activation, layer_norm=layer_norm, residual=residual and i > 0)
                for i, (p, q) in enumerate(pairwise(hidden))
            )
        )
        self.head = nn.Linear(hidden[-1], n_outputs)

    @property
    def sites(self) -> tuple[str, ...]:
        """Name the outputs of the activations, or of residual blocks, and of the head, in order of execution."""
        end = "" if self.residual else ".act"
        return (*(f"layers.{i}{end}" for i in range(len(self.layers))), "head")

    @property
    def rectified(self) -> bool:
        """Whether it is affine maps with a rectifier after each but the last, and nothing else."""
        modules = [module for block in self.layers for module in block.children()]
        return not self.residual and all(type(module) in (nn.Linear, nn.ReLU) for module in modules)

    def forward(self, inputs: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch outputs"]:
        """Map inputs to outputs; rows do not influence one another."""
        outputs: Tensor = self.head(self.layers(inputs))
        return outputs


def seeded_perceptron(
    widths: Sequence[int],
    generator: torch.Generator,
    *,
    activation: str = "relu",
    layer_norm: bool = False,
    residual: bool = False,
) -> Perceptron:
    """Initialise a perceptron from a generator and leave torch's global generator as it was.

    Parameters
    ----------
    widths
        Numbers of features: the input, each hidden layer, the output.
    generator
        Gives one number, the seed of the initial weights.
    activation, layer_norm, residual
        As of `Perceptron`.

    Returns
    -------
    Perceptron
        Untrained, with torch's usual initial weights.

    Raises
    ------
    UnknownName
        If there is no such activation.
    ShapeError
        If a residual block would have to change the width.
    """
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would also reseed accelerators, which the fork does not put back.
        torch.default_generator.manual_seed(seed)
        return Perceptron(widths, activation=activation, layer_norm=layer_norm, residual=residual)
