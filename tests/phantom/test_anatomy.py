"""The anatomy of a patient is the same in all images; the pose differs."""

from dataclasses import replace

from cxraudit.phantom.anatomy import place


def test_build_and_lung_markings_belong_to_the_patient(radiograph):
    """Only inspiration, tilt and shift differ between two images."""
    first, second = place(radiograph), place(replace(radiograph, number=1))

    assert first.texture == second.texture
    assert first.rib_spacing == second.rib_spacing
    assert first.tilt != second.tilt


def test_an_enlarged_heart_is_wider(radiograph):
    """By the relative enlargement."""
    normal, enlarged = place(radiograph), place(radiograph, enlarged=0.2)

    assert enlarged.heart / normal.heart == 1.2
