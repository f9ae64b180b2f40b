"""Directions of gradients as literally as their definition has them: whole spectra, one matrix after the other."""

import numpy as np


def directions(gradients: np.ndarray, k: int, read: float = 0.99) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Axes, energies and gaps, from gradients of shape (rows, targets, features)."""
    n, _, d = gradients.shape
    seconds = []
    for target in np.moveaxis(gradients, 1, 0):
        values, vectors = np.linalg.eigh(target.T @ target / n)
        seconds.append((vectors[:, -k:] * values[-k:]) @ vectors[:, -k:].T)  # what k eigenvectors carry
    whole = sum(target.T @ target / n for target in np.moveaxis(gradients, 1, 0))
    axes, gaps = np.zeros((0, d)), []
    while len(axes) < min(k, d) and np.trace(axes @ whole @ axes.T) < read * np.trace(whole):
        rest = np.eye(d) - axes.T @ axes
        found = [np.linalg.eigh(rest @ second @ rest) for second in seconds]
        values, vectors = max(found, key=lambda each: each[0][-1])
        axes = np.vstack([axes, vectors[:, -1]])
        gaps.append((values[-1] - values[-2]) / values[-1])
    return axes, np.diagonal(axes @ whole @ axes.T), np.array(gaps)
