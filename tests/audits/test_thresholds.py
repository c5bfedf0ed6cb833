"""Thresholds of the user's own: by finding and model, as options or as a table."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.run import audit
from cxraudit.audits.thresholds import given_thresholds
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.schema import COMPLEMENT, OVERALL, Analysis
from cxraudit.settings import AuditSettings, rules_of
from planted import pick, planted_dataset, planted_scores, planted_table, the

POINTS = AuditSettings(n_resamples=0, calibration="none")
MODELS = {"m": ["m"], "hf-clip:/a/b": ["hf-clip:/a/b"]}


@pytest.fixture(scope="module")
def frame():
    """Images of 80 patients."""
    return planted_table(50, n_patients=80)


@pytest.fixture(scope="module")
def dataset(frame):
    """With an alias of cardiomegaly."""
    return replace(planted_dataset(frame), aliases={"Herz": "Cardiomegaly"})


def given(dataset, thresholds, **options):
    """Thresholds for the models of `MODELS`: (model, finding) → value and source."""
    settings = AuditSettings(thresholds=thresholds)
    found = given_thresholds(settings, dataset, MODELS, **options)
    return {name: (one.value, one.source) for name, one in found.given.items()}


def audited(frame, dataset, settings, scores=None):
    """The audit of two models."""
    first = planted_scores(frame)
    both = pd.concat([first, first.assign(model="n", score=-first["score"])])
    return audit(dataset, both if scores is None else scores, settings=settings, attributes=["sex"])


def rate(results, finding, model="m", **where):
    """The row of the share of images flagged."""
    named = {"attribute": OVERALL, "metric": "selection_rate", **where}
    return the(results, finding=finding, model=model, **named)


def test_a_given_threshold_is_applied_to_all_patients(frame, dataset):
    """No tuning patients are held out of its rates; a finding without one falls back to the rule."""
    found = audited(frame, dataset, replace(POINTS, thresholds={"Cardiomegaly": 0.3}))

    own, other = (rate(found.results, name) for name in ("Cardiomegaly", "Pneumothorax"))
    assert own["value"] == pytest.approx((frame["score_Cardiomegaly"] >= 0.3).mean())
    assert own["n"] == len(frame)
    assert (own["at"], own["note"]) == (0.3, "flagged at or above 0.3 (given)")
    assert other["n"] < len(frame)
    assert "fpr=0.1, chosen on 16 other patients" in other["note"]


def test_the_facts_hold_every_threshold_with_its_source(frame, dataset):
    """What the report lists."""
    facts = audited(frame, dataset, replace(POINTS, thresholds={"n:Cardiomegaly": 0.3})).facts

    listed = {(one["model"], one["finding"]): one for one in facts["thresholds"]}
    assert len(listed) == 4
    assert listed["n", "Cardiomegaly"]["threshold"] == 0.3
    assert listed["n", "Cardiomegaly"]["source"] == "given"
    assert listed["n", "Cardiomegaly"]["patients"] == 80
    assert listed["m", "Cardiomegaly"]["source"] == "fpr=0.1"
    assert facts["settings"]["thresholds"] == {"n:Cardiomegaly": 0.3}
    assert facts["tuning"] == {"held_out": True, "patients": 16, "evaluated": 64}


def test_nothing_is_held_out_where_every_threshold_is_given(frame, dataset):
    """And no probabilities are fitted."""
    every = {"Cardiomegaly": 0.3, "Pneumothorax": 0.4}

    facts = audited(frame, dataset, replace(POINTS, thresholds=every)).facts

    assert facts["tuning"] == {"held_out": False, "patients": 0, "evaluated": 80}


def test_a_threshold_of_a_model_goes_before_one_of_all(frame, dataset):
    """Of the same finding."""
    both = {"Cardiomegaly": 0.3, "n:Cardiomegaly": -0.1}

    results = audited(frame, dataset, replace(POINTS, thresholds=both)).results

    assert rate(results, "Cardiomegaly")["at"] == 0.3
    assert rate(results, "Cardiomegaly", model="n")["at"] == -0.1


def test_probabilities_are_still_those_of_other_patients(frame, dataset):
    """The map is fitted on tuning patients: calibration and net benefit leave them out."""
    settings = replace(POINTS, calibration="platt", thresholds={"Cardiomegaly": 0.3})

    results = audited(frame, dataset, settings).results

    rows = pick(results, model="m", finding="Cardiomegaly", attribute=OVERALL, reference="")
    rows = rows[rows["analysis"] != Analysis.DECISION_CURVE].set_index("metric")
    assert rows.loc["tpr", "n_patients"] == 80
    assert "Platt" not in rows.loc["tpr", "note"]
    assert rows.loc["net_benefit", "n_patients"] == rows.loc["brier", "n_patients"] == 64
    assert "fitted on 16 other patients" in rows.loc["brier", "note"]
    groups = pick(results, model="m", finding="Cardiomegaly", reference=COMPLEMENT)
    assert {"tpr", "net_benefit", "brier"} <= set(groups["metric"])


def test_thresholds_are_applied_where_there_is_no_rule(frame, dataset):
    """To their findings only."""
    settings = replace(POINTS, operating_point="none", thresholds={"Cardiomegaly": 0.3})

    results = audited(frame, dataset, settings).results

    rates = pick(results, analysis=Analysis.OPERATING_POINT)
    assert set(rates["finding"]) == {"Cardiomegaly"}
    assert set(rates["at"]) == {0.3}


def test_a_given_threshold_holds_where_nothing_could_be_chosen(frame):
    """One class among all images but few: the rule needs two, a number needs none."""
    table = frame.assign(Cardiomegaly=0)
    settings = replace(POINTS, calibration="platt", thresholds={"Cardiomegaly": 0.3})

    results = audit(
        planted_dataset(table), planted_scores(table), settings=settings, attributes=["sex"]
    ).results

    row = rate(results, "Cardiomegaly")
    assert row["value"] == pytest.approx((frame["score_Cardiomegaly"] >= 0.3).mean())


def test_models_with_two_prompt_sets_have_a_threshold_by_either_name(frame, dataset):
    """The name of the model is that of both; a name of the results is that of one."""
    first = planted_scores(frame)
    scores = pd.concat([first.assign(prompt_set=name) for name in ("a", "b")])

    def at(thresholds):
        found = audited(frame, dataset, replace(POINTS, thresholds=thresholds), scores)
        return [rate(found.results, "Cardiomegaly", model=f"m [{name}]")["at"] for name in "ab"]

    assert at({"m:Cardiomegaly": 0.25}) == [0.25, 0.25]
    assert at({"m [b]:Cardiomegaly": 0.25})[1] == 0.25
    assert at({"m [b]:Cardiomegaly": 0.25})[0] != 0.25


def test_names_of_findings_and_models_are_understood(dataset):
    """Aliases, other case, and colons within the name of a model."""
    assert given(dataset, {"herz": 0.3}) == {("", "Cardiomegaly"): (0.3, "given")}
    assert given(dataset, {"ptx": "0.5"}) == {("", "Pneumothorax"): (0.5, "given")}
    assert list(given(dataset, {"hf-clip:/a/b:pneumothorax": 1})) == [
        ("hf-clip:/a/b", "Pneumothorax")
    ]


@pytest.mark.parametrize(
    ("thresholds", "error", "message"),
    [
        ({"Edema": 0.3}, UnknownNameError, "no finding named 'Edema'. Known: Cardiomegaly"),
        ({"m:Edema": 0.3}, UnknownNameError, "no finding named 'Edema'"),
        ({"other:Cardiomegaly": 0.3}, UnknownNameError, "no model named 'other'"),
        ({"Herz": 0.3, "Cardiomegaly": 0.4}, ConfigError, "two thresholds of Cardiomegaly"),
        ({"m:Herz": 1, "m:Cardiomegaly": 1}, ConfigError, "two thresholds of Cardiomegaly of m"),
    ],
)
def test_names_that_do_not_exist_or_are_there_twice_are_refused(
    dataset, thresholds, error, message
):
    """In one sentence."""
    with pytest.raises(error, match=message):
        given(dataset, thresholds)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, "much", "", True, None, "1e999", [1]])
def test_what_is_no_finite_number_is_refused(value):
    """With the finding, the value and an example."""
    with pytest.raises(ConfigError, match=r"threshold of Cardiomegaly must be a finite number"):
        AuditSettings(thresholds={"Cardiomegaly": value})


@pytest.mark.parametrize("thresholds", [0.3, None, ["Cardiomegaly=0.3"], " "])
def test_what_is_neither_a_mapping_nor_a_file_is_refused(thresholds):
    """One number for all findings is the rule fixed=X."""
    with pytest.raises(ConfigError, match="thresholds"):
        AuditSettings(thresholds=thresholds)


def table(tmp_path, text, name="thresholds.csv"):
    """The path of a table."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_table_gives_thresholds_by_finding_and_model(dataset, tmp_path):
    """A blank model stands for all; columns are found in any case, separators are recognised."""
    path = table(tmp_path, "Finding;Model;Threshold\nherz;;0,3\nCardiomegaly;m;0,25\n")

    assert given(dataset, path) == {
        ("", "Cardiomegaly"): (0.3, "given in thresholds.csv"),
        ("m", "Cardiomegaly"): (0.25, "given in thresholds.csv"),
    }


