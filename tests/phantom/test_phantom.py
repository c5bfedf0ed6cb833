"""The phantom draws what it says: reproducible, and different only where an effect is."""

import filecmp
from dataclasses import replace

import numpy as np
import pytest

from cxraudit.datasets.base import FINDINGS
from cxraudit.errors import ConfigError, DataError
from cxraudit.phantom.cohort import Radiograph, draw_cohort, images
from cxraudit.phantom.findings import render
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.phantom.texts import findings_text

RADIOGRAPH = Radiograph(
    seed=1,
    patient=3,
    number=0,
    age=60,
    sex="male",
    view_position="PA",
    findings=(),
    drain=False,
    contrast=1.0,
    image_size=128,
)


def test_the_same_specification_gives_the_same_bytes(tmp_path):
    """Whatever the number of processes; an interrupted release is completed, not redrawn."""
    spec = PhantomSpec(n_patients=14, seed=9, image_size=64)
    write_release(spec, tmp_path / "one", "nih", n_workers=1)
    write_release(spec, tmp_path / "two", "nih", n_workers=2)
    (tmp_path / "two" / "images" / "00000003_000.png").unlink()
    write_release(spec, tmp_path / "two", "nih", n_workers=1)

    names = [
        str(p.relative_to(tmp_path / "one")) for p in (tmp_path / "one").rglob("*") if p.is_file()
    ]
    same, differ, missing = filecmp.cmpfiles(
        tmp_path / "one", tmp_path / "two", names, shallow=False
    )

    assert len(same) == len(names) > 40
    assert not differ
    assert not missing


def test_another_specification_never_mixes_with_a_release(tmp_path):
    """The folder is refused."""
    write_release(PhantomSpec(n_patients=2, image_size=64), tmp_path, "nih", n_workers=1)

    with pytest.raises(DataError, match="another specification"):
        write_release(PhantomSpec(n_patients=3, image_size=64), tmp_path, "nih", n_workers=1)


def test_a_larger_cohort_begins_with_the_smaller_one():
    """A patient is a function of the seed and the patient's number."""
    small = draw_cohort(PhantomSpec(n_patients=5))
    large = draw_cohort(PhantomSpec(n_patients=9))

    assert large.head(len(small)).equals(small)


def test_other_seeds_are_other_patients():
    """Training and demo patients differ: no image of one seed is an image of the other."""
    one, two = (render(replace(RADIOGRAPH, seed=seed)) for seed in (1907, 2025))

    assert np.mean(one != two) > 0.5


def test_prevalence_and_drains_are_as_asked():
    """Within three standard errors over 4,000 patients."""
    spec = PhantomSpec(n_patients=4000)
    cohort = draw_cohort(spec)

    for finding, prevalence in spec.prevalence.items():
        assert cohort[finding].mean() == pytest.approx(prevalence, abs=0.02), finding
    sick = cohort["Pneumothorax"] == 1
    assert cohort.loc[sick, "drain"].mean() == pytest.approx(
        spec.drain_given_pneumothorax, abs=0.04
    )
    assert cohort.loc[~sick, "drain"].mean() == pytest.approx(spec.drain_otherwise, abs=0.01)


def test_nothing_is_planted_for_sex_and_race():
    """Findings and drains are as frequent in every group, within sampling error."""
    cohort = draw_cohort(PhantomSpec(n_patients=4000))

    for attribute in ("sex", "race"):
        by_group = cohort.groupby(attribute)[[*FINDINGS, "drain", "contrast"]].mean()
        assert (by_group.max() - by_group.min()).max() < 0.03


def test_images_of_one_patient_resemble_each_other():
    """In the labels (agreement above chance) and in the picture (correlation)."""
    cohort = draw_cohort(PhantomSpec(n_patients=3000, images_per_patient=4))
    first, second = (
        cohort[cohort["number"] == k].set_index("patient")["Pneumothorax"] for k in (0, 1)
    )
    both = first.to_frame("first").join(second.rename("second"), how="inner")

    assert both.corr().iloc[0, 1] > 0.05
    same = np.corrcoef(render(RADIOGRAPH).ravel(), render(replace(RADIOGRAPH, number=1)).ravel())[
        0, 1
    ]
    other = np.corrcoef(render(RADIOGRAPH).ravel(), render(replace(RADIOGRAPH, patient=4)).ravel())[
        0, 1
    ]
    assert same > other


@pytest.mark.parametrize("finding", FINDINGS)
def test_every_finding_changes_the_image_and_fades_with_contrast(finding):
    """Half the contrast, a smaller change; the image is otherwise the same."""
    normal = render(RADIOGRAPH).astype(float)

    full = np.abs(render(replace(RADIOGRAPH, findings=(finding,))) - normal).mean()
    half = np.abs(render(replace(RADIOGRAPH, findings=(finding,), contrast=0.5)) - normal).mean()

    assert full > 0.1
    assert half < 0.8 * full


def test_an_invisible_drain_leaves_the_image_as_it_is():
    """The shortcut switched off: the same bytes with and without the drain in the tables."""
    with_drain = replace(RADIOGRAPH, findings=("Pneumothorax",), drain=True)

    assert not np.array_equal(render(with_drain), render(replace(with_drain, drain=False)))
    hidden = render(replace(with_drain, drain_visibility=0.0))
    assert np.array_equal(hidden, render(replace(with_drain, drain=False)))


def test_the_drain_lies_on_the_side_of_the_pneumothorax():
    """Most of what the drain changes is in the half of the image with the pneumothorax."""
    for patient in range(8):
        image = replace(RADIOGRAPH, patient=patient, findings=("Pneumothorax",))
        lung = np.abs(render(image).astype(float) - render(replace(image, findings=())))
        tube = np.abs(render(replace(image, drain=True)).astype(float) - render(image))
        halves = [half.sum(axis=0).reshape(2, -1).sum(axis=1) for half in (lung, tube)]
        assert halves[0].argmax() == halves[1].argmax()


def test_the_text_says_what_the_image_shows():
    """Present findings are affirmed, absent ones never are; a clear image says so."""
    shown = images(PhantomSpec(n_patients=60), draw_cohort(PhantomSpec(n_patients=60)))
    for image in shown:
        text = findings_text(image).lower()
        assert ("no findings" in text or "no acute" in text) == (not image.findings)
        for finding, word in (("Pneumothorax", "pneumothorax"), ("Consolidation", "consolidation")):
            affirmed = word in text.replace(f"no {word}", "").replace(f"no focal {word}", "")
            assert affirmed == (finding in image.findings), text


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"n_patients": 0}, "at least 1 patient"),
        ({"images_per_patient": 0.5}, "at least 1"),
        ({"finding_contrast": {"90+": 0.5}}, "names 90\\+"),
        ({"drain_otherwise": 1.5}, "probability"),
        ({"prevalence": {"Pneumothorax": 1.5}}, "Pneumothorax is a probability"),
        ({"finding_contrast": {"80+": -1.0}}, "0 or more"),
        ({"image_size": 8}, "64..3072"),
    ],
)
def test_an_impossible_specification_is_refused(fields, match):
    """With the number that was wrong."""
    with pytest.raises(ConfigError, match=match):
        PhantomSpec(**fields)
