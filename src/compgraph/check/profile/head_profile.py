"""How much each output of a network depends on each component: heads as tasks."""

import numpy as np
from jaxtyping import Float, Float64

from compgraph.decompose import Components
from compgraph.decompose.interaction import LIMIT
from compgraph.decompose.interaction.output_scores import output_filters, side_by_side
from compgraph.decompose.scale import middle_scale
from compgraph.statistics import Space, Statistics


def head_energies(stats: Statistics, parts: dict[Space, Components]) -> dict[Space, Float64[np.ndarray, "k heads"]]:
    r"""Return the mean squared change of every head when the score of a component rises by one standard deviation.

    .. math:: e_{kh} = \frac{1}{q_h} \sum_{b \in h} E\left[ \left(
              \frac{\sigma_k}{\sigma_b} \frac{\partial y_b}{\partial s_k} \right)^2 \right]

    with :math:`q_h` scores of head :math:`h`, each of unit variance.

    Parameters
    ----------
    stats
        Of a model that can be differentiated.
    parts
        Components of every space.

    Returns
    -------
    dict
        Space to components by heads, in the order of ``stats.outputs``. What is written at a site is judged by what is
        read there; a component of an output is of its own head alone.

    Notes
    -----
    Costs one backward pass per output score, at most 48 unless there are more heads, and kept input.
    """
    probe = stats.live("a profile of heads")
    filters = output_filters(stats, LIMIT)
    names = list(stats.outputs)
    of_head = np.concatenate([np.full(len(rows), names.index(name)) for name, rows in filters.items()])
    sums = {space: np.zeros((len(part), len(names))) for space, part in parts.items()}
    rows = dict.fromkeys(parts, 0)
    unit = middle_scale(part.patterns * part.deviation[:, None] for part in parts.values())
    for chunk in probe.output_gradients(side_by_side(stats, filters) * unit):
        for read, gradients in chunk.items():
            for space in (read, Space(read.layer, "out", read.depth)):
                if space in parts:
                    sums[space] += _squares(gradients, parts[space], of_head, len(names), unit)
                    rows[space] += len(gradients)
    sizes = np.maximum(np.bincount(of_head, minlength=len(names)), 1)
    found = {space: total / max(rows[space], 1) / sizes for space, total in sums.items()}
    for place, space in enumerate(stats.returned.values()):
        if space in found and rows[space] == 0:
            found[space][:, place] = 1.0
    return found


def _squares(
    gradients: Float[np.ndarray, "n q d"], part: Components, of_head: np.ndarray, heads: int, unit: float
) -> Float64[np.ndarray, "k heads"]:
    moved = gradients @ (part.patterns * (part.deviation[:, None] / unit)).T
    squares = np.square(moved, dtype=np.float64).sum(axis=0)
    return np.stack([squares[of_head == head].sum(axis=0) for head in range(heads)], axis=1)
