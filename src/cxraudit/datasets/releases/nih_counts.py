"""Published counts of NIH ChestX-ray14 and NEATX."""

from pathlib import Path

import pandas as pd

from cxraudit.datasets.base import ADULT_AGE_GROUPS, AGE_GROUPS, Dataset
from cxraudit.datasets.release import Count, find_all
from cxraudit.datasets.releases.nih_files import listed
from cxraudit.datasets.releases.nih_labels import BOXES, EXPERTS, expert_labels, load_boxes
from cxraudit.schema import ANNOTATED, NO_FINDING, PREDICTED, UNKNOWN

PUBLISHED = {
    "images": 112_120,
    "patients": 30_805,
    "images of male patients": 63_340,
    "images of female patients": 48_780,
    "PA images": 67_310,
    "AP images": 44_810,
    "images in test_list.txt": 25_596,
    "patients in test_list.txt": 2_797,
    "images in train_val_list.txt": 86_524,
    "patients in train_val_list.txt": 28_008,
    "boxes": 984,
    "images with boxes": 880,
    "images labelled by experts": 4_376,
}
"""Counts of the release, the same in all three variants of the entry table."""

_CORRECTED = {
    "Infiltration": 19_894,
    "Pleural Effusion": 13_317,
    "Atelectasis": 11_559,
    "Nodule": 6_331,
    "Mass": 5_782,
    "Pneumothorax": 5_302,
    "Consolidation": 4_667,
    "Pleural Thickening": 3_385,
    "Cardiomegaly": 2_776,
    "Emphysema": 2_516,
    "Edema": 2_303,
    "Fibrosis": 1_686,
    "Pneumonia": 1_431,
    "Hernia": 227,
    NO_FINDING: 60_361,
}
PUBLISHED_LABELS = {
    "v2020": _CORRECTED,
    "Kaggle": _CORRECTED,
    "raw 2017": {
        **_CORRECTED,
        "Infiltration": 19_870,
        "Pleural Effusion": 13_307,
        "Atelectasis": 11_535,
        "Nodule": 6_323,
        "Mass": 5_746,
        "Pneumothorax": 5_298,
        "Cardiomegaly": 2_772,
        "Pneumonia": 1_353,
        NO_FINDING: 60_412,
    },
}
"""By variant of the entry table: v2020 corrected 181 rows of the test set, and Kaggle has these."""

PUBLISHED_DRAINS = {
    "drain labels": 25_596,
    "annotated images": 1_760,
    "annotated, with a drain": 1_021,
    "annotated, without a drain": 739,
    "annotated patients": 283,
    "predicted drain labels": 23_836,
}
"""Of the filled NEATX file."""


def counts(dataset: Dataset, root: Path) -> list[Count]:
    """Count images, patients and labels of the release under `root`, beside the published counts."""
    images = dataset.images
    found: dict[str, int] = {
        "images": len(images),
        "patients": images["patient_id"].nunique(),
        "images of male patients": int((images["sex"] == "male").sum()),
        "images of female patients": int((images["sex"] == "female").sum()),
        "PA images": int((images["view_position"] == "PA").sum()),
        "AP images": int((images["view_position"] == "AP").sum()),
    }
    for name in ("test_list.txt", "train_val_list.txt"):
        if (root / name).is_file():
            of_list = images[images["image_id"].isin(listed(root / name))]
            found[f"images in {name}"] = len(of_list)
            found[f"patients in {name}"] = of_list["patient_id"].nunique()
    if any(find_all(root, BOXES, depth=0)):
        boxes = load_boxes(root)
        found["boxes"], found["images with boxes"] = len(boxes), boxes["image_id"].nunique()
    if any(find_all(root, EXPERTS, depth=0)):
        labels, _ = expert_labels(root, images["image_id"])
        found["images labelled by experts"] = len(labels)
    compared = [Count(what, number, PUBLISHED.get(what)) for what, number in found.items()]
    compared += [
        Count(f"{finding} images", int(images[finding].sum()), number)
        for finding, number in PUBLISHED_LABELS[dataset.version].items()
    ]
    groups = images["age_group"].value_counts()
    compared += [
        Count("images of adults", int(groups.reindex(ADULT_AGE_GROUPS).sum())),
        *(
            Count(f"images, age {group}", int(groups.get(group, 0)))
            for group in (*AGE_GROUPS, UNKNOWN)
        ),
    ]
    return compared + _drain_counts(images) if "drain_source" in images else compared


def _drain_counts(images: pd.DataFrame) -> list[Count]:
    annotated = images[images["drain_source"] == ANNOTATED]
    predicted = int((images["drain_source"] == PREDICTED).sum())
    found = {
        "drain labels": len(annotated) + predicted,
        "annotated images": len(annotated),
        "annotated, with a drain": int((annotated["drain"] == "yes").sum()),
        "annotated, without a drain": int((annotated["drain"] == "no").sum()),
        "annotated patients": annotated["patient_id"].nunique(),
        "predicted drain labels": predicted,
    }
    return [Count(what, number, PUBLISHED_DRAINS[what]) for what, number in found.items()]
