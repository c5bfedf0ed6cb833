"""What is not shown is not passed."""

import datetime
import math

import pandas as pd
import pytest
from example_audit import by_sex, example, judged, overall, row

from cxraudit.audits.changes import Diff, widening
from cxraudit.errors import ConfigError
from cxraudit.policy import Policy, gate
from cxraudit.policy.judgement import Outcome
from cxraudit.schema import COMPLEMENT, EXPLORATORY, Analysis, results_frame

TODAY = datetime.date(2027, 1, 1)


def policy(**rule):
    """Return a policy of one rule."""
    return Policy.model_validate({"rules": [{"name": "one", **rule}]})


def outcomes(audit, today=TODAY, **rule):
    """Return the outcome of one rule, and of each of its rows."""
    result = gate(audit, policy(**rule), today=today)
    return str(result.outcome), list(result.rows["outcome"])


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("disparity", "failed"),
        ("difference of unclear size", "inconclusive"),
        ("inconclusive", "inconclusive"),
        ("undefined", "inconclusive"),
        ("", "inconclusive"),
        ("small difference", "passed"),
        ("equivalent", "passed"),
    ],
)
def test_no_disparity_has_to_be_shown(verdict, expected):
    """What is not refuted is not passed."""
    audit = example(judged(Analysis.SUBGROUPS, 0.1, verdict, attribute="sex", group="female"))

    assert outcomes(audit, no_disparity=True) == (expected, [expected])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.04, 0.04, "passed"),
        (-0.05, 0.04, "inconclusive"),
        (-0.04, 0.06, "inconclusive"),
        (0.05, 0.2, "failed"),
        (-0.2, -0.05, "failed"),
        (0.01, 0.06, "inconclusive"),
        (math.nan, math.nan, "inconclusive"),
        (math.nan, 0.01, "inconclusive"),
    ],
)
@pytest.mark.parametrize("interval", ["row", "simultaneous"])
def test_a_difference_is_within_limits_by_its_interval(low, high, expected, interval):
    """By that of the row or the simultaneous one; limits are not within themselves."""
    wide = {"low": -1, "high": 1, "low_simultaneous": -1, "high_simultaneous": 1}
    suffix = "" if interval == "row" else "_simultaneous"
    limits = wide | {f"low{suffix}": low, f"high{suffix}": high}
    audit = example(judged(Analysis.SUBGROUPS, 0.01, "inconclusive", attribute="sex", **limits))

    assert outcomes(audit, within=0.05, interval=interval)[0] == expected


@pytest.mark.parametrize(
    ("low", "high", "least", "most"),
    [
        (0.8, 0.9, "passed", "inconclusive"),
        (0.79, 0.81, "inconclusive", "inconclusive"),
        (0.7, 0.8, "inconclusive", "passed"),
        (0.7, 0.79, "failed", "passed"),
        (0.81, 0.9, "passed", "failed"),
        (math.nan, math.nan, "inconclusive", "inconclusive"),
    ],
)
def test_a_level_is_high_or_low_enough_by_its_limits(low, high, least, most):
    """Not by its value."""
    audit = example(overall(0.8, low=low, high=high))

    assert outcomes(audit, at_least=0.8)[0] == least
    assert outcomes(audit, at_most=0.8)[0] == most


def test_rules_about_levels_and_about_differences_choose_their_rows():
    """A difference of 0.9 is no AUROC of 0.9; a rule can name the reference."""
    audit = example(overall(0.9), *by_sex("equivalent", 0.01))

    levels = gate(audit, policy(at_least=0.5), today=TODAY).rows
    differences = gate(audit, policy(at_most=0.5, reference=COMPLEMENT), today=TODAY).rows

    assert set(levels["reference"]) == {""}
    assert len(levels) == 3
    assert set(differences["reference"]) == {COMPLEMENT}


