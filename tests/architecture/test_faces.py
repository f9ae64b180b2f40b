"""What a user sees of the package: few names, loaded when they are used, those that moved with a warning."""

import subprocess
import sys
from importlib import import_module
from operator import attrgetter

import pytest

import compgraph as cg

MOST_NAMES = 25
HEAVY = ("matplotlib", "networkx", "sklearn", "torch")


def loaded_by(code: str) -> list[str]:
    """Return which of the heavy libraries a process has loaded after running some code."""
    command = [sys.executable, "-c", f"import sys; {code}; print(*(each for each in {HEAVY} if each in sys.modules))"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def misplaced(moved: dict[str, str]) -> dict[str, str]:
    """Say of every old name what is wrong when it is used."""
    found = {}
    for name, home in moved.items():
        with pytest.warns() as caught:
            value = getattr(cg, name)
        own = [new for new in import_module(home).__all__ if getattr(import_module(home), new) is value]
        said = [str(each.message) for each in caught if each.category is DeprecationWarning]
        if not own:
            found[name] = f"is not of {home}"
        elif len(said) != 1 or not said[0].startswith(f"compgraph.{name} is {home}.{own[0]} from"):
            found[name] = f"says {said}"
    return found


def test_names_are_few_and_sorted() -> None:
    assert len(cg.__all__) <= MOST_NAMES
    assert list(cg.__all__) == sorted(cg.__all__, key=lambda name: (name.islower(), name))
    assert {*cg.__all__} <= {*dir(cg)}


def test_names_that_other_code_counts_on() -> None:
    assert {
        *("analyze", "collect", "components", "edges", "build_graph", "communities", "task_profile"),
        *("agreement", "save", "load", "sites", "Space", "Moments", "Sample", "Components", "Partition", "Agreement"),
    } <= set(cg.__all__)


def test_every_name_is_that_of_its_home() -> None:
    wrong = [name for name, home in cg._HOMES.items() if getattr(cg, name).__name__ != name]
    wrong += [
        name
        for name, home in cg._HOMES.items()
        if getattr(import_module(f"compgraph.{home}"), name) is not getattr(cg, name)
    ]
    assert not wrong
    assert set(cg._HOMES) == set(cg.__all__)


def test_moved_names_warn_and_are_what_they_were() -> None:
    assert not misplaced({name: f"compgraph.{home}" for name, home in cg._MOVED.items()})
    assert "register_method" in cg._MOVED


def test_misplaced_names_are_seen() -> None:
    assert set(misplaced({"register_method": "compgraph.check", "EdgeBlock": "compgraph.connect"})) == {
        "register_method"
    }


def test_unknown_names_are_no_attributes() -> None:
    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        attrgetter("analyse")(cg)


def test_importing_the_package_loads_no_heavy_library() -> None:
    assert loaded_by("import compgraph; dir(compgraph)") == []
    assert "networkx" in loaded_by("import compgraph; compgraph.load")
