"""Results in, tables for reading out: one function each, numbers as text.

======================  ============================================================
table                   one row per
======================  ============================================================
`cohort_table`          group: patients, images and findings
`overall_table`         finding; one column per model
`levels_table`          finding and group: counts and ranking metrics
`operating_table`       finding and group: rates at the threshold and calibration
`decision_table`        finding, group and threshold probability: net benefit
`gaps_table`            difference: interval, adjusted p-value and verdict
`perturbations_table`   perturbation, finding and kind of image: change of the score
`probes_table`          attribute and embedding space; one column per probe
`models_table`          difference between two models
======================  ============================================================
"""

from cxraudit.tables.cohort import cohort_table
from cxraudit.tables.gaps import gaps_table
from cxraudit.tables.levels import decision_table, levels_table, operating_table
from cxraudit.tables.models import models_table
from cxraudit.tables.overall import overall_table
from cxraudit.tables.perturbations import perturbations_table
from cxraudit.tables.probes import probes_table
from cxraudit.tables.render import to_html, to_latex, to_page

__all__ = [
    "cohort_table",
    "decision_table",
    "gaps_table",
    "levels_table",
    "models_table",
    "operating_table",
    "overall_table",
    "perturbations_table",
    "probes_table",
    "to_html",
    "to_latex",
    "to_page",
]
