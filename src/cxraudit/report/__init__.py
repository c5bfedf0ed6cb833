"""The report on audits: one page, and the statements it shares with the terminal.

==============  =============================================================================
room            what it holds
==============  =============================================================================
`page`          `write_report`: audits in, one self-contained HTML page out
`sections`      the parts of the page, one module each
`statements`    what the results support, in sentences
`checks`        what makes an audit weaker than it looks, one module per code
`facts`         the settings of a run in words
`blocks`        the kinds of blocks a section is made of
==============  =============================================================================
"""

from cxraudit.report.page import write_report
from cxraudit.report.statements import NULL_MODEL, Statement, Tone, of_model

__all__ = ["NULL_MODEL", "Statement", "Tone", "of_model", "write_report"]
