# ~/~ begin <<smalti/command.md#smalti/__main__.py>>[init]
"""Run the command line: python -m smalti."""

import sys

from smalti.command import main

sys.exit(main())
# ~/~ end