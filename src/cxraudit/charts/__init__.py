"""Pictures as plain data, and how they are drawn.

=============  ====================================================================
module         what it holds
=============  ====================================================================
`spec`         what a picture shows, whatever draws it
`look`         colours and shapes that colour-blind readers distinguish
`scale`        limits and ticks of axes
`html`         a picture as HTML: fluid, with its numbers as text
`drawing`      a picture as a matplotlib figure, for files
`house`        the style of matplotlib figures, and their files
`numbers`      the numbers of a picture as a table
=============  ====================================================================

The functions of `cxraudit.figures` make pictures from results.
"""

from cxraudit.charts.spec import Chart

__all__ = ["Chart"]
