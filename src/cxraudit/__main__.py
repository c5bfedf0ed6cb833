"""``python -m cxraudit``: the command line."""

import sys

from cxraudit.cli import main

sys.exit(main())
