"""``python -m compgraph``, and with it ``torchrun -m compgraph``."""

import sys

from compgraph.cli.commands import main

sys.exit(main())
