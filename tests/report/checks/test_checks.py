"""Checks: what makes an audit weaker than it looks, each with a code."""

import re

import pandas as pd
import pytest
from example_audit import by_sex, example, overall, planted_audit, row, shortcut_rows

from cxraudit.report import checks
from cxraudit.report.checks import CHECKS, State, run_checks
from cxraudit.schema import UNKNOWN, Analysis
from cxraudit.settings import AuditSettings


def check(code: str, *rows, **changed):
    """What one check finds in an audit of some rows."""
    found = {one.code: one for one in run_checks(example(*(rows or (overall(),)), **changed))}
    return found[code]


def test_every_check_has_its_code_and_a_sentence():
    """Codes are those of the modules, in order; details end in a full stop."""
    found = run_checks(planted_audit())

    assert [one.code for one in found] == [
        module.__name__.rpartition(".")[2].upper() for module in CHECKS
    ]
    for one in found:
        assert re.fullmatch(r"CXA\d{3}", one.code)
        assert one.detail.endswith(".")


def test_a_new_check_is_one_module_and_one_line(monkeypatch):
    """A module with check(), added to CHECKS, is run."""

    class Added:
        check = staticmethod(lambda audit: checks.Check("CXA999", "New", State.OK, "Fine."))

    monkeypatch.setattr(checks, "CHECKS", (*CHECKS, Added))

    assert run_checks(example(overall()))[-1].code == "CXA999"


@pytest.mark.parametrize(
    "reason", ["NO_POSITIVES", "NO_NEGATIVES", "NO_IMAGES", "TOO_FEW_PATIENTS"]
)
def test_cxa001_counts_groups_with_too_few_patients(reason):
    """By the reasons of their levels; the unknown group and the prevalence curve do not count."""
    few = row(Analysis.SUBGROUPS, 0.8, attribute="sex", group="female", reasons=reason)
    unknown = few | {"group": UNKNOWN}
    curve = row(Analysis.SHORTCUT_PREVALENCE, 0.8, attribute="drain", at=1.0, reasons=reason)

    assert check("CXA001", overall(), few).state == State.ATTENTION
    assert "1 group of" in check("CXA001", overall(), few, few | {"metric": "xauc"}).detail
    assert check("CXA001", overall(), unknown, curve).state == State.OK


def test_cxa001_reads_no_notes():
    """A note on something else is no reason."""
    noted = row(Analysis.SUBGROUPS, 0.8, attribute="sex", group="female", note="no positives")

    assert check("CXA001", overall(), noted).state == State.OK


def test_cxa002_names_unknown_groups():
    """With their images."""
    unknown = row(Analysis.SUBGROUPS, 0.8, attribute="age_group", group=UNKNOWN, n=1234)

    assert check("CXA002", overall(), unknown).detail == "age unknown: 1,234 images."
    assert check("CXA002").state == State.OK


def test_cxa003_names_inverted_scores():
    """Below chance over all patients."""
    assert check("CXA003", overall(0.2)).detail == "Ranked below chance: m: Pneumothorax."
    assert check("CXA003").state == State.OK


def test_cxa004_compares_training_data_with_the_data_set():
    """The origin of synthetic radiographs counts, and so do names in other letters."""
    truth = {"truth": {"origin": "phantom:seed=1", "planted": {}}}

    def state(*names, facts=None):
        manifest = {"cards": {"m": {"trained_on": list(names)}}}
        return check("CXA004", manifest=manifest, facts=facts or {}).state

    assert state("toy") == state("other", "TOY") == State.ATTENTION
    assert state("phantom:seed=1") == state() == State.OK
    assert state("phantom:seed=1", facts=truth) == State.ATTENTION


@pytest.mark.parametrize(
    "cards", [{}, {"m": {"trained_on": None}}, {"m": {}}, {"another": {"trained_on": []}}]
)
def test_cxa004_never_takes_what_is_not_known_for_no_overlap(cards):
    """Without a card, or with one that does not say; the way to state it is given."""
    found = check("CXA004", manifest={"cards": cards})

    assert found.state == State.UNKNOWN
    assert "Not known what it was trained on: m." in found.detail
    assert "--trained-on" in found.detail


@pytest.mark.parametrize(
    ("by_card", "stated", "state"),
    [
        (None, "none", State.OK),
        (None, "other, other: more", State.OK),
        (None, ["other", "toy"], State.ATTENTION),
        (None, "other,toy", State.ATTENTION),
        (["toy"], "none", State.ATTENTION),
        (["other"], "Toy", State.ATTENTION),
        ([], "other", State.OK),
    ],
)
def test_cxa004_adds_what_the_user_states_to_the_card(by_card, stated, state):
    """It never takes anything from the card."""
    found = check(
        "CXA004",
        manifest={"cards": {"m": {"trained_on": by_card}}},
        facts={"settings": AuditSettings(trained_on={"m": stated}).recorded()},
    )

    assert found.state == state


