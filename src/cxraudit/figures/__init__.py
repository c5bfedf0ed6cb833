"""Results in, pictures as data out: one function each, without files, technique or statistics.

=====================  ============================================================================
figure                 shows
=====================  ============================================================================
`forest`               a metric by group, and its difference from all other groups
`error_rates`          TPR against FPR of every group at the threshold
`decision_curves`      net benefit over threshold probabilities of every group
`standardised_gaps`    gaps, raw and standardised by age, view or a shortcut
`shortcut_arms`        AUROC with and without a shortcut, model by model
`shortcut_summary`     one model and one shortcut: scores, AUROCs, prevalence, gaps
`counterfactual`       change of scores by an inserted or removed device
`own_edits`            change of scores by edits of the user, with their controls
`corruption_curves`    AUROC by severity of image degradation
`corruption_gaps`      gaps by severity of image degradation
`regions`              AUROC with a region removed, or kept alone, beside its control
`slice_gaps`           gaps of slices, where they were searched and on other patients
`n_shot_curves`        AUROC of heads by the number of training patients
`label_gaps`           gaps by working labels, and what reference labels of a subset make of them
`wording_changes`      what words for groups, and neutral words, do to gaps
`flow_diagram`         images, studies and patients kept by every filter
=====================  ============================================================================

Figures of embeddings are in `cxraudit.figures.embeddings`; what draws them is in `cxraudit.charts`.
"""

from cxraudit.figures.decision_curves import decision_curves
from cxraudit.figures.error_rates import error_rates
from cxraudit.figures.flow import flow_diagram
from cxraudit.figures.forest import forest
from cxraudit.figures.n_shot import n_shot_curves
from cxraudit.figures.perturbations import (
    corruption_curves,
    corruption_gaps,
    counterfactual,
    own_edits,
)
from cxraudit.figures.regions import regions
from cxraudit.figures.shortcut import shortcut_summary
from cxraudit.figures.shortcut_arms import shortcut_arms
from cxraudit.figures.slices import slice_gaps
from cxraudit.figures.standardised import standardised_gaps
from cxraudit.figures.two_labels import label_gaps
from cxraudit.figures.wordings import wording_changes

__all__ = [
    "corruption_curves",
    "corruption_gaps",
    "counterfactual",
    "decision_curves",
    "error_rates",
    "flow_diagram",
    "forest",
    "label_gaps",
    "n_shot_curves",
    "own_edits",
    "regions",
    "shortcut_arms",
    "shortcut_summary",
    "slice_gaps",
    "standardised_gaps",
    "wording_changes",
]
