"""What changed between two audits: equal to what each audit gives, and to a comparison of models."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxraudit import AuditSettings, audit, diff, table_dataset
from cxraudit.audits.changes import CHANGED, SIDE_COLUMNS, widening
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.schema import COMPLEMENT, KEY_COLUMNS, Analysis, Reason
from cxraudit.stats.estimate import Verdict

FINDINGS = ("Edema", "Pneumothorax")
SETTINGS = AuditSettings(n_resamples=200, n_threads=1)


def drawn(n_patients=150, *, seed=0, image="i", patient="p"):
    """Draw images with labels, groups and a drain; two per patient."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), 2)
    groups = {
        "sex": rng.choice(["female", "male"], n_patients)[patients],
        "site": rng.choice(["a", "b", "c"], n_patients)[patients],
    }
    return pd.DataFrame(
        {
            "image": [f"{image}{k}" for k in range(patients.size)],
            "patient": [f"{patient}{k}" for k in patients],
            "age": rng.integers(20, 90, n_patients)[patients],
            **groups,
            **{one: (rng.random(patients.size) < 0.4).astype(int) for one in FINDINGS},
            "drain": rng.choice(["yes", "no"], patients.size),
        }
    )


def scored(table, *, seed=0, worse=0.0, model="m"):
    """Score every finding; worse in female patients."""
    rng = np.random.default_rng([seed, 7])
    noise = rng.normal(size=(len(table), len(FINDINGS)))
    distance = 1.5 - worse * (table["sex"] == "female").to_numpy()
    return pd.concat(
        pd.DataFrame(
            {
                "image_id": table["image"],
                "model": model,
                "prompt_set": "none",
                "finding": finding,
                "score": table[finding] * distance + noise[:, k],
            }
        )
        for k, finding in enumerate(FINDINGS)
    )


def dataset(table, name="clinic"):
    """Return the images as a data set."""
    return table_dataset(
        table,
        name=name,
        root=".",
        image="image",
        patient="patient",
        findings={one: one for one in FINDINGS},
        age="age",
        sex="sex",
        attributes={"site": "site"},
        shortcuts={"drain": "drain"},
    )


def audited(table, settings=SETTINGS, name="clinic", attributes=None, **scores):
    """Audit drawn scores of a table."""
    return audit(
        dataset(table, name), scored(table, **scores), settings=settings, attributes=attributes
    )


@pytest.fixture(scope="module")
def table():
    """Draw the images that most tests are about."""
    return drawn()


@pytest.fixture(scope="module")
def releases(table):
    """Audit two releases of a model on the same images."""
    return audited(table), audited(table, seed=1, worse=0.9)


def keyed(results):
    """Index rows by what they are about, without the model and thresholds."""
    names = [name for name in KEY_COLUMNS if name not in ("model", "prompt_set", "at")]
    at = results["at"].where(results["analysis"] != Analysis.OPERATING_POINT)
    return results.assign(at=at.astype("str")).set_index([*names, "at"]).sort_index()


def test_both_sides_are_the_estimates_of_the_audits(releases):
    """Values and intervals of every row, levels and differences of all analyses."""
    found = keyed(diff(*releases).results)

    assert len(found) > 500
    assert set(found.index.get_level_values("analysis")) >= {
        Analysis.SUBGROUPS,
        Analysis.SHORTCUT,
        Analysis.STANDARDISED,
        Analysis.OPERATING_POINT,
        Analysis.DECISION_CURVE,
    }
    for side, audit_ in zip(("old", "new"), releases, strict=True):
        own = keyed(audit_.results).loc[found.index]
        for name, column in (("value", side), ("low", f"{side}_low"), ("high", f"{side}_high")):
            np.testing.assert_allclose(found[column], own[name], atol=1e-12)


def test_the_value_is_the_difference_of_both(releases):
    """Newer − older."""
    found = diff(*releases).results

    np.testing.assert_allclose(found["value"], found["new"] - found["old"], atol=1e-12)
    known = found["low"].notna()
    assert (found["low"] <= found["value"])[known].all()
    assert (found["value"] <= found["high"])[known].all()


