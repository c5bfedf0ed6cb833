"""An audit by a plan is the audit that was planned, and states what differs."""

from dataclasses import replace

import pandas as pd
import pytest

from cxraudit.analysis_plan import make_plan
from cxraudit.audits.run import audit
from cxraudit.errors import ConfigError, DataError
from cxraudit.report.facts import NO_DEPARTURES, facts_of
from cxraudit.settings import AuditSettings
from planted import planted_dataset, planted_scores, planted_table

SETTINGS = AuditSettings(n_resamples=100, margin=0.1, operating_point="none", calibration="none")
FRAME = planted_table(1, n_patients=80)


def audited(plan, **options):
    """Audit a table by a plan."""
    return audit(planted_dataset(FRAME), planted_scores(FRAME), plan=plan, **options)


def test_the_audit_is_that_of_the_planned_settings():
    """Row by row; findings that were not planned are left out, and stated."""
    plan = make_plan(["Cardiomegaly"], ["sex"], settings=SETTINGS, shortcuts={})
    scores = planted_scores(FRAME)

    found = audited(plan)

    alone = audit(
        planted_dataset(FRAME),
        scores[scores["finding"] == "Cardiomegaly"],
        attributes="sex",
        shortcuts={},
        settings=SETTINGS,
    )
    assert found.results.equals(alone.results)
    assert found.facts["plan"]["departures"] == []
    assert found.facts["plan"]["left_out"]["findings"] == ["Pneumothorax"]
    assert "not planned: Pneumothorax" in str(found.facts["notices"])
    assert facts_of(found).plan == (
        f"analysis planned on {plan.date} (hash {plan.sha256[:12]}…), {NO_DEPARTURES}; not planned: how "
        "uncertain labels count"
    )


def test_a_plan_may_be_a_file(tmp_path):
    """As text or path."""
    path = make_plan(["Cardiomegaly"], ["sex"], settings=SETTINGS).write(tmp_path / "plan.toml")

    assert audited(str(path)).facts["settings"]["margin"] == 0.1


def test_what_the_data_lack_is_stated():
    """Findings, attributes and models; the others are audited."""
    plan = make_plan(
        ["Cardiomegaly", "Edema"],
        ["sex", "hospital", "sex*hospital"],
        settings=SETTINGS,
        models=["m", "other"],
    )

    found = audited(plan)

    missing = {
        "findings": ["Edema"],
        "attributes": ["hospital", "sex*hospital"],
        "models": ["other"],
    }
    assert found.facts["plan"]["missing"] == missing
    assert found.facts["attributes"] == ["sex"]
    assert "findings Edema planned and not in the data" in facts_of(found).plan
    assert "Attributes planned, and not in the data: hospital, sex*hospital." in str(
        found.facts["notices"]
    )


def test_training_runs_are_those_of_the_planned_model():
    """A plan names the model; its runs are not models that were not planned."""
    runs = AuditSettings(
        n_resamples=100, operating_point="none", calibration="none", replicate_of={"b": "m"}
    )
    scores = planted_scores(FRAME)
    plan = make_plan(["Cardiomegaly"], ["sex"], settings=runs, models=["m"])

    found = audit(planted_dataset(FRAME), pd.concat([scores, scores.assign(model="b")]), plan=plan)

    assert found.facts["plan"]["missing"]["models"] == []
    assert found.facts["plan"]["left_out"]["models"] == []
    assert "Mean over 2 training runs (b, m)" in str(found.facts["notices"])


@pytest.mark.parametrize(
    ("planned", "message"),
    [
        ((["Edema"], ["sex"]), "none of the findings"),
        ((["Cardiomegaly"], ["hospital"]), "none of the attributes"),
        ((["Cardiomegaly"], ["sex"], "other"), "none of the models"),
    ],
)
def test_the_plan_of_another_audit_is_refused(planned, message):
    """Nothing of it can be audited."""
    plan = make_plan(*planned[:2], settings=SETTINGS, models=planned[2:])

    with pytest.raises(DataError, match=message):
        audited(plan)


def test_a_contradiction_is_refused_and_a_departure_is_reported():
    """With both values and the reason."""
    plan = make_plan(["Cardiomegaly"], ["sex"], settings=SETTINGS)
    other = plan.audit_settings(margin=0.05)

    with pytest.raises(ConfigError, match=r"margin was planned as 0\.1 and is 0\.05"):
        audited(plan, settings=other)
    with pytest.raises(ConfigError, match="attributes was planned"):
        audited(plan, attributes="race")

    found = audited(plan, settings=other, depart="The margin of the reviewers.")

    assert found.facts["settings"]["margin"] == 0.05
    assert (
        "departures: margin was planned as 0.1 and is 0.05 (reason: The margin of the reviewers.)"
        in facts_of(found).plan
    )
    assert "Reason: The margin of the reviewers." in str(found.facts["notices"])


@pytest.mark.parametrize(
    ("read", "stated"),
    [
        ({"policies": {"uncertain": "ones"}}, 'uncertain was planned as "zeros" and is "ones"'),
        ({}, 'uncertain was planned as "zeros" and is "none"'),
        (
            {"policies": {"uncertain": "zeros"}, "patients_known": False},
            'patients was planned as "known" and is "unknown"',
        ),
    ],
)
def test_data_that_are_read_otherwise_depart_from_the_plan(read, stated):
    """Other labels and other units of sampling are another analysis."""
    plan = make_plan(
        ["Cardiomegaly"],
        ["sex"],
        settings=SETTINGS,
        reading={"patients": "known", "uncertain": "zeros"},
    )
    dataset = replace(planted_dataset(FRAME), **read)

    with pytest.raises(ConfigError, match=stated):
        audit(dataset, planted_scores(FRAME), plan=plan)
    found = audit(dataset, planted_scores(FRAME), plan=plan, depart="as they are")

    assert stated in facts_of(found).plan


def test_planned_shortcuts_of_missing_findings_are_left_out():
    """Their finding is stated as missing."""
    plan = make_plan(
        ["Cardiomegaly", "Edema"], ["sex"], settings=SETTINGS, shortcuts={"drain": "Edema"}
    )

    assert audited(plan).facts["shortcuts"] == {}


def test_an_audit_without_a_plan_states_none():
    """And has no line on it."""
    found = audit(
        planted_dataset(FRAME), planted_scores(FRAME), attributes="sex", settings=SETTINGS
    )

    assert found.facts["plan"] is None
    assert facts_of(found).plan == ""
