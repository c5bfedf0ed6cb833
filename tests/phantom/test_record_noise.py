"""Record noise affects the given share of records, and none without it."""

import numpy as np
import pandas as pd
import pytest

from cxraudit.datasets.base import FINDINGS
from cxraudit.phantom.record_noise import RecordNoise

N = 4000


@pytest.fixture
def labels() -> pd.DataFrame:
    """Studies with a finding in a fifth."""
    positive = (np.arange(N) % 5 == 0).astype(float)
    return pd.DataFrame({"study_id": np.arange(N), **dict.fromkeys(FINDINGS, positive)})


@pytest.fixture
def admissions() -> pd.DataFrame:
    """One admission per patient."""
    return pd.DataFrame(
        {
            "subject_id": np.arange(N),
            "hadm_id": np.arange(N),
            "admittime": "2150-01-01 10:00:00",
            "dischtime": "2150-01-09 10:00:00",
            "race": "WHITE",
        }
    )


def test_no_noise_changes_nothing(labels, admissions):
    """A share of 0."""
    none = RecordNoise(1, 0.0)

    pd.testing.assert_frame_equal(none.labels(labels), labels)
    pd.testing.assert_frame_equal(none.admissions(admissions), admissions)
    assert not none.without_findings(N).any()


def test_labels_become_uncertain_and_blank(labels):
    """Uncertain by the share, blank by three times the share of negatives; some studies leave."""
    noisy = RecordNoise(1, 0.1).labels(labels)

    negative = labels.loc[noisy.index, "Pneumonia"] == 0
    assert (noisy.loc[~negative, "Pneumonia"] == -1).mean() == pytest.approx(0.1, abs=0.03)
    assert noisy.loc[negative, "Pneumonia"].isna().mean() == pytest.approx(0.3, abs=0.03)
    assert len(noisy) / N == pytest.approx(1 - 0.025, abs=0.01)


def test_some_patients_have_two_races_or_none(admissions):
    """Second admissions, unknown races and missing admissions."""
    noisy = RecordNoise(1, 0.1).admissions(admissions)

    n_admissions = noisy.groupby("subject_id").size()
    assert (n_admissions == 2).sum() / N == pytest.approx(0.095, abs=0.02)
    assert 1 - len(n_admissions) / N == pytest.approx(0.045, abs=0.02)
    assert noisy["race"].str.startswith("U").sum() > 0


def test_the_same_seed_gives_the_same_noise(labels):
    """Another seed gives other noise."""
    one, again, other = (RecordNoise(seed, 0.1).labels(labels) for seed in (1, 1, 2))

    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(other)
