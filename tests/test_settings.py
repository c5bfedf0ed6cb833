"""Options are declared once: their type is the check, and what they set reaches the audit."""

from typing import get_type_hints

import numpy as np
import pandas as pd
import pytest

import cxraudit
from cxraudit.errors import ConfigError
from cxraudit.schema import Reason, has_reason
from cxraudit.settings import AuditSettings, options


@pytest.mark.parametrize("option", options(AuditSettings), ids=lambda option: option.name)
def test_every_option_says_what_it_does(option):
    """Its docstring is the help text, a sentence."""
    assert option.help.endswith(".")
    assert len(option.help) > 20


def test_options_are_the_fields_in_order():
    """None is missing, none is added."""
    assert [option.name for option in options(AuditSettings)] == list(get_type_hints(AuditSettings))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n_resamples": -1}, "n_resamples must be at least 0 and at most 1,000,000, got -1"),
        ({"n_resamples": 10**30}, "n_resamples must be at least 0 and at most 1,000,000"),
        ({"n_resamples": 10**400}, "n_resamples must be"),
        ({"n_threads": 100_000}, "n_threads must be at least 1 and at most 256"),
        ({"n_resamples": 10.5}, "n_resamples must be a whole number"),
        ({"confidence_level": 0.5}, "confidence_level must be more than 0.5 and less than 1"),
        ({"margin": float("nan")}, "margin must be"),
        ({"margin": True}, "margin must be a number"),
        ({"interval": "basic"}, "interval must be one of t, percentile, bca, got 'basic'"),
        ({"operating_point": "fpr=2"}, "operating_point: fpr must be a number above 0"),
        ({"min_patients": 1}, "min_patients must be at least 2"),
        ({"trained_on": {"m": ""}}, "trained_on of m is a list of data sets"),
        ({"trained_on": {"m": "a,,b"}}, "or none; got 'a,,b'"),
        ({"trained_on": {"m": ["none", "a"]}}, "trained_on of m is a list"),
    ],
)
def test_values_that_are_not_allowed_are_named(wrong, named):
    """The option, what is allowed and what was found."""
    with pytest.raises(ConfigError, match=named):
        AuditSettings(**wrong)


@pytest.mark.parametrize(("min_patients", "few"), [(10, True), (5, False)])
def test_min_patients_decides_whether_there_is_a_verdict(min_patients, few):
    """Seven positive patients per group are too few for ten, and enough for five."""
    rng = np.random.default_rng(1)
    images = pd.DataFrame({"image": range(60), "sex": ["F", "M"] * 30})
    images["label"] = (images["image"] < 14).astype(int)
    images["score"] = images["label"] + rng.normal(size=60)
    dataset = cxraudit.table_dataset(
        images,
        name="few",
        root=".",
        image="image",
        patient="image",
        sex="sex",
        findings={"A": "label"},
    )
    scores = cxraudit.wide_scores(images, image="image", columns={"A": "score"}, model="m")
    settings = AuditSettings(
        n_resamples=200, min_patients=min_patients, operating_point="none", calibration="none"
    )

    results = cxraudit.audit(dataset, scores, settings=settings).results

    gaps = results[(results["metric"] == "auroc") & (results["reference"] == "all other groups")]
    assert len(gaps) == 2
    assert has_reason(gaps, Reason.TOO_FEW_PATIENTS).all() == few
