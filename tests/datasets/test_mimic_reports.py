"""Reports are cut as the publishers of MIMIC-CXR cut them."""

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


def test_a_usual_report_is_cut_at_its_headers():
    """A line with one blank, capitals and a colon; the text loses the blanks around it."""
    report = TITLE + (
        " EXAMINATION:  CHEST (PA AND LAT)\n \n INDICATION:  ___ year old woman with cough\n \n"
        " FINDINGS: \n \n The lungs are clear.\n No effusion.\n \n IMPRESSION: \n \n Normal chest.\n"
    )

    cut = sections(report)

    assert cut["examination"] == "CHEST (PA AND LAT)"
    assert cut["findings"] == "The lungs are clear.\n No effusion."
    assert cut["impression"] == "Normal chest."
    assert "FINAL REPORT" in cut["preamble"]


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(" FINDINGS: A.\n", {"findings": None}, id="a header needs a line before it"),
        pytest.param("\nFINDINGS: A.\n", {"findings": None}, id="a header begins with a blank"),
        pytest.param("\n Findings: A.\n", {"findings": None}, id="small letters are text"),
        pytest.param(
            "\n FINDINGS: A.\n FINDINGS: B.\n", {"findings": "B."}, id="the last of a name counts"
        ),
        pytest.param(
            "\n FINDINGS: A.\n FINDINGS: \n \n", {"findings": "A."}, id="empty ones do not count"
        ),
        pytest.param(
            "\n CHEST, TWO VIEWS: A.\n", {"findings": "A."}, id="a view as a header is FINDINGS"
        ),
        pytest.param(
            "\n FINDINGS AND IMPRESSION: A.\n",
            {"findings": None, "impression": "A."},
            id="both at once is the impression",
        ),
        pytest.param(
            "\n FINDINGS: A. IMPRESSION: B.\n",
            {"findings": "A. IMPRESSION: B."},
            id="no header within a line",
        ),
        pytest.param(
            "\n COMPARISON: none\n \n The heart is large.\n",
            {"comparison": "none", "last_paragraph": "The heart is large.", "findings": None},
            id="what follows the first gap is the last paragraph",
        ),
        pytest.param("no header at all", {"full report": "no header at all"}, id="no header"),
    ],
)
def test_each_rule_of_the_publishers(report, expected):
    """One report per rule; None means that there is no such section."""
    cut = sections(report)

    assert {name: cut.get(name) for name in expected} == expected


def test_typing_errors_in_headers_are_known():
    """Those that occur, and headers that contain a section's name."""
    assert section_of("IMPRESSON") == "impression"
    assert section_of("FINDGINGS") == "findings"
    assert section_of("COMPARISIONS") == "comparison"
    assert section_of("PA AND LATERAL RADIOGRAPHS") == "findings"
    assert section_of("RELEVANT HISTORY") == "history"
    assert section_of("BUN") == "bun"


@pytest.mark.parametrize("how", ["text files", "archive", "sectioned table"])
def test_images_without_findings_leave_wherever_the_reports_lie(mimic_release, tmp_path, how):
    """Text files beside the images, the publishers' zip, or their table of sections."""
    root = shutil.copytree(mimic_release, tmp_path / "copy")
    folder = root / "mimic-cxr-jpg" / "2.0.0"
    reports = sorted(folder.glob("files/p1*/p*/s*.txt"))
    silent = reports[0]
    silent.write_text(silent.read_text().replace(" FINDINGS:", " IMPRESSION:"))
    if how == "archive":
        with zipfile.ZipFile(root / "mimic-cxr-reports.zip", "w") as archive:
            for report in reports:
                archive.write(report, report.relative_to(folder))
    elif how == "sectioned table":
        pd.DataFrame(
            {
                "study": [report.stem for report in reports],
                "impression": "said",
                "findings": [None if report == silent else "seen" for report in reports],
            }
        ).to_csv(root / "mimic_cxr_sectioned.csv", index=False)
    if how != "text files":
        for report in reports:
            report.unlink()

    dataset = datasets.load("mimic-cxr", root, {"reports": "findings"})

    assert dataset.excluded["study_id"].tolist() == [silent.stem[1:]]
    assert len(dataset.images) == len(reports) - 1


def test_missing_and_damaged_reports_are_said(mimic_release, tmp_path):
    """No reports at all, and an archive that is cut off."""
    root = shutil.copytree(
        mimic_release, tmp_path / "copy", ignore=shutil.ignore_patterns("s*.txt")
    )
    with pytest.raises(DataError, match="no reports under"):
        datasets.load("mimic-cxr", root, {"reports": "findings"})
    (root / "mimic-cxr-reports.zip").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(DataError, match="cannot be read"):
        datasets.load("mimic-cxr", root, {"reports": "findings"})


@pytest.mark.data
def test_real_reports_written_in_the_layout_are_cut_back(real_data):
    """3,955 reports of Indiana: 3,425 have FINDINGS, and every text comes back as it went in."""
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
            cut = sections(report)
            for label in ("FINDINGS", "IMPRESSION"):
                assert cut.get(label.lower(), "") == parts.get(label, ""), member.name
            n_findings += bool(cut.get("findings"))

    assert len(files) == 3_955
    assert n_findings == 3_425
