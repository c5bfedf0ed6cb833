"""The published study (Sourget et al. 2025, arXiv 2507.21291), reproduced to the letter and beside an audit.

=============  ==================================================================================
`protocol`     the published evaluation of scores, with the row order its random draws depend on
`bootstrap`    its intervals, from the same random numbers
`calibration`  its calibration curves
`embeddings`   its projections and centroid differences
`numbers`      its published numbers, and a comparison with them
`conclusions`  what follows from the published numbers
`faults`       each fault of the published code, run as published and corrected
`tables`       its tables, and one that compares both protocols
`figures`      its figures
`page`         all of these as one page, with every table and figure as a file
`run`          the whole study in one call
=============  ==================================================================================

Seeds in this package are fixed at the published 1907 and are no option: the numbers would not be those
published with another.
"""
