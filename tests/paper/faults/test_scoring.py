"""Faults in the encoding of images and in the score."""

from dataclasses import replace

import pytest

from cxraudit.paper.faults.scoring import (
    repeated_encoding,
    unnormalised_texts,
    unscaled_softmax,
)


def test_a_fitted_map_is_better_calibrated_than_either_softmax(make_run):
    """Calibration errors of the same scores."""
    (fault,) = unscaled_softmax(make_run())
    unscaled = float(fault.published.split("error ")[1].split(" of")[0])
    scaled = float(fault.published.split(": ")[-1])
    assert float(fault.corrected.split(" ")[0]) < min(unscaled, scaled)


def test_a_scale_of_one_cannot_be_shown(make_run):
    """Cosines times 1 are bare cosines."""
    assert not list(unscaled_softmax(replace(make_run(), logit_scale=1.0)))


def test_lengths_of_prompts_are_those_of_the_model(make_run):
    """Prompts 3 and 2 long are shown with their ratio; unit prompts with that of an example."""
    run = make_run()
    longer = {finding: (3 * a, 2 * b) for finding, (a, b) in run.prompts.items()}
    (unit,) = unnormalised_texts(run)
    (long,) = unnormalised_texts(replace(run, prompts=longer))
    assert "1.1 times as long" in unit.published
    assert "1.50 times as long" in long.published
    assert long.corrected == unit.corrected


@pytest.mark.parametrize(("drains", "times"), [(True, 2), (False, 3)])
def test_images_are_encoded_once_per_finding_and_once_more(make_run, drains, times):
    """Pneumothorax only where there are drains, two findings elsewhere."""
    run = make_run(drains=drains)
    n = len(run.dataset.images)
    (fault,) = repeated_encoding(run)
    assert fault.published.startswith(f"{times * n:,} encodings of {n:,} images")
