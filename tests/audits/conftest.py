"""What tests of audits with embeddings share: they run on one thread, and some need no fine probes."""

import pytest

from cxraudit.audits.embeddings import projections
from cxraudit.stats import probes as stats_probes


@pytest.fixture(scope="session")
def one_thread():
    """Limit the threads of BLAS and OpenMP: small matrices gain nothing from more."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


@pytest.fixture(scope="module")
def coarse_probes(one_thread):
    """Train networks for two epochs, and take two axes for those of t-SNE."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stats_probes, "MAX_EPOCHS", 2)
        patch.setattr(projections, "_tsne", lambda cohort: cohort.vectors[:, 7:9].copy())
        yield
