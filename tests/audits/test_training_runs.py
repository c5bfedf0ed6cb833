"""Training runs of a model: one model in the results, with runs as a source of variance."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.run import audit
from cxraudit.audits.scores import read_scores
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.schema import (
    COMPLEMENT,
    OVERALL,
    Analysis,
    Reason,
    has_reason,
    is_level,
)
from cxraudit.settings import AuditSettings
from cxraudit.stats.estimate import Verdict
from planted import planted_dataset, planted_scores, planted_table, the

QUICK = AuditSettings(n_resamples=200)
KEY = ["model", "analysis", "finding", "attribute", "group", "reference", "condition", "metric"]


@pytest.fixture(scope="module")
def frame():
    """Images of 150 patients."""
    return planted_table(70, n_patients=150)


@pytest.fixture(scope="module")
def dataset(frame):
    """Their labels and attributes."""
    return planted_dataset(frame)


def trained(frame, *names, spread=0.5, seed=0):
    """Scores of one training run for each name, which differ by noise."""
    rng = np.random.default_rng(seed)
    own = planted_scores(frame)
    runs = [
        own.assign(model=name, score=own["score"] + spread * rng.normal(size=len(own)))
        for name in names
    ]
    return pd.concat(runs, ignore_index=True)


def named(scores, **of):
    """The same by a column of seeds: run → (model, seed)."""
    pairs = scores["model"].map(of)
    return scores.assign(model=pairs.str[0], seed=pairs.str[1])


def audited(dataset, scores, settings=QUICK, **more):
    """The audit by sex."""
    return audit(dataset, scores, settings=settings, attributes=["sex"], **more)


@pytest.fixture(scope="module")
def three(frame):
    """Three runs."""
    return trained(frame, "a", "b", "c")


@pytest.fixture(scope="module")
def found(dataset, three):
    """Their audit as one model."""
    return audited(dataset, three, replace(QUICK, replicate_of=dict.fromkeys("abc", "m")))


def test_the_results_have_one_model_and_say_what_it_is(found):
    """The report names the runs, and what the intervals hold."""
    sentences = [one["sentence"] for one in found.facts["notices"]]

    assert set(found.results["model"]) == {"m"}
    assert found.facts["models"] == ["m"] == found.facts["scored"]
    assert any("Mean over 3 training runs (a, b, c)" in sentence for sentence in sentences)


def test_every_value_is_the_mean_of_the_runs(dataset, three, found):
    """Of levels and differences in every analysis, as audits of the runs alone give them."""
    alone = [
        audited(dataset, three[three["model"] == name]).results.assign(model="m") for name in "abc"
    ]
    tables = [table.set_index([*KEY, "at"])["value"] for table in alone]
    # Thresholds are those of each run, so that rates at them have no common one.
    rates = found.results["analysis"] == Analysis.OPERATING_POINT
    by_run = [table.droplevel("at") for table in tables]
    own = found.results.set_index(KEY)

    assert set(by_run[0].index) == set(own.index)
    for table in (found.results[~rates], found.results[rates]):
        keys = pd.MultiIndex.from_frame(table[KEY])
        once = ~keys.duplicated(keep=False)
        means = pd.concat([one[~one.index.duplicated(keep=False)] for one in by_run], axis=1)
        expected = means.mean(axis=1, skipna=False).reindex(keys[once])
        np.testing.assert_allclose(table["value"][once], expected, atol=1e-9)
    curve = found.results[found.results["analysis"] == Analysis.DECISION_CURVE]
    places = pd.MultiIndex.from_frame(curve[[*KEY, "at"]])
    means = pd.concat([one[~one.index.duplicated()] for one in tables], axis=1).mean(axis=1)
    np.testing.assert_allclose(curve["value"], means.reindex(places), atol=1e-9)


def test_notes_name_thresholds_of_rates_only(found):
    """Each run has its own, by the rule."""
    rates = found.results["analysis"] == Analysis.OPERATING_POINT
    own = found.results["note"].str.contains("each training run at its own threshold")

    assert own[rates & (found.results["metric"] == "tpr")].all()
    assert not own[~rates].any()
    assert not found.results["note"].str.contains("nan").any()


def test_notes_hold_the_range_of_the_runs(found, dataset, three):
    """From the least to the largest value."""
    by_run = [
        the(audited(dataset, three[three["model"] == name]).results, **_OVERALL)["value"]
        for name in "abc"
    ]

    row = the(found.results, **_OVERALL)

    assert row["note"] == f"mean of 3 training runs, {min(by_run):.3f} to {max(by_run):.3f}"


_OVERALL = {
    "analysis": Analysis.SUBGROUPS,
    "finding": "Cardiomegaly",
    "attribute": OVERALL,
    "metric": "auroc",
}
_SEX = {**_OVERALL, "attribute": "sex", "group": "female", "reference": COMPLEMENT}


def test_runs_that_score_alike_are_as_one_model(dataset, frame):
    """The choice among equal runs adds no error."""
    same = trained(frame, "a", "b", "c", spread=0.0)

    runs = audited(dataset, same, replace(QUICK, replicate_of=dict.fromkeys("abc", "m")))
    alone = audited(dataset, same[same["model"] == "a"])

    columns = ["value", "low", "high", "p_value", "verdict", "effective_patients"]
    for one, other in zip(
        (runs.results[name] for name in columns),
        (alone.results[name] for name in columns),
        strict=True,
    ):
        if one.dtype == "float64":
            np.testing.assert_allclose(one, other, atol=1e-9)
        else:
            assert one.tolist() == other.tolist()


def test_runs_far_apart_widen_the_intervals_of_what_they_differ_in(dataset, frame):
    """By more than noise of the images does; few patients are left that would determine it alone."""
    rng = np.random.default_rng(1)
    own = planted_scores(frame)
    positive = own["image_id"].map(frame.set_index("file")["Cardiomegaly"]).to_numpy()
    apart = [
        own.assign(model=name, score=own["score"] + shift * positive + rng.normal(size=len(own)))
        for name, shift in zip("abc", (-1.0, 0.0, 2.0), strict=True)
    ]
    settings = replace(QUICK, replicate_of=dict.fromkeys("abc", "m"))

    of_runs = the(audited(dataset, pd.concat(apart), settings).results, **_OVERALL)
    alone = the(audited(dataset, apart[1]).results, **_OVERALL)

    assert of_runs["high"] - of_runs["low"] > 2 * (alone["high"] - alone["low"])
    assert of_runs["effective_patients"] < 5 < alone["effective_patients"]


def test_two_kinds_of_training_are_compared_over_their_runs(dataset, frame):
    """Single runs that differ much are different models; their means over runs are not shown to be."""
    rng = np.random.default_rng(5)
    own = planted_scores(frame)
    positive = own["image_id"].map(frame.set_index("file")["Cardiomegaly"]).to_numpy()
    shifts = {"a": 0.6, "b": -0.6, "c": 0.0, "d": 0.5, "e": -0.7, "f": 0.1}
    scores = pd.concat(
        own.assign(
            model=name, score=own["score"] + shift * positive + 0.1 * rng.normal(size=len(own))
        )
        for name, shift in shifts.items()
    )
    of = dict.fromkeys("abc", "first") | dict.fromkeys("def", "second")
    where = {**_OVERALL, "analysis": Analysis.MODELS}

    runs = audited(dataset, scores, replace(QUICK, replicate_of=of)).results
    alone = audited(dataset, scores[scores["model"].isin(["a", "e"])]).results

    compared = the(runs, **where, model="first", reference="second")
    levels = [the(runs, **_OVERALL, model=name)["value"] for name in ("first", "second")]
    assert compared["value"] == pytest.approx(levels[0] - levels[1])
    assert "training runs" in compared["note"]
    assert compared["verdict"] == Verdict.INCONCLUSIVE
    assert the(alone, **where)["verdict"] == Verdict.DISPARITY


def test_a_planted_gap_is_found_over_runs(frame, dataset):
    """Where every run has it."""
    scores = trained(frame, *"abcd", spread=0.2)
    attributes = frame.set_index("file")
    female = scores["image_id"].map(attributes["sex"]).eq("F").to_numpy()
    positive = scores["image_id"].map(attributes["Cardiomegaly"]).eq(1).to_numpy()
    scores["score"] = scores["score"] - 2.0 * (female & positive)
    settings = replace(QUICK, replicate_of=dict.fromkeys("abcd", "m"))

    row = the(audited(dataset, scores, settings).results, **_SEX)

    assert row["verdict"] == Verdict.DISPARITY
    assert row["value"] < -0.15


def test_a_column_of_seeds_is_the_same_as_names(dataset, three, found):
    """Whatever the runs are called."""
    by_seed = named(three, a=("m", "1"), b=("m", "2"), c=("m", "3"))
    other = named(three, a=("m", "z"), b=("m", "x"), c=("m", "y"))

    for scores in (by_seed, other, by_seed.sample(frac=1, random_state=0)):
        results = audited(dataset, scores).results

        pd.testing.assert_frame_equal(results, found.results)


def test_a_model_may_be_a_run_itself(dataset, three, found):
    """``b`` and ``c`` are further runs of ``a``."""
    results = audited(dataset, three, replace(QUICK, replicate_of={"b": "a", "c": "a"})).results

    pd.testing.assert_frame_equal(results.assign(model="m"), found.results)


def test_two_runs_get_no_verdict(dataset, three):
    """One difference does not show how far runs lie apart."""
    two = three[three["model"] != "c"]
    results = audited(dataset, two, replace(QUICK, replicate_of={"b": "a"})).results
    gaps = results[~is_level(results) & results["value"].notna() & results["verdict"].ne("")]

    assert has_reason(gaps, Reason.TOO_FEW_RUNS).any()
    assert set(gaps["verdict"]) <= {Verdict.INCONCLUSIVE, Verdict.UNDEFINED}


def test_models_without_runs_stay_models(dataset, three, frame):
    """A blank seed is none; the comparison says that the error of a single run is not known."""
    single = trained(frame, "d", seed=9).assign(seed="")
    scores = pd.concat([named(three, a=("m", "1"), b=("m", "2"), c=("m", "3")), single])

    results = audited(dataset, scores).results

    alone = audited(dataset, single.drop(columns="seed")).results
    columns = ["value", "low", "high"]
    own = results[(results["model"] == "d") & (results["analysis"] != Analysis.MODELS)]
    np.testing.assert_allclose(own[columns], alone[columns], atol=1e-12)
    row = the(results, **{**_OVERALL, "analysis": Analysis.MODELS})
    assert (row["model"], row["reference"]) == ("d", "m")
    assert "single run, whose error is not known" in row["note"]


def test_images_that_a_run_did_not_score_are_left_out_and_counted(dataset, three):
    """Of the finding that lacks them."""
    lacking = (three["model"] == "b") & (three["finding"] == "Cardiomegaly")
    scores = three.drop(index=three.index[lacking][:7])

    found = audited(dataset, scores, replace(QUICK, replicate_of=dict.fromkeys("abc", "m")))

    sentences = [one["sentence"] for one in found.facts["notices"]]
    assert any(one.startswith("7 images not scored by every training run") for one in sentences)
    counts = {
        name: the(found.results, **{**_OVERALL, "finding": name})["n"] for name in dataset.findings
    }
    assert counts["Pneumothorax"] - counts["Cardiomegaly"] == 7


def test_a_threshold_of_the_model_is_that_of_its_runs(dataset, three):
    """One of a run goes before it; all are listed with their source."""
    settings = replace(QUICK, calibration="none", replicate_of=dict.fromkeys("abc", "m"))
    where = {**_OVERALL, "analysis": Analysis.OPERATING_POINT, "metric": "tpr"}
    given = {"m:Cardiomegaly": 0.4}

    common = audited(dataset, three, replace(settings, thresholds=given))
    own = audited(dataset, three, replace(settings, thresholds={**given, "b:Cardiomegaly": 0.6}))

    assert the(common.results, **where)["at"] == 0.4
    assert "flagged at or above 0.4 (given)" in the(common.results, **where)["note"]
    row = the(own.results, **where)
    assert np.isnan(row["at"])
    assert "each training run at its own threshold, 0.4 to 0.6" in row["note"]
    listed = [one for one in own.facts["thresholds"] if one["finding"] == "Cardiomegaly"]
    assert {one["model"]: one["threshold"] for one in listed} == {"a": 0.4, "b": 0.6, "c": 0.4}
    assert {one["source"] for one in listed} == {"given"}
    assert {one["patients"] for one in listed} == {150}


def test_a_threshold_for_some_runs_only_is_refused(dataset, three):
    """The rates of the others would be of other images."""
    settings = replace(QUICK, replicate_of=dict.fromkeys("abc", "m"))

    with pytest.raises(ConfigError, match="given for some training runs of m, and none for a"):
        audited(dataset, three, replace(settings, thresholds={"b:Cardiomegaly": 0.4}))


def test_thresholds_that_are_chosen_are_listed_by_run(dataset, three, found):
    """As the rule chose them."""
    alone = {name: audited(dataset, three[three["model"] == name]).facts for name in "abc"}

    listed = {(one["model"], one["finding"]): one for one in found.facts["thresholds"]}

    for name, facts in alone.items():
        for one in facts["thresholds"]:
            assert listed[name, one["finding"]] == one
    assert found.facts["tuning"] == alone["a"]["tuning"]


@pytest.mark.parametrize("change", [np.exp, np.array, lambda score: 2 * score])
def test_models_whose_runs_rank_alike_are_equal(dataset, three, change):
    """And named, in groups of any size and in any order of the runs."""
    other = three.assign(
        model=three["model"].map({"a": "y", "b": "z", "c": "x"}), score=change(three["score"])
    )
    of = dict.fromkeys("abc", "m") | dict.fromkeys("xyz", "n")

    results = audited(dataset, pd.concat([three, other]), replace(QUICK, replicate_of=of)).results

    rows = results[(results["analysis"] == Analysis.MODELS) & (results["metric"] == "auroc")]
    assert (rows[["value", "low", "high"]] == 0).all(axis=None)
    assert set(rows["verdict"]) == {Verdict.EQUIVALENT}
    named = has_reason(rows, Reason.IDENTICAL_RANKING) | has_reason(rows, Reason.IDENTICAL_SCORES)
    assert named.all()


def test_names_of_images_patients_and_findings_change_nothing(dataset, frame, three, found):
    """What is drawn for runs depends on their scores alone."""
    turned = {name: f"x{999_999 - k}" for k, name in enumerate(frame["file"])}
    renamed = planted_dataset(frame.assign(file=frame["file"].map(turned)))
    scores = three.assign(image_id=three["image_id"].map(turned))

    results = audited(
        renamed, scores, replace(QUICK, replicate_of=dict.fromkeys("abc", "m"))
    ).results

    numbers = ["value", "low", "high", "p_value", "p_adjusted", "low_simultaneous"]
    np.testing.assert_allclose(results[numbers], found.results[numbers], rtol=1e-6, atol=1e-9)


def test_all_groups_are_not_tested_with_two_runs(dataset, three):
    """Nor do they share in the error rate."""
    two = three[three["model"] != "c"]
    results = audited(dataset, two, replace(QUICK, replicate_of={"b": "a"})).results

    rows = results[results["analysis"] == Analysis.HETEROGENEITY]

    assert rows["p_value"].isna().all()
    assert has_reason(rows, Reason.TOO_FEW_RUNS).all()


def test_more_runs_than_patients_have_an_interval(dataset, frame):
    """Whatever has more degrees of freedom."""
    scores = trained(frame, *"abcdefghij", spread=1.0)
    few = scores[scores["image_id"].isin(frame["file"][frame["pid"] < 8])]
    settings = replace(QUICK, replicate_of=dict.fromkeys("abcdefghij", "m"))

    row = the(audited(dataset, few, settings).results, **_OVERALL)

    assert np.isfinite([row["low"], row["high"]]).all()


def test_no_two_rows_have_one_key(dataset, frame, three):
    """Though one run is constant and has no map to probabilities."""
    constant = three.assign(score=three["score"].where(three["model"] != "b", 1.0))

    results = audited(
        dataset, constant, replace(QUICK, replicate_of=dict.fromkeys("abc", "m"))
    ).results

    assert not results.duplicated([*KEY, "at", "label_source"]).any()


def test_prompt_sets_are_models_with_the_same_runs(dataset, three):
    """Each set has three."""
    both = pd.concat([three, three.assign(prompt_set="other", score=-three["score"])])

    results = audited(dataset, both, replace(QUICK, replicate_of=dict.fromkeys("abc", "m"))).results

    assert set(results["model"]) == {"m [none]", "m [other]"}


def test_small_counts_are_hidden_of_runs_too(dataset, three):
    """As of any model."""
    settings = replace(QUICK, replicate_of=dict.fromkeys("abc", "m"), suppress_below=11)
    # The range of the runs would hold counts of few images.

    results = audit(dataset, three, settings=settings, attributes=["sex", "race"]).results

    assert set(results["model"]) == {"m"}
    assert not results["note"].str.contains(r"runs, \S+ to").any()
    assert the(results, **_OVERALL)["value"] == pytest.approx(
        the(audited(dataset, three, replace(settings, suppress_below=0)).results, **_OVERALL)[
            "value"
        ],
        abs=0.001,
    )


def test_intersections_are_shrunk_over_runs(dataset, three):
    """With the error of runs."""
    settings = replace(QUICK, replicate_of=dict.fromkeys("abc", "m"))
    found = audit(dataset, three, settings=settings, attributes=["race", "sex*race"]).results

    cells = found[(found["analysis"] == Analysis.SHRUNKEN) & found["value"].notna()]

    assert len(cells) == 12  # six cells of two findings
    assert set(cells["model"]) == {"m"}


@pytest.mark.parametrize(
    ("replicate_of", "error", "words"),
    [
        ({"x": "m"}, UnknownNameError, "no model named 'x'"),
        ({"a": "m"}, ConfigError, "a is the only training run of m"),
        (
            {"a": "b", "b": "c"},
            ConfigError,
            "cannot be a training run of b, which is itself one of c",
        ),
        ({"a": "a"}, ConfigError, "itself"),
    ],
)
def test_runs_that_contradict_each_other_are_refused(dataset, three, replicate_of, error, words):
    """In one sentence."""
    with pytest.raises(error, match=words):
        audited(dataset, three, replace(QUICK, replicate_of=replicate_of))


def test_seeds_that_are_blank_in_part_are_refused(dataset, three):
    """And a finding that a run lacks, a name beside a column, and BCa."""
    seeds = named(three, a=("m", "1"), b=("m", "2"), c=("m", ""))
    with pytest.raises(DataError, match="scores of m have no seed, and the others do"):
        audited(dataset, seeds)
    names = replace(QUICK, replicate_of=dict.fromkeys("abc", "m"))
    part = three[(three["model"] != "b") | (three["finding"] != "Cardiomegaly")]
    with pytest.raises(DataError, match="b has no scores for Cardiomegaly"):
        audited(dataset, part, names)
    for interval in ("bca", "percentile"):
        with pytest.raises(ConfigError, match=f"{interval} does not hold the error of training"):
            audited(dataset, three, replace(names, interval=interval))
    seeds = named(three, a=("m", "1"), b=("m", "2"), c=("n", ""))
    with pytest.raises(ConfigError, match="named by the column 'seed'"):
        audited(dataset, seeds, replace(QUICK, replicate_of={"n": "m"}))


def test_one_seed_is_a_model_whose_error_of_training_is_not_known(dataset, three):
    """As a notice states."""
    one = three[three["model"] == "a"].assign(seed=7)

    found = audited(dataset, one)

    assert set(found.results["model"]) == {"a"}
    assert any("One seed only (7)" in one["sentence"] for one in found.facts["notices"])


@pytest.mark.parametrize("layout", ["long", "wide"])
def test_tables_with_seeds_are_read(dataset, three, layout, tmp_path):
    """One row per image, finding and seed; or one per image and seed, with the column named."""
    scores = named(three, a=("m", 1), b=("m", 2), c=("m", 3))
    options = {}
    if layout == "wide":
        scores = scores.pivot_table(index=["image_id", "seed"], columns="finding", values="score")
        scores = scores.add_prefix("p_").reset_index().rename(columns={"seed": "run"})
        options = {"score_prefix": "p_", "seed_column": "run", "image": "image_id", "model": "m"}
    scores.to_csv(tmp_path / "scores.csv", index=False)

    read = read_scores(tmp_path / "scores.csv", dataset, **options)

    assert read.frame.groupby(["model", "seed"]).size().to_dict() == dict.fromkeys(
        [("m", "1"), ("m", "2"), ("m", "3")], len(three) // 3
    )