@pytest.mark.parametrize(
    ("data", "trained_on", "images_from", "state", "said"),
    [
        ("nih-cxr14", ["ChestX-ray14"], "", State.ATTENTION, "Trained on nih-cxr14: m."),
        ("nih-cxr14", ["NIH"], "", State.ATTENTION, "Trained on nih-cxr14: m."),
        ("nih-cxr14", ["NIH Chest X-rays (v2.0)"], "", State.ATTENTION, "Trained on nih-cxr14: m."),
        ("mimic-cxr", ["MIMIC-CXR-JPG v2.1.0"], "", State.ATTENTION, "Trained on mimic-cxr: m."),
        ("nih-cxr14", ["mimic-cxr"], "", State.OK, "no model was trained on nih-cxr14"),
        ("nih-cxr14", ["our archive"], "", State.UNKNOWN, "does not know: m ('our archive')"),
        ("nih-cxr14", ["other: our archive"], "", State.OK, "no model was trained on nih-cxr14"),
        ("labels", ["nih-cxr14"], "", State.UNKNOWN, "Whether the images of 'labels' are from it"),
        ("labels", ["nih-cxr14"], "NIH", State.ATTENTION, "Trained on NIH: m."),
        ("labels", ["nih-cxr14"], "none", State.OK, "no model was trained on labels"),
        ("labels", ["nih-cxr14"], "chexpert", State.OK, "no model was trained on chexpert"),
        ("labels", [], "", State.OK, "no model was trained on labels"),
        ("labels", ["other medical images"], "", State.OK, "no model was trained on labels"),
        ("NIH_test", ["NIH_test"], "", State.ATTENTION, "Trained on NIH_test: m."),
    ],
)
def test_cxa004_never_takes_another_way_to_write_a_name_for_other_data(
    data, trained_on, images_from, state, said
):
    """Nor a table of images of unknown origin for a data set of its own."""
    facts = {
        "dataset": {"name": data},
        "settings": AuditSettings(images_from=images_from).recorded(),
    }

    found = check("CXA004", manifest={"cards": {"m": {"trained_on": trained_on}}}, facts=facts)

    assert found.state == state
    assert said in found.detail


def test_cxa004_names_every_model_that_needs_attention():
    """Those that were trained on the data set, and those of which it is not known."""
    found = check(
        "CXA004",
        manifest={"cards": {"m": {"trained_on": ["toy"]}, "null": {"trained_on": []}}},
        facts={"scored": ["m", "null", "other"]},
    )

    assert found.detail.startswith("Trained on toy: m. Not known what it was trained on: other.")


def test_cxa005_warns_of_resampled_images():
    """Intervals are too narrow then."""
    by_image = {"settings": AuditSettings(resample="images").recorded()}

    assert check("CXA005").detail == "2.0 images per patient; patients, not images, are resampled."
    assert "too narrow" in check("CXA005", facts=by_image).detail


def test_cxa006_counts_steps_that_excluded_images():
    """One step."""
    steps = pd.DataFrame({"step": ["scored"], "images": [2], "patients": [1], "reason": ["x"]})

    assert check("CXA006", exclusions=steps).detail.startswith("1 step,")
    assert check("CXA006").state == State.OK


def test_cxa007_names_attributes_with_one_group():
    """They have no gap to judge."""
    assert check("CXA007", overall()).detail == "Only one known group: sex."
    assert check("CXA007", overall(), *by_sex("equivalent")).state == State.OK
    assert check("CXA007", overall(), *shortcut_rows()).state == State.ATTENTION


def test_cxa008_names_shortcuts_with_predicted_labels():
    """By the reason of their rows; without a shortcut the check does not apply."""
    predicted = shortcut_rows(reasons="PREDICTED_LABELS")

    assert check("CXA008", overall(), *predicted).state == State.ATTENTION
    assert "chest drain" in check("CXA008", overall(), *predicted).detail
    assert check("CXA008", overall(), *shortcut_rows()).state == State.OK
    assert check("CXA008", overall()).state == State.NOT_APPLICABLE


def noted(note, count, images):
    """A fact about a kind of images."""
    return {"note": note, "count": count, "images": images}


def test_cxa009_names_images_that_are_nearly_black_or_white():
    """With their number and the first ids; other notes do not count."""
    black, white = noted("NEARLY_BLACK", 1200, ["a", "b"]), noted("NEARLY_WHITE", 1, ["c"])
    found = check("CXA009", facts={"image_notes": [white, black, noted("FEW_BITS", 9, ["d"])]})

    assert found.state == State.ATTENTION
    assert "1,200 images nearly black (a, b and 1,198 more)" in found.detail
    assert "1 image nearly white (c)" in found.detail
    assert "d" not in re.findall(r"\((\w+)\)", found.detail)


