"""An attack on published counts: what can be worked out of them by adding and subtracting.

It reads the results table as anybody could, and knows how attributes are made: groups add up to all images,
intersections to their parts, and findings that were labelled in the same images count the same groups.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from cxraudit.schema import OVERALL, Analysis, is_level

Cell = tuple[str, str, str, str]
"""Finding, attribute, group and count."""
OF_IMAGES = ("n", "n_positive")
OF_PATIENTS = ("n_patients", "n_positive_patients")
SHARED = ("n", "n_patients")
"""Counts that do not depend on the finding."""


def levels(results: pd.DataFrame) -> pd.DataFrame:
    """Return one row per finding, attribute and group."""
    rows = results[
        (results["analysis"] == Analysis.SUBGROUPS)
        & (results["metric"] == "auroc")
        & is_level(results)
    ]
    return rows.drop_duplicates(["finding", "attribute", "group"])


def cells(results: pd.DataFrame, counts: tuple[str, ...]) -> dict[Cell, float]:
    """Return every count; NaN where it is hidden."""
    return {
        (row["finding"], row["attribute"], row["group"], count): (
            float("nan") if pd.isna(row[count]) else float(row[count])
        )
        for row in levels(results).to_dict("records")
        for count in counts
    }


def equations(
    known: dict[Cell, float], parts: dict[str, dict[str, dict[str, str]]]
) -> Iterator[dict[Cell, int]]:
    """Yield sums that are zero: a total minus its groups, a group minus its intersections.

    `parts` holds of each fine attribute, such as an intersection: group → attribute → the group of that
    attribute it lies in.
    """
    findings = sorted({f for f, _, _, _ in known})
    attributes = sorted({a for _, a, _, _ in known} - {OVERALL})
    names = sorted({c for _, _, _, c in known})
    for finding in findings:
        for name in names:
            for attribute in attributes:
                total = {(finding, OVERALL, OVERALL, name): 1}
                yield total | {
                    key: -1 for key in known if key[:2] == (finding, attribute) and key[3] == name
                }
            for fine, groups in parts.items():
                for attribute in {name for of in groups.values() for name in of}:
                    for group in {of[attribute] for of in groups.values() if attribute in of}:
                        yield {(finding, attribute, group, name): 1} | {
                            (finding, fine, one, name): -1
                            for one, of in groups.items()
                            if of.get(attribute) == group and (finding, fine, one, name) in known
                        }
    for name in set(names) & set(SHARED):
        for key in known:
            if key[0] != findings[0] and key[3] == name:
                yield {key: 1, (findings[0], *key[1:]): -1}


class Attack:
    """The linear relations between published counts and hidden ones."""

    def __init__(
        self, known: dict[Cell, float], parts: dict[str, dict[str, dict[str, str]]]
    ) -> None:
        self.hidden = [key for key, value in known.items() if np.isnan(value)]
        index = {key: number for number, key in enumerate(self.hidden)}
        rows, sums = [], []
        for equation in equations(known, parts):
            row = np.zeros(len(self.hidden))
            for key, weight in equation.items():
                if key in index:
                    row[index[key]] += weight
            if row.any():
                rows.append(row)
                sums.append(
                    -sum(w * known[k] for k, w in equation.items() if k in known and k not in index)
                )
        self.weights = np.array(rows).reshape(len(rows), len(self.hidden))
        self.sums = np.array(sums)

    def determined(self) -> list[Cell]:
        """Return the hidden counts that follow from the published ones."""
        _, singular, right = np.linalg.svd(self.weights, full_matrices=True)
        rank = int((singular > 1e-9).sum())
        free = np.abs(right[rank:]).max(axis=0, initial=0.0)
        return [key for key, freedom in zip(self.hidden, free, strict=True) if freedom < 1e-9]

    def small_sums(self, below: int) -> list[float]:
        """Return the numbers of hidden images or patients together that are small."""
        alike = (self.weights <= 0).all(axis=1) | (self.weights >= 0).all(axis=1)
        return [abs(s) for s in self.sums[alike] if 0 < abs(s) < below]

    def reach(self, key: Cell) -> tuple[float, float]:
        """Return the least and the most that a hidden count can be, no count being negative."""
        goal = np.zeros(len(self.hidden))
        goal[self.hidden.index(key)] = 1.0
        ends = [
            linprog(sign * goal, A_eq=self.weights, b_eq=self.sums, bounds=(0, 1e6)).fun
            for sign in (1, -1)
        ]
        return float(ends[0] or 0), -float(ends[1] or 0)
