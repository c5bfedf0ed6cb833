"""Scores of edited images, as users have them: in any layout, with any mistake."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from cxraudit.audits.pair_scores import pair_scores
from cxraudit.audits.perturbations import audit_perturbations
from cxraudit.audits.perturbations.repeated import averaged
from cxraudit.audits.scores import scores_from_wide
from cxraudit.audits.suppression.tables import suppressed_facts
from cxraudit.edits import CONTROL_OF
from cxraudit.errors import ConfigError, CxrAuditError, DataError, UnknownNameError
from cxraudit.notices import as_records
from cxraudit.schema import OVERALL, UNEDITED, Reason, has_reason
from cxraudit.settings import AuditSettings
from cxraudit.stats.estimate import Verdict
from planted import pick, planted_dataset, planted_table

FINDING = "Pneumothorax"


@pytest.fixture(scope="module")
def frame():
    """Images of 30 patients."""
    return planted_table(5, n_patients=30)


@pytest.fixture(scope="module")
def dataset(frame):
    """Their data set."""
    return planted_dataset(frame)


@pytest.fixture(scope="module")
def scores(frame):
    """Scores of one finding."""
    columns = {FINDING: f"score_{FINDING}"}
    return scores_from_wide(frame, image="file", columns=columns, model="m")


@pytest.fixture
def pairs(frame):
    """One row per image and edit, with the score of one finding."""
    made = [
        pd.DataFrame(
            {
                "image_id": frame["file"],
                "edit": edit,
                CONTROL_OF: of,
                "finding": FINDING,
                "score": frame[f"score_{FINDING}"] + step,
            }
        )
        for edit, of, step in (("drain", "", 1.0), ("copy", "drain", 0.1))
    ]
    return pd.concat(made, ignore_index=True)


def sentences(found):
    """What is stated."""
    return " ".join(one.sentence for one in found.notices)


def test_edited_scores_stand_beside_those_of_all_originals(frame, dataset, scores, pairs):
    """With what each edit is the control of."""
    found = pair_scores(pairs.iloc[:10], dataset, scores)

    assert len(pick(found.frame, perturbation=UNEDITED)) == len(frame)
    edited = pick(found.frame, perturbation="drain")
    assert edited["score"].tolist() == pytest.approx(pairs["score"].iloc[:10].tolist())
    assert set(edited["model"]) == {"m"}
    assert set(edited["prompt_set"]) == set(scores["prompt_set"])


def test_controls_are_kept(dataset, scores, pairs):
    """As a name, and as true and false."""
    named = pair_scores(pairs, dataset, scores).frame
    flags = pairs.assign(control=pairs["edit"].eq("copy").map({True: "TRUE", False: ""}))
    flagged = pair_scores(flags.drop(columns=CONTROL_OF), dataset, scores).frame

    assert set(pick(named, perturbation="copy")[CONTROL_OF]) == {"drain"}
    assert set(pick(flagged, perturbation="copy")[CONTROL_OF]) == {"*"}
    assert set(pick(flagged, perturbation="drain")[CONTROL_OF]) == {""}


def test_columns_may_be_those_of_the_table_of_scores(frame, dataset, scores, pairs):
    """One row per edited image."""
    wide = frame.assign(edit="drain", **{f"score_{FINDING}": frame[f"score_{FINDING}"] + 1})
    columns = {FINDING: f"score_{FINDING}"}

    found = pair_scores(wide, dataset, scores, image="file", score=columns)

    expected = pair_scores(pick(pairs, edit="drain"), dataset, scores)
    pd.testing.assert_frame_equal(found.frame, expected.frame)


def test_other_names_of_columns_are_given(dataset, scores, pairs):
    """Any of them; a name that pairs do not have is refused."""
    renamed = pairs.rename(
        columns={"edit": "what", "image_id": "original", "score": "score_edited"}
    )

    found = pair_scores(renamed, dataset, scores, columns={"edit": "what"})

    pd.testing.assert_frame_equal(found.frame, pair_scores(pairs, dataset, scores).frame)
    with pytest.raises(UnknownNameError, match="colour"):
        pair_scores(pairs, dataset, scores, columns={"colour": "what"})


def test_the_one_finding_and_model_need_no_column(dataset, scores, pairs):
    """Where there are several, they have to be named."""
    plain = pairs.drop(columns="finding")
    two = pd.concat([scores, scores.assign(model="n")])

    assert len(pair_scores(plain, dataset, scores).frame) == 3 * len(scores)
    with pytest.raises(ConfigError, match="which of the 2 models"):
        pair_scores(pairs, dataset, two)
    assert set(pair_scores(pairs, dataset, two, model="n").frame["model"]) == {"n"}
    assert set(pair_scores(pairs.assign(model="n"), dataset, two).frame["model"]) == {"n"}
    other = pd.concat([scores, scores.assign(finding="Cardiomegaly")])
    with pytest.raises(ConfigError, match="which of the 2 findings"):
        pair_scores(plain, dataset, other)


def test_originals_may_have_scores_of_their_own(dataset, scores, pairs):
    """Which replace those of the table, with a notice; two of one image are refused."""
    own = pairs.assign(score_original=pairs["score"].where(pairs["edit"].eq("copy")) - 5)
    first = pairs["image_id"].iloc[0]

    found = pair_scores(own, dataset, scores)

    before = pick(found.frame, perturbation=UNEDITED).set_index("image_id")["score"]
    expected = pick(own, edit="copy").set_index("image_id")["score_original"]
    assert before[first] == pytest.approx(expected[first])
    assert "another score in score_original" in sentences(found)
    with pytest.raises(DataError, match="two scores as original"):
        pair_scores(own.assign(score_original=np.arange(len(own))), dataset, scores)


def test_ids_are_text(dataset, scores, pairs):
    """Zeros at the beginning count, and a message says so."""
    ids = dict(zip(dataset.images["image_id"], map("{:05d}".format, range(1000)), strict=False))
    numbered = replace(
        dataset, images=dataset.images.assign(image_id=dataset.images["image_id"].map(ids))
    )
    renamed = scores.assign(image_id=scores["image_id"].map(ids))
    plain = pairs.assign(image_id=pairs["image_id"].map(ids).str.lstrip("0").replace("", "0"))

    with pytest.raises(DataError, match="zeros at the beginning are part of an id"):
        pair_scores(plain, numbered, renamed)


def test_images_may_be_named_by_path(dataset, scores, pairs):
    """Of Windows, too; those that are no image of the data set are counted."""
    named = pairs.assign(image_id="C:\\data\\" + pairs["image_id"])
    named.loc[0, "image_id"] = "elsewhere.png"

    found = pair_scores(named, dataset, scores)

    assert len(pick(found.frame, perturbation="drain")) == len(scores) - 1
    assert "1 pair left out: the original is no image of the data set" in sentences(found)


def test_pairs_of_two_patients_are_left_out(frame, dataset, scores, pairs):
    """If all are, the column is another one."""
    patients = frame.set_index("file")["pid"].astype(str)
    own = pairs.assign(patient_id=pairs["image_id"].map(patients))
    own.loc[0, "patient_id"] = "someone else"

    found = pair_scores(own, dataset, scores)

    assert "1 pair left out: the edited image is of another patient" in sentences(found)
    with pytest.raises(DataError, match="no edited image is of the patient of its original"):
        pair_scores(own.assign(patient_id="x"), dataset, scores)


def test_what_a_reader_must_know_is_stated(dataset, scores, pairs):
    """Edits of one image, repeated ones, without controls, and without any change."""
    one = pairs.iloc[[0]].assign(edit="alone", **{CONTROL_OF: ""})
    again = pick(pairs, edit="drain").iloc[:4]
    same = pick(pairs, edit="copy").assign(edit="same", score=lambda t: t["score"] - 0.1)
    same = same.merge(
        scores[["image_id", "score"]].rename(columns={"score": "exact"}), on="image_id"
    )
    same = same.assign(score=same["exact"]).drop(columns="exact")

    told = sentences(pair_scores(pd.concat([pairs, one, again, same]), dataset, scores))

    assert "1 edit of one image only" in told
    assert "4 originals edited more than once" in told
    assert "without a control ('alone')" in told
    assert f"{len(same):,} of" in told
    assert "exactly the scores of the original" in told


def test_a_control_of_other_images_is_named(dataset, scores, pairs):
    """It cannot be compared with."""
    half = set(pairs["image_id"].iloc[:20])
    apart = pairs[pairs["image_id"].isin(half) == pairs["edit"].eq("drain")]

    assert "no image has both" in sentences(pair_scores(apart, dataset, scores))


HOSTILE = [
    (lambda t: t.drop(columns="edit"), "lacks the column edit"),
    (lambda t: t.drop(columns="image_id"), "lacks the column image_id"),
    (lambda t: t.drop(columns="score"), "has no scores"),
    (lambda t: t.iloc[:0], "has no rows"),
    (lambda t: t.assign(image_id=t["image_id"].where(t.index > 0)), "1 row without a value"),
    (lambda t: t.assign(edit=t["edit"].where(t.index > 0)), "1 row without a value"),
    (lambda t: t.assign(edit="unedited"), "which is what the originals are called"),
    (lambda t: t.assign(score="high"), "high"),
    (lambda t: t.assign(score=np.inf), "finite|infinite|inf"),
    (lambda t: t.assign(control="perhaps").drop(columns=CONTROL_OF), "holds 'perhaps'"),
    (lambda t: t.assign(control="1"), "say the same in two ways"),
    (lambda t: t.assign(control="1").drop(columns=CONTROL_OF), "every edit in .* is a control"),
    (lambda t: t.assign(finding="Nothing"), "the scores of the originals|of the originals"),
    (lambda t: t.assign(model="other"), "by 'other'"),
    (lambda t: t.assign(image_id="nowhere"), "no original in .* is an image of the data set"),
    (lambda t: t.assign(**{CONTROL_OF: "nobody"}), "every edit|no edit of the table"),
]


@pytest.mark.parametrize(("spoil", "message"), HOSTILE)
def test_mistakes_are_refused_with_what_is_wrong(dataset, scores, pairs, spoil, message):
    """By one sentence."""
    with pytest.raises(CxrAuditError, match=message):
        pair_scores(spoil(pairs), dataset, scores)


def test_runs_of_training_are_refused(dataset, scores, pairs):
    """They are averaged in an audit, and pairs have one score."""
    with pytest.raises(ConfigError, match="several training runs"):
        pair_scores(pairs, dataset, scores.assign(seed="1"))


@pytest.mark.parametrize("percent", ["pairs", "table"])
def test_scores_on_another_scale_are_refused(dataset, scores, pairs, percent):
    """Probabilities beside percentages, whichever of both they are."""
    probabilities = scores.assign(score=expit(scores["score"]))
    edited = pairs.assign(score=expit(pairs["score"]))
    if percent == "pairs":
        edited["score"] *= 100
    else:
        probabilities["score"] *= 100

    with pytest.raises(DataError, match=r"only one of both are between 0 and 1\. Give both on the"):
        pair_scores(edited, dataset, probabilities)


def test_scores_that_are_no_probabilities_may_lie_between_0_and_1(dataset, scores, pairs):
    """Similarities of which an edit makes one a little negative, and a few logits."""
    close = scores.assign(score=0.3 + 0.05 * np.tanh(scores["score"]))
    edited = pairs.assign(score=0.3 + 0.05 * np.tanh(pairs["score"]))
    edited.loc[0, "score"] = -0.01
    few = pairs.iloc[:2].assign(score=[0.2, 0.4])

    assert len(pair_scores(edited, dataset, close).frame)
    assert len(pair_scores(few, dataset, scores).frame)


def test_notices_name_no_edit_and_no_image_where_cells_are_hidden(dataset, scores, pairs):
    """Nor a count; which edit has one image is not said."""
    one = pairs.iloc[[0]].assign(edit="weird", **{CONTROL_OF: ""})
    odd = pd.concat([pairs, one, pairs.iloc[[1]].assign(image_id="1")])

    told = pair_scores(odd, dataset, scores).notices

    shown = suppressed_facts(
        {"tuning": {"patients": 99, "evaluated": 99}, "notes": [], "notices": as_records(told)}, 20
    )["notices"]
    text = " ".join(one["sentence"] for one in shown)
    assert "'weird'" in " ".join(one.sentence for one in told)
    assert "weird" not in text
    assert not any(letter.isdigit() for letter in text)
    assert "First" not in text
    assert all(set(one) == {"about", "count", "sentence"} for one in shown)


def test_names_of_originals_may_differ_in_case(dataset, scores, pairs):
    """As ``.PNG`` does, which masks are found by, too."""
    upper = pairs.assign(image_id=pairs["image_id"].str.upper())

    found = pair_scores(upper, dataset, scores)

    pd.testing.assert_frame_equal(found.frame, pair_scores(pairs, dataset, scores).frame)


def test_a_blank_cell_is_found_by_its_row(dataset, scores, pairs):
    """Below the header."""
    with pytest.raises(DataError, match="column 'edit', first row 3 below the header"):
        pair_scores(pairs.assign(edit=pairs["edit"].where(pairs.index != 2)), dataset, scores)


def as_probabilities(frame, scores, pairs, change=0.0):
    """Scores and pairs between 0 and 1, the edit changed by some log odds."""
    own = scores.assign(score=expit(scores["score"] - 4))
    shift = np.where(pairs["edit"] == "drain", change, 0.0)
    base = np.tile(frame[f"score_{FINDING}"].to_numpy(), 2)
    return own, pairs.assign(score=expit(base - 4 + shift))


def test_decisions_beside_probabilities_are_refused(frame, dataset, scores, pairs):
    """The log odds of a decision have no end: on either side."""
    own, made = as_probabilities(frame, scores, pairs)
    decided = made["score"].where(made["edit"] != "drain", (made["score"] > 0.1).astype(float))

    with pytest.raises(DataError, match=r"scores of the edit 'drain' .* are 0 and 1 alone"):
        pair_scores(made.assign(score=decided), dataset, own)
    with pytest.raises(DataError, match=r"scores of the originals .* are 0 and 1 alone"):
        pair_scores(made, dataset, own.assign(score=(own["score"] > 0.1).astype(float)))


@pytest.mark.parametrize("side", ["edited", "originals"])
def test_rounding_of_one_side_is_refused(frame, dataset, scores, pairs, side):
    """To two decimals, so that some are exactly 0; with the edit and their number."""
    own, made = as_probabilities(frame, scores, pairs)
    if side == "edited":
        made["score"] = made["score"].where(made["edit"] != "drain", made["score"].round(2))
        number = int((made["score"] == 0).sum())
    else:
        own["score"] = own["score"].round(2)
        number = int((own["score"] == 0).sum())
    assert number >= 5

    name = "edited by 'drain'" if side == "edited" else "of the originals of 'drain'"
    with pytest.raises(DataError, match=rf"{number} of .* {name} .* are exactly 0 or 1, and none"):
        pair_scores(made, dataset, own)


def test_rounding_of_both_sides_is_counted_and_bounded(frame, dataset, scores, pairs):
    """Probabilities of exactly 0 lie no further out than any other of the finding, of whichever edit."""
    own, made = as_probabilities(frame, scores, pairs)
    own, made = (one.assign(score=one["score"].round(2)) for one in (own, made))
    zeros = own.loc[own["score"] == 0, "image_id"]
    moved = made["image_id"].isin(zeros.iloc[:3])
    made.loc[moved, "score"] = 0.05
    made.loc[(made["edit"] == "drain") & (made["image_id"] == zeros.iloc[3]), "score"] = 0.001
    number = int((own["score"] == 0).sum() + (made["score"] == 0).sum())

    found = pair_scores(made, dataset, own)

    assert f"{number} scores of exactly 0 or 1" in sentences(found)
    changes = audit_perturbations(
        dataset, found.frame, settings=AuditSettings(n_resamples=0)
    ).image_changes
    of_moved = changes[changes["image_id"].isin(zeros.iloc[:3])]
    linear = logit(own["score"].clip(0.001))
    expected = (logit(0.05) - logit(0.001)) / linear.std(ddof=0)
    assert len(of_moved) == 6
    assert of_moved["change"].to_numpy() == pytest.approx(expected)


def test_samples_that_were_rounded_are_averaged_within_the_others():
    """An exact 0 beside 0.1 lies no further out than the least score."""
    row = {
        "image_id": "a",
        "model": "m",
        "prompt_set": "",
        "finding": FINDING,
        "severity": 0,
        CONTROL_OF: "",
    }
    table = pd.DataFrame(
        [
            row | {"perturbation": UNEDITED, "score": 0.01},
            row | {"perturbation": "drain", "score": 0.0},
            row | {"perturbation": "drain", "score": 0.01},
        ]
    )

    found = averaged(table)

    assert pick(found, perturbation="drain")["score"].tolist() == [pytest.approx(0.01)]


def test_coarser_scores_of_one_side_are_named(frame, dataset, scores, pairs):
    """Though none is exactly 0 or 1."""
    own, made = as_probabilities(frame, scores, pairs)
    own, made = (one.assign(score=0.3 + one["score"] / 3) for one in (own, made))
    assert "coarser" not in sentences(pair_scores(made, dataset, own))
    rounded = made["score"].where(made["edit"] != "drain", made["score"].round(2))

    told = sentences(pair_scores(made.assign(score=rounded), dataset, own))

    assert "1 edit whose scores of edited images are coarser" in told
    assert "'drain'" in told
    told = sentences(pair_scores(made, dataset, own.assign(score=own["score"].round(2))))
    assert "2 edits whose scores of originals are coarser" in told


@pytest.mark.parametrize(
    ("edit", "named"), [("drain", "'drain'"), ("copy", r"'copy' \(a control\)")]
)
def test_an_edit_without_scores_is_named(dataset, scores, pairs, edit, named):
    """Others have scores."""
    blank = pairs.assign(score=pairs["score"].where(pairs["edit"] != edit))

    with pytest.raises(
        DataError, match=rf"the edit {named} has no score: its {len(pairs) // 2} rows"
    ):
        pair_scores(blank, dataset, scores)


@pytest.mark.parametrize("by", [1e-7, -1e-9])
def test_an_edited_score_a_rounding_beyond_the_ends_changes_nothing(
    frame, dataset, scores, pairs, by
):
    """It would say that none of the others is a probability."""
    own, made = as_probabilities(frame, scores, pairs, 1.0)
    end = 0.0 if by < 0 else 1.0
    own.loc[own.index[:2], "score"] = end  # on both sides, since ends on one only are refused
    made.loc[made["image_id"].isin(own["image_id"].iloc[:2]), "score"] = end
    beyond = made.assign(score=made["score"].mask(made["score"] == end, end + by))

    found = pair_scores(beyond, dataset, own)

    pd.testing.assert_frame_equal(found.frame, pair_scores(made, dataset, own).frame)
    assert "4 scores beyond 0 or 1 by less than 1e-06" in sentences(found)


def test_an_original_a_rounding_beyond_the_ends_changes_nothing(frame, dataset, scores, pairs):
    """Also where scores are handed over, not read."""
    own, made = as_probabilities(frame, scores, pairs, 1.0)
    own.loc[own.index[0], "score"] = 1.0
    made.loc[made["image_id"] == own["image_id"].iloc[0], "score"] = 1.0
    beyond = own.assign(score=own["score"].mask(own["score"] == 1, 1 + 1e-9))

    found = pair_scores(made, dataset, beyond)

    pd.testing.assert_frame_equal(found.frame, pair_scores(made, dataset, own).frame)
    assert "1 score beyond 0 or 1 by less than 1e-06" in sentences(found)


def test_a_control_that_changes_nothing_is_noted(frame, dataset, scores, pairs):
    """Beside the change beyond it, which is the change alone."""
    same = frame[f"score_{FINDING}"].to_numpy()
    made = pairs.assign(score=pairs["score"].where(pairs["edit"] == "drain", np.tile(same, 2)))
    table = pair_scores(made, dataset, scores).frame

    result = audit_perturbations(dataset, table, settings=AuditSettings(n_resamples=50)).results

    beyond = pick(result, metric="score_change", reference="copy", group=OVERALL)
    assert beyond["note"].str.contains("left all scores the same numbers").all()


def test_few_scores_beyond_the_ends_are_named(frame, dataset, scores, pairs):
    """Where they lie further out than rounding: changes are those of scores as they are."""
    own, made = as_probabilities(frame, scores, pairs, 1.0)
    made.loc[0, "score"] = -0.01

    told = sentences(pair_scores(made, dataset, own))

    total = len(own) + len(made)
    assert f"1 of {total} scores for {FINDING} by 'm' beyond 0 or 1, first -0.01" in told
    assert "not taken for probabilities" in told
    assert "not taken for probabilities" not in sentences(pair_scores(pairs, dataset, scores))


def test_what_an_edit_has_no_score_of_is_named(frame, dataset, scores, pairs):
    """A finding of one edit, and of a control."""
    both = pd.concat([scores, scores.assign(finding="Cardiomegaly")], ignore_index=True)
    more = pd.concat([pairs, pairs.assign(finding="Cardiomegaly")], ignore_index=True)
    kept = more[~((more["edit"] == "copy") & (more["finding"] == "Cardiomegaly"))]
    blank = more.assign(score=more["score"].where(more.index.isin(kept.index)))

    for table in (kept, blank):
        told = sentences(pair_scores(table, dataset, both))
        assert "No score of the edit 'copy' for Cardiomegaly, though others have" in told
    assert f"{len(frame)} cells of scores of the edit 'copy' are blank" in told
    assert "No score of the edit" not in sentences(pair_scores(more, dataset, both))


def test_a_blank_finding_of_a_wide_table_is_all_of_them(frame, dataset, scores):
    """As in a table of files."""
    columns = {FINDING: f"score_{FINDING}", "Cardiomegaly": "other"}
    both = pd.concat([scores, scores.assign(finding="Cardiomegaly")], ignore_index=True)
    wide = frame.assign(edit="drain", other=frame[f"score_{FINDING}"])
    some = wide.assign(finding=[" "] * 5 + [FINDING] * (len(wide) - 5))

    found = pair_scores(some, dataset, both, image="file", score=columns).frame

    other = pick(found, perturbation="drain", finding="Cardiomegaly")
    assert other["image_id"].tolist() == frame["file"].iloc[:5].tolist()
    blank = wide.assign(finding=None)
    found = pair_scores(blank, dataset, both, image="file", score=columns).frame
    assert len(pick(found, perturbation="drain", finding="Cardiomegaly")) == len(frame)


def test_a_table_of_pairs_may_have_scores_of_some_findings(frame, dataset, scores):
    """A column of scores that it lacks is named; a table that has none of them is refused."""
    columns = {FINDING: f"score_{FINDING}", "Cardiomegaly": "none"}
    both = pd.concat([scores, scores.assign(finding="Cardiomegaly")], ignore_index=True)
    wide = frame.assign(edit="drain")

    found = pair_scores(wide, dataset, both, image="file", score=columns)

    assert set(pick(found.frame, perturbation="drain")["finding"]) == {FINDING}
    assert "no column none: edits are not compared for Cardiomegaly" in sentences(found)
    without = wide.drop(columns=f"score_{FINDING}")
    with pytest.raises(DataError, match="lacks"):
        pair_scores(without, dataset, both, image="file", score=columns)


def test_a_control_of_part_of_the_images_is_counted(frame, dataset, scores, pairs):
    """Both are compared on these."""
    part = pairs[(pairs["edit"] == "drain") | (pairs.index % 4 == 0)]
    number = int((part["edit"] == "copy").sum())

    told = sentences(pair_scores(part, dataset, scores))

    assert (
        f"'copy', the control of 'drain', is there for {number} of its {len(frame)} images" in told
    )
    assert "is there for" not in sentences(pair_scores(pairs, dataset, scores))


def test_scores_that_differ_by_rounding_are_the_same_numbers(frame, dataset, scores, pairs):
    """As those that are equal: nothing is shown."""
    verdicts = []
    for kind in (np.float64, np.float32):
        made = pairs.assign(score=np.tile(frame[f"score_{FINDING}"], 2).astype(kind).astype(float))
        table = pair_scores(made, dataset, scores).frame
        result = audit_perturbations(dataset, table, settings=AuditSettings(n_resamples=50)).results
        changes = pick(result, metric="score_change", reference=UNEDITED, group=OVERALL)
        assert has_reason(changes, Reason.IDENTICAL_SCORES).all()
        verdicts.append(changes["verdict"].tolist())
    assert verdicts[0] == verdicts[1]


def test_a_table_without_any_score_is_refused(dataset, scores, pairs):
    """By the name of its column."""
    with pytest.raises(DataError, match="has no score: every cell of score is blank"):
        pair_scores(pairs.assign(score=np.nan), dataset, scores)


def test_a_second_sample_without_scores_is_left_out(dataset, scores, pairs):
    """The first has them."""
    again = pd.concat([pairs, pairs.assign(score=np.nan)], ignore_index=True)

    found = pair_scores(again, dataset, scores)

    pd.testing.assert_frame_equal(found.frame, pair_scores(pairs, dataset, scores).frame)
    half = len(pairs) // 2
    assert f"{half} cells of scores of the edit 'drain' are blank" in sentences(found)
    assert "image" not in sentences(found)  # they have scores


def test_a_blank_column_of_originals_is_called_so(dataset, scores, pairs):
    """Not a table without rows."""
    with pytest.raises(DataError, match="column score_original is blank in every row"):
        pair_scores(pairs.assign(score_original=np.nan), dataset, scores)


def test_cells_are_counted_over_all_edits(dataset, scores, pairs):
    """Decimal commas of two edits, and originals that both edited twice."""
    commas = pairs.assign(score=[f"{one:.5f}".replace(".", ",") for one in pairs["score"]])
    assert f"{len(pairs)} values with a decimal comma" in sentences(
        pair_scores(commas, dataset, scores)
    )
    again = pd.concat([pairs, pairs], ignore_index=True)
    assert f"{pairs['image_id'].nunique()} originals edited more than once" in sentences(
        pair_scores(again, dataset, scores)
    )


def test_originals_that_hardly_vary_have_no_change(frame, dataset, scores, pairs):
    """Near 0.5 their log odds are near 0, beside which rounding varies: no value, no verdict."""
    rng = np.random.default_rng(0)
    own, made = as_probabilities(frame, scores, pairs, 1.0)
    table = pair_scores(made, dataset, own).frame
    flat = 0.5 + 1e-9 * rng.normal(size=len(table))
    table["score"] = table["score"].where(table["perturbation"] != UNEDITED, flat)

    result = audit_perturbations(dataset, table, settings=AuditSettings(n_resamples=50)).results

    changes = pick(result, metric="score_change", reference=UNEDITED, group=OVERALL)
    assert len(changes) == 2
    assert changes["value"].isna().all()
    assert set(changes["verdict"]) == {Verdict.UNDEFINED}
    assert has_reason(changes, Reason.CONSTANT_SCORES).all()
    assert changes["note"].str.contains("scores of the unedited images do not vary").all()


def test_originals_of_one_score_are_refused(frame, dataset, scores, pairs):
    """There is no standard deviation to measure a change by; nor of rounding."""
    rng = np.random.default_rng(0)
    for noise in (0.0, 1e-9):
        own = scores.assign(score=0.5 + noise * rng.normal(size=len(scores)))
        with pytest.raises(DataError, match=r"of all originals .* are 0\.5: changes"):
            pair_scores(pairs.assign(score=expit(pairs["score"])), dataset, own)


def test_columns_of_a_wide_table_that_name_finding_and_model_count(dataset, scores, pairs):
    """Each pair is about its finding; another model than that of the scores is refused."""
    wide = pairs.rename(columns={"score": "mine"})
    columns = {"score": {FINDING: "mine"}}

    found = pair_scores(wide.assign(finding=FINDING.upper()), dataset, scores, **columns)
    assert (found.frame["perturbation"] == "drain").sum() == len(pairs) / 2
    half = wide.assign(finding=np.where(np.arange(len(wide)) % 2, FINDING, "Edema"))
    found = pair_scores(half, dataset, scores, **columns)
    assert (found.frame["perturbation"] == "drain").sum() == len(pairs) / 4
    with pytest.raises(DataError, match=r"is about Edema .* and has scores of Pneumothorax"):
        pair_scores(wide.assign(finding="Edema"), dataset, scores, **columns)
    with pytest.raises(DataError, match=r"has a column model \(other\)"):
        pair_scores(wide.assign(model="other"), dataset, scores, **columns)
    pair_scores(wide.assign(model="m"), dataset, scores, **columns)
