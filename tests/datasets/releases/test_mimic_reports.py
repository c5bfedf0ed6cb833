"""Reports are split into sections by the rules of the publishers of MIMIC-CXR."""

import re
import shutil
import tarfile
import xml.etree.ElementTree as ET
import zipfile

import numpy as np
import pandas as pd
import pytest

from cxraudit import datasets
from cxraudit.datasets.releases.mimic_reports import findings_texts, section_of, sections
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
                "findings": [None if report == without else "clear\nlungs" for report in reports],
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


STUDIES = pd.DataFrame(
    {"subject_id": ["10000001", "10000001"], "study_id": ["50000001", "50000002"]}
)
REPORT = b"FINAL REPORT\n FINDINGS: \n Clear.\n \n IMPRESSION: Normal.\n"


def archived(root, reports=None, **options):
    """Write an archive of reports, both studies with the same text unless given."""
    path = root / "mimic-cxr-reports.zip"
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("files/", b"")
        for study in STUDIES["study_id"]:
            archive.writestr(
                f"files/p10/p10000001/s{study}.txt", (reports or {}).get(study, REPORT)
            )
    return path


def test_reports_are_read_from_an_archive(tmp_path):
    """Whatever the compression, and with other files in it."""
    for compression in (
        zipfile.ZIP_STORED,
        zipfile.ZIP_DEFLATED,
        zipfile.ZIP_BZIP2,
        zipfile.ZIP_LZMA,
    ):
        with zipfile.ZipFile(archived(tmp_path, compression=compression), "a") as archive:
            for folder in "ab":
                archive.writestr(f"{folder}/index.html", b"")

        found = findings_texts(tmp_path, STUDIES)

        assert list(found.series) == ["Clear.", "Clear."]
        assert found.notices == ()


@pytest.mark.parametrize("cut", [0, 10, 100, 200, 300, 400, -1, -30, -100])
def test_an_archive_that_was_cut_is_refused(tmp_path, cut):
    """At its start, in a report, in its directory."""
    path = archived(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(DataError, match="cannot be read"):
        findings_texts(tmp_path, STUDIES)


def test_an_archive_with_damaged_bytes_is_read_or_refused(tmp_path):
    """In 300 random places, compressed in four ways."""
    rng = np.random.default_rng(0)
    ways = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    refused = 0
    for number in range(300):
        path = archived(tmp_path, compression=ways[number % 4])
        data = bytearray(path.read_bytes())
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            findings_texts(tmp_path, STUDIES)
        except DataError:
            refused += 1

    assert 50 < refused < 300


def test_a_report_that_unpacks_to_a_very_large_text_is_refused(tmp_path):
    """A small archive can hold any amount of text; so can a text file."""
    path = archived(tmp_path, {"50000002": b" " * 50_000_000}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000

    with pytest.raises(DataError, match=r"s50000002\.txt is larger than 1,000,000 bytes"):
        findings_texts(tmp_path, STUDIES)
    path.unlink()
    text = tmp_path / "files/p10/p10000001/s50000001.txt"
    text.parent.mkdir(parents=True)
    text.write_bytes(b" " * 1_000_001)
    with pytest.raises(DataError, match="larger than"):
        findings_texts(tmp_path, STUDIES)


def test_a_report_that_is_there_twice_is_refused(tmp_path):
    """Two releases in one archive: which one counts is not guessed."""
    with zipfile.ZipFile(archived(tmp_path), "a") as archive:
        archive.writestr("old/p10/p10000001/s50000001.txt", b"other")

    with pytest.raises(DataError, match="two files s50000001"):
        findings_texts(tmp_path, STUDIES)


@pytest.mark.parametrize(
    ("data", "n"),
    [
        (REPORT.replace(b"Clear", b"Caf\xe9"), 1),
        (REPORT.decode().encode("utf-16"), 1),
        (REPORT.replace(b"\n", b"\r\n"), 0),
    ],
    ids=["cp1252", "UTF-16", "CRLF"],
)
def test_a_report_in_another_encoding_is_a_notice(tmp_path, data, n):
    """The others are read; ends of lines as on Windows are none."""
    archived(tmp_path, {"50000001": data})

    found = findings_texts(tmp_path, STUDIES)

    assert found.series["50000002"] == "Clear."
    assert [notice.count for notice in found.notices] == [1] * n


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


def test_studies_without_a_report_and_reports_in_another_encoding_are_counted(
    mimic_release, tmp_path
):
    """They count as without a FINDINGS section, and are read."""
    root = shutil.copytree(mimic_release, tmp_path / "copy")
    reports = sorted((root / "mimic-cxr-jpg" / "2.0.0").glob("files/p1*/p*/s*.txt"))
    reports[0].unlink()
    reports[1].write_bytes(reports[1].read_bytes().replace(b"FINDINGS:", b"FINDINGS: \xe9"))

    dataset = datasets.load("mimic-cxr", root, {"reports": "findings"})

    stated = {n.sentence for n in dataset.notices if n.about == "reports"}
    study = reports[0].stem[1:]
    assert f"without a FINDINGS section: 1, first {study}." in " ".join(stated)
    assert f"1 report not in UTF-8, first of study {reports[1].stem[1:]}." in stated
    assert dataset.excluded["study_id"].tolist() == [study]


def test_an_encrypted_archive_is_one_sentence(mimic_release, tmp_path):
    """As is one that is cut or has another compression."""
    root = shutil.copytree(mimic_release, tmp_path / "copy")
    report = next((root / "mimic-cxr-jpg" / "2.0.0").glob("files/p1*/p*/s*.txt"))
    study = pd.read_csv(root / "mimic-cxr-jpg/2.0.0/mimic-cxr-2.0.0-metadata.csv.gz")["study_id"][0]
    with zipfile.ZipFile(root / "mimic-cxr-reports.zip", "w") as archive:
        archive.writestr(f"files/s{study}.txt", report.read_text())
    data = bytearray((root / "mimic-cxr-reports.zip").read_bytes())
    data[6] |= 1
    central = data.find(b"PK\x01\x02")
    data[central + 8] |= 1
    (root / "mimic-cxr-reports.zip").write_bytes(bytes(data))

    with pytest.raises(DataError, match=r"mimic-cxr-reports.zip cannot be read"):
        datasets.load("mimic-cxr", root, {"reports": "findings"})
