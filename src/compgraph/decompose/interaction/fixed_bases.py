"""Leaks where all bases are given: the normalised Laplacian of the graph of mean squared derivatives."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float64

from compgraph.arguments import checked
from compgraph.decompose.interaction.commutant import DEAD
from compgraph.decompose.linear_algebra.eigenvalues import descending_eigvalsh


def energies(
    gradients: Float[np.ndarray, "n q r"], outputs: Float64[np.ndarray, "q q"]
) -> Float64[np.ndarray, "q r r"]:
    """Return the energy ``E[g g^T]`` of the gradients ``g`` of each output, in units of that of all.

    Parameters
    ----------
    gradients
        One Jacobian per row.
    outputs
        Basis of the outputs, as columns.

    Returns
    -------
    numpy.ndarray
        Cost O(n q r (q + r)).
    """
    n, q, r = gradients.shape
    turned = (outputs.T.astype(gradients.dtype) @ gradients.transpose(1, 0, 2).reshape(q, n * r)).reshape(q, n, r)
    found = (turned.transpose(0, 2, 1) @ turned).astype(np.float64)
    return np.asarray(found / np.einsum("qaa->", found))


def along(energy: Float64[np.ndarray, "q r r"], bases: Float64[np.ndarray, "k r r"]) -> Float64[np.ndarray, "k q r"]:
    """Return mean squared derivatives of outputs along directions.

    Parameters
    ----------
    energy
        As `energies` gives it.
    bases
        Several choices of directions, as columns.

    Returns
    -------
    numpy.ndarray
        For each choice. Cost O(k q r^3).
    """
    q, r, _ = energy.shape
    turned = (energy.reshape(q * r, r) @ bases).reshape(len(bases), q, r, r)
    return np.asarray((turned * bases[:, None]).sum(axis=2))


@checked
def fixed_leaks(weights: Sequence[Float64[np.ndarray, "*k q _"]]) -> Float64[np.ndarray, "*k n"]:
    """Return the leaks of diagonal matrices that nearly commute with a network, in bases that are kept.

    Parameters
    ----------
    weights
        For each space, mean squared derivatives of outputs along directions, in units of their sum; or a stack of them
        for each of several choices of bases.

    Returns
    -------
    numpy.ndarray
        By increasing leak, one fewer than there are outputs.

    Notes
    -----
    As `compgraph.decompose.interaction.commutant.Forms.modes` has it with outputs kept whole, but spaces are as well.

    Examples
    --------
    >>> apart, alike = np.diag([0.5, 0.5]), np.full((2, 1), 0.5)
    >>> fixed_leaks([apart]).round(6).tolist(), fixed_leaks([alike]).round(6).tolist()
    ([0.0], [1.0])
    """
    energy = sum((each.sum(axis=-1) for each in weights), start=np.zeros(weights[0].shape[:-1]))
    root = np.sqrt(np.where(energy > DEAD * energy.max(axis=-1, keepdims=True), energy, np.inf))
    same = np.where(np.isfinite(root), root, 0.0)
    same = (same / np.linalg.norm(same, axis=-1, keepdims=True))[..., None, :]
    rows = [each / root[..., None] / np.sqrt(np.maximum(each.sum(axis=-2, keepdims=True), DEAD)) for each in weights]
    coupled = np.concatenate(rows, axis=-1)
    coupled = coupled - np.swapaxes(same, -1, -2) @ (same @ coupled)
    values = descending_eigvalsh(coupled @ np.swapaxes(coupled, -1, -2))
    # The identity was projected out: it is one of the vectors with singular value 0.
    return np.clip(1 - np.sqrt(values[..., :-1]), 0, 1)


def random_bases(sizes: Sequence[int], n: int, rng: np.random.Generator) -> list[Float64[np.ndarray, "n r r"]]:
    """Draw rotations, uniform ones.

    Parameters
    ----------
    sizes
        Directions of each space.
    n
        How many for each.
    rng
        Gives all of the first before any of the second.

    Returns
    -------
    list of numpy.ndarray
        For each space, bases as columns: the inverses of what ``scipy.stats.special_ortho_group`` draws one at a time.
    """
    squares = [size * size if size > 1 else 0 for size in sizes]
    draws = np.split(rng.normal(size=(n, sum(squares))), np.cumsum(squares)[:-1], axis=1)
    return [
        _rotations(each.reshape(n, size, size)) if size > 1 else np.ones((n, 1, 1))
        for each, size in zip(draws, sizes, strict=True)
    ]


def _rotations(draws: Float64[np.ndarray, "n r r"]) -> Float64[np.ndarray, "n r r"]:
    """Make rotations of independent normal numbers: those of their QR decomposition, without reflections."""
    turned, triangle = np.linalg.qr(draws)
    turned *= np.sign(np.diagonal(triangle, axis1=1, axis2=2))[:, None, :]
    turned[:, 0] /= np.linalg.det(turned)[:, None]
    return np.swapaxes(turned, 1, 2)
