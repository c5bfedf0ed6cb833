"""The whole audit finds what is planted, reports nothing else, and loses nothing silently."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.run import audit
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.metrics import METRICS
from cxraudit.schema import (
    COMPLEMENT,
    CONTROLS,
    EACH_OTHER,
    EXPLORATORY,
    KEY_COLUMNS,
    NEGATIVES,
    OVERALL,
    POSITIVES,
    RESULT_COLUMNS,
    UNEDITED,
    WITH,
    WITHOUT,
    Analysis,
    Reason,
    has_reason,
)
from cxraudit.settings import AuditSettings
from planted import (
    POINT,
    QUICK,
    RANKED,
    audit_of,
    inputs_of_everything,
    pick,
    planted_dataset,
    planted_scores,
    planted_table,
    whole_audit_of,
)


def test_training_data_are_stated_of_audited_models():
    """Of another model, the names of those that were audited are given."""
    frame = planted_table(0)
    settings = AuditSettings(n_resamples=0, trained_on={"modell": "none"})

    with pytest.raises(UnknownNameError, match="no model named 'modell'"):
        audit(planted_dataset(frame), planted_scores(frame), settings=settings)


def test_planted_effects_are_found_and_absent_ones_are_not(monkeypatch):
    """6 cohorts each: age and drain effects are found in at least 5; without them, there is a false
    disparity anywhere in the report in at most 1.
    """
    found, false = {"age_group": 0, "drain": 0}, 0
    for seed in range(6):
        planted = audit_of(planted_table(seed, age_gap=1.2, drain_gap=1.2), settings=RANKED)
        shown = pick(planted, metric="auroc", verdict="disparity")
        for attribute, analysis in (
            ("age_group", Analysis.SUBGROUPS),
            ("drain", Analysis.SHORTCUT),
        ):
            found[attribute] += bool(len(pick(shown, attribute=attribute, analysis=analysis)))
        nothing = audit_of(planted_table(1000 + seed), settings=RANKED)
        false += (nothing["verdict"] == "disparity").any()

    assert min(found.values()) >= 5, found
    assert false <= 1


@pytest.fixture(scope="module")
def frame():
    """Images of 150 patients."""
    return planted_table(7, n_patients=150)


@pytest.fixture(scope="module")
def results(frame):
    """Their audit."""
    return audit_of(frame)


def test_every_row_says_how_it_was_made(results):
    """All columns; confidence level and method on every row."""
    assert list(results.columns) == list(RESULT_COLUMNS)
    assert (results["method"] != "").all()
    assert (results["confidence_level"] == 0.95).all()


NOT_JUDGED = (
    Analysis.SHORTCUT_SUBSETS,
    Analysis.SHORTCUT_PREVALENCE,
    Analysis.STANDARDISATION,
)
"""Severity that goes with a shortcut makes the first two differ; the last is how two judged gaps differ."""


def test_every_gap_is_judged_and_no_level_is(results):
    """The test of all groups at once has no difference to judge, nor have errors of labels."""
    gaps = ~results["reference"].isin(["", EACH_OTHER])
    exploratory = results["metric"].map(lambda name: METRICS[name].margin is None)
    exploratory |= results["analysis"].isin(NOT_JUDGED)

    assert (results.loc[gaps & ~exploratory, "verdict"] != "").all()
    assert set(results.loc[~gaps | exploratory, "verdict"]) == {""}
    assert (results.loc[gaps, "family"].eq(EXPLORATORY) == exploratory[gaps]).all()


def test_gaps_of_enough_patients_have_adjusted_p_values(results):
    """Not below those that are not adjusted, and with the gap that could be detected."""
    gaps = results[~results["reference"].isin(["", EACH_OTHER])]
    known = gaps[gaps["low"].notna() & ~has_reason(gaps, Reason.TOO_FEW_PATIENTS)]
    known = known[known["family"] != EXPLORATORY]

    assert len(known) > 50
    assert known[["p_value", "p_adjusted"]].notna().all().all()
    # In some groups of few patients no gap would be detected.
    assert known["detectable_gap"].notna().mean() > 0.8
    assert (known["p_adjusted"] >= known["p_value"]).all()


def test_gaps_without_a_margin_are_neither_large_nor_small(results):
    """The margin is that of the metric."""
    gaps = results[~results["reference"].isin(["", EACH_OTHER])]
    with_margin = gaps["metric"].map(lambda name: METRICS[name].margin is not None)
    with_margin &= ~gaps["analysis"].isin(NOT_JUDGED)

    assert (gaps["margin"].notna() == with_margin).all()
    verdicts = set(gaps.loc[~with_margin, "verdict"])
    assert not verdicts & {"disparity", "equivalent", "small difference"}


def test_the_same_inputs_give_the_same_table_in_any_order(frame, results):
    """Images and scores shuffled, threads changed: identical results."""
    scores = planted_scores(frame).sample(frac=1, random_state=1)
    shuffled = planted_dataset(frame.sample(frac=1, random_state=0))

    other = audit(shuffled, scores, settings=replace(QUICK, n_threads=1)).results

    pd.testing.assert_frame_equal(results, other)


def test_what_groups_are_called_changes_no_number(frame, results):
    """Races renamed: every row is as before, under its new name."""
    names = {"asian": "c", "black": "a", "white": "b"}

    renamed = audit_of(frame.assign(race=frame["race"].map(names)))

    # Names are sorted, and permutations exchange sorted groups: p-values of that test may differ.
    first, second = (
        table[table["analysis"] != Analysis.HETEROGENEITY].sort_values(
            list(KEY_COLUMNS), ignore_index=True
        )
        for table in (results.assign(group=results["group"].replace(names)), renamed)
    )
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.slow
def test_groups_named_like_our_own_words_collide_with_nothing(frame):
    """“all”, “all other groups”, “without” and the like are groups as any: their rows have the numbers
    of groups with plain names.
    """
    words = [COMPLEMENT, "all", WITHOUT, WITH, "overall", "rest", EACH_OTHER, POSITIVES, NEGATIVES]
    words += [UNEDITED, *CONTROLS, "chance", "no"]
    ward = frame["pid"] % len(words)
    settings = AuditSettings(n_resamples=100, references={"race": COMPLEMENT}, all_pairs=True)
    plain_name = {word: f"ward {k:02d}" for k, word in enumerate(words)}
    plain_settings = replace(settings, references={"race": plain_name[COMPLEMENT]})

    strange = audit_of(frame.assign(race=ward.map(dict(enumerate(words)))), settings=settings)
    plain = audit_of(
        frame.assign(race=ward.map(dict(enumerate(plain_name.values())))), settings=plain_settings
    )

    of_race = strange["attribute"] == "race"
    groups = strange["group"].where(~of_race, strange["group"].replace(plain_name))
    pairs = strange["analysis"].isin([Analysis.REFERENCE_GROUP, Analysis.GROUP_PAIRS])
    references = strange["reference"].where(
        ~(of_race & pairs), strange["reference"].replace(plain_name)
    )
    named = strange.assign(group=groups, reference=references)
    # Of a pair, the group whose name comes first is compared with the other; that order is not ours.
    kept = [table[table["analysis"] != Analysis.GROUP_PAIRS] for table in (named, plain)]
    kept = [table[table["analysis"] != Analysis.HETEROGENEITY] for table in kept]
    first, second = (table.sort_values(list(KEY_COLUMNS), ignore_index=True) for table in kept)
    pd.testing.assert_frame_equal(first, second)
    assert not strange.duplicated(list(KEY_COLUMNS)).any()
    assert len(strange) == len(plain)


def test_an_attribute_may_be_a_shortcut_too(frame):
    """Its groups are yes and no there, with and without here."""
    results = audit_of(frame, attributes=["drain", "sex"], settings=RANKED)

    groups = pick(results, attribute="drain").groupby("analysis")["group"].agg(set)
    assert groups[Analysis.SUBGROUPS] == {"yes", "no"}
    assert groups[Analysis.SHORTCUT] == {WITH, WITHOUT}
    assert not results.duplicated(list(KEY_COLUMNS)).any()


def test_images_that_drop_out_are_listed_with_reason_and_number():
    """Without score, without label, scored but not in the cohort."""
    frame = planted_table(6, n_patients=150)
    dataset, scores = planted_dataset(frame), planted_scores(frame)
    scores = scores[scores["image_id"] != "image00000.png"]
    unmatched = scores.head(1).assign(image_id="elsewhere.png")
    dataset.images.loc[3:6, "Cardiomegaly"] = np.nan

    exclusions = audit(dataset, pd.concat([scores, unmatched]), settings=POINT).exclusions

    images = exclusions.set_index("step")["images"]
    assert images["scored"] == 1
    assert images["known"] == 1
    assert images["labelled: Cardiomegaly"] == 4


def test_images_that_one_model_did_not_score_are_counted_for_it():
    """Two models on different images stand in one table; the exclusions say which images differ."""
    frame = planted_table(6, n_patients=200)
    scores = planted_scores(frame)
    half = scores[scores["image_id"] < "image00300.png"].assign(model="half")

    found = audit(planted_dataset(frame), pd.concat([scores, half]), settings=POINT)

    lost = found.exclusions.set_index("step")["images"]
    assert lost["scored: half, Cardiomegaly"] == len(frame) - 300
    assert "scored: m, Cardiomegaly" not in lost


def test_a_finding_that_is_scored_and_not_labelled_is_listed(frame):
    """The others are audited."""
    scores = planted_scores(frame)
    unknown = scores[scores["finding"] == "Cardiomegaly"].assign(finding="Mass")

    found = audit(planted_dataset(frame), pd.concat([scores, unknown]), settings=POINT)

    assert "finding Mass" in set(found.exclusions["step"])
    assert found.facts["findings"] == ["Cardiomegaly", "Pneumothorax"]


def test_a_model_with_two_prompt_sets_is_two_models(frame):
    """Named by the prompt set, never mixed."""
    scores = planted_scores(frame)

    found = audit(
        planted_dataset(frame),
        pd.concat([scores, scores.assign(prompt_set="other")]),
        settings=POINT,
    )

    assert set(found.results["model"]) == {"m [none]", "m [other]"}


@pytest.mark.parametrize("column", ["model", "prompt_set", "finding", "image_id"])
def test_scores_without_a_key_are_refused(frame, column):
    """Never grouped away."""
    scores = planted_scores(frame)
    scores[column] = scores[column].astype(object)
    scores.loc[3, column] = None

    with pytest.raises(DataError, match=f"1 row without {column}"):
        audit(planted_dataset(frame), scores, settings=POINT)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_refused(frame, bad):
    """Never dropped silently."""
    scores = planted_scores(frame)
    scores.loc[scores["image_id"] == "image00005.png", "score"] = bad

    with pytest.raises(DataError, match=r"2 scores that are not finite numbers.*image00005"):
        audit(planted_dataset(frame), scores)


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (lambda s: s.assign(image_id="x" + s["image_id"]), {}, DataError, "none of the"),
        (lambda s: pd.concat([s, s.head(1)]), {}, DataError, "already there"),
        (
            lambda s: s.assign(finding="Mass").drop_duplicates("image_id"),
            {},
            UnknownNameError,
            "no finding named 'Mass'",
        ),
        (
            lambda s: s,
            {"attributes": ["sexx"]},
            UnknownNameError,
            r"no attribute named 'sexx'. Did you mean 'sex'",
        ),
        (
            lambda s: s,
            {"shortcuts": {"tube": "Pneumothorax"}},
            UnknownNameError,
            "no shortcut named 'tube'",
        ),
        (
            lambda s: s[s["finding"] == "Cardiomegaly"],
            {"shortcuts": {"drain": "Pneumothorax"}},
            ConfigError,
            "has no scores",
        ),
        (
            lambda s: s,
            {"settings": AuditSettings(references={"race": "green"})},
            UnknownNameError,
            "race group",
        ),
        (
            lambda s: s,
            {"settings": AuditSettings(references={"ward": "ICU"})},
            UnknownNameError,
            "attribute",
        ),
    ],
    ids=["images", "twice", "finding", "attribute", "shortcut", "unscored", "group", "reference"],
)
def test_tables_and_names_that_do_not_fit_are_refused(frame, change, options, error, message):
    """In one sentence that names them."""
    with pytest.raises(error, match=message):
        audit(planted_dataset(frame), change(planted_scores(frame)), **options)


def test_labels_of_one_class_only_are_refused(frame):
    """Every finding all negative: nothing can be evaluated."""
    negative = frame.assign(Cardiomegaly=0, Pneumothorax=0)

    with pytest.raises(DataError, match="both positives and negatives"):
        audit_of(negative, settings=POINT)


@pytest.mark.parametrize(
    "change", [{"interval": "bca"}, {"resample": "images"}, {"standardise": "matched"}]
)
def test_other_settings_keep_the_values(change):
    """BCa, resampled images, matching weights: the gaps as observed have the same values."""
    frame = planted_table(22, n_patients=200)

    plain, other = (
        pick(
            audit_of(frame, settings=replace(RANKED, **c)),
            analysis=Analysis.SUBGROUPS,
            metric="auroc",
            reference=COMPLEMENT,
        )
        for c in ({}, change)
    )

    np.testing.assert_allclose(plain["value"], other["value"])
    if "standardise" not in change:
        name = {"interval": "BCa", "resample": "image-level"}[next(iter(change))]
        assert other["method"].str.contains(name).all()
        assert (plain["low"] != other["low"]).all()


def test_intervals_over_images_are_narrower_than_over_patients():
    """Images of one patient are alike, so they are too narrow."""
    frame = planted_table(22)

    width = {}
    for unit in ("patients", "images"):
        rows = pick(
            audit_of(frame, settings=replace(RANKED, resample=unit)),
            analysis=Analysis.SUBGROUPS,
            metric="auroc",
            reference=COMPLEMENT,
        )
        width[unit] = (rows["high"] - rows["low"]).mean()

    assert width["images"] < width["patients"]


def test_facts_count_who_was_audited_and_who_was_held_out(frame):
    """Of a threshold chosen on a fifth of the patients; all are evaluated where nothing is chosen."""
    chosen = whole_audit_of(frame, settings=AuditSettings(n_resamples=0)).facts
    fixed = AuditSettings(n_resamples=0, operating_point="fixed=1", calibration="none")

    assert (chosen["images"], chosen["patients"]) == (len(frame), 150)
    assert chosen["tuning"] == {"held_out": True, "patients": 30, "evaluated": 120}
    assert chosen["shortcuts"] == {"drain": "Pneumothorax"}
    assert chosen["attributes"] == ["age_group", "sex", "race"]
    not_held_out = {"held_out": False, "patients": 0, "evaluated": 150}
    assert whole_audit_of(frame, settings=fixed).facts["tuning"] == not_held_out


def test_one_attribute_needs_no_list(frame):
    """It is audited by alone."""
    results = audit_of(frame, attributes="sex", shortcuts={}, settings=POINT)

    assert set(results["attribute"]) == {OVERALL, "sex"}


def test_one_shortcut_by_two_names_is_refused(frame):
    """It would be tested twice."""
    both = {"drain": "Pneumothorax", "drain:yes": "Pneumothorax"}

    with pytest.raises(ConfigError, match="'drain' and 'drain:yes' are the same in every image"):
        audit_of(frame, attributes="sex", shortcuts=both, settings=POINT)


@pytest.fixture(scope="module")
def everything(coarse_probes):
    """The results of an audit with rows of every analysis."""
    inputs = inputs_of_everything(n_patients=120)
    settings = AuditSettings(n_resamples=150, references={"used": "yes"}, all_pairs=True)
    return inputs, settings, audit(settings=settings, **inputs)


def test_every_analysis_has_rows_in_one_table(everything):
    """In the order of the analyses within scores, perturbations and embeddings; but for those of heads and slices."""
    _, _, found = everything

    assert set(found.results["analysis"]) == set(Analysis) - {Analysis.N_SHOT, Analysis.SLICES}
    assert list(found.results.columns) == list(RESULT_COLUMNS)


def test_the_key_of_a_row_is_unique(everything):
    """Over all analyses."""
    _, _, found = everything

    assert not found.results.duplicated(list(KEY_COLUMNS)).any()


def test_every_metric_is_a_row_of_the_table_of_metrics(everything):
    """And no other is reported."""
    _, _, found = everything

    assert set(found.results["metric"]) <= set(METRICS)


def test_results_do_not_depend_on_the_order_of_any_table(everything):
    """Images, scores, embeddings (given alone) and perturbed images shuffled; one thread. The means over findings are
    sums in another order, so they agree to rounding.
    """
    inputs, settings, found = everything
    rng = np.random.default_rng(3)
    (embedded,) = inputs["embeddings"]
    order = rng.permutation(len(embedded.image_ids))
    shuffled = replace(
        embedded,
        image_ids=embedded.image_ids[order],
        vectors=embedded.vectors[order],
        texts=embedded.texts[order],
    )
    dataset = inputs["dataset"]

    other = audit(
        replace(dataset, images=dataset.images.sample(frac=1, random_state=1)),
        inputs["scores"].sample(frac=1, random_state=2),
        attributes=inputs["attributes"],
        shortcuts=inputs["shortcuts"],
        embeddings=shuffled,
        perturbed=inputs["perturbed"].sample(frac=1, random_state=3),
        reference_labels=inputs["reference_labels"].sample(frac=1, random_state=4),
        settings=replace(settings, n_threads=1),
    )

    first, second = (
        one.results.sort_values(list(KEY_COLUMNS), ignore_index=True) for one in (found, other)
    )
    pd.testing.assert_frame_equal(first, second, rtol=1e-9, atol=1e-12)


CAUTIONS = {
    Reason.NO_IMAGES: "no images",
    Reason.NO_POSITIVES: "no positives",
    Reason.NO_NEGATIVES: "no negatives",
    Reason.TOO_FEW_PATIENTS: r"(fewer than 10|only \d+|too few) patients",
    Reason.SCREENED: "Benjamini–Hochberg",
    Reason.SHORTCUT_UNKNOWN: r"\d+ of \d+ (positives|negatives) have no (annotated )?label",
    Reason.PREDICTED_LABELS: r"labels of (positives|negatives) are a detector's",
    Reason.BELOW_CHANCE: "^“no” against “yes”$",
    Reason.UNDEFINED_VALUE: "does not exist for these images",
}
"""Code → what the note of the same row says in words."""


@pytest.mark.parametrize("reason", CAUTIONS)
def test_a_caution_in_words_has_a_code(everything, reason):
    """And the other way round, in every analysis."""
    _, _, found = everything
    results = found.results

    in_words = results["note"].map(lambda note: bool(re.search(CAUTIONS[reason], note)))

    assert in_words.any()
    assert (has_reason(results, reason) == in_words).all()


def test_codes_are_those_of_the_register(everything):
    """Nothing else stands among the reasons."""
    _, _, found = everything

    codes = {code for text in found.results["reasons"] for code in text.split()}

    assert codes <= set(Reason)


def test_a_bootstrap_without_an_interval_has_a_code(everything):
    """Whatever the reason: values and differences that are defined and have no interval."""
    _, _, found = everything
    results = found.results

    missing = results["method"].str.startswith("no interval") & results["value"].notna()

    assert missing.any()
    assert (results.loc[missing, "reasons"] != "").all()


def test_embeddings_and_perturbed_images_of_other_models_are_left_out(everything):
    """Only audited models count."""
    inputs, _, _ = everything
    scores = inputs["scores"].query("model == 'n'")

    found = audit(settings=POINT, **{**inputs, "scores": scores})

    assert set(found.results["model"]) == {"n"}
    assert found.facts["embedded"] == []
    assert found.facts["perturbed"] is None


def test_embeddings_and_perturbed_images_of_a_model_with_two_prompt_sets_are_audited(everything):
    """Its scores are two models', its embeddings are its own."""
    inputs, _, _ = everything
    scores = pd.concat([inputs["scores"], inputs["scores"].assign(prompt_set="other")])

    found = audit(settings=POINT, **{**inputs, "scores": scores, "attributes": "used"})

    assert found.facts["models"] == ["m [none]", "m [other]", "n [none]", "n [other]"]
    assert found.facts["embedded"] == ["m"]
    assert found.facts["perturbed"] == {"images": 240}


def test_facts_name_what_was_embedded_and_perturbed(everything):
    """The model, and the number of images."""
    _, _, found = everything

    assert found.facts["embedded"] == ["m"]
    assert found.facts["perturbed"] == {"images": 240}


def test_tables_of_the_figures_are_there(everything):
    """Of scores, perturbed images and embeddings."""
    _, _, found = everything

    for name in ("score_percentiles", "image_changes", "points", "curves", "prompt_gaps"):
        assert len(getattr(found, name)), name


def test_the_share_of_the_patients_with_most_images_is_a_fact(frame):
    """The twentieth of them; none where each patient has one image."""
    sizes = frame["pid"].value_counts()
    few = sizes.head(round(0.05 * len(sizes))).sum()
    single = frame.drop_duplicates("pid")

    facts, of_single = (
        audit(planted_dataset(one), planted_scores(one), settings=POINT, attributes=["sex"]).facts
        for one in (frame, single)
    )

    found = facts["largest_patients"]
    assert (found["patients"], found["share"]) == (8, pytest.approx(few / len(frame)))
    assert of_single["largest_patients"] is None
