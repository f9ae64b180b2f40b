"""Groups against known groups that overlap: scores, the best that groups without overlap can reach, and chance."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from compgraph.arguments import checked, whole_number
from compgraph.check.agreement import importance
from compgraph.check.ceiling import ceiling_of
from compgraph.check.covers import Cover, aligned
from compgraph.check.similarity import affinity, pair_agreement, pair_weights, shared_groups, similarities, walking_on
from compgraph.group.partition import Partition

N_STARTS = 3  # random starts of the search for the ceiling


@dataclass(frozen=True, slots=True)
class Overlap:
    """Scores of groups against known groups, where nodes may be in several of either.

    Parameters
    ----------
    omega
        Omega index: 1 when every pair of nodes shares as many groups in both, about 0 by chance.
    element_centric
        Mean element-centric similarity, from 0 to 1. Not corrected for chance.
    ceiling_omega, ceiling_element_centric
        The best that groups without overlap reach against the same known groups; see `compgraph.check.hard_ceiling`.
    ceiling_exact
        Whether the ceilings are exact or were reached by search, so that the best may be higher.
    chance_mean, chance_sd
        Mean and standard deviation of ``omega`` under permuted nodes; NaN without permutations.
    n, unlabelled
        Nodes whose true groups are known, and nodes left out because they are not.
    """

    omega: float
    element_centric: float
    ceiling_omega: float
    ceiling_element_centric: float
    ceiling_exact: bool
    chance_mean: float
    chance_sd: float
    n: int
    unlabelled: int


@checked
def overlap(
    groups: Partition | Cover,
    truth: Partition | Cover,
    *,
    weights: Mapping[str, float | int] | None = None,
    alpha: float = 0.9,
    n_permutations: int | np.integer = 100,
    seed: int | np.integer = 0,
) -> Overlap:
    """Score groups against known groups when nodes may be in several of either.

    Parameters
    ----------
    groups
        A partition, or node id to the groups it is in, such as `compgraph.check.covers` returns. A str, or anything
        that is no collection, is one group; an empty collection is none.
    truth
        The same for the true groups, such as `compgraph.check.true_cover` returns. A node that is missing, or comes
        with None, is unlabelled and left out.
    weights
        Importance of each labelled node, at least 0; equal when None. A pair of nodes counts with the product.
    alpha
        Probability of walking on in the element-centric similarity, between 0 and 1.
    n_permutations
        Permutations of the true groups over the nodes, for the chance level; 0 leaves it NaN.
    seed
        Where the permutations, and the search for the ceiling, start.

    Returns
    -------
    Overlap
        Unchanged by renaming groups. Groups without overlap never score above the ceiling beside them.

    Raises
    ------
    BadRequest
        When a node of ``truth`` is not in ``groups``, a node comes with None in ``groups``, with shares, or with a
        group that is NaN or not hashable; a weight is missing, negative or not finite, or all are 0; or a number is
        out of range.
    EmptyData
        When no node has known groups.

    Notes
    -----
    Time O(n^2) a permutation and O(n^2 k) for each move of the search, of which there are O(n); memory O(n^2).

    References
    ----------
    Collins, L. M., Dent, C. W. (1988). Omega. https://doi.org/10.1207/s15327906mbr2302_6

    Gates, A. J., Wood, I. B., Hetrick, W. P., Ahn, Y.-Y. (2019). Element-centric clustering comparison unifies overlaps
    and hierarchy. https://doi.org/10.1038/s41598-019-44892-y

    Examples
    --------
    >>> truth = {"a": "x", "b": "x", "c": ["x", "y"], "d": "y", "e": "y"}
    >>> result = overlap({"a": 0, "b": 0, "c": 0, "d": 1, "e": 1}, truth)
    >>> round(result.omega, 3), round(result.ceiling_omega, 3), result.n
    (0.615, 0.615, 5)
    """
    alpha = walking_on(alpha)
    n_permutations = whole_number(n_permutations, "n_permutations", minimum=0)
    seed = whole_number(seed, "seed", minimum=0)
    nodes, found, known = aligned(groups, truth)
    weight = importance(nodes, weights)
    shared_found, shared_known, pairs = shared_groups(found), shared_groups(known), pair_weights(weight)
    omega = pair_agreement(shared_found, shared_known, pairs)
    alike = similarities(affinity(found, alpha), affinity(known, alpha), alpha)
    similarity = float(np.average(alike, weights=weight))
    best = ceiling_of(known, weight, alpha, N_STARTS, np.random.default_rng(seed))
    is_hard = bool((found.sum(axis=1) <= 1).all())  # then what it scores is itself within reach
    chance = _chance(shared_found, shared_known, pairs, np.random.default_rng(seed), n_permutations)
    return Overlap(
        omega=omega,
        element_centric=similarity,
        ceiling_omega=max(best.omega, omega) if is_hard else best.omega,
        ceiling_element_centric=max(best.element_centric, similarity) if is_hard else best.element_centric,
        ceiling_exact=best.exact,
        chance_mean=float(chance.mean()) if n_permutations else math.nan,
        chance_sd=float(chance.std()) if n_permutations else math.nan,
        n=len(nodes),
        unlabelled=len(groups.assignment if isinstance(groups, Partition) else groups) - len(nodes),
    )


def _chance(
    found: Int64[np.ndarray, "n n"],
    known: Int64[np.ndarray, "n n"],
    pairs: Float64[np.ndarray, "n n"],
    rng: np.random.Generator,
    n_permutations: int,
) -> Float64[np.ndarray, " m"]:
    """Return the omega index under each of the permutations."""
    orders = (rng.permutation(len(found)) for _ in range(n_permutations))
    return np.array([pair_agreement(found, known[np.ix_(order, order)], pairs) for order in orders], dtype=np.float64)
