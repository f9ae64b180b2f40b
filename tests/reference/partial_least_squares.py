"""Partial least squares as literally as the textbooks have it: slow, on rows, independent of the library."""

import numpy as np


def nipals(x: np.ndarray, y: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """PLS2 by power iteration on the rows, with both blocks deflated (Wold, Sjoestroem and Eriksson 2001)."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    weights, loadings, targets, scores = [], [], [], []
    for _ in range(k):
        u = y[:, np.argmax((y**2).sum(axis=0))]
        for _ in range(20_000):
            w = x.T @ u
            w /= np.linalg.norm(w)
            t = x @ w
            q = y.T @ t / (t @ t)
            fresh = y @ q / (q @ q)
            if np.linalg.norm(fresh - u) <= 1e-14 * np.linalg.norm(fresh):
                break
            u = fresh
        p = x.T @ t / (t @ t)
        x, y = x - np.outer(t, p), y - np.outer(t, q)
        for column, vector in ((weights, w), (loadings, p), (targets, q), (scores, t)):
            column.append(vector)
    w, p = np.array(weights), np.array(loadings)
    return {
        "weights": w,
        "x_loadings": p,
        "y_loadings": np.array(targets),
        "scores": np.array(scores),
        "rotations": np.linalg.solve(w @ p.T, w).reshape(len(w), -1) if len(w) else w,
    }
