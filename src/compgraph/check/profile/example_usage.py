"""Which part of the graph single examples use, and whether that part is unusual."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from scipy.stats import rankdata
from torch import nn

from compgraph.arguments import checked
from compgraph.arrays import require_finite
from compgraph.check.profile.task_profile import Decomposed, parts_and_options, require_same_spaces
from compgraph.connect import node_id
from compgraph.decompose import Components
from compgraph.errors import BadRequest, EmptyData
from compgraph.observe import collect
from compgraph.observe.collect import known_options
from compgraph.records import brief, read_only
from compgraph.statistics import Pair, Space, Statistics

FEWEST = 20  # rows to estimate from, and as many to rank by


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Usage:
    """How much each example uses each node.

    Attributes
    ----------
    nodes
        Ids of the components, in the order in which data flows.
    spaces
        The space of each node.
    share
        One row per example: the part of what its scores do to the output that goes through each node, 1 in total in
        every space.
    amount
        One row per example and a column per space: that total, in units of what an average example of the analysis has.
    """

    nodes: tuple[str, ...]
    spaces: tuple[Space, ...]
    share: Float64[np.ndarray, "n nodes"]
    amount: Float64[np.ndarray, "n spaces"]

    __repr__ = brief

    def __post_init__(self) -> None:
        object.__setattr__(self, "share", read_only(self.share))
        object.__setattr__(self, "amount", read_only(self.amount))

    @property
    def n_used(self) -> Float64[np.ndarray, "n spaces"]:
        r"""How many nodes of every space each example uses, :math:`\exp(-\sum_k s_{ik} \log s_{ik})`.

        A row per example and a column per space, as in `amount`: 1 where one node is all that is used, k where k nodes
        are used alike.
        """
        entropies = -self.share * np.log(np.where(self.share > 0, self.share, 1.0))
        # Nodes of one space stand together.
        starts = [self.spaces.index(space) for space in dict.fromkeys(self.spaces)]
        return np.asarray(np.exp(np.add.reduceat(entropies, starts, axis=1)))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Unusualness:
    """How far examples are from those of a reference.

    Attributes
    ----------
    distance
        Mahalanobis distance of each example, in standard deviations.
    p_value
        Share of reference examples, the example among them, that are as far: small is unusual, and uniform for an
        example like those of the reference.
    """

    distance: Float64[np.ndarray, " n"]
    p_value: Float64[np.ndarray, " n"]

    __repr__ = brief

    def __post_init__(self) -> None:
        object.__setattr__(self, "distance", read_only(self.distance))
        object.__setattr__(self, "p_value", read_only(self.p_value))


@checked
def usage(analysis: Decomposed | Mapping[Space, Components], model: nn.Module, inputs: Any, **options: Any) -> Usage:
    r"""Measure which part of the graph each example uses.

    With :math:`t_{ik}` the score of example ``i`` on component ``k`` in standard deviations and :math:`m_k` the
    strength of the component,

    .. math:: \mathrm{share}_{ik} = \frac{m_k t_{ik}^2}{\sum_{l} m_l t_{il}^2}

    over the components ``l`` of the same space. Where a sample has many positions, the squares are averaged over them.

    Parameters
    ----------
    analysis
        What `compgraph.analyze` or `compgraph.components` returned.
    model
        The same model.
    inputs
        Examples in any form that `compgraph.collect` takes.
    **options
        Passed on to `compgraph.collect`; ``layers`` and ``rows`` are asked as for the analysis. With
        components alone, ``layers`` are needed where a module was tapped with a function. There is no ``sample``:
        every example has a row.

    Returns
    -------
    Usage
        Rows in the order of the inputs. An example at the mean of a space uses it as an average one does.

    Raises
    ------
    BadRequest
        When the model's layers or their widths are not those of the components, there are more than a million rows,
        or ``sample`` is given.
    EmptyData
        Without examples.

    Notes
    -----
    For the method ``"interaction"`` a strength is the mean squared change of the outputs when a score rises by one
    deviation, so that :math:`m_k t_{ik}^2` is what the output would be expected to change, squared, were the score at
    its mean. One forward pass and O(n k d) per space; memory O(n d).

    Examples
    --------
    >>> import torch
    >>> from compgraph.decompose import components
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
    >>> data = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> found = usage(components(collect(model, data), "neuron"), model, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    >>> found.nodes[:2], found.share[:, :2].tolist()
    (('input/in/0', 'input/in/1'), [[1.0, 0.0], [0.0, 1.0]])
    """
    if "sample" in options:
        raise BadRequest(
            f"sample={options['sample']!r} came, and usage is told for every example; leave it out and pass fewer "
            "inputs, where these are too many."
        )
    known_options(options)
    parts, asked = parts_and_options(analysis, {"progress": False, **options})
    stats = collect(model, inputs, **asked, sample="all")
    require_same_spaces(parts, stats)
    tables, amounts, nodes, spaces = [], [], [], []
    for space, table in _contributions(parts, stats).items():
        strength = parts[space].strength
        total = table.sum(axis=1, keepdims=True)
        average = strength / strength.sum()
        tables.append(np.where(total > 0, table / np.where(total > 0, total, 1), average))
        amounts.append(total[:, 0] / strength.sum())
        nodes += [node_id(space, index) for index in range(len(strength))]
        spaces += [space] * len(strength)
    return Usage(tuple(nodes), tuple(spaces), np.hstack(tables), np.stack(amounts, axis=1))


def _contributions(parts: Mapping[Space, Components], stats: Statistics) -> dict[Space, Float64[np.ndarray, "n _"]]:
    found = {}
    for space in stats.spaces:
        pairs = stats.into(space) if space.side == "out" else stats.out_of(space)
        pair = max(pairs, key=lambda each: stats.moments[each].n)
        sample = stats.samples[pair]
        found[space] = _squares(parts[space], stats, pair, sample.y if space.side == "out" else sample.x)
    return found


def _squares(
    part: Components, stats: Statistics, pair: Pair, rows: Float64[np.ndarray, "m d"]
) -> Float64[np.ndarray, "n k"]:
    sample, n = stats.samples[pair], stats.n_samples
    moves = part.deviation > 0
    scores = part.transform(rows) / np.where(moves, part.deviation, np.inf)
    # A sample is in random order; its ids number the positions of the first example, then those of the second.
    ordered = np.square(scores[np.argsort(sample.ids)]) * part.strength
    return np.asarray(ordered.reshape(n, -1, len(part)).mean(axis=1))


@checked
def unusualness(examples: Usage, reference: Usage) -> Unusualness:
    r"""Tell how unusual the parts of the graph are that examples use.

    .. math:: d_i^2 = (z_i - \bar z)^\top S^{-1} (z_i - \bar z)

    with :math:`z` the roots of the shares, whose Euclidean distance is that of Hellinger, and :math:`\bar z, S` their
    mean and shrunk covariance over every other reference example. The p-value is the rank of the distance among those
    of the others.

    Parameters
    ----------
    examples
        What `usage` returned for them.
    reference
        The same for examples known to be usual, which the analysis has not seen.

    Returns
    -------
    Unusualness
        For every example.

    Raises
    ------
    BadRequest
        When the two are not of the same nodes.
    EmptyData
        With fewer than 40 reference examples.

    Notes
    -----
    Amounts are left out: an example that uses the usual parts by more than usual is not unusual. The smallest p-value
    is one over one more than half the reference. Time O(n k^2 + k^3).

    References
    ----------
    Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", J. Multivariate Analysis
    88 (2004), doi:10.1016/S0047-259X(03)00096-4.

    Examples
    --------
    >>> spaces = (Space("fc1", "in", 1),) * 2
    >>> left = np.random.default_rng(0).beta(2, 2, size=50)
    >>> reference = Usage(("a", "b"), spaces, np.stack([left, 1 - left], axis=1), np.ones((50, 1)))
    >>> odd = Usage(("a", "b"), spaces, np.array([[0.5, 0.5], [1.0, 0.0]]), np.ones((2, 1)))
    >>> unusualness(odd, reference).p_value.round(2).tolist()
    [0.88, 0.04]
    """
    from sklearn.covariance import LedoitWolf

    if examples.nodes != reference.nodes:
        raise BadRequest(
            f"the usage of {len(examples.nodes)} nodes came with a reference of {len(reference.nodes)}, not all the "
            "same; measure both with the same analysis."
        )
    if len(reference.share) < 2 * FEWEST:
        raise EmptyData(f"a reference of {len(reference.share)} examples came; at least {2 * FEWEST} are needed.")
    require_finite(examples.share, "the usage of the examples")
    require_finite(reference.share, "the usage of the reference")
    roots = np.sqrt(reference.share)
    fitted = LedoitWolf().fit(roots[::2])
    usual = np.sort(np.sqrt(fitted.mahalanobis(roots[1::2])))
    distance = np.sqrt(fitted.mahalanobis(np.sqrt(examples.share)))
    as_far = len(usual) - np.searchsorted(usual, distance, side="left")
    return Unusualness(distance, (1 + as_far) / (1 + len(usual)))


@checked
def separation(usual: Float64[np.ndarray, " n"], strange: Float64[np.ndarray, " m"]) -> float:
    r"""Return how well a measure tells strange examples from usual ones: the area under the ROC curve.

    .. math:: P(x_\text{strange} > x_\text{usual}) + \tfrac12 P(x_\text{strange} = x_\text{usual})

    Parameters
    ----------
    usual, strange
        What was measured of each example, such as the distances of `unusualness`.

    Returns
    -------
    float
        1 when every strange example is above every usual one, 1/2 when the measure tells nothing, and less when strange
        examples look more usual than the usual ones.

    Raises
    ------
    EmptyData
        Without examples of either kind.
    NotFinite
        When a value is NaN or infinite.

    Notes
    -----
    Cost O((n + m) log(n + m)).

    References
    ----------
    Hanley and McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC) curve",
    Radiology 143 (1982), doi:10.1148/radiology.143.1.7063747.

    Examples
    --------
    >>> separation(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    0.875
    """
    if not (len(usual) and len(strange)):
        raise EmptyData(f"{len(usual)} usual and {len(strange)} strange examples came; at least one of each is needed.")
    require_finite(usual, "the usual examples")
    require_finite(strange, "the strange examples")
    ranks = rankdata(np.concatenate([strange, usual]))[: len(strange)]
    return float(ranks.mean() - (len(strange) + 1) / 2) / len(usual)
