"""Scores of edited images, as users have them: in any layout, with any mistake."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from cxraudit.audits.pair_scores import pair_scores
from cxraudit.audits.perturbations.counterfactual import on_linear_scale
from cxraudit.audits.scores import scores_from_wide
from cxraudit.audits.suppression.tables import suppressed_facts
from cxraudit.edits import CONTROL_OF
from cxraudit.errors import ConfigError, CxrAuditError, DataError, UnknownNameError
from cxraudit.notices import as_records
from cxraudit.schema import UNEDITED
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


def test_rounding_is_counted_and_makes_no_effect(frame, dataset, scores, pairs):
    """Probabilities of exactly 0 lie no further out than the others do."""
    own, made = as_probabilities(frame, scores, pairs)
    rounded = made["score"].where(made["edit"] != "drain", made["score"].round(2))
    assert (rounded == 0).sum() >= 5

    found = pair_scores(made.assign(score=rounded), dataset, own)

    assert f"{int((rounded == 0).sum())} scores of exactly 0 or 1" in sentences(found)
    both = np.stack(
        [
            pick(found.frame, perturbation=name).sort_values("image_id")["score"].to_numpy()
            for name in (UNEDITED, "drain")
        ]
    )
    before, after = on_linear_scale(both)
    assert abs((after - before).mean()) < 0.35 * before.std()


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
