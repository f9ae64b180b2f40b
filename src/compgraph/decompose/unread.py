"""What to do about a space that nothing reads."""

from compgraph.statistics import Space


def is_given(space: Space) -> bool:
    """Tell whether a space is of the model's inputs, which are sites whatever layers were asked for.

    Parameters
    ----------
    space
        Of a site.

    Returns
    -------
    bool
        By its name.

    Examples
    --------
    >>> is_given(Space("input.mask", "in", 0)), is_given(Space("input_layer", "in", 1))
    (True, False)
    """
    return space.layer == "input" or space.layer.startswith("input.")


def unread_remedy(space: Space) -> str:
    """Say what to do where no gradient reaches a space.

    Parameters
    ----------
    space
        Of a site.

    Returns
    -------
    str
        The end of a sentence. Inputs cannot be left out.
    """
    leave = "" if is_given(space) else "leave the layer out, or "
    return f"{leave}use 'pca' or 'plsr' with edges that need no gradients, such as 'plsr'."
