"""What is decodable from embeddings, what projections show of it, and what the score goes with.

=========================  ========================================================================
module                     figure
=========================  ========================================================================
`projections_and_probes`   images on two axes, beside the AUROC of probes
`score_shifts`             shift of scores between groups, given the label
`erasure`                  change of AUROC and gaps after an attribute is erased
`centroids`                sorted differences of the group means
`prompts`                  gaps by prompt pair
=========================  ========================================================================
"""

from cxraudit.figures.embeddings.centroids import centroid_curves
from cxraudit.figures.embeddings.erasure import erasure_changes
from cxraudit.figures.embeddings.projections_and_probes import projections_and_probes
from cxraudit.figures.embeddings.prompts import prompt_gaps
from cxraudit.figures.embeddings.score_shifts import score_shifts

__all__ = [
    "centroid_curves",
    "erasure_changes",
    "projections_and_probes",
    "prompt_gaps",
    "score_shifts",
]