def test_a_table_may_be_parquet(dataset, tmp_path):
    """Numbers are then as they are stored."""
    path = tmp_path / "thresholds.parquet"
    pd.DataFrame({"finding": ["Cardiomegaly"], "threshold": [1 / 3]}).to_parquet(path)

    assert given(dataset, str(path)) == {
        ("", "Cardiomegaly"): (1 / 3, "given in thresholds.parquet")
    }


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("finding\nHerz\n", DataError, "lacks the column threshold"),
        ("finding,threshold\n", DataError, "no rows"),
        ("finding,threshold\nHerz,\n", DataError, "1 row without a finding or a thresh"),
        ("finding,threshold\n,0.3\n", DataError, "1 row without a finding"),
        ("finding,threshold\nHerz,much\n", DataError, "much"),
        ("finding,threshold\nHerz,inf\n", DataError, "infinite"),
        ("finding,threshold\nHerz,0.1\nCardiomegaly,0.2\n", ConfigError, "two thresholds of Card"),
        ("finding,threshold\nEdema,0.1\n", UnknownNameError, "no finding named 'Edema'"),
        ("finding,threshold,model\nHerz,0.1,o\n", UnknownNameError, "no model named 'o'"),
        ("finding,Finding,threshold\nHerz,Herz,0.1\n", DataError, "two columns called finding"),
    ],
)
def test_a_table_that_is_wrong_is_refused(dataset, tmp_path, text, error, message):
    """In one sentence."""
    with pytest.raises(error, match=message):
        given(dataset, table(tmp_path, text))


