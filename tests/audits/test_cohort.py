"""The audited images, their resamples, and the samples and cells that audits name."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.cohort import Vector, count, make_cohort, samples, scored_findings
from cxraudit.errors import DataError
from cxraudit.settings import AuditSettings
from planted import (
    POINT,
    cohort_of,
    planted_dataset,
    planted_scores,
    planted_table,
    sample_of_finding,
)


@pytest.fixture(scope="module")
def frame():
    """Images of 60 patients."""
    return planted_table(0, n_patients=60)


def test_only_images_with_a_score_are_audited(frame):
    """By image id, whatever the order of the scores."""
    scores = planted_scores(frame).query("image_id < 'image00050.png'").sample(frac=1)

    cohort = make_cohort(planted_dataset(frame), scores, POINT)

    assert cohort.images.index.tolist() == frame["file"].head(50).tolist()


def test_tables_without_a_common_image_are_refused(frame):
    """With the first image of both."""
    scores = planted_scores(frame)
    scores["image_id"] = "x" + scores["image_id"]

    with pytest.raises(DataError, match=r"none of the .* has a score.*ximage00000.*image00000"):
        make_cohort(planted_dataset(frame), scores, POINT)


def test_the_order_of_the_images_changes_no_sample(frame):
    """Same content, so the same key: rows, labels, scores and patients are by image id."""
    shuffled = frame.sample(frac=1, random_state=1)
    one, other = (
        sample_of_finding(cohort_of(table, settings=POINT), table, "Cardiomegaly")
        for table in (frame, shuffled)
    )

    assert one.key == other.key
    assert np.array_equal(one.patients, other.patients)


def test_tuning_patients_are_a_share_of_the_patients(frame):
    """A fifth of 60, with all of their images."""
    cohort = cohort_of(frame, settings=POINT)

    tuning = cohort.tuning()

    chosen, others = set(cohort.patients[tuning]), set(cohort.patients[~tuning])
    assert len(chosen) == 12
    assert not chosen & others


def test_tuning_patients_are_drawn_by_the_seed(frame):
    """The same with the same seed, others with another."""
    drawn = [
        cohort_of(frame, settings=AuditSettings(n_resamples=0, seed=seed)).tuning()
        for seed in (0, 0, 1)
    ]

    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


@pytest.mark.parametrize(("resample", "unit"), [("patients", "patient"), ("images", "image")])
def test_units_of_the_resamples_are_what_is_resampled(frame, resample, unit):
    """One row of the counts per patient, or per image."""
    cohort = cohort_of(frame, settings=AuditSettings(n_resamples=100, resample=resample))

    assert np.unique(cohort.units).size == {"patient": 60, "image": len(frame)}[unit]
    assert np.unique(cohort.patients).size == 60


def test_predicted_shortcuts_are_unknown_where_only_annotated_ones_count(frame):
    """The others stay what they are."""
    dataset = planted_dataset(frame)
    source = np.where(dataset.images["Pneumothorax"] == 1, "annotated", "predicted")
    dataset = replace(dataset, images=dataset.images.assign(drain_source=source))
    settings = AuditSettings(n_resamples=0, shortcut_labels="annotated")

    images = make_cohort(dataset, planted_scores(frame), settings).images

    assert (images.loc[images["drain_source"] == "predicted", "drain"] == "unknown").all()
    kept = images["drain_source"] == "annotated"
    given = dataset.images.set_index("image_id")["drain"]
    assert (images.loc[kept, "drain"] == given[images.index[kept]]).all()


def test_a_sample_holds_images_with_a_label_and_a_score(frame):
    """Of each model and prompt set; images without one or the other are left out."""
    table = frame.astype({"Cardiomegaly": float})
    table.loc[[3, 4], "Cardiomegaly"] = np.nan
    scores = planted_scores(table)
    less = scores[scores["image_id"] > "image00001.png"].assign(model="less")
    both = pd.concat([scores, less])
    cohort = make_cohort(planted_dataset(table), both, POINT)

    less_sample, sample = samples(cohort, both, "Cardiomegaly")

    assert (less_sample.model, sample.model) == ("less", "m")
    assert sample.rows.tolist() == [k for k in range(len(table)) if k not in (3, 4)]
    assert less_sample.rows.tolist() == sample.rows.tolist()[2:]
    assert sample.y_true.tolist() == (table.loc[sample.rows, "Cardiomegaly"] == 1).tolist()
    assert sample.y_score.tolist() == table.loc[sample.rows, "score_Cardiomegaly"].tolist()


def test_findings_are_those_scored_and_labelled(frame):
    """Sorted; a scored finding without labels is none of them."""
    scores = planted_scores(frame)
    strange = scores[scores["finding"] == "Cardiomegaly"].assign(finding="Mass")
    cohort = make_cohort(planted_dataset(frame), scores, POINT)

    found = scored_findings(cohort, pd.concat([strange, scores]))

    assert found == ["Cardiomegaly", "Pneumothorax"]


@pytest.mark.parametrize("field", ["rows", "y_true", "y_score"])
def test_samples_with_other_content_have_another_key(frame, field):
    """Images, labels and scores are the content."""
    sample = sample_of_finding(cohort_of(frame, settings=POINT), frame, "Cardiomegaly")
    turned = getattr(sample, field)[::-1].copy()

    assert sample.with_(**{field: turned}).key != sample.key
    assert sample.with_(model="another name").key == sample.key


def test_cells_with_the_same_images_are_the_same(frame):
    """Whatever they were made of."""
    sample = sample_of_finding(cohort_of(frame, settings=POINT), frame, "Cardiomegaly")
    odd = np.arange(sample.y_true.size) % 2 == 1

    assert sample.cell(odd) == sample.cell(odd.copy()) == sample.everything & odd
    assert hash(sample.cell(odd)) == hash(sample.everything & odd)
    assert sample.cell(odd) != sample.cell(~odd)
    assert sample.cell(odd) != sample.with_(y_score=-sample.y_score).cell(odd)


def test_vectors_with_the_same_numbers_are_the_same():
    """Compared by content, not by place."""
    numbers = np.arange(5.0)

    assert Vector(numbers) == Vector(numbers.copy())
    assert Vector(numbers) != Vector(numbers + 1)


def test_counts_of_a_cell_are_those_of_pandas(frame):
    """Images and distinct patients, by class; the limiting class is that with fewer patients."""
    cohort = cohort_of(frame, settings=POINT)
    sample = sample_of_finding(cohort, frame, "Cardiomegaly")
    part = (frame["sex"] == "F").to_numpy()

    found = count(sample.cell(part))

    women = frame[part]
    positive, negative = (women[women["Cardiomegaly"] == value] for value in (1, 0))
    assert (found.n, found.n_positive) == (len(women), len(positive))
    assert found.n_patients == women["pid"].nunique()
    assert found.n_positive_patients == positive["pid"].nunique()
    assert found.n_negative_patients == negative["pid"].nunique()
    assert found.limiting_patients == min(positive["pid"].nunique(), negative["pid"].nunique())


def test_an_empty_cell_counts_nothing(frame):
    """Zeros."""
    sample = sample_of_finding(cohort_of(frame, settings=POINT), frame, "Cardiomegaly")

    found = count(sample.cell(np.zeros(sample.y_true.size, dtype=bool)))

    assert (found.n, found.n_patients, found.limiting_patients) == (0, 0, 0)


def test_a_part_of_a_sample_keeps_its_images_together(frame):
    """Rows, labels, scores, patients and units of the kept images; both classes or one."""
    sample = sample_of_finding(cohort_of(frame, settings=POINT), frame, "Cardiomegaly")
    kept = sample.y_true.copy()

    part = sample.only(kept)

    assert part.rows.tolist() == sample.rows[kept].tolist()
    assert part.units.tolist() == sample.units[kept].tolist()
    assert sample.both_classes
    assert not part.both_classes