@pytest.mark.parametrize(
    ("chosen", "missing"),
    [
        ({"attribute": ["sex", "race"]}, "attribute 'race'"),
        ({"attribute": "sxe"}, "attribute 'sxe'"),
        ({"finding": ["Pneumothorax", "Edema"]}, "finding 'Edema'"),
        ({"model": ["m", "other"]}, "model 'other'"),
        ({"group": ["female", "80+"]}, "group '80+'"),
        ({"metric": ["auroc", "tpr"]}, "metric 'tpr'"),
        ({"analysis": "standardised"}, "metric 'auroc'"),
    ],
)
def test_what_a_rule_names_and_the_audit_lacks_is_not_passed(chosen, missing):
    """A misspelled name, or a group that no image has."""
    audit = example(*by_sex("equivalent", 0.01))
    result = gate(audit, policy(no_disparity=True, **chosen), today=TODAY)

    assert result.outcome == Outcome.INCONCLUSIVE
    assert any(missing in why for why in result.rows["why"])


def test_every_model_and_named_finding_has_to_have_rows():
    """One of two models has no row of race, and one finding none of sex."""
    rows = [
        judged(Analysis.SUBGROUPS, 0.0, "equivalent", model=model, finding=finding, attribute=name)
        for model, finding, name in (
            ("m", "Edema", "sex"),
            ("m", "Edema", "race"),
            ("n", "Edema", "sex"),
        )
    ]

    result = gate(
        example(*rows),
        policy(no_disparity=True, attribute=["sex", "race"], finding="Edema"),
        today=TODAY,
    )

    (lacking,) = result.rows[result.rows["outcome"] == Outcome.INCONCLUSIVE].to_dict("records")
    assert (lacking["model"], lacking["attribute"]) == ("n", "race")
    assert result.exit_code == 3


def test_what_is_inconclusive_is_allowed_for_a_reason_until_a_day():
    """The day included; a disparity is never allowed."""
    allow = [{"attribute": "race", "reason": "few patients", "until": TODAY}]
    rule = {"no_disparity": True, "allow": allow}

    def audit(verdict):
        return example(
            judged(Analysis.SUBGROUPS, 0.0, "equivalent", attribute="sex"),
            judged(Analysis.SUBGROUPS, 0.1, verdict, attribute="race"),
        )

    assert outcomes(audit("inconclusive"), **rule) == ("passed", ["passed", "allowed"])
    tomorrow = TODAY + datetime.timedelta(days=1)
    assert outcomes(audit("inconclusive"), today=tomorrow, **rule)[0] == "inconclusive"
    assert outcomes(audit("disparity"), **rule)[0] == "failed"


def test_verdicts_can_be_named():
    """Such as those about embeddings."""
    audit = example(row(Analysis.PROBE, 0.55, metric="linear_probe_auroc", verdict="unclear"))
    chosen = {"analysis": "probe", "metric": "linear_probe_auroc"}

    assert outcomes(audit, verdicts=["not decodable"], **chosen)[0] == "inconclusive"
    other = example(row(Analysis.PROBE, 0.5, metric="linear_probe_auroc", verdict="not decodable"))
    assert outcomes(other, verdicts=["not decodable"], **chosen)[0] == "passed"
    decodable = example(row(Analysis.PROBE, 0.9, metric="linear_probe_auroc", verdict="decodable"))
    assert outcomes(decodable, verdicts=["not decodable"], **chosen)[0] == "failed"


def test_the_reasons_of_the_audit_are_named():
    """What is hidden, or of too few patients, is said to be."""
    hidden = judged(
        Analysis.SUBGROUPS, math.nan, "", attribute="sex", reasons="SUPPRESSED", low=math.nan
    )
    few = judged(
        Analysis.SUBGROUPS,
        0.1,
        "inconclusive",
        attribute="sex",
        group="b",
        reasons="TOO_FEW_PATIENTS",
    )

    by_verdict = gate(example(hidden, few), policy(no_disparity=True), today=TODAY).rows["why"]
    by_limits = gate(example(hidden, few), policy(within=0.2), today=TODAY).rows["why"]

    assert "(SUPPRESSED)" in by_verdict[0]
    assert by_verdict[1] == "the verdict is inconclusive (TOO_FEW_PATIENTS)"
    assert by_limits[0] == "it has no value (SUPPRESSED)"


