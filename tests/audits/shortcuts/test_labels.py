"""Labels of shortcuts: who has it, who lacks it, and where the label comes from."""

from dataclasses import replace

import numpy as np
import pytest

from cxraudit.audits.cohort import make_cohort
from cxraudit.audits.run import audit
from cxraudit.audits.shortcuts.labels import labels_of, with_derived
from cxraudit.errors import ConfigError, UnknownNameError
from cxraudit.schema import WITH, Analysis
from planted import (
    POINT,
    RANKED,
    audit_of,
    pick,
    planted_dataset,
    planted_scores,
    planted_table,
    sample_of_finding,
)


@pytest.fixture(scope="module")
def frame():
    """Images of 60 patients; some sexes are unknown."""
    table = planted_table(6, n_patients=60)
    return table.assign(sex=table["sex"].where(table["pid"] % 6 != 0, ""))


def derived(frame, shortcut):
    """The column of a derived shortcut."""
    return with_derived(planted_dataset(frame), [shortcut]).images[shortcut]


def test_images_have_it_lack_it_or_it_is_unknown(frame):
    """Each image is one of the three."""
    dataset = planted_dataset(frame)
    drain = dataset.images["drain"].where(dataset.images["Pneumothorax"] == 1, "unknown")
    dataset = replace(dataset, images=dataset.images.assign(drain=drain))
    cohort = make_cohort(dataset, planted_scores(frame), POINT)
    sample = sample_of_finding(cohort, frame, "Pneumothorax")

    labels = labels_of(cohort, sample, "drain")

    assert labels.has.tolist() == (drain == "yes").tolist()
    assert labels.lacks.tolist() == (drain == "no").tolist()
    assert labels.known.tolist() == (frame["Pneumothorax"] == 1).tolist()
    assert not labels.predicted.any()


def test_a_group_of_a_column_is_a_shortcut(frame):
    """Yes in the group, no in others, unknown where the group is."""
    male = derived(frame, "sex:male")

    expected = frame["sex"].map({"M": "yes", "F": "no", "": "unknown"})
    assert male.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("shortcut", "error", "message"),
    [
        ("sex:other", UnknownNameError, "no sex group named 'other'"),
        ("sex", ConfigError, "Name the group that is the shortcut: sex:female=FINDING"),
        ("patient_id:1", UnknownNameError, "patient_id"),
        ("path:x", UnknownNameError, "path"),
        ("hospital:A", UnknownNameError, "hospital"),
    ],
)
def test_what_is_no_shortcut_is_refused(frame, shortcut, error, message):
    """A group of no image, a column of groups, identifiers, and columns that are not there."""
    with pytest.raises(error, match=message):
        with_derived(planted_dataset(frame), [shortcut])


def test_a_derived_shortcut_keeps_the_source_of_its_labels(frame):
    """`drain:yes` is drain: its labels by a detector are the same, and so are the detector's errors."""
    dataset = planted_dataset(frame)
    source = np.where(dataset.images["Pneumothorax"] == 1, "annotated", "predicted")
    errors = {"drain": {"sensitivity": 0.9, "specificity": 0.8}}
    dataset = replace(
        dataset, images=dataset.images.assign(drain_source=source), label_errors=errors
    )

    found = with_derived(dataset, ["drain:yes", "drain:no"])

    assert found.images["drain:yes_source"].tolist() == source.tolist()
    assert found.images["drain:yes"].equals(found.images["drain"])
    # Errors of the opposite would be those with sensitivity and specificity exchanged.
    assert set(found.label_errors) == {"drain", "drain:yes"}


def test_both_names_of_a_shortcut_have_the_same_rows():
    """With labels by annotators only, no image without the finding has one under either name."""
    frame = planted_table(10, n_patients=150, drain_gap=0.5)
    dataset = planted_dataset(frame)
    source = np.where(dataset.images["Pneumothorax"] == 1, "annotated", "predicted")
    dataset = replace(dataset, images=dataset.images.assign(drain_source=source))

    one, other = (
        pick(
            audit(
                dataset,
                planted_scores(frame),
                attributes=["sex"],
                shortcuts={name: "Pneumothorax"},
                settings=replace(RANKED, shortcut_labels="annotated"),
            ).results,
            attribute=name,
        )
        for name in ("drain", "drain:yes")
    )
    columns = ["analysis", "group", "reference", "at", "metric", "value", "low", "high", "n"]
    assert one[columns].reset_index(drop=True).equals(other[columns].reset_index(drop=True))
    assert Analysis.SHORTCUT_SUBSETS not in set(one["analysis"])


def test_a_shortcut_is_about_its_finding(frame):
    """Named with it, or by the default: drains for pneumothorax."""
    default = audit_of(frame, settings=POINT)
    named = audit_of(frame, settings=POINT, shortcuts={"sex:male": "Cardiomegaly"})

    assert set(pick(default, group=WITH)["attribute"]) == {"drain"}
    assert set(pick(default, group=WITH)["finding"]) == {"Pneumothorax"}
    assert set(pick(named, group=WITH)["attribute"]) == {"sex:male"}
    assert set(pick(named, group=WITH)["finding"]) == {"Cardiomegaly"}
