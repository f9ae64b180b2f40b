"""Whose fault a NaN is: that of the samples, or of the model's own numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import nn

from compgraph.errors import NotFinite


@contextmanager
def blaming_weights(model: object) -> Iterator[None]:
    """Say of a NaN in activations when the model's own numbers made it.

    Parameters
    ----------
    model
        That runs meanwhile; what is no module is left to others to refuse.

    Yields
    ------
    None
        Nothing.

    Raises
    ------
    NotFinite
        Naming the first parameter or buffer that is NaN or infinite, where the samples are finite.
    """
    try:
        yield
    except NotFinite as error:
        said = "" if "site 'input" in str(error) or not isinstance(model, nn.Module) else _broken(model)
        if said:
            raise NotFinite(f"{said}, and so are activations: {error.args[0].split('. ')[0]}. {_REMEDY}") from error
        raise


_REMEDY = (
    "Samples are not to blame: load weights from before training diverged, or train again with smaller steps; "
    "torch.isfinite(parameter).all() tells which are sound."
)


def _broken(model: nn.Module) -> str:
    for name, each in chain(model.named_parameters(), model.named_buffers()):
        # A mask may hold infinities on purpose, and gives no NaN; a parameter never does.
        held = each.detach()
        if not held.is_floating_point() or bool(torch.isfinite(held).all()):
            continue
        if isinstance(each, nn.Parameter) or bool(torch.isnan(held).any()):
            kind = "parameter" if isinstance(each, nn.Parameter) else "buffer"
            return (
                f"the {kind} {name!r} of the model holds {int((~torch.isfinite(held)).sum())} NaN or infinite entries"
            )
    return ""
