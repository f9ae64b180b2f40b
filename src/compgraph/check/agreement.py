"""How well groups match known labels, and how well they would by chance."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    completeness_score,
    homogeneity_score,
)

from compgraph.arguments import checked, is_finite, whole_number
from compgraph.check.labels import labelled, one_label
from compgraph.errors import BadRequest
from compgraph.group.partition import Partition

CHUNK = 2**20  # entries of the largest array made while permuting


@dataclass(frozen=True, slots=True)
class Agreement:
    """Scores of a grouping against labels, over the nodes that have a label.

    Parameters
    ----------
    ari, ami
        Adjusted Rand index and adjusted mutual information: 1 when the two partitions are the same, about 0 by chance,
        and NaN where chance gives nothing else.
    homogeneity, completeness
        1 when each group holds one label only; 1 when each label is in one group only. Not corrected for chance.
    weighted_ari
        Adjusted Rand index with pairs counted by importance; see `agreement`.
    purity
        Share of nodes whose label is the commonest of their group. Not corrected for chance: it rises with the number
        of groups.
    n, unlabelled
        Nodes with a label, and nodes left out for want of one.
    chance_mean, chance_sd
        Mean and standard deviation of `ari` under permuted labels; NaN without permutations.
    p_value
        Share of permutations (the labels themselves counted among them) with an ARI at least as high; NaN without.
    """

    ari: float
    ami: float
    homogeneity: float
    completeness: float
    weighted_ari: float
    purity: float
    n: int
    unlabelled: int
    chance_mean: float
    chance_sd: float
    p_value: float


@checked
def agreement(
    groups: Partition | Mapping[str, Hashable],
    labels: Mapping[str, Hashable],
    *,
    weights: Mapping[str, float | int] | None = None,
    n_permutations: int | np.integer = 1000,
    seed: int | np.integer = 0,
) -> Agreement:
    r"""Score groups against known labels.

    The importance-weighted adjusted Rand index counts the pair of nodes :math:`i < j` as :math:`w_i w_j`:

    .. math:: \frac{S_{gl} - S_g S_l / S}{(S_g + S_l) / 2 - S_g S_l / S},

    where :math:`S` is the weight of all pairs, :math:`S_g` of those in one group, :math:`S_l` of those with one label
    and :math:`S_{gl}` of those with both.

    Parameters
    ----------
    groups
        A partition, or node id to group.
    labels
        Node id to label, such as the task a component serves. A node that is missing, or whose label is None
        or NaN, is unlabelled and left out. Of nodes that serve several tasks, see `overlap`.
    weights
        Importance of each labelled node, at least 0, such as its share of the layer's variance; equal when None.
        Scaling all of them changes nothing.
    n_permutations
        Permutations of the labels for the chance level; 0 leaves it NaN.
    seed
        Where the permutations start.

    Returns
    -------
    Agreement
        Unchanged by renaming groups or labels.

    Raises
    ------
    BadRequest
        When a label belongs to no node of ``groups``, a labelled node has no weight or one that is negative or not
        finite, all weights are 0, a label or group is an array, or a number is out of range.
    EmptyData
        When no node has a label.

    Notes
    -----
    With equal weights the weighted index is the adjusted Rand index. Nodes of weight 0 do not count in it.

    One group and one label, or a node each on both sides, agree however the labels are dealt: ARI and AMI are 0/0 and
    NaN, where scikit-learn has 1. One group against several labels has ARI and AMI 0 and completeness 1; several groups
    against one label, homogeneity 1. With one group or one label every permutation is as good, so the p-value is 1.

    Labels are compared by what they hold: scalars of NumPy and torch are the numbers they hold, and True is 1, as in
    Python; texts and numbers may be mixed.

    Time and memory O(n) for the scores (AMI: O(n groups labels)), O(n n_permutations) time for the chance level.

    References
    ----------
    Hubert, L., Arabie, P. (1985). Comparing partitions. https://doi.org/10.1007/BF01908075

    Vinh, N. X., Epps, J., Bailey, J. (2010). Information theoretic measures for clusterings comparison.
    https://jmlr.org/papers/v11/vinh10a.html

    Examples
    --------
    >>> result = agreement({"a": 0, "b": 0, "c": 1, "d": 1}, {"a": "x", "b": "x", "c": "y", "d": "y"})
    >>> result.ari, result.n, result.unlabelled
    (1.0, 4, 0)
    """
    n_permutations = whole_number(n_permutations, "n_permutations", minimum=0)
    seed = whole_number(seed, "seed", minimum=0)
    group_of = groups.assignment if isinstance(groups, Partition) else groups
    nodes = labelled(group_of, labels)
    g = _codes([_grouped(node, group_of[node]) for node in nodes])
    t = _codes([one_label(node, labels[node]) for node in nodes])
    chance = _chance(g, t, n_permutations, seed)
    weight = importance(nodes, weights)
    tells = not _alike_whatever(g, t)
    return Agreement(
        ari=float(adjusted_rand_score(t, g)) if tells else math.nan,
        ami=float(adjusted_mutual_info_score(t, g)) if tells else math.nan,
        homogeneity=float(homogeneity_score(t, g)),
        completeness=float(completeness_score(t, g)),
        weighted_ari=weighted_ari(g, t, weight) if tells else math.nan,
        purity=float(_table(g, t, np.ones(len(nodes))).max(axis=1).sum() / len(nodes)),
        n=len(nodes),
        unlabelled=len(group_of) - len(nodes),
        chance_mean=chance[0],
        chance_sd=chance[1],
        p_value=chance[2],
    )


def _grouped(node: str, group: Hashable) -> Hashable:
    found = one_label(node, group)
    if found is None:
        raise BadRequest(
            f"node {node!r} is in the group {group!r}, which is none; leave out its label, or give it one."
        )
    return found


def _alike_whatever(g: Int64[np.ndarray, " n"], t: Int64[np.ndarray, " n"]) -> bool:
    """Tell whether every permutation of the labels agrees as well: all together on both sides, or all apart."""
    sizes = {int(g.max()), int(t.max())}
    return sizes in ({0}, {len(g) - 1})


def importance(nodes: list[str], weights: Mapping[str, float | int] | None) -> Float64[np.ndarray, " n"]:
    """Return the weight of every node, the largest scaled to 1; refuse what is missing, negative or not finite."""
    if weights is None:
        return np.ones(len(nodes))
    for node in nodes:
        value = weights.get(node)
        if not is_finite(value) or float(value or 0.0) < 0:
            raise BadRequest(
                f"node {node!r} has the weight {value!r}; every labelled node needs a finite one of at least 0."
            )
    values = np.array([float(weights[node]) for node in nodes])
    if not values.any():
        raise BadRequest(f"all {len(nodes)} labelled nodes have weight 0; at least one must count.")
    return values / values.max()


def _codes(values: list[Hashable]) -> Int64[np.ndarray, " n"]:
    """Return 0, 1, ... for the values by first appearance; unlike sorting, this takes any mix of types."""
    code: dict[Hashable, int] = {}
    return np.array([code.setdefault(value, len(code)) for value in values], dtype=np.int64)


def _table(
    g: Int64[np.ndarray, " n"], t: Int64[np.ndarray, " n"], weights: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, "a b"]:
    """Return the summed weight of each combination of group and label."""
    shape = int(g.max()) + 1, int(t.max()) + 1
    return np.bincount(g * shape[1] + t, weights=weights, minlength=shape[0] * shape[1]).reshape(shape)


def weighted_ari(g: Int64[np.ndarray, " n"], t: Int64[np.ndarray, " n"], weights: Float64[np.ndarray, " n"]) -> float:
    """Return the importance-weighted adjusted Rand index of two labelings.

    Parameters
    ----------
    g, t
        Labels from 0.
    weights
        Importance of each node, at least 0.

    Returns
    -------
    float
        See `agreement`; 1 where the two are the same, even if they could not differ.
    """
    g, t, weights = (each[weights > 0] for each in (g, t, weights))
    table, squares = _table(g, t, weights), _table(g, t, weights**2)
    if max(np.count_nonzero(table, axis=0).max(), np.count_nonzero(table, axis=1).max()) == 1:
        return 1.0  # the same partition, where the formula may be 0/0

    # Pairs in a set of nodes: half of (sum w)^2 - sum w^2.
    def pairs(axis: int | None) -> float:
        return float((table.sum(axis=axis) ** 2 - squares.sum(axis=axis)).sum()) / 2

    both = float((table**2 - squares).sum()) / 2
    in_group, in_label, everything = pairs(1), pairs(0), pairs(None)
    if everything <= 0:
        return 0.0  # one node holds all the weight that rounding leaves, so there are no pairs to agree on
    expected = in_group * in_label / everything
    return (both - expected) / ((in_group + in_label) / 2 - expected)


def _chance(
    g: Int64[np.ndarray, " n"], t: Int64[np.ndarray, " n"], n_permutations: int, seed: int
) -> tuple[float, float, float]:
    """Return mean and standard deviation of the ARI under permuted labels, and the p-value."""
    if n_permutations == 0:
        return math.nan, math.nan, math.nan
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK // max(len(g), (int(g.max()) + 1) * (int(t.max()) + 1)))
    sizes = [min(step, n_permutations - start) for start in range(0, n_permutations, step)]
    together = np.concatenate([_together(g, rng.permuted(np.tile(t, (size, 1)), axis=1)) for size in sizes])
    in_group, in_label = (float((n * (n - 1) // 2).sum()) for n in (np.bincount(g), np.bincount(t)))
    expected = in_group * in_label / max(1, len(g) * (len(g) - 1) // 2)
    spread = (in_group + in_label) / 2 - expected
    ari = (together - expected) / spread if spread > 0 else np.ones(n_permutations)
    # Counts of pairs are whole numbers, so ties with the labels themselves are exact.
    as_good = int((together >= _together(g, t[None])[0]).sum())
    return float(ari.mean()), float(ari.std()), (1 + as_good) / (1 + n_permutations)


def _together(g: Int64[np.ndarray, " n"], labelings: Int64[np.ndarray, "b n"]) -> Int64[np.ndarray, " b"]:
    """Count, for each labelling, the pairs of nodes that share group and label."""
    n_labels = int(labelings.max()) + 1
    cells = (int(g.max()) + 1) * n_labels
    offset = cells * np.arange(len(labelings), dtype=np.int64)[:, None]
    counts = np.bincount((offset + g * n_labels + labelings).ravel(), minlength=cells * len(labelings))
    counts = counts.reshape(len(labelings), cells)
    return (counts * (counts - 1) // 2).sum(axis=1)
