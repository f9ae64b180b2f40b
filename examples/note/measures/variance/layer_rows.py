"""What one layer writes, example by example."""

from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from compgraph.errors import EmptyData, ShapeError
from compgraph.observe import collect


def layer_rows(model: nn.Module, inputs: Float[Tensor, "n ..."], layer: str) -> Float[np.ndarray, "n d"]:
    """Return the activations of a layer, one example a row, in the order of the inputs.

    Parameters
    ----------
    model
        A trained network; it runs in eval mode and comes back as it was.
    inputs
        One example per row; all run at once.
    layer
        Name of a module whose output is one row an example.

    Returns
    -------
    numpy.ndarray
        In activation units.

    Raises
    ------
    EmptyData
        Without inputs.
    ShapeError
        When the layer writes several rows for an example, such as positions.
    CompgraphError
        As `compgraph.collect` does.

    Notes
    -----
    O(n d) memory: for what needs single rows. Statistics of many rows are what `compgraph.collect` is for.
    """
    if not len(inputs):
        raise EmptyData("there are 0 inputs; pass at least one example.")
    options: dict[str, Any] = {"sample": "all", "batch_size": len(inputs), "progress": False}
    stats = collect(model, inputs, [layer], **options)
    pair = stats.pairs[0]
    if stats.moments[pair].n != len(inputs):
        raise ShapeError(
            f"layer {layer!r} writes {stats.moments[pair].n} rows for {len(inputs)} examples; take a layer that writes "
            "one, or compgraph.collect, for which positions are rows."
        )
    sample = stats.samples[pair]
    return np.asarray(sample.y[np.argsort(sample.ids)])