def test_too_few_patients_pass_no_rule():
    """Whatever their interval."""
    few = {"reasons": "TOO_FEW_PATIENTS"}
    level = example(overall(0.9, **few))
    gap = example(judged(Analysis.SUBGROUPS, 0.0, "inconclusive", attribute="sex", **few))

    assert outcomes(level, at_least=0.5)[0] == "inconclusive"
    assert outcomes(level, at_most=0.99)[0] == "inconclusive"
    assert outcomes(gap, within=0.5)[0] == "inconclusive"


def test_a_difference_of_unclear_size_is_inconclusive_by_either_kind_of_rule():
    """It is shown not to be zero, and not to exceed the margin."""
    audit = example(judged(Analysis.SUBGROUPS, 0.1, "difference of unclear size", attribute="sex"))

    assert outcomes(audit, no_disparity=True)[0] == "inconclusive"
    assert outcomes(audit, verdicts=["equivalent"])[0] == "inconclusive"


def test_the_interval_that_decides_is_shown_and_equivalence_beside_it():
    """Two one-sided tests can show what the interval does not."""
    audit = example(
        judged(Analysis.SUBGROUPS, 0.01, "equivalent", attribute="sex", low_simultaneous=-0.06)
    )

    (one,) = gate(audit, policy(within=0.05, interval="simultaneous"), today=TODAY).rows.to_dict(
        "records"
    )

    assert one["low"] == -0.06
    assert one["why"].endswith("by the margin of the audit, 0.05, it is equivalent")


def test_any_valid_allowance_counts_and_a_missing_row_has_to_be_named():
    """An expired one before it changes nothing; a misspelled rule is not allowed by a blanket one."""
    past = {"reason": "old", "until": TODAY - datetime.timedelta(days=1)}
    valid = {"reason": "new", "until": TODAY}
    audit = example(judged(Analysis.SUBGROUPS, 0.1, "inconclusive", attribute="race"))

    assert outcomes(audit, no_disparity=True, allow=[past, valid])[0] == "passed"
    misspelled = {"no_disparity": True, "attribute": "rase"}
    assert outcomes(audit, allow=[valid], **misspelled)[0] == "inconclusive"
    assert outcomes(audit, allow=[{"attribute": "rase", **valid}], **misspelled)[0] == "passed"


def test_a_comparison_of_models_needs_no_row_of_the_reference():
    """Its own rows are those of the other model."""
    audit = example(
        overall(0.9, model="old"),
        judged(Analysis.MODELS, 0.0, "equivalent", model="new", reference="old"),
    )

    assert outcomes(audit, analysis="models", no_disparity=True)[0] == "passed"


def test_an_exploratory_difference_has_no_verdict_to_pass_by():
    """Its interval can still be required."""
    audit = example(
        judged(Analysis.SUBGROUPS, 0.0, "", attribute="sex", family=EXPLORATORY, margin=math.nan)
    )

    assert outcomes(audit, no_disparity=True)[0] == "inconclusive"
    assert outcomes(audit, within=0.05)[0] == "passed"


def test_the_worst_row_decides():
    """Failed before inconclusive before passed; exit codes follow."""
    rules = [
        {"name": "fails", "no_disparity": True, "attribute": "sex"},
        {"name": "open", "no_disparity": True, "attribute": "race"},
    ]
    audit = example(
        *by_sex("disparity"), judged(Analysis.SUBGROUPS, 0, "inconclusive", attribute="race")
    )

    both = gate(audit, Policy.model_validate({"rules": rules}), today=TODAY)
    second = gate(audit, Policy.model_validate({"rules": rules[1:]}), today=TODAY)

    assert both.by_rule == {"fails": Outcome.FAILED, "open": Outcome.INCONCLUSIVE}
    assert (both.exit_code, second.exit_code) == (1, 3)