def test_paired_changes_are_those_of_a_comparison_of_models(table, releases):
    """An audit of both models at once computes the same differences on the same resamples."""
    both = pd.concat([scored(table, model="a", seed=1, worse=0.9), scored(table, model="b")])
    together = audit(dataset(table), both, settings=SETTINGS).results
    models = together[(together["analysis"] == Analysis.MODELS) & (together["metric"] == "auroc")]
    changed = diff(*releases).results
    chosen = (changed["analysis"] == Analysis.SUBGROUPS) & (changed["metric"] == "auroc")
    gaps = changed["reference"] == COMPLEMENT
    whole = changed["attribute"] == ""
    here = changed[chosen & (gaps | whole)]
    about = ["finding", "attribute", "group"]

    merged = here.merge(models, on=about, suffixes=("", "_models"))

    assert len(merged) == len(here) == len(models)
    for name in ("value", "low", "high", "p_value", "n_patients"):
        np.testing.assert_allclose(merged[name], merged[f"{name}_models"], atol=1e-12)


def test_the_reverse_is_the_same_with_the_other_sign(releases):
    """A change back is as certain as the change."""
    there, back = keyed(diff(*releases).results), keyed(diff(*releases[::-1]).results)

    back = back.loc[there.index]
    np.testing.assert_allclose(there["value"], -back["value"], atol=1e-12)
    np.testing.assert_allclose(there["low"], -back["high"], atol=1e-9)
    assert list(there["verdict"]) == list(back["verdict"])


def test_nothing_changes_where_the_scores_are_the_same(releases):
    """Exactly, whatever the number of patients: every change is 0, and known to be."""
    found = diff(releases[0], releases[0])

    rows = found.results[np.isfinite(found.results["old"])]
    assert (rows["value"] == 0).all()
    assert set(rows.loc[rows["verdict"] != "", "verdict"]) == {Verdict.EQUIVALENT}
    assert rows["reasons"].str.contains(Reason.IDENTICAL_SCORES).all()
    assert found.differences.empty


def test_a_planted_loss_in_one_group_is_found():
    """A gap that was not there has changed, and widened."""
    table = drawn(600, seed=3)
    found = diff(audited(table), audited(table, worse=1.2)).results
    gap = found[
        (found["metric"] == "auroc")
        & (found["group"] == "female")
        & (found["reference"] != "")
        & (found["analysis"] == Analysis.SUBGROUPS)
    ]

    assert set(gap["verdict"]) == {CHANGED}
    assert (gap["value"] < -0.1).all()
    assert all(widening(dict(row))[0] > 0 for _, row in gap.iterrows())


def test_other_patients_are_independent():
    """The variance of the change of a gap is the sum of those of both gaps."""
    old = audited(drawn(seed=4, image="x", patient="q"), name="first")
    new = audited(drawn(seed=5), name="second")
    found = diff(old, new)

    rows = found.results[
        (found.results["metric"] == "auroc") & (found.results["attribute"] == "sex")
    ]
    rows = rows[(rows["analysis"] == Analysis.SUBGROUPS) & (rows["reference"] != "")]
    half = {n: (rows[f"{n}high"] - rows[f"{n}low"]) / 2 for n in ("", "old_", "new_")}
    assert found.facts["pairing"] == "other patients"
    np.testing.assert_allclose(half[""], np.hypot(half["old_"], half["new_"]), rtol=0.1)
    assert list(found.facts["datasets"]) == ["first", "second"]


def test_patients_of_the_same_name_have_to_be_explained():
    """Numbers that both sites use are no pairing."""
    old, new = audited(drawn(seed=4, image="x")), audited(drawn(seed=5))

    with pytest.raises(ConfigError, match="150 patient identifiers, such as p0, are in both"):
        diff(old, new)


