"""The demonstration: two networks whose tasks are known, analysed in several ways and scored."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

import numpy as np

from compgraph.analysis import Analysis
from compgraph.check import Agreement, TaskProfile, agreement, task_profile
from compgraph.errors import unknown_name
from compgraph.pipeline import ALGORITHM, METHOD, RULE, analyze
from compgraph.storage import expanded, write_atomically
from compgraph.toys import TOYS, Toy

# The recipes of the note first; the default of `analyze` last.
RECIPES = (
    ("pca", "correlation", "louvain"),
    ("plsr", "plsr", "louvain"),
    ("gradient", "gradient", "louvain"),
    (METHOD, RULE, ALGORITHM),
)
COMPONENTS = {"multiplication": 16, "digit-pairs": 20}
FOUND = 0.9


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the demonstration's table: a recipe on a network, against the known tasks.

    Attributes
    ----------
    network, method, rule, algorithm
        What was done.
    components
        Nodes of the graph.
    groups
        How many the algorithm found, reliable or not; ``p_value`` and ``stability`` tell.
    ari, ami, weighted_ari, purity
        Agreement of groups and tasks; see `compgraph.check.Agreement`.
    chance_mean, chance_sd
        ARI of the same groups with permuted tasks.
    interference
        Share of a component's variance that is not its dominant task's, averaged by importance.
    seconds
        Wall time of the analysis, training and files not included.
    verdict
        The same in words.
    """

    network: str
    method: str
    rule: str
    algorithm: str
    components: int
    groups: int
    p_value: float
    stability: float
    ari: float
    ami: float
    weighted_ari: float
    chance_mean: float
    chance_sd: float
    purity: float
    interference: float
    seconds: float
    verdict: str


def run_demo(folder: str | os.PathLike[str], *, networks: Sequence[str] = tuple(TOYS), seed: int = 0) -> Iterator[Row]:
    """Train each network, analyse it with every recipe, write the results and yield a row for each.

    Parameters
    ----------
    folder
        Where to write: a folder per network with the results of the default recipe, and in it one per other recipe.
    networks
        Names of toys.
    seed
        Of training, data and analysis.

    Yields
    ------
    Row
        As soon as each recipe is done.

    Raises
    ------
    UnknownName
        When there is no such network.
    OutputError
        When the folder cannot be written.
    """
    for name in networks:
        if name not in TOYS:
            raise unknown_name("demonstration network", name, TOYS)
    root, rows = expanded(folder), []
    # The table comes last, so that a folder without it is one whose reports are being replaced.
    with suppress(OSError):
        (root / "summary.json").unlink()
    for name in networks:
        toy = TOYS[name](seed=seed)
        for method, rule, algorithm in RECIPES:
            default = (method, rule, algorithm) == (METHOD, RULE, ALGORITHM)
            start = time.perf_counter()
            analysis = analyze(
                toy.model,
                toy.data,
                toy.layers,
                method=method,
                rule=rule,
                algorithm=algorithm,
                n_components=COMPONENTS.get(name),
                seed=seed,
            )
            seconds = time.perf_counter() - start
            profile = task_profile(analysis, toy.model, toy.tasks)
            place = root / name if default else root / name / f"{method}-{algorithm}"
            analysis.save(place, profile=profile)
            rows.append(_row(name, (method, rule, algorithm), analysis, profile, seconds, toy))
            yield rows[-1]
    document = json.dumps({"seed": seed, "rows": [asdict(row) for row in rows]}, indent=1)
    write_atomically(root / "summary.json", document.encode())


def _row(
    name: str, recipe: tuple[str, str, str], analysis: Analysis, profile: TaskProfile, seconds: float, toy: Toy
) -> Row:
    importance = dict(analysis.graph.nodes(data="share"))
    score = agreement(analysis.found, profile.labels, weights=importance)
    mixed = profile.interference
    return Row(
        name,
        *recipe,
        components=len(analysis.graph),
        groups=analysis.found.n_groups,
        p_value=analysis.found.p_value,
        stability=analysis.found.stability,
        ari=score.ari,
        ami=score.ami,
        weighted_ari=score.weighted_ari,
        chance_mean=score.chance_mean,
        chance_sd=score.chance_sd,
        purity=score.purity,
        interference=float(np.average(list(mixed.values()), weights=[importance[node] for node in mixed])),
        seconds=seconds,
        verdict=_verdict(analysis, score, len(toy.tasks)),
    )


def _verdict(analysis: Analysis, score: Agreement, n_tasks: int) -> str:
    if not analysis.found.reliable:
        return "no reliable groups"
    if analysis.found.n_groups == n_tasks and score.weighted_ari >= FOUND:
        return "finds the tasks"
    if score.homogeneity >= FOUND:
        return "splits the tasks"
    return "mixes the tasks"


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text with aligned columns.

    Parameters
    ----------
    rows
        What `run_demo` yielded.

    Returns
    -------
    str
        A heading and one line per row.
    """
    heading = (
        *("network", "method", "edges", "grouping", "components", "groups", "p", "ARI", "weighted ARI", "AMI"),
        *("chance ARI", "purity", "interference", "seconds", "verdict"),
    )
    lines: list[tuple[str, ...]] = [heading] + [
        (
            *(row.network, row.method, row.rule, row.algorithm, str(row.components), str(row.groups)),
            *(f"{value:.2f}" for value in (row.p_value, row.ari, row.weighted_ari, row.ami)),
            f"{row.chance_mean:.2f}±{row.chance_sd:.2f}",
            *(f"{row.purity:.2f}", f"{row.interference:.1%}", f"{row.seconds:.1f}", row.verdict),
        )
        for row in rows
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heading))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)
