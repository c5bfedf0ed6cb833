"""``python -m cxraudit``: the command line."""

import sys

from cxraudit.cli import entry

sys.exit(entry())
