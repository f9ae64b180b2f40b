"""``python -m compgraph.cli``."""

import sys

from compgraph.cli.commands import main

sys.exit(main())
