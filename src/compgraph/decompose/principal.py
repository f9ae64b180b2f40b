"""Components of one space alone: its principal components, or its neurons."""

import numpy as np

from compgraph.decompose.directions import RANK_TOLERANCE, Directions, descending_eigh, neighbour_gaps
from compgraph.statistics import Moments


def pca(moments: Moments, n_components: int) -> Directions:
    r"""Find the orthogonal directions of largest variance.

    .. math:: C v_k = \lambda_k v_k, \qquad C = S_{xx} / n

    Parameters
    ----------
    moments
        Of the space, as ``x``.
    n_components
        At most this many; fewer where the numerical rank is lower.

    Returns
    -------
    Directions
        ``strength`` is :math:`\lambda_k`, in squared activation units.

    Notes
    -----
    Cost O(d^3). Where two eigenvalues are close (``gap`` near 0), any rotation between their directions is as
    good an answer: tasks of equal scale come out mixed.

    References
    ----------
    Jolliffe and Cadima, "Principal component analysis: a review and recent developments", Phil. Trans. R. Soc. A
    374 (2016), doi:10.1098/rsta.2015.0202.
    """
    values, vectors = descending_eigh(moments.xx / moments.n)
    keep = (values > values[0] * RANK_TOLERANCE) & (np.arange(len(values)) < n_components)
    return Directions(vectors[keep], values[keep], neighbour_gaps(values)[keep])


def neurons(moments: Moments, n_components: int) -> Directions:
    """Take the neurons (or channels) of largest variance as they are: the privileged basis.

    Parameters
    ----------
    moments
        Of the space, as ``x``.
    n_components
        At most this many; constant neurons are never taken.

    Returns
    -------
    Directions
        One-hot axes; ``strength`` is the variance of the neuron, in squared activation units; ``gap`` is 1, as no
        rotation of a neuron is a neuron.

    Notes
    -----
    Cost O(d log d).
    """
    variance = np.diagonal(moments.xx) / moments.n
    order = np.argsort(-variance, kind="stable")[:n_components]
    kept = order[variance[order] > variance.max() * RANK_TOLERANCE]
    return Directions(np.eye(len(variance))[kept], variance[kept], np.ones(len(kept)))
