"""Every error class has a section in docs/errors.md, with code that raises it and code that works."""

import inspect
import re
from pathlib import Path

import pytest

from compgraph import errors

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
CLASSES = [name for name, each in vars(errors).items() if inspect.isclass(each) and issubclass(each, Exception)]
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL))


def test_every_class_has_a_section_and_every_section_a_class() -> None:
    assert list(SECTIONS) == CLASSES


@pytest.mark.parametrize("name", CLASSES)
def test_a_section_catches_its_error_and_goes_on(name) -> None:
    # What is printed, and that the remedies raise nothing, test_pages.py checks by running the page.
    code = "".join(re.findall(r"^```python\n(.*?)^```$", SECTIONS[name], flags=re.MULTILINE | re.DOTALL))
    caught = re.findall(r"except (?:cg\.)?(\w+) as error:\n    print\(", code)
    assert set(caught) == {name}
    after = code.rpartition("as error:\n    print(")[2]
    assert name == "CompgraphError" or re.search(r"^\w+ = ", after, flags=re.MULTILINE)
