"""`python -m vidlab` is the command `vidlab`."""

import sys

from vidlab.cli import main

sys.exit(main())
