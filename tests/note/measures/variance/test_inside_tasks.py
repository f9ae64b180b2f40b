import math

import numpy as np
import pytest

from compgraph.errors import BadRequest, EmptyData, ShapeError
from compgraph.statistics import Moments
from note.measures.variance.inside_tasks import inside_share, inside_share_by_chance, principal_mixing, served_tasks

TASKS = {"A": np.diag([2.0, 0.0]), "B": np.diag([0.0, 1.0])}


def same_scores(deviations=(1.0, 1.0)) -> Moments:
    """Return the moments of two uncorrelated scores that two spaces share."""
    rows = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) * deviations
    return Moments.of(rows, rows)


def test_an_axis_serves_the_task_that_moves_it_most() -> None:
    axes = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.3], [1.0, 1.5]])
    assert served_tasks(axes, TASKS).tolist() == [0, 1, 0, 1]  # 2 against 1.69, and 2 against 2.25
    with pytest.raises(EmptyData, match="no task is given"):
        served_tasks(axes, {})


def keeps_to_the_squares(share) -> None:
    """Signs do not cancel and a correlation counts by its square."""
    values = np.array([[0.9, -0.1], [0.1, -0.3], [0.2, 0.0]])
    labels = np.array([0, 1, 1]), np.array([0, 1])
    assert share(values, *labels) == pytest.approx((0.81 + 0.09) / (0.81 + 0.01 + 0.01 + 0.09 + 0.04))


def test_squares_inside_tasks_are_counted() -> None:
    keeps_to_the_squares(inside_share)

    def of_values(values, earlier, later) -> float:
        return float(np.abs(values)[earlier[:, None] == later].sum() / np.abs(values).sum())

    with pytest.raises(AssertionError):
        keeps_to_the_squares(of_values)


def test_a_share_of_nothing_and_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(EmptyData, match="all correlations are 0"):
        inside_share(np.zeros((1, 1)), np.array([0]), np.array([0]))
    with pytest.raises(ShapeError, match=r"1 and 2 labels came with correlations of shape \(2, 2\)"):
        inside_share(np.eye(2), np.array([0]), np.array([0, 1]))


def is_what_two_uniform_angles_give(by_chance) -> None:
    """The axis that serves A is within 45 degrees of A, uniformly, so the share is 1/2 + (mean of cos 2x)^2 / 2."""
    assert by_chance == pytest.approx(0.5 + 2 / math.pi**2, abs=0.02)


def test_the_share_by_chance_in_two_dimensions_is_far_above_a_half() -> None:
    alike = {"A": np.diag([1.0, 0.0]), "B": np.diag([0.0, 1.0])}
    is_what_two_uniform_angles_give(inside_share_by_chance(same_scores(), alike, alike, n=2000))
    # Labels that are not asked anew give a half, which is not what a blocky picture has to beat.
    with pytest.raises(AssertionError):
        is_what_two_uniform_angles_give(0.5)


def test_chance_does_not_see_the_scale_of_the_scores() -> None:
    alike = {"A": np.diag([1.0, 0.0]), "B": np.diag([0.0, 1.0])}
    scale = np.diag([1e-3, 10.0])
    scaled = {task: scale @ each @ scale for task, each in alike.items()}
    unit, other = inside_share_by_chance(same_scores(), alike, alike), same_scores(np.diagonal(scale))
    assert inside_share_by_chance(other, scaled, scaled) == pytest.approx(unit, rel=1e-9)


def test_chance_is_drawn_from_the_seed() -> None:
    first, again, other = (inside_share_by_chance(same_scores(), TASKS, TASKS, n=3, seed=s) for s in (1, 1, 2))
    assert first == again != other


def test_what_chance_cannot_be_drawn_for_is_refused() -> None:
    swapped = dict(reversed(TASKS.items()))
    with pytest.raises(BadRequest, match=r"\['A', 'B'\] before and \['B', 'A'\] after"):
        inside_share_by_chance(same_scores(), TASKS, swapped)
    with pytest.raises(BadRequest, match="never varies"):
        inside_share_by_chance(same_scores((1.0, 0.0)), TASKS, TASKS)
    with pytest.raises(BadRequest, match="n=0: a whole number"):
        inside_share_by_chance(same_scores(), TASKS, TASKS, n=0)


def mixes_as_rows_do(mixing) -> None:
    """Principal components of rows made of two independent scores have the same shares."""
    rng = np.random.default_rng(0)
    scores = np.linalg.qr(rng.standard_normal((50, 2)))[0]
    for ratio, cosine in ((0.3, 0.5), (0.9, 0.1), (0.9, -0.1), (0.5, 0.9)):
        u, v = np.array([0.0, 1.0, 0.0]), np.array([math.sqrt(1 - cosine**2), cosine, 0.0])
        rows = scores[:, :1] * u + math.sqrt(ratio) * scores[:, 1:] * v
        axes = np.linalg.svd(rows)[2][:2]
        parts = np.stack([(axes @ u) ** 2, ratio * (axes @ v) ** 2])
        assert mixing(ratio, cosine) == pytest.approx(parts.min(axis=0).sum() / parts.sum(), abs=1e-9)


def test_two_tasks_mix_as_their_principal_components_do() -> None:
    mixes_as_rows_do(principal_mixing)
    with pytest.raises(AssertionError):  # as if only the angle counted
        mixes_as_rows_do(lambda _, cosine: principal_mixing(0.5, cosine))


def test_orthogonal_tasks_do_not_mix_and_equal_ones_always_do() -> None:
    assert principal_mixing(0.7, 0.0) == principal_mixing(0.0, 0.4) == 0
    assert principal_mixing(1.0, 1e-3) == pytest.approx(0.5)
    growing = [principal_mixing(ratio, 0.2) for ratio in (0.2, 0.5, 0.8, 1.0)]
    assert growing == sorted(growing)
    for bad in ((1.1, 0.0), (0.5, -1.2), (math.nan, 0.1)):
        with pytest.raises(BadRequest, match="a ratio from 0 to 1 and a cosine from -1 to 1"):
            principal_mixing(*bad)
