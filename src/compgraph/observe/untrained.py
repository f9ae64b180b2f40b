"""The same network before it learnt anything, seen on the same inputs."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from compgraph.errors import BadRequest
from compgraph.observe.collect import collect
from compgraph.observe.models import bare
from compgraph.observe.pullback import Pullback
from compgraph.statistics import Statistics


def untrained_twin(model: nn.Module, seed: int) -> nn.Module:
    """Copy a model and draw its weights anew.

    Parameters
    ----------
    model
        Left as it is.
    seed
        Of the new weights.

    Returns
    -------
    torch.nn.Module
        Modules with a ``reset_parameters`` of their own are initialised by it. The entries of every other parameter are
        shuffled, which keeps their distribution and undoes whatever they computed.

    Notes
    -----
    An untrained network whose modules were initialised by ``reset_parameters`` cannot be told from its twins, so that a
    test against them rejects it as often as its level says.
    """
    twin = deepcopy(model)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(seed)
        for module in twin.modules():
            own = list(module.parameters(recurse=False))
            reset = getattr(module, "reset_parameters", None)
            if own and callable(reset):
                reset()
            else:
                for each in own:
                    _shuffle(each)
    return twin


def _shuffle(parameter: Tensor) -> None:
    order = torch.randperm(parameter.numel()).to(parameter.device)
    parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))


def has_weights(stats: Statistics) -> bool:
    """Tell whether the model behind statistics has anything that training changes.

    Parameters
    ----------
    stats
        Of a pass over a model.

    Returns
    -------
    bool
        True also where the model is not at hand.
    """
    source = stats.gradients
    return not isinstance(source, Pullback) or any(True for _ in bare(source.model).parameters())


def kept_statistics(stats: Statistics, *, twin: int | None = None) -> Statistics:
    """Collect the statistics of a model, or of an untrained twin, on the inputs that a pass kept.

    Parameters
    ----------
    stats
        Of a pass over a model.
    twin
        Seed of the twin's weights; the model itself when None.

    Returns
    -------
    Statistics
        With the sites of the first pass.

    Raises
    ------
    BadRequest
        When the statistics hold no model, or several.
    """
    source = stats.gradients
    if not isinstance(source, Pullback):
        raise BadRequest(
            "an untrained twin needs the model, and these statistics hold none, or were added up from several passes; "
            "collect them in one pass, or ask for no twins."
        )
    model = bare(source.model) if twin is None else untrained_twin(bare(source.model), twin)
    return collect(model, source.batches(), progress=False, **stats.asked)
