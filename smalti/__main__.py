# Made from smalti/command.md by make tangle; edit that.
"""Run the command line: python -m smalti."""

import sys

from smalti.command import main

sys.exit(main())
