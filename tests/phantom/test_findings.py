"""A finding or a device changes the image where it is, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

from cxraudit.datasets.base import FINDINGS
from cxraudit.phantom.findings import render


def grey(radiograph):
    """Return the grey levels of an image."""
    return render(radiograph).astype(float)


def test_images_of_other_seeds_differ(radiograph):
    """Patients of the training cohort are not those of the demo."""
    training, demo = (render(replace(radiograph, seed=seed)) for seed in (1907, 2025))

    assert np.mean(training != demo) > 0.5


def test_images_of_one_patient_are_similar(radiograph):
    """More than images of two patients."""
    image = grey(radiograph).ravel()
    same = np.corrcoef(image, grey(replace(radiograph, number=1)).ravel())[0, 1]
    other = np.corrcoef(image, grey(replace(radiograph, patient=4)).ravel())[0, 1]

    assert same > other


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_finding_changes_the_image_by_its_contrast(radiograph, finding):
    """Half the contrast, a smaller change."""
    normal = grey(radiograph)

    full = np.abs(grey(replace(radiograph, findings=(finding,))) - normal).mean()
    half = np.abs(grey(replace(radiograph, findings=(finding,), contrast=0.5)) - normal).mean()

    assert full > 0.1
    assert half < 0.8 * full


def test_a_drain_changes_the_image_unless_it_is_invisible(radiograph):
    """With visibility 0 the image is that without the drain, byte by byte."""
    with_drain = replace(radiograph, findings=("Pneumothorax",), drain=True)
    without = render(replace(with_drain, drain=False))

    assert not np.array_equal(render(with_drain), without)
    assert np.array_equal(render(replace(with_drain, drain_visibility=0.0)), without)


@pytest.mark.parametrize("patient", range(8))
def test_the_drain_is_on_the_side_of_the_pneumothorax(radiograph, patient):
    """Most of the change by the drain is in the half of the image with the pneumothorax."""
    with_finding = replace(radiograph, patient=patient, findings=("Pneumothorax",))
    by_finding = np.abs(grey(with_finding) - grey(replace(with_finding, findings=())))
    by_drain = np.abs(grey(replace(with_finding, drain=True)) - grey(with_finding))

    sides = [
        change.sum(axis=0).reshape(2, -1).sum(axis=1).argmax() for change in (by_finding, by_drain)
    ]

    assert sides[0] == sides[1]
