"""The published bootstrap is reproduced draw by draw."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from cxraudit.paper.bootstrap import PUBLISHED_SEED, published_interval


def as_published(labels, scores, metric: str, stream, n_resamples: int):
    """Resample row numbers, with one call of scikit-learn each, as the published code does."""
    values = []
    for _ in range(n_resamples):
        rows = stream.randint(0, len(labels), len(labels))
        drawn = labels[rows]
        if drawn.sum() == 0:
            continue
        if metric == "auroc":
            values.append(roc_auc_score(drawn, scores[rows]))
        else:
            precision = average_precision_score(drawn, scores[rows])
            values.append(1 - np.log(precision) / np.log(drawn.mean()))
    return np.percentile(values, 2.5), np.percentile(values, 97.5)


@pytest.mark.parametrize("n", [37, 256, 257, 3000])
def test_the_same_stream_gives_the_same_intervals(n):
    """Three calls on scores with ties: equal to 1e-12, and the stream ends in numpy's state."""
    rng = np.random.default_rng(n)
    labels = rng.random(n) < 0.2
    scores = np.round(labels + rng.normal(size=n), 1)
    stream, reference = (np.random.RandomState(PUBLISHED_SEED) for _ in range(2))

    for metric in ("auroc", "adjusted_auprc", "auroc"):
        found = published_interval(labels, scores, metric, stream, n_resamples=60)
        assert found == pytest.approx(
            as_published(labels, scores, metric, reference, 60), abs=1e-12
        )

    assert stream.randint(0, 1 << 30) == reference.randint(0, 1 << 30)


def test_resamples_without_positives_are_skipped():
    """One positive of twelve: a third of the resamples has none."""
    labels = np.arange(12) == 3
    scores = np.linspace(0, 1, 12)
    stream, reference = (np.random.RandomState(1) for _ in range(2))

    found = published_interval(labels, scores, "auroc", stream, n_resamples=50)

    assert found == pytest.approx(as_published(labels, scores, "auroc", reference, 50))


def test_an_unknown_metric_is_refused():
    """Only what the published code resamples."""
    with pytest.raises(ValueError, match="auroc or adjusted_auprc"):
        published_interval([0, 1], [0.1, 0.2], "tpr", np.random.RandomState(0))


def test_without_positives_or_images_there_is_no_interval():
    """NaN, and no error."""
    for labels in ([0, 0, 0], [1]):
        found = published_interval(
            labels, np.arange(len(labels)), "auroc", np.random.RandomState(0)
        )
        assert np.isnan(found).all()
