"""Labels of NIH ChestX-ray14: those of reports, those of radiologists, and boxes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cxraudit.datasets import findings as finding_names
from cxraudit.datasets import values
from cxraudit.datasets.release import find_one
from cxraudit.datasets.release_table import ReleaseTable, open_table
from cxraudit.datasets.values.text import is_missing, refuse, unknown_notice
from cxraudit.errors import DataError
from cxraudit.notices import Notice, counted, named
from cxraudit.schema import NO_FINDING

PUBLISHED_NAMES = {
    "Atelectasis": "Atelectasis",
    "Cardiomegaly": "Cardiomegaly",
    "Consolidation": "Consolidation",
    "Effusion": "Pleural Effusion",
    "Pneumonia": "Pneumonia",
    "Pneumothorax": "Pneumothorax",
    "Edema": "Edema",
    "Emphysema": "Emphysema",
    "Fibrosis": "Fibrosis",
    "Hernia": "Hernia",
    "Infiltration": "Infiltration",
    "Mass": "Mass",
    "Nodule": "Nodule",
    "Pleural_Thickening": "Pleural Thickening",
}
"""Name in the release → name in cxraudit, the six findings of Sourget et al. (2025) first."""

REPORT_FINDINGS = (*PUBLISHED_NAMES.values(), NO_FINDING)
"""``No Finding`` is the publisher's label of an image whose report has none of the 14 others."""

EXPERT_FINDINGS = ("Fracture", "Pneumothorax", "Airspace opacity", "Nodule or mass")

BOXES = "BBox_List_2017.csv"
EXPERTS = "google2019_nih-chest-xray-labels.csv"
EXPERT_PARTS = tuple(
    (
        f"four_findings_expert_labels_{part}_labels.csv",
        f"four_findings_expert_labels/{part}_labels.csv",
    )
    for part in ("test", "validation")
)
"""The same labels as they are distributed: two files, with or without the folder's name in theirs."""
ALL_FINDINGS = (
    "all_findings_expert_labels_test_labels.csv",
    "all_findings_expert_labels/test_labels.csv",
)
"""Labels of all 14 findings by the majority of three radiologists (Nabulsi et al. 2021)."""


def report_labels(table: ReleaseTable) -> pd.DataFrame:
    """Return one column per finding: 1, 0, and NaN for images without labels.

    Raises
    ------
    DataError
        If a label is not of ChestX-ray14, or *No Finding* stands beside a finding.
    """
    column = "Finding Labels"
    about = table.about(column)
    codes, cells = pd.factorize(table.texts(column), use_na_sentinel=True)
    counts = dict(zip(cells, np.bincount(codes[codes >= 0], minlength=len(cells)), strict=True))
    missing = {cell: int(n) for cell, n in counts.items() if is_missing(cell)}
    if blank := int((codes < 0).sum()):
        missing[""] = blank
    table.notices.extend(unknown_notice(about, missing, "not labelled"))
    found = np.full((len(cells) + 1, len(REPORT_FINDINGS)), np.nan)
    wrong: dict[str, int] = {}
    contrary: dict[str, int] = {}
    respelled: dict[str, int] = {}
    for row, cell in enumerate(cells):
        if cell in missing:
            continue
        words = [word.strip() for word in cell.split("|")]
        meant = [_finding(word) for word in words]
        if None in meant:
            wrong[cell] = int(counts[cell])
        elif NO_FINDING in meant and set(meant) != {NO_FINDING}:
            contrary[cell] = int(counts[cell])
        found[row] = [finding in meant for finding in REPORT_FINDINGS]
        for word, name in zip(words, meant, strict=True):
            if name and word not in PUBLISHED_NAMES and word != NO_FINDING:
                respelled[word] = respelled.get(word, 0) + int(counts[cell])
    remedy = "Check that the table is that of ChestX-ray14."
    refuse(wrong, about, "label of ChestX-ray14", remedy)
    if contrary:
        number = counted(sum(contrary.values()), "label")
        raise DataError(
            f"{about} holds {number} with a finding beside '{NO_FINDING}': {named(contrary)}. {remedy}"
        )
    if respelled:
        stated = f"Labels in another spelling than the publisher's, understood: {named(respelled)}."
        table.note(column, sum(respelled.values()), stated)
    return pd.DataFrame(found[codes], columns=list(REPORT_FINDINGS))


def _finding(word: str) -> str | None:
    return finding_names.find(word, REPORT_FINDINGS, PUBLISHED_NAMES) if word else None


