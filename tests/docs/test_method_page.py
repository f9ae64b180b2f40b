"""The page on the method: its snippets run one after another, and it shows the figures that its example draws."""

import re
from pathlib import Path
from typing import Any

import matplotlib.image

from fixtures.snippets import run_snippet

PAGE = Path(__file__).parents[2] / "docs" / "method.md"
WIDTH, MOST_BYTES = 1200, 200_000


def test_snippets_run_and_find_both_tasks(tmp_path: Path) -> None:
    snippets = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert len(snippets) > 3
    names: dict[str, Any] = {}
    said = run_snippet("\n".join(snippets), names, tmp_path)
    assert names["split"].n_blocks == names["analysis"].groups.n_groups == 2
    assert "groups: 2 (p = " in said


def test_it_shows_every_figure_of_its_example() -> None:
    shown = {PAGE.parent / path for path in re.findall(r"!\[[^\]]*\]\(([^()\s]+)\)", PAGE.read_text())}
    drawn = (PAGE.parents[1] / "figures").glob("method-*.png")
    assert sorted(path.resolve() for path in shown) == sorted(path.resolve() for path in drawn)
    assert {matplotlib.image.imread(path).shape[1] for path in shown} == {WIDTH}
    assert max(path.stat().st_size for path in shown) < MOST_BYTES


def test_sources_are_numbered_as_they_are_cited() -> None:
    text, sources = PAGE.read_text().split("## Sources\n")
    cited = {int(number) for group in re.findall(r"\[(\d+(?:, \d+)*)\]", text) for number in group.split(", ")}
    listed = [int(number) for number in re.findall(r"^(\d+)\. .*doi\.org/10\.", sources, flags=re.MULTILINE)]
    assert listed == sorted(cited) == list(range(1, len(listed) + 1))
