"""What was measured of the real networks, as Markdown: a table, and for each network what its analysis says first."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]  # of one network: its name, facts, and a mapping for each phase; or why it is missing

BEGIN, END = "<!-- the table: python examples/real/run.py --readme -->", "<!-- end of the table -->"
HEADINGS = (
    *("network", "parameters", "inputs", "sites", "outputs", "forward, s", "collect, s", "collect / forward"),
    *("analyze, s", "peak of forward, collect, analyze, MiB", "groups", "p"),
)
MOST_NAMES = 6
UNFINISHED = ("refused", "stopped")  # by an error that says why; by time, memory or a crash


def table(records: Iterable[Record]) -> str:
    """Return a row for each network, in processor seconds and MiB."""
    lines = [_line(HEADINGS), _line(["---"] * len(HEADINGS)), *(_line(_row(record)) for record in records)]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _row(record: Record) -> list[str]:
    name = str(record["name"])
    if "missing" in record:
        return [name, "not here", *[""] * (len(HEADINGS) - 2)]
    facts, phases = record.get("facts", {}), [record.get(each, {}) for each in ("forward", "collect", "analyze")]
    forward, collect, analyze = phases
    sites = analyze.get("sites") or collect.get("sites") or []
    return [
        name,
        _count(facts.get("parameters")),
        _count(facts.get("inputs")),
        str(len(sites)) if sites else "",
        _names(analyze.get("outputs", ())),
        _seconds(forward),
        _seconds(collect),
        _ratio(collect.get("cpu"), forward.get("cpu")),
        _seconds(analyze),
        " / ".join(f"{phase['peak']:,.0f}" if "peak" in phase else "-" for phase in phases),
        _groups(analyze),
        _p_value(record.get("twins", {}).get("p_value", analyze.get("p_value"))),
    ]


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _names(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _seconds(phase: Record) -> str:
    for end in UNFINISHED:
        if end in phase:
            return end
    return f"{phase['cpu']:.3g}" if "cpu" in phase else ""


def _ratio(value: float | None, base: float | None) -> str:
    return f"{value / base:.1f}" if value is not None and base else ""


def _groups(analyze: Record) -> str:
    if "groups" not in analyze:
        return ""
    found, trusted = analyze["groups"], analyze["trusted"]
    return f"{found}" if found == trusted else f"{found}, not reliable"


def _p_value(value: float | None) -> str:
    return "" if value is None else "-" if math.isnan(value) else f"{value:.2g}"


def details(record: Record) -> str:
    """Return what is to be known of one network: its inputs, checks, sites, and the first lines of its analysis."""
    lines = [f"## {record['name']}", ""]
    if "missing" in record:
        return "\n".join([*lines, str(record["missing"]), ""])
    lines += [f"{record.get('facts', {}).get('about', '')}.", ""]
    if checks := record.get("forward", {}).get("checks"):
        lines += ["Checked: " + ", ".join(f"{name} {value:.3g}" for name, value in checks.items()) + ".", ""]
    for phase in ("forward", "collect", "analyze", "twins"):
        measured = record.get(phase, {})
        for end in UNFINISHED:
            if end in measured:
                lines += [f"`{phase}` was {end}:", "", "```text", measured[end], "```", ""]
        if "cpu" in measured:
            cost = f"{measured['cpu']:.3g} processor seconds, {measured['wall']:.3g} s, {measured['peak']:,.0f} MiB"
            lines += [f"`{phase}`: {cost}.", ""]
    for phase in ("collect", "analyze"):
        if sites := record.get(phase, {}).get("sites"):
            rows = record[phase].get("rows")
            lines += [f"Sites of `{phase}` ({len(sites)}, at most {rows:,} rows): " + ", ".join(sites) + ".", ""]
    summary = record.get("twins", {}).get("summary") or record.get("analyze", {}).get("summary")
    return "\n".join([*lines, *(["```text", *summary, "```", ""] if summary else [])])


def page(run: Mapping[str, Any]) -> str:
    """Return everything about a run."""
    records = run["networks"]
    parts = ["# Real networks", "", f"{run['about']}", "", table(records), *map(details, records)]
    return "\n".join(parts)


def in_page(text: str, run: Mapping[str, Any]) -> str:
    """Put the table between its two markers.

    Raises
    ------
    ValueError
        When a marker is missing or they are in the wrong order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks '{BEGIN}' followed by '{END}'; put both where the table is to be.")
    return f"{before}{BEGIN}\n\n{run['about']}\n\n{table(run['networks'])}\n{END}{after}"