def test_stated_other_patients_are_as_if_renamed():
    """What they are called decides nothing."""
    renamed = audited(drawn(seed=4, image="old/x", patient="old/p"))
    old, new = audited(drawn(seed=4, image="x")), audited(drawn(seed=5))

    stated = keyed(diff(old, new, patients="other").results)
    other = keyed(diff(renamed, new, patients="other").results)

    pd.testing.assert_frame_equal(stated.drop(columns="note"), other.drop(columns="note"))


def test_the_same_patients_with_other_images_are_not_independent():
    """Their patients are resampled together."""
    old, new = audited(drawn(seed=4, image="x")), audited(drawn(seed=5))

    found = diff(old, new, patients="same")

    assert found.facts["pairing"] == "same patients"
    assert found.facts["shared_patients"] == 150


def test_only_images_of_both_are_compared(table):
    """As if neither audit had had the others; how many is stated."""
    first, second = table.iloc[:260], table.iloc[40:]
    shared = table.iloc[40:260]

    def scores_of(part, **scores):
        kept = scored(table, **scores)
        return audit(dataset(part), kept[kept["image_id"].isin(part["image"])], settings=SETTINGS)

    partly = diff(scores_of(first), scores_of(second, seed=1))
    whole = diff(scores_of(shared), scores_of(shared, seed=1))

    pd.testing.assert_frame_equal(partly.results, whole.results)
    assert [one["count"] for one in partly.facts["notices"]] == [40, 40]


def test_images_of_another_patient_are_refused(table, releases):
    """The same name, and another patient: one of both is wrong."""
    other = audited(table.assign(patient=table["patient"].str.replace("p1", "r1")))

    with pytest.raises(DataError, match="images that are in both audits are of another patient"):
        diff(releases[0], other)


def test_labels_are_those_of_the_newer_audit(table):
    """And it is named how many differ."""
    relabelled = table.assign(Edema=table["Edema"].where(table.index >= 20, 1 - table["Edema"]))
    old = audited(table)
    new = audit(dataset(relabelled), scored(table), settings=SETTINGS)

    found = diff(old, new)

    rows = found.results[np.isfinite(found.results["value"])]
    assert (rows["value"] == 0).all()
    named = found.differences.set_index("what")["new"]
    assert named["labels of Edema"] == "20 of 300 images have another one"
    assert "groups of sex" not in named


def test_groups_are_those_of_the_newer_audit(table, releases):
    """And it is named how many images have another one."""
    new = audited(table.assign(site=table["site"].replace("c", "b")), seed=1)

    found = diff(releases[0], new)

    moved = int((table["site"] == "c").sum())
    named = found.differences.set_index("what")["new"]
    assert named["groups of site"] == f"{moved} of 300 images have another one"
    assert set(found.results.loc[found.results["attribute"] == "site", "group"]) == {"a", "b"}


def test_models_of_other_names_are_compared_where_there_is_one_each(table, releases):
    """The name is a difference of its own."""
    new = audited(table, seed=1, worse=0.9, model="m2")

    found = diff(releases[0], new)

    assert found.facts["models"] == {"m": "m2"}
    assert ("model", "name", "m", "m2") in set(found.differences.itertuples(index=False, name=None))
    pd.testing.assert_series_equal(found.results["low"], diff(*releases).results["low"])


def test_pairs_of_models_can_be_named(table, releases):
    """A model that is not there is named, with those that are."""
    new = audited(table, model="m2")

    assert diff(releases[0], new, models={"m": "m2"}).facts["models"] == {"m": "m2"}
    with pytest.raises(UnknownNameError, match="m3"):
        diff(releases[0], new, models={"m": "m3"})


def test_models_without_a_counterpart_are_named(table, releases):
    """What is not compared is said."""
    both = audit(
        dataset(table),
        pd.concat([scored(table), scored(table, model="z", seed=2)]),
        settings=SETTINGS,
    )

    found = diff(releases[0], both)

    assert ("model", "not compared", "none", "z") in set(
        found.differences.itertuples(index=False, name=None)
    )
    assert set(found.results["model"]) == {"m"}


