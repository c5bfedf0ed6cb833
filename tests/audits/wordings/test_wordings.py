"""Words for groups in the prompt, beside neutral words."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from cxraudit.audits.embeddings.cohort import WordedPair
from cxraudit.audits.run import audit
from cxraudit.audits.wordings import audit_wordings, of_embeddings, of_tables
from cxraudit.audits.wordings.variants import by_variant, refuse_contradictions
from cxraudit.errors import DataError
from cxraudit.prompts.wordings import Phrase
from cxraudit.schema import Analysis, Reason, has_reason
from cxraudit.settings import AuditSettings
from cxraudit.stats.multiplicity import holm
from simulations.wordings import DESIGNS, FINDING, cohort, embeddings, evaluate, tables

SETTINGS = AuditSettings(n_resamples=120)


@pytest.fixture(scope="module")
def drawn():
    """A cohort with embeddings and the directions of all wordings, with an effect."""
    rng = np.random.default_rng(4)
    dataset, x = cohort(rng)
    return dataset, x, embeddings(dataset, x, rng, effect=True)


@pytest.fixture(scope="module")
def found(drawn):
    """What words do in it."""
    dataset, _, embedded = drawn
    return audit_wordings(dataset, [of_embeddings(embedded, "p")], ["sex"], SETTINGS)


def the(results, **keys):
    """The one row with these keys."""
    for column, value in keys.items():
        results = results[results[column] == value]
    [row] = results.to_dict("records")
    return row


def test_changes_are_those_computed_directly(drawn, found):
    """Mean score, AUROC, and both gaps, of a word with two texts."""
    dataset, _, embedded = drawn
    label = (dataset.images[FINDING] == 1).to_numpy()
    female = (dataset.images["sex"] == "female").to_numpy()
    x = embedded.vectors.astype(float)
    base = x @ embedded.prompts[0].direction.astype(float)
    own = [w for w in embedded.wordings if w.phrase.attribute == "sex" and w.phrase.group == "male"]

    def of(score):
        auroc = [roc_auc_score(label[m], score[m]) for m in (female, ~female)]
        shift = (score - base) / base.std()
        by_label = [shift[female & y].mean() - shift[~female & y].mean() for y in (label, ~label)]
        overall = roc_auc_score(label, score)
        return np.array([shift.mean(), overall, auroc[0] - auroc[1], np.mean(by_label)])

    expected = np.mean([of(x @ w.pair.direction.astype(float)) for w in own], axis=0) - of(base)

    rows = found.changes[
        (found.changes["words_attribute"] == "sex") & (found.changes["words_group"] == "male")
    ].set_index("metric")["value"]
    metrics = ["wording_score", "wording_auroc", "wording_gap", "wording_score_gap"]
    np.testing.assert_allclose(rows[metrics].to_numpy(), expected, atol=1e-6)


def test_spreads_are_those_within_topics_less_sampling(found):
    """Before sampling is taken off they are the pooled variances of words of one topic."""
    changes = found.changes[
        (found.changes["metric"] == "wording_score") & (found.changes["kind"] == "neutral")
    ]
    by_topic = changes.groupby("words_attribute")["value"]
    pooled = (by_topic.var() * (by_topic.size() - 1)).sum() / (by_topic.size() - 1).sum()

    row = the(found.results, metric="wording_score_sd", condition="neutral words")

    assert 0.8 * np.sqrt(pooled) < row["value"] <= np.sqrt(pooled)
    assert row["low"] < row["value"] < row["high"]


def test_rank_agreement_is_the_mean_of_spearman(drawn, found):
    """Of all phrases of a kind with the scores without words."""
    _, _, embedded = drawn
    x = embedded.vectors.astype(float)
    base = x @ embedded.prompts[0].direction.astype(float)
    each = [
        spearmanr(base, x @ w.pair.direction.astype(float)).statistic
        for w in embedded.wordings
        if w.phrase.kind == "demographic"
    ]

    row = the(found.results, metric="rank_agreement", condition="words for groups")

    assert row["value"] == pytest.approx(np.mean(each), abs=1e-9)
    assert row["low"] < row["value"] < row["high"]


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
def test_an_effect_is_found_where_one_was_planted(design):
    """Of words for sex on the gap by sex, in embeddings and in a table; in none of two cohorts without."""
    found = sum(evaluate(seed, design, 120)["found"] for seed in (1, 2))

    assert found == (2 if design.effect else 0)


@pytest.mark.parametrize(
    ("attribute", "female"), [("sex", "woman"), ("sex", "F"), ("Sex", " FEMALE")]
)
def test_groups_may_be_named_as_in_data_that_are_read(drawn, attribute, female):
    """Codes, words and spellings of a group give the same as its name."""
    dataset, x, _ = drawn
    base, worded = tables(dataset, x, np.random.default_rng(8), effect=True)
    worded = worded[worded["variant_attribute"] != "race"]
    own = worded["variant_attribute"] == "sex"
    other = worded.copy()
    other.loc[own & (other["variant_group"] == "female"), "variant_group"] = female
    other.loc[own, "variant_attribute"] = attribute

    one, two = (
        audit_wordings(dataset, of_tables(base, table), ["sex"], SETTINGS)
        for table in (worded, other)
    )

    pd.testing.assert_frame_equal(one.results, two.results)
    assert one.notices == two.notices == ()


@pytest.mark.parametrize(
    ("column", "value", "match"),
    [
        ("variant_attribute", "gender", "Words for 'gender' .* no attribute of the data .sex."),
        (
            "variant_group",
            "<b>dame",
            "Words for '<b>dame' .* no group of sex in the data .female, male.",
        ),
    ],
)
def test_words_for_what_the_data_do_not_have_are_stated(drawn, column, value, match):
    """With what there is, since nothing else would tell a slip of the pen."""
    dataset, x, _ = drawn
    base, worded = tables(dataset, x, np.random.default_rng(8), effect=True)
    own = worded["variant_attribute"] == "sex"
    if column == "variant_group":
        own &= worded["variant_group"] == "female"
    worded.loc[own, column] = value

    found = audit_wordings(dataset, of_tables(base, worded), ["sex"], SETTINGS)

    [notice] = found.notices
    assert re.search(match, notice.sentence)


def test_few_neutral_words_judge_no_pair_of_groups(drawn):
    """Two days beside two sexes: a reason, how many are needed, and no interval; a value all the same."""
    dataset, x, _ = drawn
    base, worded = tables(dataset, x, np.random.default_rng(8), effect=True)
    kept = worded[worded["variant_attribute"].isin(["sex", "day"])]

    found = audit_wordings(dataset, of_tables(base, kept), ["sex"], SETTINGS)

    ratios = found.results[found.results["metric"].str.endswith("_ratio")]
    assert len(ratios)
    assert has_reason(ratios, Reason.TOO_FEW_WORDS).all()
    assert ratios[["low", "high", "p_adjusted"]].isna().all(axis=None)
    assert ratios["note"].str.contains("an interval needs 39 of neutral words or more").all()
    assert found.facts[0]["too_few"] == [{"words": "words for groups", "neutral": 5, "needed": 39}]


def test_ratios_are_adjusted_for_size_and_never_below_the_exchange(found):
    """Together, over all of a model; the planted one stays below 5 %."""
    ratios = found.results[found.results["metric"].str.endswith("_ratio")]
    assert (ratios["p_adjusted"] >= ratios["p_value"]).all()
    planted = the(ratios, metric="wording_gap_ratio", condition="sex")
    assert planted["p_adjusted"] <= 0.05


def test_the_words_for_a_group_raise_its_own_scores(drawn):
    """As planted, in a table of probabilities; not without the effect."""
    dataset, x, _ = drawn
    for effect in (True, False):
        sources = of_tables(*tables(dataset, x, np.random.default_rng(8), effect=effect))
        results = audit_wordings(dataset, sources, ["sex"], SETTINGS).results
        row = the(results, metric="own_words_shift")
        assert (row["condition"], row["attribute"], row["group"]) == ("sex", "sex", "female")
        assert (row["value"] > 0.3) == effect


def test_shifts_by_own_words_are_adjusted_over_all_of_a_model(found):
    """By Holm, apart from the ratios."""
    rows = found.results[found.results["metric"] == "own_words_shift"]
    error = (rows["high"] - rows["low"]) / (2 * ndtri(0.975))
    expected = 2 * ndtr(-(rows["value"] / error).abs())
    assert rows["p_value"].to_numpy() == pytest.approx(expected, rel=0.5, abs=0.02)
    assert rows["p_adjusted"].to_numpy() == pytest.approx(holm(rows["p_value"]))


def test_both_doors_agree(drawn, found):
    """Embeddings with directions, and the table of their scores."""
    dataset, _, embedded = drawn
    x = embedded.vectors.astype(float)
    common = {"image_id": embedded.image_ids, "model": "simulated", "prompt_set": "p"}
    base = pd.DataFrame(
        {**common, "finding": FINDING, "score": x @ embedded.prompts[0].direction.astype(float)}
    )
    parts = [
        base.assign(
            score=x @ w.pair.direction.astype(float),
            prompt_variant=w.phrase.name,
            variant_kind=w.phrase.kind,
            variant_attribute=w.phrase.attribute,
            variant_group=w.phrase.group,
            variant_years=-1,
        )
        for w in embedded.wordings
    ]
    shuffled = pd.concat(parts).sample(frac=1, random_state=0)

    table = audit_wordings(dataset, of_tables(base, shuffled), ["sex"], SETTINGS)

    pd.testing.assert_frame_equal(table.results, found.results, atol=1e-8)


def test_the_order_of_the_wordings_does_not_matter(drawn, found):
    """Nor that of a file's terms."""
    dataset, _, embedded = drawn
    turned = replace(embedded, wordings=embedded.wordings[::-1])

    again = audit_wordings(dataset, [of_embeddings(turned, "p")], ["sex"], SETTINGS)

    pd.testing.assert_frame_equal(again.results, found.results, atol=1e-8)


