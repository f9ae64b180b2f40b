"""The linear regions of a network of rectifiers: which gates are open, and which of them reach a score."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64, Shaped
from torch import Tensor, nn

from compgraph.errors import BadRequest, EmptyData, SiteError, UnknownSite
from compgraph.observe import bare, observing
from compgraph.records import brief
from note.measures.regions.relu_paths import Rectified

BATCH = 1024  # inputs a run: bounds the memory for activations and their graph; results do not depend on it

Inputs = Shaped[Tensor, "n ..."] | Shaped[np.ndarray, "n ..."]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Regions:
    """Distinct patterns of gates, the most frequent first.

    Attributes
    ----------
    patterns
        Which units count as open, one row a region.
    counts
        Rows of the data in each region.
    labels
        Region of each row of the data.
    """

    patterns: Bool[np.ndarray, "c units"]
    counts: Int64[np.ndarray, " c"]
    labels: Int64[np.ndarray, " n"]

    __repr__ = brief

    def __len__(self) -> int:
        return len(self.counts)


def activation_patterns(model: nn.Module, inputs: Inputs, *, layers: Sequence[str]) -> Bool[np.ndarray, "n units"]:
    """Tell which rectifiers are open for each input.

    Parameters
    ----------
    model
        Runs in eval mode and comes back as it was.
    inputs
        One sample per row, as a tensor or an array.
    layers
        Names of ``torch.nn.ReLU`` modules; a unit is an entry of their output.

    Returns
    -------
    numpy.ndarray
        True where the unit's output is positive; layer after layer.

    Raises
    ------
    UnknownSite
        When there is no such module.
    SiteError
        When a module is no ``ReLU``, or is not called exactly once.
    ShapeError
        When a layer's output has no row per sample.
    EmptyData
        When there are no inputs.
    BadRequest
        When no layer is named.

    Notes
    -----
    Inputs with one pattern over all rectifiers lie in one linear region: there the network is an affine map. Costs one
    run of the model, and n bytes a unit.

    References
    ----------
    Montufar, Pascanu, Cho and Bengio (2014). On the number of linear regions of deep neural networks.
    https://doi.org/10.48550/arXiv.1402.1869
    """
    model, gates = bare(model), _gates(model, layers)
    with observing(model):
        found = [Rectified(model, gates, batch).open().cpu().numpy() for batch in _batches(inputs)]
    return np.concatenate(found)


def reaching_patterns(
    model: nn.Module,
    inputs: Inputs,
    *,
    layers: Sequence[str],
    source: str,
    target: str,
    score: Float64[np.ndarray, " q"],
) -> Bool[np.ndarray, "n units"]:
    r"""Tell which rectifiers pass the gradient of a score on, for each input.

    A unit counts when it is open and lies on a path of open units and weights that are not zero, from the source to the
    score. The gradient of the score with respect to the source is a sum over these paths, so equal patterns have equal
    gradients, and, unless sums of products of weights agree by chance, equal gradients have equal patterns.

    Parameters
    ----------
    model
        Runs in eval mode and comes back as it was. Samples must not influence one another.
    inputs
        One sample per row, as a tensor or an array.
    layers
        Names of ``torch.nn.ReLU`` modules: all those between source and target. Others never count.
    source
        ``"input"`` or a module: what the gradient is with respect to.
    target
        A module or ``"output"``: what the score reads.
    score
        One weight per entry of the target's output.

    Returns
    -------
    numpy.ndarray
        Layer after layer, as `activation_patterns`.

    Raises
    ------
    UnknownSite
        When there is no such module.
    SiteError
        When a module of ``layers`` is no ``ReLU``, a module is not called exactly once, nothing differentiable
        leads from source to target, the source holds no floating numbers, or the target is the output of a model
        that returns no tensor.
    ShapeError
        When the score does not fit the target, or an output has no row per sample.
    EmptyData
        When there are no inputs.
    BadRequest
        When no layer is named.

    Notes
    -----
    Paths are found by differentiation: a unit is on one when the derivative of the score with respect to it, and its
    own along one random direction of the source, are both other than 0. Costs one run, one backward pass, and two
    more for each layer.
    """
    model, gates = bare(model), _gates(model, layers)
    for name in (source, target):
        if name not in ("input", "output"):
            _module(model, name)
    with observing(model, gradients=True):
        found = [
            Rectified(model, gates, batch, source=source, target=target).passing(score).cpu().numpy()
            for batch in _batches(inputs)
        ]
    return np.concatenate(found)


def regions(patterns: Bool[np.ndarray, "n units"]) -> Regions:
    """Count distinct patterns.

    Parameters
    ----------
    patterns
        From `activation_patterns`, or from `reaching_patterns` for the regions that one component can tell apart.

    Returns
    -------
    Regions
        Independent of the order of rows. Cost O(n u log n).

    Raises
    ------
    EmptyData
        When there are no rows.

    Examples
    --------
    >>> found = regions(np.array([[True, False], [True, True], [True, True]]))
    >>> found.counts.tolist(), found.labels.tolist()
    ([2, 1], [1, 0, 0])
    """
    if len(patterns) == 0:
        raise EmptyData("there are 0 patterns, and at least 1 is needed.")
    rows, labels, counts = np.unique(patterns, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return Regions(rows[order], counts[order].astype(np.int64), rank[labels.reshape(-1)].astype(np.int64))


def _gates(model: nn.Module, layers: Sequence[str]) -> dict[str, nn.Module]:
    if not layers or isinstance(layers, str):
        raise BadRequest(f"layers={layers!r}: a list of names of torch.nn.ReLU modules is needed.")
    found = {name: _module(model, name) for name in layers}
    for name, module in found.items():
        if not isinstance(module, nn.ReLU):
            raise SiteError(
                f"module {name!r} is a {type(module).__name__}, and only torch.nn.ReLU has gates that are open or "
                "closed. For smooth networks use distinct_directions(..., by='angle')."
            )
    return found


def _module(model: nn.Module, name: str) -> nn.Module:
    known = dict(model.named_modules())
    if name not in known:
        nearest = get_close_matches(name, known, n=1, cutoff=0.0)[0]
        raise UnknownSite(f"no module {name!r}. Nearest: {nearest!r}. compgraph.sites(model, example) lists all.")
    return known[name]


def _batches(inputs: Tensor | np.ndarray) -> Iterator[Tensor]:
    if len(inputs) == 0:
        raise EmptyData("there are 0 inputs, and at least 1 is needed.")
    return iter(torch.split(torch.as_tensor(inputs).detach(), BATCH))
