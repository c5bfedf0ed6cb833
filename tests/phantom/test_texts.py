"""Reports are true of their images."""

import pytest

from cxraudit.phantom.cohort import draw_cohort, radiographs
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.phantom.texts import Statement, findings_text


@pytest.fixture(scope="module")
def content():
    """About 180 images."""
    spec = PhantomSpec(n_patients=60)
    return radiographs(spec, draw_cohort(spec))


def test_a_report_has_no_findings_exactly_if_the_image_has_none(content):
    """The sentence on a normal chest."""
    for image in content:
        text = findings_text(image).lower()
        assert ("no findings" in text or "no acute" in text) == (not image.findings)


@pytest.mark.parametrize(
    ("finding", "word"), [("Pneumothorax", "pneumothorax"), ("Consolidation", "consolidation")]
)
def test_a_finding_is_affirmed_exactly_if_the_image_has_it(content, finding, word):
    """Findings that are denied do not count."""
    for image in content:
        text = findings_text(image).lower()
        affirmed = word in text.replace(f"no {word}", "").replace(f"no focal {word}", "")
        assert affirmed == (finding in image.findings), text


def test_the_report_depends_on_the_image_only(content):
    """The same image, the same report."""
    assert [findings_text(image) for image in content[:5]] == [
        findings_text(image) for image in content[:5]
    ]


def test_a_statement_agrees_with_findings_it_affirms_and_none_it_denies():
    """Findings it does not mention do not matter."""
    statement = Statement("", frozenset({"Edema"}), frozenset({"Pneumonia"}))

    assert statement.agrees_with(frozenset({"Edema", "Mass"}))
    assert not statement.agrees_with(frozenset())
    assert not statement.agrees_with(frozenset({"Edema", "Pneumonia"}))
