"""``python -m cxraudit.cli``."""

import sys

from cxraudit.cli import entry

if __name__ == "__main__":
    sys.exit(entry())