def test_cxa009_names_images_without_contrast():
    """An image of one grey is neither black nor white."""
    found = check("CXA009", facts={"image_notes": [noted("NO_CONTRAST", 2, ["a", "b"])]})

    assert "2 images without contrast (a, b)" in found.detail


def test_cxa009_needs_images():
    """Without decoded images it does not apply; with images of full range it is ok."""
    assert check("CXA009").state == State.NOT_APPLICABLE
    assert check("CXA009", facts={"image_notes": []}).state == State.OK
    few = [noted("FEW_BITS", 9, ["a"]), noted("NEARLY_BLACK", 0, [])]
    assert check("CXA009", facts={"image_notes": few}).state == State.OK


def both_ways(value: float, other: float, *, reach: float = 0.05, **cells):
    """Levels and gaps by sex, with the gap under the other weighting."""
    rows = by_sex(cells.pop("verdict", "inconclusive"), value, **cells)
    for gap, sign in zip(rows[2:], (1, -1), strict=True):
        ends = sorted([sign * (value - reach), sign * (value + reach)])
        others = sorted([sign * (other - reach), sign * (other + reach)])
        gap |= {"low": ends[0], "high": ends[1], "value_other_weight": sign * other}
        gap |= {"low_other_weight": others[0], "high_other_weight": others[1]}
    return rows


@pytest.mark.parametrize(
    ("value", "other", "found"),
    [(-0.002, 0.066, 1), (0.06, 0.07, 0), (0.02, -0.02, 0), (0.06, -0.06, 1), (0.06, 0.04, 1)],
)
def test_cxa010_names_gaps_that_depend_on_the_weighting(value, other, found):
    """Another sign with an interval that excludes zero, or zero excluded one way only."""
    made = check("CXA010", overall(), *both_ways(value, other))

    assert made.state == (State.ATTENTION if found else State.OK)
    if found:
        assert made.detail.startswith("Of 1 gap, 1 with another sign")
        assert "m: Pneumothorax, AUROC, sex female: " in made.detail
        assert "if each patient counts once" in made.detail


def test_cxa010_names_the_other_weighting_by_sampling_weights():
    """The other value is that by the weights of images, not that of each image once."""
    settings = AuditSettings(weight="patient", sampling_weight="w").recorded()
    made = check("CXA010", overall(), *both_ways(0.06, -0.06), facts={"settings": settings})

    assert "if each image counts by its sampling weight" in made.detail
    assert "counts once" not in f"{made.title} {made.detail}"


def test_cxa010_names_gaps_that_are_equivalent_one_way_only():
    """Within the margin if each image counts once, and 0.066 if each patient does."""
    first, second = (
        check("CXA010", overall(), *both_ways(-0.002, other, reach=0.08, verdict="equivalent"))
        for other in (0.066, 0.04)
    )

    assert (first.state, second.state) == (State.ATTENTION, State.OK)


def test_cxa010_names_five_gaps_and_counts_the_others():
    """Of every finding once, though two groups mirror each other."""
    rows = [
        one for k in range(8) for one in both_ways(-0.002 - k / 1000, 0.066, finding=f"finding {k}")
    ]
    detail = check("CXA010", *rows).detail

    assert detail.startswith("Of 8 gaps, 8 with")
    assert "and 3 more" in detail
    assert "finding 4" in detail
    assert "finding 5" not in detail


def test_cxa010_needs_patients_with_several_images():
    """Without the other weighting there is nothing to compare."""
    assert check("CXA010", overall(), *by_sex("inconclusive")).state == State.NOT_APPLICABLE


def largest(share: float, **settings):
    """Facts of an audit in which ten patients have a share of the images."""
    few = {"patients": 10, "share": share}
    recorded = AuditSettings(**settings).recorded()
    return {"facts": {"largest_patients": few, "settings": recorded}}


@pytest.mark.parametrize(("share", "state"), [(0.37, State.ATTENTION), (0.12, State.OK)])
def test_cxa011_names_the_share_of_the_patients_with_most_images(share, state):
    """As a number, whether or not it is much."""
    found = check("CXA011", **largest(share))

    assert found.state == state
    assert f"10 patients (5 %) with most images have {100 * share:.0f} % of all" in found.detail


def test_cxa011_needs_images_that_count_once():
    """Of patients who have several."""
    assert check("CXA011", facts={"largest_patients": None}).state == State.NOT_APPLICABLE
    assert check("CXA011", **largest(0.4, weight="patient")).state == State.NOT_APPLICABLE
