"""The command line: `compgraph demo | sites | analyze | export | evaluate`."""

import argparse
import math
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from compgraph.analysis import Analysis
from compgraph.check import TaskProfile, agreement, task_profile
from compgraph.cli.demo import run_demo, table
from compgraph.cli.files import fit_dtype, load_data, load_model, read_labels
from compgraph.cli.named_numbers import named_numbers
from compgraph.cli.terminal import Parser, say
from compgraph.cli.together import is_first, together
from compgraph.connect import load, require_writable
from compgraph.connect.rules import GRADIENT, RULES
from compgraph.decompose import METHODS
from compgraph.errors import BadRequest, CompgraphError
from compgraph.group import ALGORITHMS, communities
from compgraph.observe import describe, sites
from compgraph.pipeline import ALGORITHM, METHOD, RULE, analyze
from compgraph.show import groups_of, registered_exporters, save
from compgraph.storage import expanded
from compgraph.toys import TOYS

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments
        What follows the program's name; by default those of this process.

    Returns
    -------
    int
        0 on success, 1 after one line on stderr that says what was wrong, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        with together() as options.ranks:
            # What is not shared out is done once.
            if options.run is _analyze or is_first(options.ranks):
                options.run(options)
    except KeyboardInterrupt:
        _complain("interrupted; files written so far are whole.")
        return INTERRUPTED
    except CompgraphError as error:
        _complain(str(error))
        return 1
    except Exception as error:  # noqa: BLE001  code of the user's runs in here; whatever it raises is one clear line
        if options.traceback:
            say(traceback.format_exc(), stream=sys.stderr, end="")
        notes = " ".join(getattr(error, "__notes__", []))
        hint = "" if options.traceback else "(--traceback, before the command, shows where)"
        _complain(f"{type(error).__name__}: {error} {notes} {hint}")
        return 1
    return 0


def _complain(text: str) -> None:
    say(f"compgraph: {' '.join(text.split())}", stream=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="compgraph", description="The graph of the subspaces a trained torch network computes with.")
    parser.add_argument("--traceback", action="store_true", help="show where an error in your own code came from")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_demo(commands)
    _add_sites(commands)
    _add_analyze(commands)
    _add_export(commands)
    _add_evaluate(commands)
    return parser


def _command(commands: Any, name: str, run: Any, summary: str, example: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.set_defaults(run=run)
    return made


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model", required=True, metavar="MODULE:NAME", help="module class, or function that makes one"
    )
    command.add_argument("--weights", metavar="FILE", help=".safetensors or .pt state dict; nothing in it is executed")
    command.add_argument("--data", required=True, metavar="FILE", help=".npy, .npz or .pt; rows are samples")


def _add_demo(commands: Any) -> None:
    command = _command(
        commands, "demo", _demo, "train two toy networks and find their tasks", "compgraph demo --out out"
    )
    command.add_argument("--out", default="out", metavar="FOLDER", help="where to write (default: out)")
    command.add_argument("--seed", type=int, default=0, help="of training, data and analysis (default: 0)")
    command.add_argument("--networks", nargs="+", default=list(TOYS), metavar="NAME", help=f"of {', '.join(TOYS)}")


def _demo(options: argparse.Namespace) -> None:
    require_writable(options.out)
    rows = []
    for row in run_demo(options.out, networks=options.networks, seed=options.seed):
        say(f"{row.network}: {row.method} components, {row.algorithm} groups: {row.verdict} ({row.seconds:.1f} s)")
        rows.append(row)
    say(f"\n{table(rows)}\n\nOpen {expanded(options.out) / options.networks[0] / 'tasks.html'} in a browser.")


def _add_sites(commands: Any) -> None:
    example = "compgraph sites --model nets:make_mlp --data inputs.npy"
    _add_model(_command(commands, "sites", _sites, "list the places of a model that can be tapped", example))


def _sites(options: argparse.Namespace) -> None:
    model = load_model(options.model, options.weights)
    say(describe(sites(model, fit_dtype(load_data(options.data)[:2], model))))


def _add_analyze(commands: Any) -> None:
    example = "compgraph analyze --model nets:make_mlp --weights mlp.safetensors --data inputs.npy --out results"
    command = _command(commands, "analyze", _analyze, "build the graph of a model and find its groups", example)
    _add_model(command)
    command.add_argument("--layers", nargs="+", metavar="NAME", help="modules or globs (default: chosen and reported)")
    _add_reading(command)
    for name, known, default in (
        ("--method", METHODS, METHOD),
        ("--rule", [*RULES, GRADIENT], RULE),
        ("--algorithm", ALGORITHMS, ALGORITHM),
    ):
        *first, last = sorted(known)
        command.add_argument(name, default=default, help=f"{', '.join(first)} or {last} (default: {default})")
    command.add_argument("--components", type=int, metavar="K", help="at most this many per space")
    command.add_argument("--null", type=int, default=99, metavar="N", help="null graphs for the p-value (default: 99)")
    command.add_argument(
        "--twins",
        type=int,
        default=19,
        metavar="N",
        help="untrained copies of the network to compare with, for the method interaction (default: 19)",
    )
    command.add_argument("--seed", type=int, default=0, help="of samples, groups and all nulls (default: 0)")
    command.add_argument(
        "--task",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="inputs in which only this task varies; give at least two to score the groups",
    )
    command.add_argument("--out", required=True, metavar="FOLDER", help="where to write")


