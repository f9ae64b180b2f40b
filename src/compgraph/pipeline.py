"""The one-call path: a model and its data in, the graph and its groups out."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from torch import nn

from compgraph.analysis import Analysis, Recipe
from compgraph.arguments import checked
from compgraph.connect.rules import Rule
from compgraph.dealing import in_processes
from compgraph.decompose import Interaction, Method
from compgraph.decompose.methods import Decomposition
from compgraph.errors import BadRequest, CompgraphError, RankLost
from compgraph.group.algorithms import Algorithm
from compgraph.observe import collect
from compgraph.observe.collect import known_options
from compgraph.observe.ranks.exchange import Ranks
from compgraph.observe.readings import readings
from compgraph.observe.request import wished
from compgraph.observe.run.finite import blaming_weights
from compgraph.observe.run.unwrap import require_device
from compgraph.statistics import Statistics

# The best of those measured on networks whose tasks are known; README.md has the table.
METHOD, RULE, ALGORITHM = "interaction", "gradient", "spectral"


@checked
def analyze(
    model: nn.Module | Statistics,
    data: Any = None,
    layers: Any = None,
    *,
    method: str | Method | Interaction | Decomposition = METHOD,
    rule: str | Rule = RULE,
    algorithm: str | Algorithm = ALGORITHM,
    n_components: int | None = None,
    n_seeds: int = 10,
    n_null: int = 99,
    n_twins: int = 19,
    seed: int = 0,
    n_jobs: int = 1,
    process_group: Any = None,
    **options: Any,
) -> Analysis:
    """Find the graph of the subspaces that a model computes with, and the groups in it.

    Parameters
    ----------
    model
        Any trained module; it comes back as it was. Or `Statistics` of one, of one pass or merged; then there are no
        data, layers or options of ``collect``.
    data
        Inputs it normally sees: a tensor, a sequence of tensors, a ``DataLoader`` or any iterable of batches.
    layers
        Names, globs, or a dict of selectors, as in `compgraph.collect`; by default chosen and reported.
    method
        Component method, as in `compgraph.components`. The default also says how many groups there are.
    rule
        Edge rule, as in `compgraph.edges`.
    algorithm, n_seeds, n_null
        Community algorithm, its runs and the null graphs, as in `compgraph.communities`.
    n_components
        At most this many per space.
    n_twins
        Untrained copies of the network to compare with, for the method ``"interaction"``: 19 are the fewest that can
        give a p-value of 0.05, 0 compares with none.
    seed
        Of the samples, the algorithm and all nulls.
    n_jobs
        Processes of this machine that draw twins, bases and null graphs; -1 for one on each core. The numbers are
        those of a single process.
    process_group
        A group of ``torch.distributed``, whose processes all make this call, share the data, as `compgraph.collect`
        says, and the nulls, and get the same analysis, as one process would.
    **options
        Passed on to `compgraph.collect`. With ``rows="auto"``, the default, positions are rows first; where that gives
        no reliable groups, and what a sample holds at all positions together has at most 2,048 features at each site
        and half as many as there are samples, samples are rows in a second analysis. A note says which one spoke.

    Returns
    -------
    Analysis
        ``print`` it for a summary; ``.save(folder)`` writes pages and figures.

    Raises
    ------
    BadRequest, EmptyData, RankLost
        When statistics come with data, layers or options, or a model without data; when there are fewer than two rows;
        when one of the processes dies, fails or falls silent. And as the four functions that this calls.

    Notes
    -----
    One pass over the data, and forward and backward passes over at most 1,024 of its inputs (as many again for each
    twin). Linear algebra costs O(d^3) per layer of width d, and for the default method O(q^4 r^2 + q^2 r^3) time and
    8 q^2 r^2 bytes per space, with q outputs and r directions read (at most 48 each unless ``n_components`` says more),
    for the network and for each twin: well below a second for ten of both.

    Examples
    --------
    >>> import torch
    >>> model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    >>> analysis = analyze(model, torch.randn(50, 3, generator=torch.Generator().manual_seed(0)), n_null=0, n_twins=0)
    >>> analysis.stats.layers
    ('input', '1', '2')
    >>> len(analysis.graph) == len(analysis.groups.assignment)
    True
    """
    recipe = Recipe(method, rule, algorithm, n_components, n_seeds, n_null, n_twins, seed)
    local = in_processes(n_jobs)
    if process_group is not None and n_jobs != 1:
        raise BadRequest(f"n_jobs={n_jobs} came with a process_group, whose processes share the work; leave it out.")
    with nullcontext() if process_group is None else Ranks.of(process_group) as ranks:
        recipe = replace(recipe, deal=local if ranks is None else ranks.deal)
        first, *others = _statistics(model, data, {"layers": layers, **options}, seed, ranks)
        found = recipe.analysis(first)
        for other in others:
            found = _spoken(found, other, recipe)
    return found


def _spoken(first: Analysis, stats: Statistics, recipe: Recipe) -> Analysis:
    """Let another reading of rows speak where the first one gave no reliable groups, and say which one did."""
    if first.groups.n_groups > 1:
        return first.noting('rows="auto": positions as rows gave these groups; samples as rows were not asked.')
    try:
        other = recipe.analysis(stats)
    except RankLost:
        raise
    except CompgraphError as error:
        return first.noting(f'rows="auto": positions as rows; samples as rows could not be analysed: {error}')
    if other.groups.n_groups > 1:
        return other.noting(
            'rows="auto": samples as rows gave these groups, where positions as rows gave no reliable ones. Two '
            "readings are two chances: of networks without tasks, twice as many pass."
        )
    return first.noting('rows="auto": positions as rows; samples as rows gave no reliable groups either.')


def _statistics(
    model: nn.Module | Statistics, data: Any, options: dict[str, Any], seed: int, ranks: Ranks | None
) -> tuple[Statistics, ...]:
    """Collect statistics of one reading of rows or two, or take those that came."""
    if not isinstance(model, Statistics):
        known_options(options)
        require_device(options.get("device"))
        if data is None:
            raise BadRequest("a model came without data; give inputs that it normally sees: analyze(model, data).")
        options = options if ranks is None else {**options, "process_group": ranks}
        if options.get("rows", "auto") != "auto" or options.get("sample") == "all":
            return (collect(model, data, **options, seed=seed),)
        with blaming_weights(model):
            first, *others = readings(model, data, wished(**options, seed=seed), ("position", "sample"))
        first.require_rows()
        return first, *others
    given = [name for name, value in {"data": data, **options}.items() if value is not None]
    if given:
        raise BadRequest(
            f"statistics came together with {', '.join(given)}, which were settled when the statistics were collected; "
            "leave them out, or give the model."
        )
    model.require_rows()
    return (model,)
