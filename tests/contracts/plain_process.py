"""What is asked of a process whose annotations nothing enforces: one asks it all, as importing torch takes seconds."""

import json
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from contracts import how_it_fails, wrong_types
from fixtures import hostile_statistics


def answers() -> dict[str, Any]:
    """Return what each script finds; the one that registers functions comes last."""
    warnings.simplefilter("error")
    nonsense = hostile_statistics.outcomes()
    warnings.simplefilter("ignore")
    os.chdir(tempfile.mkdtemp())
    found = {"nonsense": nonsense, "failures": how_it_fails.tables(), "types": wrong_types.answers()}
    return found | {"libraries": [each for each in ("pytest", "hypothesis") if each in sys.modules]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(answers()))
