"""One audit of planted embeddings, which several modules look at."""

import pytest

from cxraudit.audits.embeddings import audit_embeddings, projections
from cxraudit.settings import AuditSettings
from cxraudit.stats import probes as stats_probes
from planted import planted_embeddings


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    """Small matrices gain nothing from more."""


@pytest.fixture(scope="session")
def audited(one_thread):
    """Everything on the embeddings of 500 patients; for speed networks are small, and there is no t-SNE."""
    dataset, embedded = planted_embeddings(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stats_probes, "HIDDEN", (128,))
        patch.setattr(stats_probes, "MAX_EPOCHS", 60)
        patch.setattr(projections, "_tsne", lambda cohort: cohort.vectors[:, 7:9].copy())
        return audit_embeddings(dataset, embedded, settings=AuditSettings(n_resamples=300))
