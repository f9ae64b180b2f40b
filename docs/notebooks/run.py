"""Run the notebooks beside this file and keep what they print: ``make notebooks``."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
# Nothing of the machine a notebook ran on is kept.
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def run(path: Path) -> None:
    """Run one notebook in place."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}).execute()
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number}", nbformat.from_dict({})
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


for each in sorted(HERE.glob("*.ipynb")):
    run(each)
    print(each.name, each.stat().st_size)
