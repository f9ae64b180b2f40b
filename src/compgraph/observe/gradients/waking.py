"""Statistics from a file, with the model that they are of."""

from dataclasses import replace
from typing import Any

from compgraph.errors import BadRequest, CompgraphError, FileFormatError, ForeignRecord
from compgraph.observe.budget import Budget, Kept
from compgraph.observe.gradients.dormant import graph_of, inputs_of
from compgraph.observe.gradients.pullback import Pullback
from compgraph.observe.readings import observed_again
from compgraph.observe.request import Layers
from compgraph.observe.run.fingerprint import fingerprint
from compgraph.observe.run.trace import FEW, first_of
from compgraph.observe.run.unwrap import bare
from compgraph.observe.site_graph import SiteGraph
from compgraph.observe.sums.input_sample import InputSample
from compgraph.statistics import Dormant, Statistics
from compgraph.statistics.identity import moved

_UNFIT = (LookupError, TypeError, ValueError, AttributeError, RuntimeError, ArithmeticError, MemoryError)
_UNFIT_TEXT = "the inputs in the file do not fit the model: {}: {}."


def awake(stats: Statistics, model: Any, *, layers: Layers = None, call: Any = None) -> Statistics:
    """Return statistics that ask a model again.

    Parameters
    ----------
    stats
        From a file that holds the kept inputs.
    model
        The same model.
    layers, call
        As they were given to `compgraph.collect`, where they hold functions.

    Returns
    -------
    Statistics
        Otherwise the same.

    Raises
    ------
    ForeignRecord
        When the model is another one.
    BadRequest
        When there are no inputs, or a function is missing.
    FileFormatError
        When what the statistics hold does not fit the model.
    """
    model = bare(model)
    if stats.identity is None or not stats.dormant:
        raise BadRequest(
            "these statistics hold no inputs to ask a model on; write them with save(path, keep_inputs=True), or "
            "collect them from the model again."
        )
    if difference := moved(stats.identity.model, fingerprint(model)):
        raise ForeignRecord(
            f"the model is not the one that the statistics are of: {difference}. Load the weights that it had then."
        )
    given: dict[str, Any] = {name: value for name, value in (("layers", layers), ("call", call)) if value is not None}
    full = stats.unpruned or stats
    probes = [_probe(each, model, layers, full) for each in stats.dormant]
    try:
        probe = probes[0].joined(probes[1:]) if len(probes) > 1 else probes[0]
        return probe.settled(replace(full, probe=probe, dormant=(), asked=replace(stats.asked, **given)))
    except CompgraphError:
        raise
    except _UNFIT as error:
        raise FileFormatError(_UNFIT_TEXT.format(type(error).__name__, error)) from error


def _probe(dormant: Dormant, model: Any, layers: Layers, full: Statistics) -> Pullback:
    facts = dormant.facts
    try:
        inputs = InputSample.of(inputs_of(facts["inputs"], dormant.arrays))
        graph = graph_of(facts["graph"], model, layers)
        sample, seed, first, budget, double = (
            int(facts["kept"][name]) for name in ("sample", "seed", "first_row", "budget", "double")
        )
        elements, kept = int(facts["elements"]), Kept(sample, seed, first, Budget(budget), bool(double))
        _require_runs(graph, model, inputs, full, kept=kept)
        return Pullback(model, graph, inputs, elements=elements, kept=kept, observe=observed_again)
    except CompgraphError:
        raise
    except _UNFIT as error:
        raise FileFormatError(_UNFIT_TEXT.format(type(error).__name__, error)) from error


def _require_runs(graph: SiteGraph, model: Any, inputs: InputSample, full: Statistics, *, kept: Kept) -> None:
    """Run the model on a few of the inputs, and refuse what does not give the features that the statistics have."""
    few = [first_of(call, FEW) for call, _ in inputs.held.calls]
    if graph.pairs != full.pairs or not few:
        raise ValueError("its sites are other ones than those of the statistics, or there are no inputs")
    found = observed_again(graph, model, few, kept=kept, elements=1)
    now = {pair: each.xy.shape for pair, each in (found.unpruned or found).moments.items()}
    if other := next((str(pair) for pair, each in full.moments.items() if now[pair] != each.xy.shape), ""):
        raise ValueError(f"there are other features at {other}")