def test_a_table_that_is_missing_is_named(dataset, tmp_path):
    """With what was looked for."""
    with pytest.raises(DataError, match=r"the table of thresholds .*nothing\.csv is missing"):
        given(dataset, str(tmp_path / "nothing.csv"))


def test_what_is_not_used_is_a_notice(dataset, tmp_path):
    """Columns of the table, and findings without scores."""
    text = "finding,threshold,note\nHerz,0.1,x\nPneumothorax,0.2,y\n"
    settings = AuditSettings(thresholds=table(tmp_path, text))

    found = given_thresholds(settings, dataset, MODELS, scored=["Cardiomegaly"])

    assert [notice.sentence for notice in found.notices] == [
        "Columns that are not used: note.",
        "Thresholds without any score to apply them to: Pneumothorax.",
    ]


def test_the_folder_of_a_table_is_not_recorded(tmp_path):
    """Only the name of the file: a folder may hold the name of a person."""
    settings = AuditSettings(thresholds=tmp_path / "thresholds.csv")

    assert settings.recorded()["thresholds"] == "thresholds.csv"


def test_each_finding_has_its_own_rule(frame, dataset):
    """By any of its names, as text and as a mapping; the others have the rule for others."""
    expected = {"Cardiomegaly": "tpr=0.9", "Pneumothorax": "fpr=0.3"}
    for rules in ("Herz:tpr=0.9, fpr=0.3", {"Cardiomegaly": "tpr=0.9", "*": "fpr=0.3"}):
        found = audited(frame, dataset, replace(POINTS, operating_point=rules))

        sources = {one["finding"]: one["source"] for one in found.facts["thresholds"]}
        assert sources == expected
        for finding, rule in expected.items():
            plain = audited(frame, dataset, replace(POINTS, operating_point=rule))
            own, alone = (rate(one.results, finding) for one in (found, plain))
            assert (own["at"], own["value"], own["note"]) == (
                alone["at"],
                alone["value"],
                alone["note"],
            )


def test_a_finding_may_have_no_threshold_at_all(frame, dataset):
    """And the other one has that of its rule."""
    found = audited(frame, dataset, replace(POINTS, operating_point="Cardiomegaly:none,youden"))

    rows = pick(found.results, analysis=Analysis.OPERATING_POINT)
    assert set(rows["finding"]) == {"Pneumothorax"}


def test_a_given_threshold_goes_before_the_rule_of_its_finding(frame, dataset):
    """As before the rule of all."""
    settings = replace(
        POINTS, operating_point="Cardiomegaly:tpr=0.9", thresholds={"Cardiomegaly": 0.3}
    )

    assert rate(audited(frame, dataset, settings).results, "Cardiomegaly")["at"] == 0.3


@pytest.mark.parametrize(
    ("rules", "error", "match"),
    [
        ("Mass:youden", UnknownNameError, "Mass"),
        ("Herz:youden,Cardiomegaly:tpr=0.9", ConfigError, "two rules for Cardiomegaly"),
    ],
)
def test_a_rule_for_no_finding_or_twice_is_refused(frame, dataset, rules, error, match):
    """Before anything is computed."""
    with pytest.raises(error, match=match):
        audited(frame, dataset, replace(POINTS, operating_point=rules))


@pytest.mark.parametrize(
    ("rules", "match"),
    [
        ("Edema:best", "no rule for a threshold is named 'best'"),
        ("Edema:youden,Edema:tpr=0.9", "two rules for Edema"),
        ("youden,tpr=0.9", "two rules for the other findings"),
        ("", "no rule"),
        ({"Edema": "tpr=2"}, "tpr must be a number above 0 and at most 1, got '2'"),
        ("fixed=high", "fixed must be a finite number, got 'high'"),
        (0.3, "must be a rule"),
    ],
)
def test_rules_that_are_none_are_refused_by_the_settings(rules, match):
    """In one sentence."""
    with pytest.raises(ConfigError, match=f"operating_point.*{match}"):
        AuditSettings(operating_point=rules)


def test_the_name_of_a_finding_may_contain_colons():
    """A rule has none."""
    assert rules_of("Device: line:youden") == {"*": "fpr=0.1", "Device: line": "youden"}