def test_settings_are_those_of_the_newer_audit_and_named(table, releases):
    """Another margin is another question."""
    new = audited(table, replace(SETTINGS, margin=0.2, weight="patient"), seed=1)

    found = diff(releases[0], new)

    named = found.differences[found.differences["about"] == "settings"].set_index("what")
    assert named.loc["margin", "new"] == "0.2"
    assert named.loc["weight", "new"] == "patient"
    margins = found.results["margin"].dropna()
    assert 0.2 in set(margins)
    assert 0.05 not in set(margins)


def test_given_thresholds_stay_those_of_their_audits(table):
    """Each release is judged at its own threshold; the row names neither as if it were of both."""
    at = [
        audited(table, replace(SETTINGS, thresholds={"Edema": t}), seed=s)
        for t, s in ((0.5, 0), (1, 1))
    ]

    found = diff(*at).results

    tpr = found[
        (found["metric"] == "tpr") & (found["finding"] == "Edema") & (found["attribute"] == "")
    ]
    own = [
        one.results.query("metric == 'tpr' and finding == 'Edema' and attribute == ''")[
            "value"
        ].iloc[0]
        for one in at
    ]
    assert tpr[["old", "new"]].iloc[0].tolist() == pytest.approx(own, abs=1e-12)
    assert math.isnan(tpr["at"].iloc[0])
    assert "thresholds of 0.5 and 1" in tpr["note"].iloc[0]


def test_training_runs_are_compared_as_means(table):
    """The errors of the runs of both count."""
    old, new = (
        audit(
            dataset(table),
            pd.concat([scored(table, seed=s).assign(seed=f"s{s}") for s in seeds]),
            settings=SETTINGS,
        )
        for seeds in ((0, 1, 2), (3, 4, 5))
    )

    found = keyed(diff(old, new).results)

    own = keyed(new.results).loc[found.index]
    np.testing.assert_allclose(found["new"], own["value"], atol=1e-12)


def test_groups_of_one_audit_only_are_counted(table, releases):
    """A group that the other lacks has no change, and a reason; one that is planned for one is counted."""
    other = drawn(seed=5, image="x", patient="q")
    new = audited(other.assign(site=other["site"].replace("c", "b")), seed=1)

    found = diff(releases[0], new)

    rows = found.results[found.results["group"] == "c"]
    assert rows["value"].isna().all()
    assert set(rows["verdict"]) <= {"", Verdict.UNDEFINED}
    plain = rows[(rows["metric"] == "auroc") & (rows["analysis"] == Analysis.SUBGROUPS)]
    assert plain["reasons"].str.contains(Reason.NO_IMAGES).all()


def test_intersections_and_bins_are_compared(table):
    """What an audit derives from its columns is derived again."""
    settings = replace(SETTINGS, bins={"age": (50.0,)})
    old, new = (
        audited(table, settings, attributes=["sex", "age_group", "sex*site"], seed=s)
        for s in (0, 1)
    )

    found = diff(old, new).results

    assert {"sex*site", "age_group"} <= set(found["attribute"])
    assert "under 50" in set(found["group"])


def test_an_audit_without_its_scores_is_refused(table, releases):
    """Where small cells are hidden, and in folders of earlier versions."""
    hidden = audited(table, replace(SETTINGS, suppress_below=11))
    earlier = replace(releases[0], audited_scores=pd.DataFrame(), audited_images=pd.DataFrame())

    with pytest.raises(DataError, match="since small cells are hidden"):
        diff(releases[0], hidden)
    with pytest.raises(DataError, match="written by an earlier version"):
        diff(earlier, releases[0])


def test_no_finding_in_common_is_one_sentence(table, releases):
    """Both lists are named."""
    only = audit(
        dataset(table),
        scored(table).query("finding == 'Edema'"),
        settings=SETTINGS,
    )
    other = audit(
        dataset(table),
        scored(table).query("finding == 'Pneumothorax'"),
        settings=SETTINGS,
    )

    with pytest.raises(ConfigError, match="no finding is in both audits"):
        diff(only, other)
    assert set(diff(only, releases[0]).results["finding"]) == {"Edema"}


