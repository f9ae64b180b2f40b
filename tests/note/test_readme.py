"""The numbers that the note's page quotes are those of the last run."""

import json
import re
from pathlib import Path

import numpy as np

from note import reproduce
from note.dominance import NEAR, RESULTS, Comparison

PAGE = reproduce.EXPERIMENTS.parent / "README.md"
FIGURES = PAGE.parents[2] / "figures"
NUMBER = re.compile(r"\d+(?:\.\d+)?(?= ?%)|\d+\.\d+(?!\d)")


def known() -> dict[str, list[float]]:
    """Return all numbers of the last run by experiment; of a percentage, the share."""
    found: dict[str, list[float]] = {}
    for row in json.loads((FIGURES / "note.json").read_bytes()):
        text = f"{row['quantity']} {row['note']}"
        numbers = [float(each) for each in re.findall(r"\d+(?:\.\d+)?", text)]
        shares = [float(each) / 100 for each in re.findall(r"\d+(?:\.\d+)?(?= ?%)", text)]
        measured = [row[name] for name in ("ours", "spread", "published") if row[name] is not None]
        found.setdefault(row["experiment"], []).extend([*measured, *numbers, *shares])
    return found


def answers(page: str) -> dict[str, str]:
    """Return the answer beside each script."""
    return dict(re.findall(r"^\| \[\d{3}\]\(experiments/(\w+\.py)\) \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE))


def unknown(answer: str, numbers: list[float]) -> list[str]:
    """List the quoted numbers that no number of the run rounds to, the last digit give or take one."""
    lacking = []
    for match in NUMBER.finditer(answer):
        text = match.group()
        unit = 100.0 if re.match(r" ?%", answer[match.end() :]) else 1.0
        step = 10.0 ** -len(text.partition(".")[2])
        if not any(abs(unit * each - float(text)) <= step + 1e-9 for each in numbers):
            lacking.append(text)
    return lacking


def test_every_experiment_has_an_answer() -> None:
    assert sorted(answers(PAGE.read_text())) == sorted(path.name for path in reproduce.experiments([]))


def test_answers_quote_numbers_of_the_last_run() -> None:
    of_run = known()
    names = {path.name: reproduce.load(path).NAME for path in reproduce.experiments([])}
    lacking = {each: unknown(answer, of_run[names[each]]) for each, answer in answers(PAGE.read_text()).items()}
    assert {each: numbers for each, numbers in lacking.items() if numbers} == {}


def test_a_wrong_number_is_noticed() -> None:
    assert unknown("99.9 % (0.27), 0.34 ± 1.3, of 18", [0.9988, 0.268, 0.341, 1.28]) == []
    assert unknown("98 % here and 0.44 there", [0.96, 0.5, 44]) == ["98", "0.44"]
    assert unknown("1.4 %", [1.4]) == ["1.4"]


def test_the_summary_is_that_of_the_table() -> None:
    (summary,) = re.findall(
        r"^\d+ of \d+ published numbers .*? asked\.", (FIGURES / "note.md").read_text(), re.MULTILINE
    )
    assert summary in " ".join(PAGE.read_text().split())


def test_what_falls_short_is_told_as_it_was_found() -> None:
    plain, scaled = (Comparison(**each) for each in json.loads(RESULTS.read_bytes()).values())
    page, n = " ".join(PAGE.read_text().split()), len(plain.mean)
    for said in (
        f"differ by more than {NEAR:g} in {np.mean(plain.far_between_sets):.1f} of {n} PCs on average",
        f"in at least one in each of {len(plain.far_between_sets)} comparisons",
        f"differs from ours in {np.mean(plain.sets_far_from_published):.1f} on average",
        f"{n - plain.far_from_published} of {n} PCs are within {NEAR:g} of the published",
        f"(chi² {plain.chi_squared:.1f})",
        f"{n - scaled.far_from_published} of {n} where units are scaled",
        f"(chi² {scaled.chi_squared:.1f})",
    ):
        assert said in page
    assert min(plain.far_between_sets) >= 1


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^()\s#]+)\)", PAGE.read_text())
    assert len(links) > 20
    assert [link for link in links if "://" not in link and not (PAGE.parent / Path(link)).exists()] == []