def test_a_common_shift_of_a_topic_is_in_no_spread(drawn, found):
    """Only words in place of each other are compared, not that a topic is mentioned."""
    dataset, _, embedded = drawn
    axis = np.eye(32, dtype=np.float32)[0]
    moved = tuple(
        WordedPair(w.phrase, replace(w.pair, direction=w.pair.direction + 0.1 * axis))
        if w.phrase.kind == "demographic"
        else w
        for w in embedded.wordings
    )

    again = audit_wordings(
        dataset, [of_embeddings(replace(embedded, wordings=moved), "p")], ["sex"], SETTINGS
    )

    before, after = (
        the(one.results, metric="wording_score_sd", condition="words for groups")["value"]
        for one in (found, again)
    )
    assert after == pytest.approx(before, rel=1e-6)


def test_words_that_a_text_side_does_not_distinguish_are_said_to_be_so(drawn):
    """All words of a kind give one direction: nothing is compared, and nothing looks robust."""
    dataset, _, embedded = drawn
    neutral = [w for w in embedded.wordings if w.phrase.kind == "neutral"]
    same = tuple(
        w if w.phrase.kind == "neutral" else WordedPair(w.phrase, neutral[0].pair)
        for w in embedded.wordings
    )

    found = audit_wordings(
        dataset, [of_embeddings(replace(embedded, wordings=same), "p")], ["sex"], SETTINGS
    )

    assert found.results.empty
    assert found.facts[0]["alike"]["demographic"] == ["age_group", "race", "sex"]
    assert found.facts[0]["compared"] == []


