"""The widest gap among leaks as literally as it is defined: scaled gradients, all eigenvectors, every candidate."""

import numpy as np

LARGEST_LEAK, LARGEST_PART, SMALLEST_GAP = ({"free": f, "fixed": k} for f, k in ((0.07, 0.1), (0.2, 0.28), (1.7, 2.7)))


def products(jacobians: np.ndarray) -> np.ndarray:
    found = np.einsum("nba,ncd->bacd", jacobians, jacobians, optimize=True)
    return found / np.einsum("baba->", found)


def modes(couplings: list[np.ndarray], outputs: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """Leaks in increasing order, and the matrices of the outputs and every space."""
    q = len(couplings[0])
    energy = sum(np.einsum("baca->bc", each) for each in couplings)
    turn = np.linalg.eigh(energy)[1] if outputs == "free" else np.eye(q)
    b, c = np.tril_indices(q) if outputs == "free" else np.diag_indices(q)
    diagonal = np.diagonal(turn.T @ energy @ turn)
    weight = (diagonal[b] + diagonal[c]) / 2
    root = np.sqrt(np.where(weight > 1e-9 * weight.max(), weight, np.inf))
    same = np.where((b == c) & np.isfinite(root), root, 0)
    same /= np.linalg.norm(same)
    blocks, inside = [], []
    for each in couplings:
        turned = np.einsum("bacd,bB,cC->BaCd", each, turn, turn, optimize=True)
        reads = np.einsum("baba->a", each)
        a, d = np.tril_indices(len(reads))
        root_inside = np.sqrt(np.maximum((reads[a] + reads[d]) / 2, 1e-9))
        block = turned[b[:, None], a, c[:, None], d] + turned[b[:, None], d, c[:, None], a]
        block *= np.outer(np.where(b == c, 0.5**0.5, 1) / root, np.where(a == d, 0.5**0.5, 1) / root_inside)
        blocks.append(block - np.outer(same, same @ block))
        inside.append((len(reads), a, d, root_inside))
    values, vectors = np.linalg.eigh(sum(block @ block.T for block in blocks))
    sigma, left = np.sqrt(np.clip(values[:0:-1], 0, None)), vectors[:, :0:-1]
    places = [turn @ symmetric((left / root[:, None]).T, q, b, c) @ turn.T]
    places += [
        symmetric((block.T @ left / np.maximum(sigma, 1e-12) / r[:, None]).T, size, a, d)
        for block, (size, a, d, r) in zip(blocks, inside, strict=True)
    ]
    return np.clip(1 - sigma, 0, 1), places


def symmetric(coordinates: np.ndarray, size: int, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    found = np.zeros((len(coordinates), size, size))
    found[:, row, column] = found[:, column, row] = coordinates * np.where(row == column, 1, 0.5**0.5)
    return found


def gaps(leak: np.ndarray, outputs: str, bend: float) -> list[tuple[int, float]]:
    limit = min(LARGEST_LEAK[outputs], bend * LARGEST_PART[outputs])
    following = [*leak[1:], *([1.0] if outputs == "free" and len(leak) else [])]
    found = [
        (slow, min(after, 0.5) / (last + 0.005) / SMALLEST_GAP[outputs])
        for slow, (last, after) in enumerate(zip(leak, following, strict=False), start=1)
        if last <= limit
    ]
    return sorted(found, key=lambda each: -each[1])[:5]


def n_central(places: list[np.ndarray], slow: int) -> int:
    total = np.zeros((slow, slow))
    for each in places:
        unit = each[:slow] / np.sqrt((each[:slow] ** 2).sum(axis=(1, 2)).mean())
        commutators = [[(x @ y - y @ x).ravel() for y in unit] for x in unit]
        rows = np.array(commutators).reshape(slow, -1)
        total += rows @ rows.T / len(places)
    return int((np.linalg.eigvalsh(total) < 0.3).sum())


def widest_gap(gradients: list[np.ndarray]) -> float:
    """The widest gap of any metric and kind of outputs, before blocks are looked at."""
    rows = [each.astype(np.float64) for each in gradients]
    bend = max(1 - (each.mean(axis=0) ** 2).sum() / (each**2).sum(axis=(1, 2)).mean() for each in rows)
    if bend < 0.05:
        return 0.0
    found = [0.0]
    for metric in ("data", "gradient"):
        size = [np.sqrt((each**2).sum(axis=1).mean(axis=0)) for each in rows]
        scale = [np.where(each > 0, each, 1) if metric == "gradient" else np.ones(len(each)) for each in size]
        couplings = [products(each / s) for each, s in zip(rows, scale, strict=True)]
        (free, places), (fixed, _) = modes(couplings, "free"), modes(couplings, "fixed")
        found += [gap for slow, gap in gaps(free, "free", bend) if slow <= 64 and n_central(places, slow)][:1]
        own = [gap for slow, gap in gaps(fixed, "fixed", bend) if slow >= len(free) or free[slow] >= fixed[slow - 1]]
        found += own[:1]
    return max(found)