def changed(*rows):
    """Return changes of gaps by sex: limits of the older gap, of the newer one, and of the change."""
    frame = results_frame(
        [
            row(
                analysis=Analysis.SUBGROUPS,
                attribute="sex",
                group=f"g{k}",
                reference=COMPLEMENT,
                value=sum(change) / 2,
                low=change[0],
                high=change[1],
                verdict=verdict,
            )
            for k, (_, _, change, verdict) in enumerate(rows)
        ]
    )
    sides = {
        name: [ends[side][end] for ends in rows]
        for side, of in enumerate(("old", "new"))
        for end, name in enumerate((f"{of}_low", f"{of}_high"))
    }
    widened = [
        widening(
            {
                "low": change[0],
                "high": change[1],
                "old": sum(old) / 2,
                "new": sum(new) / 2,
                "old_low": old[0],
                "old_high": old[1],
                "new_low": new[0],
                "new_high": new[1],
            }
        )
        for old, new, change, _ in rows
    ]
    sides |= {"widened_low": [w[0] for w in widened], "widened_high": [w[1] for w in widened]}
    centres = {of: [sum(ends[side]) / 2 for ends in rows] for side, of in enumerate(("old", "new"))}
    return Diff(
        results=frame.assign(**centres, **sides),
        differences=pd.DataFrame(),
        label_errors=pd.DataFrame(),
        facts={"models": {"m": "m"}, "new_models": ["m"]},
    )


@pytest.mark.parametrize(
    ("old", "new", "change", "expected"),
    [
        ((-0.06, -0.04), (-0.065, -0.045), (-0.01, 0.00), "passed"),
        ((-0.06, -0.04), (-0.12, -0.08), (-0.06, -0.03), "failed"),
        ((-0.06, -0.04), (-0.08, -0.05), (-0.03, 0.01), "inconclusive"),
        ((0.04, 0.06), (0.08, 0.12), (0.03, 0.06), "failed"),
        ((-0.06, -0.04), (-0.03, -0.01), (0.02, 0.04), "passed"),
        ((-0.01, 0.01), (-0.02, 0.02), (-0.015, 0.015), "passed"),
        ((math.nan, math.nan), (-0.02, 0.02), (-0.015, 0.015), "inconclusive"),
    ],
)
def test_a_gap_may_not_widen(old, new, change, expected):
    """To either side; what has no limits is not passed."""
    since = changed((old, new, change, "inconclusive"))

    result = gate(
        example(overall()), policy(change=True, metric="auroc", widens_at_most=0.02), since=since
    )

    assert str(result.outcome) == expected


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [("changed", "failed"), ("equivalent", "passed"), ("inconclusive", "inconclusive")],
)
def test_no_disparity_of_a_change_is_no_change(verdict, expected):
    """By its verdict."""
    since = changed(((-0.06, -0.04), (-0.06, -0.04), (-0.01, 0.01), verdict))

    result = gate(
        example(overall()), policy(change=True, metric="auroc", no_disparity=True), since=since
    )

    assert str(result.outcome) == expected


def test_a_rule_about_a_change_needs_one():
    """It is never passed by what is not there."""
    with pytest.raises(ConfigError, match="--since"):
        gate(example(overall()), policy(change=True, within=0.02))


def test_rules_about_a_change_and_about_the_audit_stand_side_by_side():
    """Each is about its own rows."""
    since = changed(((-0.06, -0.04), (-0.06, -0.04), (-0.01, 0.01), "equivalent"))
    both = Policy.model_validate(
        {
            "rules": [
                {"name": "level", "at_least": 0.1},
                {"name": "change", "metric": "auroc", "change": True, "within": 0.05},
            ]
        }
    )

    result = gate(example(overall()), both, since=since)

    assert list(result.rows["rule"]) == ["level", "change"]
    assert list(result.rows["reference"]) == ["", COMPLEMENT]


