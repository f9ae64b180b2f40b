"""The record every toy maker returns: a trained network and the truth about its tasks."""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, eq=False)
class Toy:
    """Hold a trained network together with the tasks it is known to perform.

    Attributes
    ----------
    name
        What the toy is called in `compgraph.toys.TOYS`, or the plan it was made by.
    model
        The trained network, in eval mode, on the CPU, in float32.
    data
        Inputs the network normally sees; none of them was used in training.
    tasks
        For each task, inputs in which only the features of that task vary; none for a network in which no tasks can
        be told apart.
    layers
        The sites worth tapping, in order of execution, as dotted module names.
    scores
        Metrics on `data`: mean squared errors, accuracies between 0 and 1, or shares of variance explained, at most 1.
    seed
        The seed that fixed data, initial weights and batches.

    Notes
    -----
    Two toys are equal only if they are the same object; compare their tensors to compare more.
    """

    name: str
    model: nn.Module
    data: Float[Tensor, "n features"]
    tasks: Mapping[str, Float[Tensor, "_ features"]]
    layers: tuple[str, ...]
    scores: Mapping[str, float]
    seed: int

    @property
    def n_tasks(self) -> int:
        """Number of groups an analysis should find: the tasks, or 1 if none can be told apart."""
        return max(1, len(self.tasks))
