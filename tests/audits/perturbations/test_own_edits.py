"""Edits of users are audited as the inserted drain is: with any controls, or none."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from cxraudit.audits.perturbations import audit_perturbations
from cxraudit.edits import CONTROL_OF
from cxraudit.errors import DataError
from cxraudit.schema import CONTROLS, NEGATIVES, OVERALL, UNEDITED, Reason, has_reason
from cxraudit.settings import AuditSettings
from planted import inserted, perturbed_scores, pick, planted_dataset, planted_table, the

SETTINGS = AuditSettings(n_resamples=300)
POINT = AuditSettings(n_resamples=0)


@pytest.fixture(scope="module")
def frame():
    """Images of 200 patients, none of which has a drain."""
    return planted_table(11, n_patients=200).assign(drain=0)


@pytest.fixture(scope="module")
def built_in(frame):
    """Scores of the drain and its controls, as cxraudit perturb makes them."""
    return perturbed_scores(frame, inserted(1.5, control=0.1))


def own(table, controls):
    """The same scores as own edits, with the controls of edits."""
    of = [controls.get(name, "") for name in table["perturbation"]]
    return table.assign(**{CONTROL_OF: of})


@pytest.fixture(scope="module")
def mine(built_in):
    """The same scores as own edits."""
    return own(built_in, dict.fromkeys(CONTROLS, "drain"))


def results(frame, table, settings=SETTINGS):
    """Results of an audit of perturbed images."""
    return audit_perturbations(planted_dataset(frame), table, settings=settings)


def change(found, condition, reference=UNEDITED, group=OVERALL):
    """The row of the mean change of the score for pneumothorax."""
    return the(
        found.results,
        metric="score_change",
        finding="Pneumothorax",
        attribute=OVERALL,
        group=group,
        condition=condition,
        reference=reference,
    )


def test_the_same_scores_give_the_same_rows_whoever_made_them(frame, built_in, mine):
    """All rows, with intervals, p-values and verdicts, of the drain by cxraudit and as an own edit."""
    expected, found = results(frame, built_in), results(frame, mine)

    pd.testing.assert_frame_equal(found.results, expected.results, rtol=0, atol=1e-12)
    pd.testing.assert_frame_equal(found.image_changes, expected.image_changes, rtol=0, atol=1e-12)
    assert [one.name for one in found.own_edits] == ["drain", *CONTROLS]
    assert expected.own_edits == ()


def test_an_edit_without_a_control_is_compared_with_unedited_images_only(frame, built_in):
    """No row claims more."""
    table = built_in[built_in["perturbation"].isin([UNEDITED, "drain"])]

    found = results(frame, own(table, {}))

    assert set(found.results["reference"]) == {"", UNEDITED}
    assert change(found, "drain")["verdict"] == "disparity"


def test_a_control_may_be_that_of_several_edits(frame, built_in):
    """Each has a row beyond it."""
    found = results(frame, own(built_in, {CONTROLS[0]: "*"}))

    for edit in ("drain", CONTROLS[1]):
        row = change(found, edit, CONTROLS[0])
        alone, other = change(found, edit), change(found, CONTROLS[0])
        assert row["value"] == pytest.approx(alone["value"] - other["value"], abs=1e-12)


def test_a_change_beyond_a_control_is_that_of_the_images_with_both(frame, mine):
    """By numpy, where a control was made of half the images."""
    half = set(frame["file"][::2])
    kept = mine[(mine["perturbation"] != CONTROLS[0]) | mine["image_id"].isin(half)]
    before = frame["score_Pneumothorax"].to_numpy()
    both = frame["file"].isin(half).to_numpy()

    def changes(name):
        scores = pick(mine, perturbation=name, finding="Pneumothorax")["score"]
        return (logit(scores.to_numpy()) - before) / before.std()

    row = change(results(frame, kept), "drain", CONTROLS[0])

    expected = (changes("drain") - changes(CONTROLS[0]))[both].mean()
    assert row["value"] == pytest.approx(expected, abs=1e-9)
    assert row["n"] == both.sum()


def test_a_control_of_other_images_is_not_compared_with(frame, mine):
    """There is no row, and no error."""
    half = set(frame["file"][::2])
    first = mine["image_id"].isin(half)
    kept = mine[
        (mine["perturbation"] == UNEDITED)
        | (first & (mine["perturbation"] == "drain"))
        | (~first & (mine["perturbation"] == CONTROLS[0]))
    ]

    found = results(frame, kept)

    assert set(found.results["reference"]) == {"", UNEDITED}


def test_standard_deviation_and_threshold_are_those_of_all_images(frame, mine):
    """Where only images without the finding were edited: flagged shares, too."""
    negative = set(frame.loc[frame["Pneumothorax"] == 0, "file"])
    kept = mine[(mine["perturbation"] == UNEDITED) | mine["image_id"].isin(negative)]
    kept = kept[kept["finding"] == "Pneumothorax"]

    some, every = results(frame, kept, POINT), results(frame, mine, POINT)

    assert change(some, "drain")["value"] == pytest.approx(
        change(every, "drain", group=NEGATIVES)["value"], abs=1e-12
    )
    share = {"metric": "fpr", "condition": "drain", "finding": "Pneumothorax", "reference": ""}
    assert the(some.results, **share)["value"] == the(every.results, **share)["value"]
    assert some.n_images == len(negative)


def test_equal_scores_are_a_change_of_exactly_zero(frame, mine):
    """A copy of the original."""
    same = mine[mine["perturbation"] == UNEDITED].assign(perturbation="copy")
    table = pd.concat([mine[mine["perturbation"] == UNEDITED], same])

    found = results(frame, table)

    assert (found.image_changes["change"] == 0).all()
    assert change(found, "copy")["value"] == 0


def test_an_image_that_was_edited_twice_counts_once_with_its_mean(frame, mine):
    """On the scale of log odds; a sample that changed no pixel is left out of it."""
    drain = mine["perturbation"] == "drain"
    again = mine[drain].assign(score=expit(logit(mine.loc[drain, "score"]) + 0.4))
    none = mine[drain].assign(score=np.nan)

    found = results(frame, pd.concat([mine, again, none]), POINT)

    spread = frame["score_Pneumothorax"].std(ddof=0)
    expected = change(results(frame, mine, POINT), "drain")
    row = change(found, "drain")
    assert row["value"] == pytest.approx(expected["value"] + 0.2 / spread, abs=1e-9)
    assert row["n"] == expected["n"]


def test_own_edits_and_perturbations_of_cxraudit_stand_beside_each_other(frame, built_in, mine):
    """Each is compared with its own unedited scores; one name is refused."""
    shifted = mine.assign(score=expit(logit(mine["score"]) + 1.0))
    renamed = {"drain": "a", CONTROLS[0]: "b", CONTROLS[1]: "c"}
    table = shifted.assign(
        perturbation=shifted["perturbation"].replace(renamed),
        **{CONTROL_OF: shifted[CONTROL_OF].replace(renamed)},
    )

    found = results(frame, pd.concat([built_in, table], ignore_index=True))

    row, other = change(found, "drain"), change(found, "a")
    assert row["value"] == pytest.approx(other["value"], abs=1e-9)
    with pytest.raises(DataError, match="is the name of an own edit and of"):
        results(frame, pd.concat([built_in, mine], ignore_index=True))


def test_an_edit_that_changed_no_pixel_of_any_image_has_no_value(frame, mine):
    """And one row that says so."""
    none = mine.assign(score=mine["score"].where(mine["perturbation"] == UNEDITED))

    found = results(frame, none)

    assert found.results["value"].isna().all()
    assert set(found.results["reasons"]) == {"NOT_APPLIED"}


def test_scores_that_are_the_same_numbers_show_nothing(frame, built_in):
    """An edit whose scores are those of the originals has no verdict, by any metric."""
    table = built_in[built_in["perturbation"].isin([UNEDITED, "drain"])]
    same = table[table["perturbation"] == UNEDITED].assign(perturbation="drain")
    table = pd.concat([table[table["perturbation"] == UNEDITED], same], ignore_index=True)

    found = results(frame, own(table, {})).results

    compared = pick(found, reference=UNEDITED)
    assert set(compared["metric"]) == {"score_change", "fpr", "tpr", "auroc"}
    assert set(compared["verdict"]) == {"inconclusive"}
    assert compared["low"].isna().all()
    assert has_reason(compared, Reason.IDENTICAL_SCORES).all()


@pytest.mark.parametrize("is_own", [True, False])
def test_rates_that_agree_in_few_patients_are_not_equal_for_certain(frame, is_own):
    """Of n patients none of whom is flagged otherwise, about 3 / n may be; of an area, too."""

    def lower(_, logits, __):
        """Move low scores, and none across a threshold or another."""
        return logits - 2e-5 * (logits < np.median(logits))

    table = perturbed_scores(frame, {("drain", 0): lower})
    if is_own:
        table = own(table, {})

    rows = pick(results(frame, table).results, reference=UNEDITED, finding="Pneumothorax")

    for metric in ("fpr", "tpr", "auroc"):
        for row in pick(rows, metric=metric, attribute=OVERALL).to_dict("records"):
            patients = frame[frame["Pneumothorax"] == (row["group"] != NEGATIVES)]["pid"]
            assert row["value"] == pytest.approx(0, abs=1e-12)
            assert row["high"] == pytest.approx(3.84 / (patients.nunique() + 3.84), rel=0.01)
            assert row["low"] == -row["high"]
