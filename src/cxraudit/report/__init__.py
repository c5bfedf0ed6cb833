"""The report on audits: one page, and the statements it shares with the terminal.

==============  =============================================================================
room            what it holds
==============  =============================================================================
`page`          `write_report`: audits in, one self-contained HTML page out
`summary`       `write_summary`: one page for a decision
`about`         what is stated of a model, from a TOML file
`anchors`       places on the page that other documents link to
`pdf`           a page as a PDF
`figures`       `write_figures`: figures and tables of the page as files
`matrix`        all verdicts of one question in one table
`sections`      the parts of the page, one module each
`statements`    what the results support, in sentences
`checks`        what makes an audit weaker than it looks, one module per code
`facts`         the settings of a run in words
`blocks`        the kinds of blocks a section is made of
==============  =============================================================================
"""

from cxraudit.report.about import About, read_about
from cxraudit.report.figures import write_figures
from cxraudit.report.page import write_report
from cxraudit.report.statements import NULL_MODEL, Statement, Tone, of_model
from cxraudit.report.summary import write_summary

__all__ = [
    "NULL_MODEL",
    "About",
    "Statement",
    "Tone",
    "of_model",
    "read_about",
    "write_figures",
    "write_report",
    "write_summary",
]
