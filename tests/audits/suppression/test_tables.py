"""Small numbers beside the results: filters, exclusions, notices."""

import pandas as pd
import pytest

from cxraudit.audits.suppression.counted import Counted
from cxraudit.audits.suppression.tables import (
    shown_steps,
    suppressed_exclusions,
    suppressed_facts,
    suppressed_flow,
    suppressed_text,
)
from cxraudit.errors import NotAppliedError
from cxraudit.notices import PERTURBED_IMAGES
from cxraudit.schema import EXCLUSION_COLUMNS, FLOW_COLUMNS, typed_frame
from cxraudit.workspace import run

BELOW = 11


def flow_of(*remaining: int) -> pd.DataFrame:
    """Return a flow in which images, studies and patients are the same numbers."""
    rows = []
    for number, left in enumerate(remaining):
        out = remaining[number - 1] - left if number else 0
        counts = {f"{name}_out": out for name in ("images", "studies", "patients")}
        counts |= dict.fromkeys(("images", "studies", "patients"), left)
        rows.append({"step": f"s{number}", "reason": "r", **counts})
    return typed_frame(rows, FLOW_COLUMNS)


@pytest.mark.parametrize(
    "remaining",
    [
        [500, 500],
        [500, 480],
        [500, 497],
        [500, 497, 477],
        [500, 480, 477],
        [500, 480, 477, 474, 471],
        [500, 495, 495, 470, 470, 469],
        [20, 19, 18, 17, 16],
        [500, 489, 478],
    ],
)
def test_what_a_filter_left_out_does_not_follow_from_what_remained(remaining):
    """Neither step by step nor over several steps; the last number is always there."""
    flow = suppressed_flow(flow_of(*remaining), BELOW)

    known = flow["images"].dropna().tolist()
    assert known[-1] == remaining[-1]
    for k, first in enumerate(known):
        for second in known[k + 1 :]:
            assert not 0 < first - second < BELOW
    shown = flow["images_out"].dropna()
    assert not shown.between(1, BELOW - 1).any()
    for number in shown.index[1:]:
        assert shown[number] == remaining[number - 1] - remaining[number]


def test_steps_that_leave_out_enough_are_shown():
    """Only the small one, and one more with it, is hidden."""
    assert shown_steps([500, 400, 397, 300], BELOW) == [True, False, True, True]


def test_exclusions_hide_what_counts_of_results_would_give():
    """Without a label, without a score, and by a filter."""
    flow = suppressed_flow(flow_of(500, 400, 397, 300), BELOW)
    names = [
        "s1",
        "s2",
        "s3",
        "labelled: A",
        "labelled: B",
        "scored: m, A",
        "scored: m, B",
        "known",
    ]
    numbers = [100, 3, 97, 40, 45, 30, 12, 4]
    exclusions = typed_frame(
        [
            {"step": name, "images": n, "patients": n, "reason": "r"}
            for name, n in zip(names, numbers, strict=True)
        ],
        EXCLUSION_COLUMNS,
    )
    counted = Counted(labelled={"A"}, overall={("m", "A"), ("m", "B")})

    found = suppressed_exclusions(exclusions, flow, counted, BELOW)

    assert found["step"].tolist() == names
    assert found["images"].fillna(-1).tolist() == [-1, -1, 97, 40, -1, 30, -1, -1]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "13 values of sex are unknown: 'u' (9), '1*' (4).",
            "13 values of sex are unknown: 'u', '1*'.",
        ),
        ("3 images have an impossible age.", "Some images have an impossible age."),
        ("Nearly black (2 images: a.png, b.png).", "Nearly black."),
        ("1,204 labels are predictions (sensitivity 0.91).", "1,204 labels are predictions."),
        ("Grey, 224 × 224 (bilinear).", "Grey, 224 × 224."),
        ("Uncertain (-1) counts as absent.", "Uncertain counts as absent."),
        ("Displaced by more than 2 % of 3 sides.", "Displaced by more than 2 % of some sides."),
        ("A 95 % interval; ages of 90+ are 90.", "A 95 % interval; ages of 90+ are 90."),
        ("Column 'age_5' has 7 blanks.", "Column 'age_5' has some blanks."),
        ("1 row repeated in the table.", "Some rows repeated in the table."),
        ("1 edited image has no score.", "Some edited images have no score."),
        ("1 study is left out.", "Some studies are left out."),
        ("3 of 202 embeddings have no image.", "Some embeddings have no image."),
        ("3 of the 400 images are lateral.", "Some images are lateral."),
        ("3 of 8 Images are lateral.", "Some Images are lateral."),
        (
            "Fewer for it: fewer than 10 training patients.",
            "Fewer for it: fewer than 10 training patients.",
        ),
        ("Used for all 4 images.", "Used for all images."),
        ("2 masks are left out (2: a(1), b (c)).", "Some masks are left out."),
        ("2 images without an ID, left out, first a.dcm.", "Some images without an ID, left out."),
        (
            "2 images of other patients, first study s.1; the patient is known.",
            "Some images of other patients; the patient is known.",
        ),
        ("Several windows; the first was used.", "Several windows; the first was used."),
    ],
)
def test_sentences_lose_small_numbers_and_lists(text, shown):
    """Values and examples stand in parentheses; percentages and sizes stay."""
    assert suppressed_text(text, BELOW) == shown