def test_words_that_change_nothing_are_counted(drawn):
    """As of a tokenizer that drops them."""
    dataset, _, embedded = drawn
    same = tuple(
        replace(w, pair=replace(w.pair, direction=embedded.prompts[0].direction))
        for w in embedded.wordings
    )

    found = audit_wordings(
        dataset, [of_embeddings(replace(embedded, wordings=same), "p")], ["sex"], SETTINGS
    )

    assert found.facts[0]["unchanged"] == len(same)
    assert found.results.empty


def test_words_for_an_age_are_about_the_group_of_these_patients(drawn):
    """By the ages of the images, whatever the groups are called."""
    dataset, x, _ = drawn
    rng = np.random.default_rng(0)
    patient = dataset.images["patient_id"].str[1:].astype(int).to_numpy()
    age = rng.integers(20, 90, size=patient.max() + 1)[patient]
    group = np.where(age < 50, "young", "old")
    images = dataset.images.assign(age=age, era=group)
    aged = replace(dataset, images=images, attributes=("era",))
    base, worded = tables(dataset, x, rng, effect=False)
    own = worded["variant_attribute"] == "age_group"
    worded.loc[own, "variant_attribute"] = "era"
    worded.loc[own, "variant_group"] = ""

    results = audit_wordings(aged, of_tables(base, worded), ["era"], SETTINGS).results

    assert the(results, metric="own_words_shift")["group"] in ("young", "old")


