"""Edge rules: from moments of scores to the effect of each source component on each target component."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from compgraph.arguments import checked
from compgraph.decompose import partial_least_squares
from compgraph.errors import BadRequest
from compgraph.statistics import Moments

# (moments in component coordinates) -> effect of each source component on each target component
Rule = Callable[[Moments], Float64[np.ndarray, "a b"]]


@checked
def covariance(moments: Moments) -> Float64[np.ndarray, "a b"]:
    r"""Covariance of two scores, :math:`S_{xy} / n`, in the product of their units.

    Parameters
    ----------
    moments
        In component coordinates.

    Returns
    -------
    numpy.ndarray
        Source components by target components.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [2.0]])
    >>> covariance(Moments.of(x, -3 * x)).tolist()
    [[-2.0]]
    """
    return moments.xy / moments.n


@checked
def correlation(moments: Moments) -> Float64[np.ndarray, "a b"]:
    """Pearson correlation of two scores, without unit; 0 where a score never varies.

    Parameters
    ----------
    moments
        In component coordinates.

    Returns
    -------
    numpy.ndarray
        Source components by target components, between -1 and 1.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [2.0]])
    >>> correlation(Moments.of(x, -3 * x)).round(6).tolist()
    [[-1.0]]
    """
    return _inverse_root(moments.xx)[:, None] * moments.xy * _inverse_root(moments.yy)


@checked
def plsr(moments: Moments) -> Float64[np.ndarray, "a b"]:
    """Coefficients of the partial least squares regression of target scores on source scores.

    Both are scaled to unit variance, so a coefficient says by how many standard deviations the target score rises when
    the source score rises by one and the other source scores stay. As many latent components are used as the smaller of
    the two spaces has.

    Parameters
    ----------
    moments
        In component coordinates.

    Returns
    -------
    numpy.ndarray
        Source components by target components.

    Examples
    --------
    >>> x = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> plsr(Moments.of(x, x @ np.array([[0.6], [0.8]]))).round(6).tolist()
    [[0.6], [0.8]]
    """
    scaled = moments.project(np.diag(_inverse_root(moments.xx)), np.diag(_inverse_root(moments.yy)))
    # Roots of the scatter are deviations times sqrt(n); that factor is on both sides and cancels in the coefficients.
    return partial_least_squares(scaled, min(moments.xy.shape)).coefficients()


def _inverse_root(scatter: Float64[np.ndarray, "k k"]) -> Float64[np.ndarray, " k"]:
    variance = np.diagonal(scatter)
    return np.divide(1.0, np.sqrt(variance), out=np.zeros(len(variance)), where=variance > 0)


GRADIENT = "gradient"
RULES: dict[str, Rule] = {"covariance": covariance, "correlation": correlation, "plsr": plsr}


@checked
def register_rule(name: str, rule: Rule) -> None:
    """Give an edge rule a name that `compgraph.edges` understands.

    Parameters
    ----------
    name
        The name; an existing one is replaced. ``"gradient"`` is taken.
    rule
        ``(moments in component coordinates) -> effect``, source components by target components.

    Raises
    ------
    BadRequest
        When ``name`` is ``"gradient"``, which differentiates the model and is not a function of moments.

    Examples
    --------
    >>> register_rule("magnitude", lambda moments: np.abs(moments.xy) / moments.n)
    >>> "magnitude" in RULES  # and so rule="magnitude" for `compgraph.edges`
    True
    """
    if name == GRADIENT:
        raise BadRequest("the edge rule name 'gradient' is taken; choose another.")
    RULES[name] = rule