def _add_reading(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--rows",
        default="auto",
        help="what a row is: position, sample, or auto, which lets samples speak where positions say nothing "
        "(default: auto)",
    )
    command.add_argument(
        "--axis",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="axis that holds the features of a site, where the model leaves it in doubt; a NUMBER alone is for all",
    )
    command.add_argument(
        "--samples",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="axis of the samples in an argument of the model, none where all samples share it; a NUMBER alone is for "
        "all",
    )
    command.add_argument(
        "--memory", default="4GB", metavar="SIZE", help="what the pass may take beside model and data (default: 4GB)"
    )


def _analyze(options: argparse.Namespace) -> None:
    files = _task_files(options.task)
    axis, samples = named_numbers("--axis", options.axis), named_numbers("--samples", options.samples)
    model = load_model(options.model, options.weights)
    data = fit_dtype(load_data(options.data), model)
    if first := is_first(options.ranks):  # before the long part, so that a misspelt path costs nothing
        require_writable(options.out)
    tasks = {name: fit_dtype(load_data(path), model) for name, path in files.items()}
    analysis = analyze(
        model,
        data,
        options.layers,
        method=options.method,
        rule=options.rule,
        algorithm=options.algorithm,
        n_components=options.components,
        n_null=options.null,
        n_twins=options.twins,
        seed=options.seed,
        rows=options.rows,
        axis=axis,
        samples=samples,
        memory=options.memory,
        process_group=options.ranks,
        progress=None if first else False,
    )
    if not first:
        return
    _report(
        analysis, options.out, lambda: task_profile(analysis, model, tasks, memory=options.memory) if tasks else None
    )


def _report(analysis: Analysis, folder: str, profiled: Callable[[], TaskProfile | None]) -> None:
    """Save first and print afterwards, so that nothing which goes wrong with either loses what was found."""
    try:
        profile = profiled()
    except Exception:
        analysis.save(folder)
        say(analysis)
        raise
    place = analysis.save(folder, profile=profile)
    say(analysis)
    if profile is not None:
        _print_agreement(analysis.graph, analysis.found, profile.labels)
    say(f"written to {place}; open {place / 'tasks.html'} in a browser.")


def _task_files(texts: Sequence[str]) -> dict[str, str]:
    files: dict[str, str] = {}
    for text in texts:
        name, _, path = text.partition("=")
        if not name or not path:
            raise BadRequest(f"--task {text!r} names no task; write NAME=FILE, such as left=left.npy.")
        if name in files:
            raise BadRequest(f"--task gives {name!r} twice; each task needs a name of its own.")
        files[name] = path
    if len(files) == 1:
        raise BadRequest(f"--task gives {name!r} alone; tasks are compared, so give at least two, or none.")
    return files


def _add_export(commands: Any) -> None:
    example = "compgraph export results/graph.json tasks.html"
    command = _command(commands, "export", _export, "turn a stored graph into a page, drawing or other format", example)
    command.add_argument("graph", help=".json or .graphml file of a component graph")
    known = registered_exporters()
    command.add_argument("output", help=f"ends in {', '.join(known[:-1])} or {known[-1]}")


def _export(options: argparse.Namespace) -> None:
    say(f"written to {save(load(options.graph), options.output)}")


def _add_evaluate(commands: Any) -> None:
    example = "compgraph evaluate results/graph.json labels.json"
    command = _command(commands, "evaluate", _evaluate, "score the groups of a stored graph against labels", example)
    command.add_argument("graph", help=".json or .graphml file of a component graph; without groups they are found")
    command.add_argument("labels", help="JSON object of node id to label; nodes may be missing")


def _evaluate(options: argparse.Namespace) -> None:
    graph = load(options.graph)
    labels = read_labels(options.labels)
    groups = groups_of(graph) or communities(graph, ALGORITHM)
    _print_agreement(graph, groups, labels)


def _print_agreement(graph: Any, groups: Any, labels: Any) -> None:
    score = agreement(groups, labels, weights=dict(graph.nodes(data="share")))
    heading = (
        f"{groups.n_groups} groups against {len(set(labels.values()) - {None})} labels on {score.n} components"
        f" ({score.unlabelled} without a label)"
    )
    if math.isnan(score.ari):
        say(f"{heading}\n  no score: with one group and one label, or one of each, any labels agree as well.")
        return
    say(
        f"{heading}\n"
        f"  ARI {score.ari:.3f} (by chance {score.chance_mean:.3f} ± {score.chance_sd:.3f}, p = {score.p_value:.3f})\n"
        f"  importance-weighted ARI {score.weighted_ari:.3f}   AMI {score.ami:.3f}\n"
        f"  homogeneity {score.homogeneity:.3f}   completeness {score.completeness:.3f}   purity {score.purity:.3f}"
    )
