"""A planned study is what a study is like when it is made."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits import families
from cxraudit.audits.engine import Engine
from cxraudit.audits.groups import comparisons
from cxraudit.audits.plan import minus, ranking
from cxraudit.errors import ConfigError, UnknownNameError
from cxraudit.planning.assumed import rates_at
from cxraudit.planning.settings import StudyAssumptions, StudyGoals
from cxraudit.planning.study import plan_from_pilot, plan_study
from cxraudit.planning.table import BY_DEFAULT, PLAN_COLUMNS
from cxraudit.settings import AuditSettings
from planted import (
    POINT,
    cohort_of,
    planted_dataset,
    planted_scores,
    planted_table,
    sample_of_finding,
    the,
)
from simulations.planning import STUDIES, gap_without, is_disparity

ASSUMED = StudyAssumptions(
    prevalence={"Edema": 0.1},
    groups={"sex:female": 0.4, "sex:male": 0.6},
    images_per_patient=3,
    images_sd=2,
)
GOALS = StudyGoals(n_patients=2000, error_share=1)


def auroc_of(assumed=ASSUMED, goals=GOALS, *, group="female", **settings):
    """The row of the AUROC of a group."""
    found = plan_study(assumed, goals, settings=AuditSettings(**settings))
    return the(found, metric="auroc", group=group)


@pytest.mark.parametrize("name", ["3 images each", "a group of 15 %", "varies within patients"])
def test_the_planned_error_is_that_of_simulated_studies(name):
    """500 cohorts, whose standard deviation is known to 3 %."""
    gaps = [gap_without(seed, name) for seed in range(500)]

    planned = STUDIES[name].plan()["standard_error"]

    assert planned == pytest.approx(np.nanstd(gaps, ddof=1), rel=0.1)


def test_the_stated_gap_is_found_as_often_as_stated():
    """80 % of 150 cohorts, which are 67 to 90 % in all but one of 1,000 runs."""
    name = "3 images each"
    stated = STUDIES[name].plan()["detectable_gap"]

    found = np.mean([is_disparity(seed, name, stated, 200) for seed in range(150)])

    assert 0.67 < found < 0.9


def test_errors_fall_with_the_root_of_the_number_of_patients():
    """To second order."""
    small, large = (auroc_of(goals=StudyGoals(n_patients=n)) for n in (5000, 20_000))

    assert small["standard_error"] / large["standard_error"] == pytest.approx(2, rel=0.01)


def test_the_gaps_of_two_groups_are_mirror_images():
    """The same error, and one comparison of the family."""
    female, male = auroc_of(), auroc_of(group="male")

    assert female["standard_error"] == pytest.approx(male["standard_error"])
    assert female["alpha"] == pytest.approx(0.05)


@pytest.mark.parametrize(("n_models", "rest"), [(1, 0.0), (6, families.SHARES["models"])])
def test_by_default_a_comparison_has_the_share_of_its_family_in_a_report(n_models, rest):
    """That of the primary comparisons for AUROC; the rates divide that of the threshold."""
    found = plan_study(replace(ASSUMED, n_models=n_models), replace(GOALS, error_share=None))
    alpha = found[found["group"] == "female"].set_index("metric")["alpha"]

    whole = sum(families.SHARES[one] for one in BY_DEFAULT) + rest
    of_one = 0.05 / whole / n_models
    assert alpha["auroc"] == pytest.approx(families.SHARES["primary"] * of_one)
    assert alpha["tpr"] == alpha["fpr"] == pytest.approx(families.SHARES["threshold"] * of_one / 2)


def test_groups_that_were_not_given_are_among_all_others():
    """A share that is left over is another group, which has no row."""
    alone = replace(ASSUMED, groups={"sex:female": 0.4})

    assert auroc_of(alone)["standard_error"] == pytest.approx(auroc_of()["standard_error"])


def test_independent_images_have_no_design_effect():
    """One image each; more images of a patient are worth less than those of others."""
    one = auroc_of(replace(ASSUMED, images_per_patient=1, images_sd=0))
    few = auroc_of(replace(ASSUMED, images_per_patient=3, images_sd=0))
    many = auroc_of(replace(ASSUMED, images_per_patient=3, images_sd=6))

    assert one["design_effect"] == pytest.approx(1)
    assert 1 < few["design_effect"] < many["design_effect"]
    assert one["standard_error"] > few["standard_error"]


def test_more_comparisons_take_more_patients():
    """Or a smaller share of the error rate; equivalence is tested one by one."""
    default = auroc_of()
    for goals in (replace(GOALS, comparisons=20), replace(GOALS, error_share=0.05)):
        strict = auroc_of(goals=goals)
        assert strict["alpha"] == pytest.approx(0.0025)
        assert strict["detectable_gap"] > default["detectable_gap"]
        assert strict["patients_disparity"] > default["patients_disparity"]
        assert strict["patients_equivalence"] == default["patients_equivalence"]


def test_the_numbers_of_patients_have_a_power_of_80_percent():
    """Planned again with as many."""
    first = auroc_of()
    for what in ("disparity", "equivalence"):
        again = auroc_of(goals=replace(GOALS, n_patients=int(first[f"patients_{what}"])))
        assert again[f"power_{what}"] == pytest.approx(0.8, abs=0.01)


def test_a_true_gap_is_harder_to_show_within_the_margin():
    """It is nearer to it."""
    far = auroc_of(goals=replace(GOALS, true_gap=0.02))

    assert far["patients_equivalence"] > auroc_of()["patients_equivalence"]


def test_a_prevalence_ratio_moves_the_findings_between_groups():
    """The mean over all stays as it was given."""
    few = auroc_of(replace(ASSUMED, prevalence_ratios={"sex:female": 0.2}))

    assert few["fewest_patients"] < auroc_of()["fewest_patients"]
    assert few["standard_error"] > auroc_of()["standard_error"]


def test_too_few_patients_show_nothing():
    """Fewer than those of a verdict are expected in the group."""
    row = auroc_of(goals=StudyGoals(n_patients=50))

    assert row["power_disparity"] == row["power_equivalence"] == 0
    assert np.isnan(row["detectable_gap"])
    assert "fewer than 10 patients" in row["note"]
    assert row["patients_disparity"] > 50


@pytest.mark.parametrize("rule", ["fpr=0.1", "tpr=0.8", "youden", "prevalence"])
def test_rates_are_those_of_the_rule(rule):
    """In a million binormal images."""
    rng = np.random.default_rng(0)
    positive = rng.random(1_000_000) < 0.2
    score = rng.normal(size=positive.size) + positive * np.sqrt(2) * 1.0364333894937898

    from cxraudit.stats.thresholds import choose_threshold, rule_named

    flagged = score >= choose_threshold(positive, score, rule_named(rule))
    found = rates_at(rule, 0.85, 0.2)

    assert found["tpr"] == pytest.approx(flagged[positive].mean(), abs=0.015)
    assert found["fpr"] == pytest.approx(flagged[~positive].mean(), abs=0.015)


def test_without_a_threshold_there_are_no_rates():
    """And their share of the error rate is left to the AUROC, as in a report."""
    found = plan_study(
        ASSUMED,
        replace(GOALS, error_share=None),
        settings=AuditSettings(operating_point="none"),
    )

    assert set(found["metric"]) == {"auroc"}
    others = sum(families.SHARES[one] for one in BY_DEFAULT) - families.SHARES["threshold"]
    assert found["alpha"].tolist() == pytest.approx(
        [0.05 * families.SHARES["primary"] / others] * 2
    )


@pytest.mark.parametrize(
    "settings", [{"operating_point": "fixed=0.3"}, {"thresholds": {"m:Edema": 0.3}}]
)
def test_rates_at_a_score_are_not_known(settings):
    """A score has no place on the scale of the assumptions, which the row says."""
    found = plan_study(ASSUMED, GOALS, settings=AuditSettings(**settings))

    rates = found[found["metric"] != "auroc"]
    assert len(rates) == 4
    assert rates["standard_error"].isna().all()
    assert rates["note"].str.contains(r"the threshold is a score \(0\.3\)").all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": "patient"}, "--weight patient"),
        ({"sampling_weight": "w"}, "--sampling-weight w"),
        ({"resample": "images"}, "--resample images"),
        ({"thresholds": "t.csv"}, "the thresholds of t.csv are scores"),
        ({"replicate_of": {"a": "b"}}, "one training run of each model"),
        ({"threshold_uncertainty": True}, "without their error"),
    ],
)
def test_settings_that_assumptions_say_nothing_of_are_refused(settings, message):
    """In place of errors without them."""
    with pytest.raises(ConfigError, match=message):
        plan_study(ASSUMED, GOALS, settings=AuditSettings(**settings))


def test_the_error_rate_of_each_model_is_divided_within_it():
    """However many there are; the comparisons of models have an error rate of their own."""
    one, several = (
        plan_study(
            replace(ASSUMED, n_models=n),
            replace(GOALS, error_share=None),
            settings=AuditSettings(error_rate="model"),
        )
        for n in (1, 6)
    )

    assert several.equals(one)
    assert one.equals(plan_study(ASSUMED, replace(GOALS, error_share=None)))


def test_a_gap_that_no_auroc_has_is_stated():
    """Below 0.5 on one side, above 1 on the other."""
    row = auroc_of(goals=replace(GOALS, gap=0.4))

    assert np.isnan(row["power_disparity"])
    assert "below 0.5 or above 1" in row["note"]


@pytest.mark.parametrize(
    ("given", "name"),
    [(({},), "assumptions"), ((ASSUMED, {"n_patients": 3}), "goals"), ((None,), "assumptions")],
)
def test_mappings_are_no_settings(given, name):
    """The message names the class that makes them."""
    with pytest.raises(TypeError, match=f"{name} must be Study"):
        plan_study(*given)


def test_rates_rest_on_the_patients_that_are_not_tuned_on():
    """A larger tuning share takes more patients for rates, and none for the AUROC."""
    some, many = (
        plan_study(ASSUMED, GOALS, settings=AuditSettings(tuning_share=share))
        for share in (0.2, 0.6)
    )
    tpr = [the(one, metric="tpr", group="female")["standard_error"] for one in (some, many)]
    auroc = [the(one, metric="auroc", group="female")["standard_error"] for one in (some, many)]

    assert tpr[1] / tpr[0] == pytest.approx(np.sqrt(2), rel=0.01)
    assert auroc[0] == auroc[1]


@pytest.mark.parametrize(
    ("assumed", "goals", "message"),
    [
        (ASSUMED, StudyGoals(), "--n-patients"),
        (StudyAssumptions(prevalence={"Edema": 0.1}), GOALS, "nothing to compare"),
        (replace(ASSUMED, images_sd=100), GOALS, "standard deviation of at most 89.44"),
        (StudyAssumptions(groups={"sex:female": 0.4}), GOALS, "nothing to compare"),
    ],
)
def test_what_is_missing_is_named(assumed, goals, message):
    """In one sentence."""
    with pytest.raises(ConfigError, match=message):
        plan_study(assumed, goals)


def test_a_pilot_as_large_as_the_study_has_the_errors_of_its_audit():
    """Analytic, of patients; the AUROC, and a rate at the threshold."""
    frame = planted_table(3)
    cohort = cohort_of(frame, settings=POINT)
    sample = sample_of_finding(cohort, frame, "Cardiomegaly")
    engine = Engine(cohort)

    found = plan_from_pilot(planted_dataset(frame), planted_scores(frame), settings=POINT)

    assert list(found.columns) == list(PLAN_COLUMNS)
    for group in comparisons(cohort, sample, ["sex", "race"]):
        row = the(found, finding="Cardiomegaly", metric="auroc", group=group.name)
        gap = engine.value(minus(ranking(group.inside), ranking(group.outside)))
        assert row["standard_error"] == pytest.approx(gap.standard_error)
        assert row["value"] - row["reference_value"] == pytest.approx(gap.value)
        assert row["n_patients"] == 400
    assert set(found["metric"]) == {"auroc", "tpr", "fpr"}


def test_a_pilot_and_its_assumptions_plan_the_same():
    """A large pilot from a binormal design, and the numbers it was drawn with."""
    study = STUDIES["3 images each"]
    drawn = study.design(4000).draw(np.random.default_rng(0))

    from cxraudit.audits.scores import scores_from_wide
    from cxraudit.datasets.table import from_frame

    frame = pd.DataFrame(
        {
            "file": [f"i{k}" for k in range(drawn.y_true.size)],
            "pid": [f"p{k}" for k in drawn.patients],
            "group": np.where(drawn.groups == 0, "first", "second"),
            "Edema": drawn.y_true.astype(int),
            "score": drawn.y_score,
        }
    )
    dataset = from_frame(
        frame,
        name="t",
        root=".",
        image="file",
        patient="pid",
        findings=["Edema"],
        attributes=["group"],
    )
    scores = scores_from_wide(frame, image="file", columns={"Edema": "score"}, model="m")

    goals = StudyGoals(n_patients=study.n_patients, comparisons=5)
    pilot = the(plan_from_pilot(dataset, scores, goals), metric="auroc", group="first")

    assert pilot["standard_error"] == pytest.approx(study.plan()["standard_error"], rel=0.05)
    assert pilot["detectable_gap"] == pytest.approx(study.plan()["detectable_gap"], rel=0.1)


def test_a_side_of_a_pilot_that_shows_no_error_is_stated():
    """Scores that separate the classes."""
    frame = planted_table(3, n_patients=60)
    frame["score_Cardiomegaly"] = frame["Cardiomegaly"]

    found = plan_from_pilot(planted_dataset(frame), planted_scores(frame), attributes="sex")

    rows = found[(found["finding"] == "Cardiomegaly") & (found["metric"] == "auroc")]
    assert rows["standard_error"].isna().all()
    assert (
        rows["note"].str.contains("AUROC: one side of the pilot is at the end of its range").all()
    )


def test_the_error_rate_of_each_model_of_a_pilot_is_divided_within_it():
    """Two models take twice the comparisons of a report, and none of each other."""
    frame = planted_table(3, n_patients=60)
    scores = planted_scores(frame)
    both = pd.concat([scores, scores.assign(model="other")])

    def levels(table, error_rate):
        found = plan_from_pilot(
            planted_dataset(frame), table, settings=AuditSettings(error_rate=error_rate)
        )
        return found.groupby(["model", "metric"])["alpha"].first()

    alone = levels(scores, "report")["m"]
    of_each = levels(both, "model")

    pd.testing.assert_series_equal(of_each["m"], alone)
    pd.testing.assert_series_equal(of_each["other"], alone)
    assert (levels(both, "report")["m"] < alone / 2).all()


def test_training_runs_of_a_pilot_are_refused():
    """The error of runs is not planned."""
    frame = planted_table(3, n_patients=60)
    scores = planted_scores(frame)
    runs = pd.concat([scores.assign(seed="1"), scores.assign(seed="2")])

    for table, settings in (
        (runs, AuditSettings()),
        (scores, AuditSettings(replicate_of={"b": "m"})),
    ):
        with pytest.raises(ConfigError, match="one training run of each model"):
            plan_from_pilot(planted_dataset(frame), table, settings=settings)


def test_rates_of_a_pilot_without_a_threshold_are_stated():
    """The images of the tuning patients have one class, so that nothing can be chosen."""
    frame = planted_table(3, n_patients=60)
    few = AuditSettings(tuning_share=0.01)

    found = plan_from_pilot(
        planted_dataset(frame), planted_scores(frame), attributes="sex", settings=few
    )

    rates = found[found["metric"] != "auroc"]
    assert set(rates["metric"]) == {"tpr", "fpr"}
    assert rates["note"].str.contains("[TF]PR: nothing to choose on").any()
    assert (rates["standard_error"].notna() | (rates["note"] != "")).all()


def test_reference_groups_that_a_pilot_lacks_are_refused():
    """As by an audit."""
    frame = planted_table(3, n_patients=60)

    with pytest.raises(UnknownNameError, match="klingon"):
        plan_from_pilot(
            planted_dataset(frame),
            planted_scores(frame),
            settings=AuditSettings(references={"race": "klingon"}),
        )


def test_unknown_attributes_of_a_pilot_are_refused():
    """As by an audit."""
    frame = planted_table(3, n_patients=60)

    with pytest.raises(UnknownNameError, match="hospital"):
        plan_from_pilot(planted_dataset(frame), planted_scores(frame), attributes="hospital")
