"""Intervals from resampled patients and from resampled images, side by side, on real scores.

    python benchmarks/design_effect.py DATA

DATA holds nih_cxr14/ (tables of the release), neatx/CXR14_Drains_Labels.csv and
chexnet_scores/pretrained_preds.csv (scores of a DenseNet-121 on 22,433 images). The design effect is
the ratio of the variances: how many times too many images seem independent.
"""

import argparse
from pathlib import Path

import pandas as pd

from cxraudit import AuditSettings, audit, load_dataset
from cxraudit.steps import read_scores

ROWS = (
    ("Pneumothorax", "all", "all", ""),
    ("Pneumothorax", "sex", "male", "rest"),
    ("Pleural Effusion", "all", "all", ""),
    ("Pleural Effusion", "sex", "male", "rest"),
)
DRAIN_ROWS = (
    ("Pneumothorax", "all", "all", ""),
    ("Pneumothorax", "drain", "with", ""),
    ("Pneumothorax", "drain", "without", ""),
    ("Pneumothorax", "drain", "with", "without"),
    ("Pneumothorax", "drain", "bpsn", ""),
    ("Pneumothorax", "drain", "bnsp", ""),
)


def both(data: Path, options: dict, rows) -> None:
    """Print the rows of one cohort."""
    dataset = load_dataset("nih-cxr14", data / "nih_cxr14", options)
    scores = read_scores(
        data / "chexnet_scores" / "pretrained_preds.csv",
        dataset,
        image="Image Index",
        prefix="prob_",
        model="chexnet",
    )
    scores = scores[scores["finding"].isin([row[0] for row in rows])]
    found = {}
    for unit in ("patients", "images"):
        settings = AuditSettings(resample=unit, operating_point="none", calibration="none")
        results = audit(dataset, scores, settings=settings).results
        found[unit] = results[results["metric"] == "auroc"].set_index(
            ["finding", "attribute", "group", "reference"]
        )
    n = found["patients"]["n"].max()
    for row in rows:
        patients, images = (found[unit].loc[row] for unit in ("patients", "images"))
        effect = ((patients["high"] - patients["low"]) / (images["high"] - images["low"])) ** 2
        name = " ".join(part for part in row[:3] if part != "all")
        print(
            f"| {name}{' − ' + row[3] if row[3] else ''}, {n:,} images | {patients['value']:.3f} | "
            f"{_span(images)} | {_span(patients)} | {effect:.1f} |"
        )


def _span(row: pd.Series) -> str:
    return f"{row['low']:.3f} to {row['high']:.3f}".replace("-", "−")


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    print("| estimate | value | resampling images | resampling patients | design effect |")
    print("|---|---|---|---|---|")
    both(data, {}, ROWS)
    drains = data / "neatx" / "CXR14_Drains_Labels.csv"
    both(data, {"drains": drains, "subset": "test"}, DRAIN_ROWS)


if __name__ == "__main__":
    main()
