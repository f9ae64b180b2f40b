"""Whatever a public function is given, it answers with a `CompgraphError` or does what it says: no raw error."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("wrong_types.py")


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """What public functions answered, in a process whose annotations nothing else enforces."""
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_wrong_types_are_refused_everywhere(answers) -> None:
    assert not answers["offences"]
    assert answers["functions"] > 100
    assert answers["parameters"] > 250


def test_a_function_that_trusts_its_arguments_is_seen(answers) -> None:
    raw = " ".join(answers["twin"])
    assert "AttributeError" in raw
    assert "TypeError" in raw
    assert "with right arguments" not in raw