def test_images_without_a_score_of_some_wording_are_left_out_and_counted(drawn):
    """Of this analysis only."""
    dataset, x, _ = drawn
    base, worded = tables(dataset, x, np.random.default_rng(0), effect=False)
    lacking = worded[~((worded["image_id"] == "i00003") & (worded["variant_group"] == "Monday"))]

    found = audit_wordings(dataset, of_tables(base, lacking), ["sex"], SETTINGS)

    [notice] = found.notices
    assert notice.count == 1
    assert "1 image without a score of Pneumonia by simulated with 2 wordings" in notice.sentence
    assert set(found.results.loc[found.results["group"] == "", "n"]) == {len(dataset.images) - 1}


def test_the_audit_is_that_of_the_base_wording(drawn):
    """Rows with words change nothing in the other analyses."""
    dataset, x, _ = drawn
    base, worded = tables(dataset, x, np.random.default_rng(0), effect=False)
    both = pd.concat([base.assign(prompt_variant="plain", variant_kind="base"), worded])
    quick = AuditSettings(n_resamples=120, operating_point="none", calibration="none")

    plain = audit(dataset, base, settings=quick)
    found = audit(dataset, both, settings=quick)

    words = found.results["analysis"] == Analysis.WORDING
    pd.testing.assert_frame_equal(found.results[~words].reset_index(drop=True), plain.results)
    assert words.sum() > 10
    assert len(found.wording_changes)
    assert found.facts["wordings"][0]["compared"] == [FINDING]


def variants(**changed):
    """A small table with one base, two groups and two days."""
    table = pd.DataFrame(
        {
            "image_id": "a",
            "prompt_variant": ["plain", "w", "m", "mon", "fri"],
            "variant_kind": ["base", "demographic", "demographic", "neutral", "neutral"],
            "variant_attribute": ["", "sex", "sex", "day", "day"],
            "score": 0.5,
        }
    )
    for column, values in changed.items():
        table[column] = values
    return table


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        (
            {"variant_kind": ["neutral", "demographic", "demographic", "neutral", "neutral"]},
            "no wording",
        ),
        (
            {"variant_kind": ["base", "base", "demographic", "neutral", "neutral"]},
            "wordings plain, w",
        ),
        (
            {"variant_kind": ["base", "demographic", "demographic", "demographic", "demographic"]},
            "no neutral",
        ),
        ({"variant_kind": ["base", "neutral", "neutral", "neutral", "neutral"]}, "no demographic"),
        ({"variant_kind": ["base", "demo", "demographic", "neutral", "neutral"]}, "first 'demo'"),
        (
            {"variant_kind": ["base", None, "demographic", "neutral", "neutral"]},
            "1 row without variant_kind",
        ),
        ({"prompt_variant": ["plain", "w", " ", "mon", "fri"]}, "1 row without prompt_variant"),
        (
            {
                "prompt_variant": ["plain", "w", "w", "mon", "mon"],
                "variant_attribute": ["", "sex", "age", "day", "day"],
            },
            "different things of the wording 'w'",
        ),
        (
            {"variant_attribute": ["", "sex", "race", "day", "day"]},
            "no two for groups of one attribute",
        ),
        ({"variant_years": ["", "old", "", "", ""]}, "no age in years"),
        ({"variant_years": ["", -5, "", "", ""]}, "no age in years"),
        (
            {
                "variant_group": ["", "female", "male", "mon", "fri"],
                "variant_years": ["", 85, 85, "", ""],
            },
            "2 rows with both variant_group and variant_years, first 'female' and 85",
        ),
        (
            {"variant_group": ["", "female", "", "mon", "fri"]},
            "1 row of words for a group of sex with neither variant_group nor variant_years",
        ),
    ],
)
def test_a_table_that_does_not_say_what_a_wording_is_is_refused(changed, match):
    """In one sentence, with what was found."""
    with pytest.raises(DataError, match=match) as found:
        by_variant(variants(**changed), "t.csv")
    assert "\n" not in str(found.value)


def test_a_table_without_kinds_is_refused():
    """A column of names alone does not say which wording is audited."""
    with pytest.raises(DataError, match="none variant_kind"):
        by_variant(variants().drop(columns="variant_kind"), "t.csv")


def test_a_wording_without_a_group_stands_for_itself():
    """Of the words of its kind."""
    found = by_variant(variants().drop(columns="variant_attribute"), "t.csv")

    assert len(found.base) == 1
    assert set(found.others["prompt_variant"]) == {"w", "m", "mon", "fri"}
    assert Phrase(name="w", kind="demographic").attribute == ""


