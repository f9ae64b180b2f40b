"""The notebooks run, and hold what they printed when they were last run."""

import json
from pathlib import Path

import matplotlib as mpl
import pytest
import torch

from fixtures.snippets import run_snippet

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["quickstart", "your_own_network"]


@every_notebook
def test_a_notebook_is_small_and_says_nothing_of_the_machine_it_ran_on(path) -> None:
    content = path.read_text()
    assert len(content) < 200_000
    assert set(json.loads(content)["metadata"]) == {"kernelspec", "language_info"}
    assert json.loads(content)["metadata"]["kernelspec"]["display_name"] == "Python 3"


@every_notebook
def test_cells_run_and_print_where_the_notebook_holds_words(path, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] for cell in cells if "print(" in "".join(cell["source"]))
    names: dict[str, object] = {}
    torch.manual_seed(0)
    for number, cell in enumerate(cells):
        code = "".join(cell["source"]).replace("from IPython.display import Image\n", "Image = bytes\n")
        with mpl.rc_context():
            said = run_snippet(code, names, tmp_path)
        held = "".join("".join(each.get("text", "")) for each in cell["outputs"])
        assert bool(said) == bool(held), f"cell {number} printed {said!r}"