def test_two_groups_are_one_requirement_unless_one_is_named():
    """Each of two groups against the other is the same gap."""
    sides = [
        judged(Analysis.SUBGROUPS, value, "equivalent", attribute="sex", group=group)
        for value, group in ((-0.01, "female"), (0.01, "male"))
    ]
    audit = example(
        *(one | {"low": one["value"] - 0.02, "high": one["value"] + 0.02} for one in sides)
    )

    assert outcomes(audit, no_disparity=True)[1] == ["passed"]
    assert outcomes(audit, no_disparity=True, group=["female", "male"])[1] == ["passed", "passed"]


def test_every_model_has_to_have_the_findings_of_the_others():
    """A rule that names no finding is not passed by a model that lacks one."""
    rows = [overall(), overall(finding="Edema"), overall(model="m2")]
    audit = example(*(one | {"value": 0.9, "low": 0.85, "high": 0.95} for one in rows))
    audit.facts["models"] = ["m", "m2"]

    result = gate(audit, policy(at_least=0.5), today=TODAY)

    missing = result.rows[result.rows["outcome"] == "inconclusive"]
    assert missing[["model", "finding"]].to_numpy().tolist() == [["m2", "Edema"]]


def test_an_allowance_that_accepts_nothing_is_named():
    """It may be taken out of the policy; one that is needed is not named."""
    audit = example(
        judged(Analysis.SUBGROUPS, 0.0, "inconclusive", attribute="sex", group="female")
    )
    allow = [
        {"attribute": "sex", "reason": "few", "until": TODAY},
        {"attribute": "race", "reason": "none yet", "until": TODAY},
    ]

    result = gate(audit, policy(no_disparity=True, allow=allow), today=TODAY)

    assert [(rule, one.reason) for rule, one in result.unused()] == [("one", "none yet")]


@pytest.mark.parametrize("wrong", ["audit", None, 5])
def test_arguments_of_another_type_are_named(wrong):
    """As in every public function."""
    with pytest.raises(TypeError, match="audit must be a"):
        gate(wrong, policy(at_least=0.5))
    with pytest.raises(TypeError, match="policy must be a"):
        gate(example(overall()), wrong)


def rates(value, verdict):
    """Return a gap in TPR by sex."""
    return judged(
        Analysis.OPERATING_POINT, value, verdict, metric="tpr", attribute="sex", group="female"
    )


def test_a_metric_names_its_analysis():
    """TPR is of the operating point, AUROC of the subgroups; one rule can be about both."""
    audit = example(
        judged(Analysis.SUBGROUPS, 0.0, "equivalent", attribute="sex", group="female"),
        rates(-0.3, "disparity"),
    )

    assert outcomes(audit, no_disparity=True, metric="auroc")[0] == "passed"
    assert outcomes(audit, no_disparity=True, metric="tpr")[0] == "failed"
    assert outcomes(audit, no_disparity=True, metric=["auroc", "tpr"])[1] == ["passed", "failed"]
    assert outcomes(audit, no_disparity=True)[1] == ["passed"]


def test_a_change_of_any_rate_is_a_change():
    """A rule that names no metric is about AUROC, TPR and FPR."""
    rule = Policy.model_validate(
        {"rules": [{"name": "one", "change": True, "no_disparity": True}]}
    ).rules[0]

    assert [metric for _, metric in rule.judged] == ["auroc", "tpr", "fpr"]


def test_the_null_model_is_judged_only_by_name():
    """Its AUROC of 0.5 fails no release."""
    rows = [overall(0.9), overall(0.5, model="random")]
    audit = example(*(one | {"low": one["value"], "high": one["value"]} for one in rows))
    audit.facts["models"] = ["m", "random"]

    assert outcomes(audit, at_least=0.8) == ("passed", ["passed"])
    assert outcomes(audit, at_least=0.8, model="random")[0] == "failed"
