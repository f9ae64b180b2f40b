"""Groups of one graph from its whole spectrum, as literally as the formulas have it: dense, one matrix at a time."""

import numpy as np
from scipy.sparse.csgraph import connected_components

from compgraph.group.links import Links

DEPTH_MARGIN, TIE = 0.5, 1e-6


def spectral_groups(links: Links, *, cut: float = 0.15, n_groups: int = 0) -> np.ndarray:
    """Return the group of each node; below 0 where a node is a group of its own."""
    lower, higher, values = links.pairs()
    weights = np.zeros((len(links.nodes), len(links.nodes)))
    weights[lower, higher] = weights[higher, lower] = values
    place = np.empty(len(weights), dtype=np.int64)
    for number, members in enumerate(links.members):
        place[members] = number
    labels, linked = -1 - np.arange(len(weights)), np.flatnonzero(weights.any(axis=1))
    labels[linked] = grouped(
        weights[np.ix_(linked, linked)], place[linked], levels(links)[place[linked]], cut, n_groups
    )
    return labels


def levels(links: Links) -> np.ndarray:
    """Return the number of each space; all heads have one."""
    read = {layer for layer, side, _ in links.places if side == "in"}
    ends = [side == "out" and layer not in read for layer, side, _ in links.places]
    return np.array([len(ends) if end else number for number, end in enumerate(ends)])


def grouped(weights: np.ndarray, place: np.ndarray, level: np.ndarray, cut: float, n_groups: int) -> np.ndarray:
    """Group linked nodes, each part of the graph of spaces by itself."""
    column = np.unique(place, return_inverse=True)[1]
    n_parts, part = connected_components(between(weights, place), directed=False)
    if 0 < n_groups <= n_parts:
        return part[column]
    members = [np.flatnonzero(part[column] == number) for number in range(n_parts)]
    spectra = [spectrum(weights[np.ix_(own, own)], level[own]) for own in members]
    if n_groups == 0:
        slow = [slowest(between(weights[np.ix_(own, own)], level[own])) for own in members]
        limits = [min(cut, v.min(initial=cut) + DEPTH_MARGIN * s) for (v, _), s in zip(spectra, slow, strict=True)]
        counts = [1 + int((v < limit).sum()) for (v, _), limit in zip(spectra, limits, strict=True)]
    else:
        every = sorted((value, number) for number, (values, _) in enumerate(spectra) for value in values)
        more = [number for _, number in every[: n_groups - n_parts]]
        counts = [1 + more.count(number) for number in range(n_parts)]
    labels, used = np.empty(len(weights), dtype=np.int64), 0
    for own, (_, vectors), count in zip(members, spectra, counts, strict=True):
        root = np.sqrt(weights[own].sum(axis=1))
        rows = np.column_stack([root / np.linalg.norm(root), vectors[:, : count - 1]])
        labels[own] = used + nearest(rows / np.linalg.norm(rows, axis=1, keepdims=True))
        used += count
    return labels


def nearest(rows: np.ndarray) -> np.ndarray:
    """Return the nearest of the orthonormal directions closest to rows that are picked one after the other."""
    left, picked = rows.copy(), []
    for _ in range(rows.shape[1]):
        length = (left**2).sum(axis=1)
        picked.append(int(np.flatnonzero(length >= (1 - TIE) * length.max())[0]))
        pivot = left[picked[-1]] / np.linalg.norm(left[picked[-1]])
        left = left - np.outer(left @ pivot, pivot)
    u, _, v = np.linalg.svd(rows[picked].T)
    near = np.abs(rows @ (u @ v))
    return np.array([int(np.flatnonzero(row >= (1 - TIE) * row.max())[0]) for row in near])


def between(weights: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Return the weight between every two spaces, none within one."""
    one_hot = (column[:, None] == np.unique(column)).astype(float)
    spaces = one_hot.T @ weights @ one_hot
    np.fill_diagonal(spaces, 0.0)
    return spaces


def spectrum(weights: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all modes, those of depth left out, the slow ones first."""
    root, unit = np.sqrt(weights.sum(axis=1)), np.eye(len(weights))
    depth = root[:, None] * (level[:, None] == np.unique(level))
    depth = depth / np.linalg.norm(depth, axis=0)
    away = unit - depth @ depth.T
    # The spectrum of L ends at 2: there the depth modes are out of the way.
    values, vectors = np.linalg.eigh(away @ (unit - weights / np.outer(root, root)) @ away + 2 * depth @ depth.T)
    kept = len(weights) - depth.shape[1]
    return values[:kept], vectors[:, :kept]


def slowest(spaces: np.ndarray) -> float:
    """Return the second smallest eigenvalue of the normalised Laplacian of linked spaces."""
    if len(spaces) == 1:
        return 2.0
    root = np.sqrt(spaces.sum(axis=1))
    return float(np.linalg.eigvalsh(np.eye(len(spaces)) - spaces / np.outer(root, root))[1])
