import numpy as np
import pytest
import torch
from scipy.stats import kstest

from compgraph.toys.plan import Plan
from compgraph.toys.task_rows import MENU, draw_rows
from compgraph.toys.train_one import seeded

N = 20_000


def drawn(**fields):
    rows = draw_rows(Plan(**fields), N, seeded(0))
    return rows.features.double().numpy(), rows.targets.double().numpy(), rows


def standardised(values):
    return (values - values.mean(axis=0)) / values.std(axis=0)


@pytest.mark.parametrize(
    ("n_tasks", "correlation"), [(2, 0.0), (2, -0.6), (2, 0.3), (3, -0.4), (4, 0.9), (2, 1.0), (2, -1.0)]
)
def test_features_are_uniform_and_correlate_as_asked(n_tasks, correlation):
    features, _, _ = drawn(n_tasks=n_tasks, correlation=correlation)
    for column in features.T:
        assert kstest(column, "uniform", args=(-1, 2)).pvalue > 1e-4
    expected = np.kron(np.full((n_tasks, n_tasks), correlation), np.eye(2))
    np.fill_diagonal(expected, 1)
    np.testing.assert_allclose(np.corrcoef(features.T), expected, atol=5 / np.sqrt(N))


@pytest.mark.parametrize("unlike", [False, True])
def test_targets_are_functions_of_the_tasks_own_features(unlike):
    features, targets, _ = drawn(n_tasks=2, outputs_per_task=4, unlike=unlike)
    for task, output in np.ndindex(2, 4):
        a, b = features[:, 2 * task + output % 2], features[:, 2 * task + (output + 1) % 2]
        number = 4 * task + output if unlike else output
        expected = standardised(MENU[number](torch.from_numpy(a), torch.from_numpy(b)).numpy())
        np.testing.assert_allclose(targets[:, 4 * task + output], expected, atol=1e-3, rtol=1e-3)


def test_the_first_output_of_a_task_is_the_product():
    features, targets, _ = drawn(n_tasks=3, outputs_per_task=2)
    for task in range(3):
        product = features[:, 2 * task] * features[:, 2 * task + 1]
        np.testing.assert_allclose(targets[:, 2 * task], standardised(product), atol=1e-3)


def test_the_check_of_targets_can_fail():
    features, targets, _ = drawn()
    others = standardised(features[:, 0] * features[:, 2])
    assert np.abs(targets[:, 0] - others).max() > 1


def test_menu_is_of_unlike_functions():
    a, b = 2 * torch.rand(2, 5000, generator=seeded(0)) - 1
    values = torch.stack([each(a, b) for each in MENU]).numpy()
    assert np.abs(np.corrcoef(values) - np.eye(len(MENU))).max() < 0.98


def test_several_features_are_all_read():
    features, targets, _ = drawn(inputs_per_task=4)
    sums = features[:, :2].sum(axis=1), features[:, 2:4].sum(axis=1)
    np.testing.assert_allclose(targets[:, 0], standardised(sums[0] * sums[1]), atol=1e-3)


def test_mixing_two_tasks_follows_the_formula():
    _, plain, _ = drawn()
    _, mixed, _ = drawn(mixing=0.3)
    np.testing.assert_allclose(mixed[:, 0], 0.7 * plain[:, 0] + 0.3 * plain[:, 1], atol=1e-5)
    np.testing.assert_allclose(mixed[:, 1], 0.7 * plain[:, 1] + 0.3 * plain[:, 0], atol=1e-5)


def test_mixing_three_tasks_takes_the_mean_of_the_others():
    _, plain, _ = drawn(n_tasks=3, outputs_per_task=2)
    _, mixed, _ = drawn(n_tasks=3, outputs_per_task=2, mixing=0.4)
    others = (plain[:, [0, 1]] + plain[:, [4, 5]]) / 2
    np.testing.assert_allclose(mixed[:, [2, 3]], 0.6 * plain[:, [2, 3]] + 0.4 * others, atol=1e-5)


def test_scales_multiply_and_shared_outputs_add():
    _, plain, _ = drawn(outputs_per_task=3)
    _, scaled, _ = drawn(outputs_per_task=3, scales=(1.0, 0.3))
    _, shared, _ = drawn(outputs_per_task=3, scales=(1.0, 0.3), shared_output=True)
    np.testing.assert_allclose(scaled, plain * [1, 1, 1, 0.3, 0.3, 0.3], atol=1e-5)
    np.testing.assert_allclose(shared, scaled[:, :3] + scaled[:, 3:], atol=1e-5)


def test_bases_are_orthogonal_and_differ_between_seeds():
    plan = Plan(outputs_per_task=3, rotate_inputs=True, rotate_outputs=True)
    rows, other = draw_rows(plan, 50, seeded(0)), draw_rows(plan, 50, seeded(1))
    for name in ("input_basis", "output_basis"):
        basis = getattr(rows, name).double().numpy()
        np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-6)
        assert np.abs(basis - getattr(other, name).numpy()).max() > 0.1
    seen, given = rows.inputs.double().numpy(), rows.answers.double().numpy()
    np.testing.assert_allclose(seen @ rows.input_basis.double().numpy().T, rows.features, atol=1e-5)
    np.testing.assert_allclose(given @ rows.output_basis.double().numpy().T, rows.targets, atol=1e-5)


def test_bases_are_the_tasks_own_unless_rotated():
    features, targets, rows = drawn(outputs_per_task=3)
    np.testing.assert_array_equal(rows.inputs, features.astype(np.float32))
    np.testing.assert_array_equal(rows.answers, targets.astype(np.float32))


def test_mixed_functions_are_quadratic_forms_of_full_rank():
    features, targets, _ = drawn(n_tasks=1, inputs_per_task=4, outputs_per_task=3, mixed=True)
    first, second = np.triu_indices(4)
    monomials = np.column_stack([features[:, first] * features[:, second], np.ones(N)])
    coefficients, *_ = np.linalg.lstsq(monomials, targets, rcond=None)
    np.testing.assert_allclose(monomials @ coefficients, targets, atol=1e-3)
    for output in coefficients[:-1].T:
        form = np.zeros((4, 4))
        form[first, second] = output / 2
        assert np.abs(np.linalg.eigvalsh(form + form.T)).min() > 1e-2


def reads_more_than_a_plane(features, output):
    # Slopes of a local linear fit span what an output reads.
    slopes = []
    for centre in np.random.default_rng(0).uniform(-0.6, 0.6, (60, 4)):
        near = np.linalg.norm(features - centre, axis=1) < 0.5
        rows = np.column_stack([features[near] - centre, np.ones(near.sum())])
        slopes.append(np.linalg.lstsq(rows, output[near], rcond=None)[0][:4])
    values = np.linalg.svd(np.array(slopes), compute_uv=False)
    assert values[2] > 0.05 * values[0]


@pytest.mark.parametrize("output", range(4))
def test_every_output_of_a_single_task_reads_more_than_a_plane(output):
    features, targets, _ = drawn(n_tasks=1, inputs_per_task=4, outputs_per_task=4)
    reads_more_than_a_plane(features, targets[:, output])


def test_an_output_that_reads_a_plane_is_told():
    features, _, _ = drawn(n_tasks=1, inputs_per_task=4)
    with pytest.raises(AssertionError):
        reads_more_than_a_plane(features, (features[:, 0] + features[:, 1]) * (features[:, 2] - features[:, 3]))
