"""The near-commutant as literally as its definition has it: dense quadratic forms on vectorised symmetric matrices."""

import numpy as np
from scipy.linalg import block_diag, eigh


def symmetric(size: int, kind: str) -> np.ndarray:
    """Orthonormal symmetric matrices, vectorised by columns: all of them, or the diagonal ones."""
    columns = []
    for a in range(size):
        for b in range(a + 1 if kind == "free" else 0):
            unit = np.zeros((size, size))
            unit[a, b] = unit[b, a] = np.sqrt(0.5)
            if a == b:
                unit[a, a] = 1
            columns.append(unit.reshape(-1, order="F"))
        if kind == "fixed":
            columns.append(np.diag(np.eye(size)[a]).reshape(-1, order="F"))
    return np.array(columns).T


def commutant(
    jacobians: list[np.ndarray], outputs: str = "free", spaces: str = "free"
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Leaks in increasing order, and the matrices of the outputs and of every space, the identity left out."""
    q, sizes = jacobians[0].shape[1], [each.shape[2] for each in jacobians]
    basis = [symmetric(q, outputs), *(symmetric(size, spaces) for size in sizes)]
    start = np.cumsum([0, *(each.shape[1] for each in basis)])
    form, norm = np.zeros((start[-1], start[-1])), np.zeros((start[-1], start[-1]))
    for s, each in enumerate(jacobians):
        scaled = each / np.sqrt((each**2).sum(axis=(1, 2)).mean())
        here = np.r_[0 : start[1], start[s + 1] : start[s + 2]]
        for j in scaled:
            left = np.kron(j.T, np.eye(q)) @ basis[0]  # vec(X J)
            right = np.kron(np.eye(sizes[s]), j) @ basis[s + 1]  # vec(J X_s)
            both = np.hstack([left, -right])
            form[np.ix_(here, here)] += both.T @ both / len(scaled)
            norm[np.ix_(here, here)] += block_diag(left.T @ left, right.T @ right) / len(scaled)
    same = np.concatenate([b.T @ np.eye(size).reshape(-1) for b, size in zip(basis, [q, *sizes], strict=True)])
    length = same @ norm @ same
    # The identity commutes with all: it is moved from 0 to above 2, the largest there is.
    values, vectors = eigh(form + 10 * np.outer(norm @ same, norm @ same) / length, norm)
    count = basis[0].shape[1] - 1
    matrices = [
        (b @ vectors[i:j, :count]).T.reshape(count, size, size)
        for b, i, j, size in zip(basis, start[:-1], start[1:], [q, *sizes], strict=True)
    ]
    return values[:count], matrices[0], matrices[1:]
