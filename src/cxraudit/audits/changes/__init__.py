"""What changed between two audits: of one release and the next, of one site and another.

============  =========================================================================
module        question
============  =========================================================================
`match`       whether both are about the same images or patients, and about which models
`settings`    what differs in settings, data and code
`plan`        which differences to estimate
`labels`      two sources of labels: each audit by its own, and the errors of the older one
`sizes`       how far a gap has widened
`notices`     what is left out, unknown or different
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
)
from cxraudit.audits.changes.sizes import widening

__all__ = ["CHANGED", "SIDE_COLUMNS", "SIDE_VERDICTS", "WIDENED", "Diff", "diff", "widening"]
