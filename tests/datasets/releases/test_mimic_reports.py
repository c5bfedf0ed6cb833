"""Reports are split into sections by the rules of the publishers of MIMIC-CXR."""

import re
import shutil
import tarfile
import xml.etree.ElementTree as ET
import zipfile

import pandas as pd
import pytest

from cxraudit import datasets
from cxraudit.datasets.releases.mimic_reports import section_of, sections
from cxraudit.errors import DataError

TITLE = " " * 33 + "FINAL REPORT\n"


def test_a_report_is_split_at_its_headers():
    """A line of one space, capitals and a colon; surrounding white space is removed."""
    report = TITLE + (
        " EXAMINATION:  CHEST (PA AND LAT)\n \n INDICATION:  ___ year old woman with cough\n \n"
        " FINDINGS: \n \n The lungs are clear.\n No effusion.\n \n IMPRESSION: \n \n Normal chest.\n"
    )

    found = sections(report)

    assert found["examination"] == "CHEST (PA AND LAT)"
    assert found["findings"] == "The lungs are clear.\n No effusion."
    assert found["impression"] == "Normal chest."
    assert "FINAL REPORT" in found["preamble"]


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(" FINDINGS: A.\n", {"findings": None}, id="a header needs a line before it"),
        pytest.param("\nFINDINGS: A.\n", {"findings": None}, id="a header begins with a space"),
        pytest.param("\n Findings: A.\n", {"findings": None}, id="lower case is text"),
        pytest.param(
            "\n FINDINGS: A.\n FINDINGS: B.\n",
            {"findings": "B."},
            id="the last section of a name counts",
        ),
        pytest.param(
            "\n FINDINGS: A.\n FINDINGS: \n \n",
            {"findings": "A."},
            id="empty sections do not count",
        ),
        pytest.param(
            "\n CHEST, TWO VIEWS: A.\n", {"findings": "A."}, id="a view as a header is FINDINGS"
        ),
        pytest.param(
            "\n FINDINGS AND IMPRESSION: A.\n",
            {"findings": None, "impression": "A."},
            id="a joint header is the impression",
        ),
        pytest.param(
            "\n FINDINGS: A. IMPRESSION: B.\n",
            {"findings": "A. IMPRESSION: B."},
            id="a header begins a line",
        ),
        pytest.param(
            "\n COMPARISON: none\n \n The heart is large.\n",
            {"comparison": "none", "last_paragraph": "The heart is large.", "findings": None},
            id="text after the first empty line is the last paragraph",
        ),
        pytest.param("no header at all", {"full report": "no header at all"}, id="no header"),
    ],
)
def test_each_rule_of_the_publishers(report, expected):
    """One report per rule; None means that there is no such section."""
    found = sections(report)

    assert {name: found.get(name) for name in expected} == expected


def test_misspelled_headers_are_recognised():
    """As are headers that contain the name of a section."""
    assert section_of("IMPRESSON") == "impression"
    assert section_of("FINDGINGS") == "findings"
    assert section_of("COMPARISIONS") == "comparison"
    assert section_of("PA AND LATERAL RADIOGRAPHS") == "findings"
    assert section_of("RELEVANT HISTORY") == "history"
    assert section_of("BUN") == "bun"


@pytest.mark.parametrize("how", ["text files", "archive", "sectioned table"])
def test_images_without_a_findings_section_are_excluded(mimic_release, tmp_path, how):
    """By text files beside the images, the zip of the publishers, or their table of sections."""
    root = shutil.copytree(mimic_release, tmp_path / "copy")
    folder = root / "mimic-cxr-jpg" / "2.0.0"
    reports = sorted(folder.glob("files/p1*/p*/s*.txt"))
    without = reports[0]
    without.write_text(without.read_text().replace(" FINDINGS:", " IMPRESSION:"))
    if how == "archive":
        with zipfile.ZipFile(root / "mimic-cxr-reports.zip", "w") as archive:
            for report in reports:
                archive.write(report, report.relative_to(folder))
    elif how == "sectioned table":
        pd.DataFrame(
            {
                "study": [report.stem for report in reports],
                "impression": "normal",
                "findings": [None if report == without else "clear" for report in reports],
            }
        ).to_csv(root / "mimic_cxr_sectioned.csv", index=False)
    if how != "text files":
        for report in reports:
            report.unlink()

    dataset = datasets.load("mimic-cxr", root, {"reports": "findings"})

    assert dataset.excluded["study_id"].tolist() == [without.stem[1:]]
    assert len(dataset.images) == len(reports) - 1


def test_missing_and_damaged_reports_are_refused(mimic_release, tmp_path):
    """No reports, and a truncated archive."""
    root = shutil.copytree(
        mimic_release, tmp_path / "copy", ignore=shutil.ignore_patterns("s*.txt")
    )
    with pytest.raises(DataError, match="no reports under"):
        datasets.load("mimic-cxr", root, {"reports": "findings"})
    (root / "mimic-cxr-reports.zip").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(DataError, match="cannot be read"):
        datasets.load("mimic-cxr", root, {"reports": "findings"})


@pytest.mark.data
def test_sections_of_real_reports_are_recovered(real_data):
    """3,955 reports of Indiana University, written in the layout: 3,425 have FINDINGS."""
    n_findings = 0
    with tarfile.open(real_data / "openi" / "NLMCXR_reports.tgz") as archive:
        files = [member for member in archive.getmembers() if member.name.endswith(".xml")]
        for member in files:
            tree = ET.parse(archive.extractfile(member))
            parts = {
                node.get("Label"): re.sub(r"\s+", " ", node.text or "").strip()
                for node in tree.iter("AbstractText")
            }
            report = TITLE + "".join(f" {label}: {text}\n \n" for label, text in parts.items())
            found = sections(report)
            for label in ("FINDINGS", "IMPRESSION"):
                assert found.get(label.lower(), "") == parts.get(label, ""), member.name
            n_findings += bool(found.get("findings"))

    assert len(files) == 3_955
    assert n_findings == 3_425