def test_sentences_name_no_image():
    """Whatever an identifier looks like; the counts of a sentence stay, and a list of names goes whole."""
    known = {"00000001_000.png", "1.2.840.7", "jane 2", "12", "123456"}

    text = "12 reports without an embedding: that of 00000001_000.png is too long; see '1.2.840.7', jane 2, 123456."

    assert suppressed_text(text, BELOW, known) == (
        "12 reports without an embedding: that of … is too long; see '…', …, …."
    )
    assert suppressed_text("4 images are left out. First: a.png, b.png, c.png, d.png.", BELOW) == (
        "Some images are left out."
    )
    assert suppressed_text("3 of 200 images have no score.", BELOW) == "Some images have no score."


def test_notices_that_differ_in_what_is_hidden_are_one():
    """As many equal sentences as there are hidden values would count them."""
    notices = [
        {"about": "masks", "count": n, "sentence": f"{n} masks have no quality. First: {n}.png."}
        for n in (1, 2, 3)
    ]
    tuning = {"held_out": True, "patients": 100, "evaluated": 60}

    found = suppressed_facts({"tuning": tuning, "notes": [], "notices": notices}, BELOW)

    assert [one["sentence"] for one in found["notices"]] == ["Some masks have no quality."]


def test_facts_lose_small_counts():
    """Of notices, of perturbed images, and of tuning patients, whose number gives that of the others."""
    facts = {
        "tuning": {"held_out": True, "patients": 9, "evaluated": 60},
        "perturbed": {"images": 5},
        "notes": ["3 images have no age."],
        "notices": [{"about": "sex", "count": 2, "sentence": "2 values are unknown: 'u' (2)."}],
    }

    found = suppressed_facts(facts, BELOW)

    assert found["tuning"] == {"held_out": True, "patients": None, "evaluated": None}
    assert found["perturbed"] == {"images": None}
    assert found["notes"] == ["Some images have no age."]
    assert found["notices"][0]["count"] is None
    assert found["notices"][0]["sentence"] == "Some values are unknown: 'u'."


@pytest.mark.parametrize("count", [1, 97, 150, 193, 202])
def test_no_count_of_perturbed_images_is_left(count):
    """Sets that perturbations apply to lie within each other; their differences can be small."""
    sentence = f"control was not applied to {count} images, which are left out: no room. First: a."
    facts = {
        "images": 400,
        "patients": 300,
        "tuning": {"held_out": True, "patients": 100, "evaluated": 60},
        "perturbed": {"images": 203},
        "notes": [],
        "notices": [{"about": PERTURBED_IMAGES, "count": count, "sentence": sentence}],
    }

    (found,) = suppressed_facts(facts, BELOW)["notices"]

    assert found["count"] is None
    assert "not applied to some image" in found["sentence"]


@pytest.mark.parametrize(
    ("count", "left"), [(1, False), (40, True), (289, True), (290, False), (399, False)]
)
def test_a_count_that_leaves_few_images_or_patients_is_hidden(count, left):
    """Of 400 images of 300 patients."""
    facts = {
        "images": 400,
        "patients": 300,
        "tuning": {"held_out": True, "patients": 100, "evaluated": 60},
        "perturbed": {"images": 395},
        "notes": [],
        "notices": [{"about": "sex", "count": count, "sentence": f"{count} values are unknown."}],
    }

    found = suppressed_facts(facts, BELOW)

    assert (str(count) in found["notices"][0]["sentence"]) == left
    assert (found["notices"][0]["count"] == count) == left
    assert found["perturbed"] == {"images": None}


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (
            "the quality of its masks (Dice RCA (Mean)) is below 0.7",
            "(Dice RCA (Mean)) is below 0.7.",
        ),
        ("the mask has another shape than the image: 9 × 7 and 8 × 8 pixels", "than the image."),
        (
            "the mask of the region 'heart' cannot be read: a_heart.png is missing",
            "cannot be read.",
        ),
    ],
)
def test_of_perturbations_that_do_not_apply_neither_images_nor_their_sizes_are_left(reason, shown):
    """Nor as many dots as there are images."""
    found = {"perturbation": "without-x", "reason": f"{NotAppliedError.PREFIX}{reason}."}
    notice = run._not_applied_to(found | {"count": 3, "images": ["a.png", "b.png", "c.png"]})

    assert "a.png, b.png, c.png" in notice.sentence
    assert notice.hidden.startswith("without-x was not applied to some images")
    assert notice.hidden.endswith(shown)
    assert "…" not in notice.hidden