def expert_labels(
    root: Path, images: pd.Series, labels: str = "experts"
) -> tuple[pd.DataFrame, list[Notice]]:
    """Return the labels of radiologists, indexed by image, and the notices of the tables they were read from.

    Parameters
    ----------
    root : pathlib.Path
        Folder of the release.
    images : pandas.Series
        Names of its images.
    labels : {"experts", "all-findings"}
        Pneumothorax and three groups of findings, adjudicated (Majkowska et al. 2019); or all 14 findings of
        810 PA images of the official test list, by majority (Nabulsi et al. 2021).

    Raises
    ------
    DataError
        If the table is missing, lacks a column, has an image twice, or values that are not understood.
    """
    # The header of some splits "OriginalImage[Width,Height]" in two, as in the entry table.
    if labels == "all-findings":
        paths = [_of_any(root, ALL_FINDINGS)]
        columns = dict(PUBLISHED_NAMES)
    else:
        in_parts = any((root / name).is_file() for part in EXPERT_PARTS for name in part)
        whole = not in_parts or (root / EXPERTS).is_file()
        paths = [_of_any(root, one) for one in ([(EXPERTS,)] if whole else EXPERT_PARTS)]
        columns = {finding: finding for finding in EXPERT_FINDINGS}
    parts: list[pd.DataFrame] = []
    notices: list[Notice] = []
    for path in paths:
        table = open_table(path, what="the file of expert labels")
        part = _of_experts(table, columns)
        unmatched = part.index[~part.index.isin(images)].to_series()
        table.note_unmatched("image", unmatched, "of images that the entry table does not have")
        parts.append(part)
        notices += table.notices
    found = pd.concat(parts)
    if found.index.has_duplicates:
        first = found.index[found.index.duplicated()][0]
        raise DataError(
            f"the image {first} is in two files of expert labels under {root}. Keep one row of each image."
        )
    return found, notices


def _of_any(root: Path, names: Sequence[str]) -> Path:
    """Return the first of some files that is there; what is missing is the first of them."""
    for name in names:
        if (root / name).is_file():
            return root / name
    raise DataError(
        f"{names[0]} is missing under {root}. Download it, or use --option labels=reports."
    )


def _of_experts(table: ReleaseTable, columns: Mapping[str, str]) -> pd.DataFrame:
    """Return the labels of one table: YES and NO as 1 and 0."""
    key = next((one for one in ("Image Index", "Image ID") if one in table.frame), "Image Index")
    table.require((key,))
    spelled = {finding_names.plain(str(one)): str(one) for one in table.frame}
    own = {
        name: spelled.get(finding_names.plain(column), column) for column, name in columns.items()
    }
    table.require(own.values())
    names = table.ids(key, unique=True)
    return pd.DataFrame(
        {
            name: table.read(column, values.yes_no).map({"yes": 1.0, "no": 0.0}).to_numpy()
            for name, column in own.items()
        },
        index=names.to_numpy(),
    )


def load_boxes(root: Path) -> pd.DataFrame:
    """Read the bounding boxes of findings that radiologists drew on 880 of the images.

    Returns
    -------
    pandas.DataFrame
        One row per box: ``image_id``, ``finding``, and ``x``, ``y``, ``width``, ``height`` in pixels of
        the 1024 × 1024 image, from its upper left corner.

    Raises
    ------
    DataError
        If the table is missing, lacks a column, or has values that are not understood.
    """
    path, _ = find_one(root, (BOXES,), depth=0, hint="Download it with ChestX-ray14.")
    # The header "Bbox [x,y,w,h]" splits at its commas into four columns.
    table = open_table(
        path, what="the table of boxes", columns=("Image Index", "Finding Label", *_CORNERS)
    )
    names = {**PUBLISHED_NAMES, "Infiltrate": "Infiltration"}
    found = table.texts("Finding Label")
    refuse(
        found[~found.isin(list(names))].fillna("blank").value_counts().to_dict(),
        table.about("Finding Label"),
        "finding of ChestX-ray14",
        "Download the table again.",
    )
    corners = {new: table.read(old, values.numbers) for old, new in _CORNERS.items()}
    return pd.DataFrame(
        {"image_id": table.ids("Image Index"), "finding": found.map(names), **corners}
    )


_CORNERS = {"Bbox [x": "x", "y": "y", "w": "width", "h]": "height"}