def test_words_with_a_larger_sampling_error_are_not_said_to_move_further():
    """Words for sex that add noise to each image, and nothing to a population; neutral ones add less."""
    dataset, _ = cohort(np.random.default_rng(1))
    n_claims = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        base = rng.normal(size=len(dataset.images)) + (dataset.images[FINDING] == 1)
        female = (dataset.images["sex"] == "female").to_numpy()
        parts = [("", "base", "", "", base)]
        for topic in range(8):
            for word in range(6):
                noise = rng.normal(0, 0.05, base.size)
                parts.append(("neutral", f"n{topic}-{word}", f"t{topic}", f"w{word}", base + noise))
        for group in ("female", "male"):
            noise = rng.normal(0, 0.6, base.size) * female
            parts.append(("demographic", group, "sex", group, base + noise))
        scores = [
            pd.DataFrame(
                {
                    "image_id": dataset.images["image_id"],
                    "model": "m",
                    "prompt_set": "p",
                    "finding": FINDING,
                    "score": score,
                    "prompt_variant": name,
                    "variant_kind": kind,
                    "variant_attribute": attribute,
                    "variant_group": group,
                    "variant_years": -1,
                }
            )
            for kind, name, attribute, group, score in parts
        ]
        sources = of_tables(scores[0], pd.concat(scores[1:], ignore_index=True))
        rows = audit_wordings(dataset, sources, ["sex"], SETTINGS).results
        ratios = rows[
            rows["metric"].str.endswith("_ratio") & (rows["condition"] != "neutral words")
        ]
        n_claims += int((ratios["low"] > 1).any())

    assert n_claims <= 1


def test_words_that_are_one_group_are_not_said_to_be_alike(drawn):
    """'female' and 'f' are read as one: there is nothing to compare, whatever the scores are."""
    dataset, _, embedded = drawn
    kept = [
        w for w in embedded.wordings if w.phrase.kind == "neutral" or w.phrase.attribute == "sex"
    ]
    renamed = [
        replace(w, phrase=replace(w.phrase, group="f"))
        if w.phrase.kind == "demographic" and w.phrase.group == "male"
        else w
        for w in kept
    ]
    own = replace(embedded, wordings=tuple(renamed))

    found = audit_wordings(dataset, [of_embeddings(own, "p")], ["sex"], SETTINGS)

    assert found.facts[0]["compared"] == []
    assert found.facts[0]["single"] == ["sex"]
    assert found.facts[0]["alike"]["demographic"] == []


def test_words_for_groups_that_matter_are_named_where_neutral_words_change_nothing(drawn):
    """There is no ratio, and the size of the change is stated."""
    dataset, _, embedded = drawn
    (first, *_) = [w for w in embedded.wordings if w.phrase.kind == "neutral"]
    same = [
        replace(w, pair=replace(w.pair, direction=first.pair.direction))
        if w.phrase.kind == "neutral"
        else w
        for w in embedded.wordings
    ]
    own = replace(embedded, wordings=tuple(same))

    found = audit_wordings(dataset, [of_embeddings(own, "p")], ["sex"], SETTINGS)

    assert found.facts[0]["compared"] == []
    change, word = found.facts[0]["furthest"]
    assert change > 0.01
    assert word


def test_rows_that_contradict_the_base_are_refused():
    """Another label, or another patient, for the same image; blanks contradict nothing."""
    frame = pd.DataFrame(
        {
            "image_id": ["a", "b"] * 5,
            "edema": [1, 0] * 5,
            "pid": ["p", "q"] * 5,
            "score": 0.5,
            "prompt_variant": np.repeat(["base", "f", "m", "x", "y"], 2),
            "variant_kind": np.repeat(["base", *["demographic"] * 2, *["neutral"] * 2], 2),
            "variant_attribute": np.repeat(["", "sex", "sex", "day", "day"], 2),
            "variant_group": np.repeat(["", "female", "male", "Monday", "Tuesday"], 2),
        }
    )
    used = ["edema", "pid", "absent"]

    refuse_contradictions(by_variant(frame, "t.csv"), "image_id", used, "t.csv")
    blank = frame.astype({"edema": "Float64"})
    blank.loc[3, "edema"] = pd.NA
    refuse_contradictions(by_variant(blank, "t.csv"), "image_id", used, "t.csv")
    frame.loc[3, "edema"] = 1
    with pytest.raises(
        DataError, match=r"1 row with other wordings whose edema .* first of b: '1' and '0'"
    ):
        refuse_contradictions(by_variant(frame, "t.csv"), "image_id", used, "t.csv")