def test_the_order_of_tables_decides_nothing(table, releases):
    """Shuffled rows give the same changes."""
    mixed = table.sample(frac=1, random_state=0)
    shuffled = audit(
        dataset(mixed), scored(table).sample(frac=1, random_state=1), settings=SETTINGS
    )

    pd.testing.assert_frame_equal(diff(shuffled, releases[1]).results, diff(*releases).results)


def test_saved_audits_give_the_same(releases, tmp_path):
    """What is kept in a folder is all that is needed."""
    from cxraudit import open_audit

    saved = [
        open_audit(one.save(tmp_path / name)) for one, name in zip(releases, "ab", strict=True)
    ]

    pd.testing.assert_frame_equal(diff(*saved).results, diff(*releases).results)


def sides(old, new, change, *, old_error=0.02, new_error=0.02, change_error=0.01):
    """Return a row of a gap that changed, by its estimates and the half-widths of their intervals."""
    return {
        "old": old,
        "old_low": old - old_error,
        "old_high": old + old_error,
        "new": new,
        "new_low": new - new_error,
        "new_high": new + new_error,
        "low": change - change_error,
        "high": change + change_error,
    }


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (0.06, 0.10, (0.03, 0.05)),
        (0.10, 0.06, (-0.05, -0.03)),
        (0.10, 0.10, (-0.01, 0.01)),
        (0.00, 0.00, (-math.sqrt(15) / 100, 0.01)),
        (0.00, 0.10, (0.10 - math.sqrt(15) / 100, 0.11)),
        (0.05, -0.05, (-math.sqrt(15) / 100, math.sqrt(15) / 100)),
    ],
)
def test_how_far_a_gap_has_widened(old, new, expected, sign):
    """Whichever side it was on: by the change where the side is known, else also by the sum."""
    row = sides(sign * old, sign * new, sign * (new - old))

    assert widening(row) == pytest.approx(expected)


def test_the_limits_of_a_widening_cover():
    """Each in at least 95 % of cases, for gaps on either side of 0 and at it, of correlated estimates."""
    rng = np.random.default_rng(0)
    for old, new in ((0.0, 0.0), (0.0, 0.05), (0.05, 0.0), (0.02, -0.05), (0.1, 0.12), (0.01, 0.0)):
        both = rng.multivariate_normal([old, new], 0.02**2 * np.array([[1, 0.7], [0.7, 1]]), 4000)
        reach = 1.96 * 0.02
        limits = np.array(
            [
                widening(
                    sides(
                        a,
                        b,
                        b - a,
                        old_error=reach,
                        new_error=reach,
                        change_error=reach * math.sqrt(0.6),
                    )
                )
                for a, b in both
            ]
        )
        true = abs(new) - abs(old)

        assert np.mean(limits[:, 0] <= true) > 0.94
        assert np.mean(limits[:, 1] >= true) > 0.94


def test_a_missing_interval_gives_no_limits():
    """NaN, and no wrong number."""
    row = dict.fromkeys(("low", "high", *SIDE_COLUMNS), 0.1) | {"old_low": math.nan}

    assert all(map(math.isnan, widening(row)))


def test_images_that_share_names_by_chance_are_refused():
    """Two sites that number images and patients alike: nothing else agrees."""
    old, new = audited(drawn(seed=4)), audited(drawn(seed=5))

    with pytest.raises(ConfigError, match="agree no better than those of different images"):
        diff(old, new)
    stated = diff(old, new, patients="other")
    assert stated.facts["pairing"] == "other patients"
    assert "300 images of the same name" in stated.facts["notices"][0]["sentence"]
    assert diff(old, new, patients="same").facts["pairing"] == "same images"


