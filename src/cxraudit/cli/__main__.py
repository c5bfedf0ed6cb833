"""``python -m cxraudit.cli``."""

import sys

from cxraudit.cli import main

if __name__ == "__main__":
    sys.exit(main())
