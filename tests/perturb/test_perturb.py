"""A perturbation depends on image, image_id and seed only."""

import numpy as np
import pytest

from cxraudit.errors import UnknownNameError
from cxraudit.images import to_grey
from cxraudit.perturb import (
    CORRUPTIONS,
    DEVICES,
    UNEDITED,
    Perturbation,
    perturb,
    perturbations,
)
from cxraudit.schema import CONTROLS
from cxraudit.testing import sample_images

RANDOM = ("noise", "markers", "drain", *CONTROLS, "exposure", "rotation")
"""Perturbations with random properties."""


def severity(name):
    """Return a severity of a perturbation."""
    return 3 if name in CORRUPTIONS else 0


@pytest.mark.parametrize("name", [*CORRUPTIONS, *DEVICES])
def test_a_perturbed_image_is_the_same_every_time(name, image):
    """Also after another image was perturbed."""
    perturbation = Perturbation(name, severity(name))
    first = np.asarray(perturbation(image, "a"))
    perturbation(image, "b")

    assert np.array_equal(first, perturbation(image, "a"))
    assert first.shape == np.asarray(image).shape


@pytest.mark.parametrize("name", RANDOM)
def test_random_properties_differ_between_seeds_and_between_images(name, image):
    """At least one of five seeds, and of five image ids, gives another image."""
    first = np.asarray(perturb(image, name, severity=severity(name), image_id="a"))

    for others in (
        [perturb(image, name, severity=severity(name), image_id="a", seed=k) for k in range(1, 6)],
        [perturb(image, name, severity=severity(name), image_id=f"{k}") for k in range(5)],
    ):
        assert any(not np.array_equal(first, other) for other in others)


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - set(RANDOM)))
def test_other_perturbations_have_no_random_properties(name, image):
    """The image id does not matter."""
    one, other = (perturb(image, name, severity=3, image_id=key) for key in "ab")

    assert np.array_equal(one, other)


def test_every_mode_of_image_is_accepted():
    """L, RGB, RGBA and 16 bit; the unedited image is the image in grey."""
    for sample in sample_images():
        assert np.array_equal(perturb(sample, UNEDITED), to_grey(sample))
        assert perturb(sample, "noise", severity=1).mode == "L"


def test_a_drain_includes_its_control():
    """The unedited image is first; corruptions come in five severities."""
    chosen = [(one.name, one.severity) for one in perturbations(["drain", "blur"])]

    assert chosen == [
        (UNEDITED, 0),
        ("drain", 0),
        *(("blur", k) for k in range(1, 6)),
        *((name, 0) for name in CONTROLS),
    ]


def test_perturbations_are_chosen_by_name_names_or_all():
    """One name may be given as text; repeated names count once."""
    assert perturbations("blur") == perturbations(["blur"]) == perturbations(["blur", "blur"])
    assert len(perturbations()) == 1 + len(DEVICES) + 5 * len(CORRUPTIONS)


def test_a_misspelled_perturbation_gets_a_suggestion(image):
    """In a list and alone."""
    with pytest.raises(UnknownNameError, match="Did you mean 'blur'"):
        perturbations(["blurr"])
    with pytest.raises(UnknownNameError, match="Did you mean 'control-edge'"):
        perturb(image, "control-edg")


@pytest.mark.parametrize(("name", "wrong"), [("blur", 0), ("blur", 6), ("drain", 1)])
def test_a_severity_that_does_not_exist_is_refused(image, name, wrong):
    """Corruptions have severities 1 to 5, all others 0."""
    with pytest.raises(ValueError, match=f"severity of '{name}' must be"):
        perturb(image, name, severity=wrong)


def test_the_fingerprint_names_all_that_a_perturbed_image_depends_on():
    """Name, severity, seed and version."""
    prints = {
        Perturbation(*given).fingerprint
        for given in (("blur", 1, 0), ("blur", 2, 0), ("noise", 1, 0), ("blur", 1, 1))
    }

    assert len(prints) == 4
