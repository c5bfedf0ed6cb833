"""What changed between two audits: of one release and the next, of one site and another.

============  =========================================================================
module        question
============  =========================================================================
`match`       whether both are about the same images or patients, and about which models
`settings`    what differs in settings, data and code
`plan`        which differences to estimate
`run`         `diff`: two audits in, one table of changes out
============  =========================================================================
"""

from cxraudit.audits.changes.run import (
    CHANGED,
    SIDE_COLUMNS,
    SIDE_VERDICTS,
    WIDENED,
    Diff,
    diff,
    widening,
)

__all__ = ["CHANGED", "SIDE_COLUMNS", "SIDE_VERDICTS", "WIDENED", "Diff", "diff", "widening"]