@pytest.mark.parametrize(("first", "second"), [((0, 1, 2), (3, 4)), ((0,), (3, 4, 5))])
def test_other_numbers_of_training_runs_are_compared_and_named(table, first, second):
    """Runs of two releases are other runs, and the error of a single run is not known."""
    old, new = (
        audit(
            dataset(table),
            pd.concat([scored(table, seed=s).assign(seed=f"s{s}") for s in seeds]),
            settings=SETTINGS,
        )
        for seeds in (first, second)
    )

    found = diff(old, new)

    assert found.results["value"].notna().any()
    sentence = next(
        one["sentence"] for one in found.facts["notices"] if "training run" in one["sentence"]
    )
    assert f"{len(first)} training run" in sentence
    assert ("The error of a single run" in sentence) == (len(first) == 1)


def test_runs_of_two_releases_are_independent(table):
    """The error of the mean of either counts, also if both have as many runs."""
    runs = [
        pd.concat([scored(table, seed=s).assign(seed=f"s{s}") for s in seeds])
        for seeds in ((0, 1, 2), (3, 4, 5))
    ]
    old, new = (audit(dataset(table), one, settings=SETTINGS) for one in runs)

    rows = diff(old, new).results
    row = rows[(rows["metric"] == "auroc") & (rows["attribute"] == "")].iloc[0]

    same = diff(old, old).results
    assert row["high"] - row["low"] > 0.01
    assert (same.loc[same["value"].notna(), "value"] == 0).all()


def test_two_models_cannot_be_compared_with_one(table, releases):
    """Their rows could not be told apart."""
    both = audit(
        dataset(table),
        pd.concat([scored(table), scored(table, model="z", seed=2)]),
        settings=SETTINGS,
    )

    with pytest.raises(ConfigError, match="two models are to be compared with m"):
        diff(both, releases[0], models={"m": "m", "z": "m"})


def test_other_sampling_weights_are_named(table):
    """They change what is estimated."""
    settings = replace(SETTINGS, sampling_weight="w")

    def weighted(weights):
        frame = table.assign(w=weights)
        data = table_dataset(
            frame,
            name="clinic",
            root=".",
            image="image",
            patient="patient",
            findings={one: one for one in FINDINGS},
            sex="sex",
            sampling_weight="w",
        )
        return audit(data, scored(table), settings=settings)

    one = weighted(1.0 + (table.index % 2))
    named = diff(one, weighted(1.0 + (table.index % 3))).differences
    scaled = diff(one, weighted(5.0 + 5 * (table.index % 2))).differences

    assert "sampling weights (w)" in set(named["what"])
    assert "sampling weights (w)" not in set(scaled["what"])


def test_an_attribute_that_is_lost_is_named(table):
    """A newer audit of one sex only leaves nothing to compare by sex."""
    women = table[table["sex"] == "female"].reset_index(drop=True)

    found = diff(audited(table), audited(women, seed=1))

    assert any("sex" in f"{one['about']} {one['sentence']}" for one in found.facts["notices"])


def test_what_only_one_audit_estimates_is_named_by_analysis(table, releases):
    """Constant scores have no calibration and no net benefit."""
    constant = scored(table).assign(score=0.0)
    new = audit(dataset(table), constant, settings=SETTINGS)

    found = diff(releases[0], new)

    sentences = [
        one["sentence"] for one in found.facts["notices"] if one["about"] == "the older audit"
    ]
    assert any("calibration (" in sentence for sentence in sentences)


def test_one_question_has_the_error_rate_for_itself(releases):
    """What is not compared is in no row, estimates are the same, and the p-value is adjusted for fewer."""
    whole = keyed(diff(*releases).results)
    found = diff(*releases, findings=["Edema"], attributes=["sex"], metrics=["auroc"]).results

    own = keyed(found)
    assert set(found["finding"]) == {"Edema"}
    assert set(found["attribute"]) == {"", "sex"}
    assert set(found["metric"]) == {"auroc"}
    np.testing.assert_allclose(own["low"], whole.loc[own.index, "low"])
    adjusted = own["p_adjusted"].dropna()
    assert (adjusted <= whole.loc[adjusted.index, "p_adjusted"]).all()
    with pytest.raises(UnknownNameError, match="sxe"):
        diff(*releases, attributes=["sxe"])
