"""Intervals by resampling patients and by resampling images, side by side, on real scores.

    python benchmarks/design_effect.py DATA

DATA contains nih_cxr14/ (tables of the release), neatx/CXR14_Drains_Labels.csv and
chexnet_scores/pretrained_preds.csv (scores of a DenseNet-121 on 22,433 images). The design effect is the
ratio of the variances: by how much the effective number of images is overestimated.
"""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from cxraudit import AuditSettings, audit, load_dataset
from cxraudit.audits.scores import read_scores
from cxraudit.schema import COMPLEMENT, OVERALL, WITH, WITHOUT, Analysis

KEY = ("analysis", "finding", "attribute", "group", "reference")
ROWS = (
    (Analysis.SUBGROUPS, "Pneumothorax", OVERALL, OVERALL, ""),
    (Analysis.SUBGROUPS, "Pneumothorax", "sex", "male", COMPLEMENT),
    (Analysis.SUBGROUPS, "Pleural Effusion", OVERALL, OVERALL, ""),
    (Analysis.SUBGROUPS, "Pleural Effusion", "sex", "male", COMPLEMENT),
)
DRAIN_ROWS = (
    (Analysis.SUBGROUPS, "Pneumothorax", OVERALL, OVERALL, ""),
    (Analysis.SHORTCUT, "Pneumothorax", "drain", WITH, ""),
    (Analysis.SHORTCUT, "Pneumothorax", "drain", WITHOUT, ""),
    (Analysis.SHORTCUT, "Pneumothorax", "drain", WITH, WITHOUT),
    (Analysis.SHORTCUT_SUBSETS, "Pneumothorax", "drain", "bpsn", ""),
    (Analysis.SHORTCUT_SUBSETS, "Pneumothorax", "drain", "bnsp", ""),
)


def compare(data: Path, options: dict[str, Any], rows: tuple[tuple[str, ...], ...]) -> None:
    """Print the rows of one cohort."""
    dataset = load_dataset("nih-cxr14", data / "nih_cxr14", options)
    scores = read_scores(
        data / "chexnet_scores" / "pretrained_preds.csv",
        dataset,
        image="Image Index",
        score_prefix="prob_",
        model="chexnet",
    ).frame
    scores = scores[scores["finding"].isin([row[1] for row in rows])]
    by_unit = {}
    for unit in ("patients", "images"):
        settings = AuditSettings(resample=unit, operating_point="none", calibration="none")
        results = audit(dataset, scores, settings=settings).results
        chosen = results[(results["metric"] == "auroc") & (results["label_source"] == "")]
        by_unit[unit] = chosen.set_index(list(KEY))
    n = by_unit["patients"]["n"].max()
    for row in rows:
        patients, images = (by_unit[unit].loc[row] for unit in ("patients", "images"))
        effect = ((patients["high"] - patients["low"]) / (images["high"] - images["low"])) ** 2
        name = " ".join(filter(None, row[1:4]))
        print(
            f"| {name}{' − ' + row[4] if row[4] else ''}, {n:,} images | {patients['value']:.3f} | "
            f"{_range(images)} | {_range(patients)} | {effect:.1f} |"
        )


def _range(row: pd.Series) -> str:
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
    compare(data, {}, ROWS)
    drains = data / "neatx" / "CXR14_Drains_Labels.csv"
    compare(data, {"drains": drains, "subset": "test"}, DRAIN_ROWS)


if __name__ == "__main__":
    main()
