"""How purely directions, and groups of them, keep to one task each, beside what chance gives."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64, Int
from scipy.optimize import linear_sum_assignment
from scipy.stats import ortho_group

from compgraph.arguments import whole_number
from compgraph.arrays import require_finite
from compgraph.check import ChanceTest
from compgraph.errors import BadRequest, EmptyData, ShapeError
from note.measures.variance.purest_basis import require_square


def direction_purity(
    axes: Float64[np.ndarray, "k d"],
    covariances: Mapping[str, Float64[np.ndarray, "_ _"]],
    *,
    n: int = 99,
    seed: int = 0,
) -> ChanceTest:
    r"""Measure how far uncorrelated directions keep to one task each, against random turns of them.

    .. math:: \frac{\sum_k \max_t a_k^\top C_t a_k}{\sum_k \sum_t a_k^\top C_t a_k}

    Parameters
    ----------
    axes
        One filter per row, with uncorrelated scores of unit variance, as of `independent_directions`. Turns of them are
        as uncorrelated and see as much of each task in all, so that only the basis differs.
    covariances
        Task to the covariance of the activations while only the inputs of that task vary.
    n
        Number of turns.
    seed
        Of the turns.

    Returns
    -------
    ChanceTest
        Between 1 / tasks and 1, without unit. Chance is above 1 / tasks, because every direction may choose its task:
        0.75 for four directions and two tasks of two each.

    Raises
    ------
    BadRequest
        With fewer than two tasks, or when ``n`` or ``seed`` is no whole number.
    ShapeError
        When a covariance does not fit the directions.
    EmptyData
        When no direction varies with any task.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    Cost O(n k^3 + k d^2) for each task.

    Examples
    --------
    >>> tasks = {"A": np.diag([1.0, 0.0]), "B": np.diag([0.0, 1.0])}
    >>> direction_purity(np.array([[0.6, 0.8], [-0.8, 0.6]]), tasks).observed.__round__(3)
    0.64
    """
    n, rng = whole_number(n, "n", minimum=0), np.random.default_rng(whole_number(seed, "seed", minimum=0))
    seen = _seen(axes, covariances)

    def purity(turn: Float64[np.ndarray, "k k"]) -> float:
        variances = np.einsum("ij,tjk,ik->ti", turn, seen, turn)
        return float(variances.max(axis=0).sum() / variances.sum())

    size = len(axes)
    turns = [ortho_group.rvs(size, random_state=rng) if size > 1 else np.eye(1) for _ in range(n)]
    by_chance = tuple(purity(turn) for turn in turns)
    return ChanceTest("random turns", "variance in a direction's own task", purity(np.eye(size)), by_chance)


def group_purity(
    axes: Float64[np.ndarray, "k d"],
    groups: Int[np.ndarray, " groups"],
    covariances: Mapping[str, Float64[np.ndarray, "_ _"]],
    *,
    n: int = 999,
    seed: int = 0,
) -> ChanceTest:
    r"""Measure how much of what directions see is of the task of their group, against groups dealt out at random.

    .. math:: \max_\pi \frac{\sum_k a_k^\top C_{\pi(g_k)} a_k}{\sum_k \sum_t a_k^\top C_t a_k}

    where :math:`\pi` gives every group a task of its own; what groups beyond the number of tasks see counts as wrong.

    Parameters
    ----------
    axes
        One filter per row.
    groups
        Group of each direction, from 0.
    covariances
        Task to the covariance of the activations while only the inputs of that task vary.
    n
        Number of deals. Each has groups of the same sizes as those that came.
    seed
        Of the deals.

    Returns
    -------
    ChanceTest
        Without unit; 1 when every group sees one task, and no two the same. Chance is above 1 / tasks, because names
        of groups are free: 2/3 for two groups of two directions, when each direction sees one of two tasks.

    Raises
    ------
    BadRequest
        With fewer than two tasks, a negative group, or when ``n`` or ``seed`` is no whole number.
    ShapeError
        When a covariance or the groups do not fit the directions.
    EmptyData
        When no direction varies with any task.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    Cost O(k d^2) for each task and O(k) for each deal.

    Examples
    --------
    >>> tasks = {"A": np.diag([1.0, 1.0, 0.0]), "B": np.diag([0.0, 0.0, 2.0])}
    >>> group_purity(np.eye(3), np.array([1, 1, 0]), tasks).observed
    1.0
    """
    n, rng = whole_number(n, "n", minimum=0), np.random.default_rng(whole_number(seed, "seed", minimum=0))
    if groups.shape != (len(axes),):
        raise ShapeError(f"{len(groups)} groups came for {len(axes)} directions; one for each is needed.")
    if groups.min(initial=0) < 0:
        raise BadRequest(f"group {groups.min()} came; groups are counted from 0.")
    variances = np.einsum("tkk->kt", _seen(axes, covariances))

    def purity(dealt: Int[np.ndarray, " k"]) -> float:
        table = np.zeros((dealt.max() + 1, variances.shape[1]))
        np.add.at(table, dealt, variances)
        # Rounded, or the same groups under other names could come out better than themselves.
        return round(float(table[linear_sum_assignment(table, maximize=True)].sum() / variances.sum()), 12)

    by_chance = tuple(purity(rng.permutation(groups)) for _ in range(n))
    return ChanceTest("groups dealt at random", "variance in the task of the group", purity(groups), by_chance)


def joined(tests: Sequence[ChanceTest]) -> ChanceTest:
    """Join the tests of several networks: their mean against the mean of one draw from each null.

    Parameters
    ----------
    tests
        One for each network, of the same statistic with the same number of draws, drawn with different seeds: with the
        same seed the draws of networks would be alike and their mean too uncertain.

    Returns
    -------
    ChanceTest
        Of the mean. Where a single network has too few deals to tell anything, several can.

    Raises
    ------
    EmptyData
        Without any test.
    BadRequest
        When the tests differ in what they compare or in the number of draws.
    """
    if not tests:
        raise EmptyData("no tests came to be joined; give one for each network.")
    kinds = {(test.name, test.statistic, test.large, len(test.by_chance)) for test in tests}
    if len(kinds) != 1:
        raise BadRequest(f"tests of {len(kinds)} kinds came: {sorted(kinds)}. Join those of one statistic and null.")
    ((name, statistic, large, _),) = kinds
    observed = float(np.mean([test.observed for test in tests]))
    by_chance = np.mean([test.by_chance for test in tests], axis=0)
    return ChanceTest(name, statistic, observed, tuple(by_chance.tolist()), large)


def _seen(
    axes: Float64[np.ndarray, "k d"], covariances: Mapping[str, Float64[np.ndarray, "_ _"]]
) -> Float64[np.ndarray, "t k k"]:
    """Return the covariance of the scores while only one task varies, for each."""
    if len(covariances) < 2:
        raise BadRequest(f"purity compares tasks and got {len(covariances)}; give at least two.")
    require_finite(axes, "the directions")
    require_square(covariances, axes.shape[1])
    seen = np.stack([axes @ covariance @ axes.T for covariance in covariances.values()])
    if not np.trace(seen.sum(axis=0)) > 0:
        raise EmptyData(f"none of {len(axes)} directions varies with a task; check that the covariances are not 0.")
    return seen
