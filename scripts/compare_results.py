"""Compare the results of the first version with those of this one, key by key.

    python scripts/compare_results.py OLD_AUDIT_FOLDER NEW_AUDIT_FOLDER [...more pairs]

The first version (commit 6101d71) kept its keys in English phrases and in three tables; `converted` maps
them to the one results schema. Every value, interval end and p-value is then compared; the exit code is 1 if
any differs by more than 1e-12 (relative to 1), or if a row of either side is missing. `EXPECTED` names
faults of the first version that do not show with the default settings.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from cxraudit.metrics import METRICS, Family
from cxraudit.schema import (
    ANNOTATED,
    BOUNDS,
    CHANCE,
    COMPLEMENT,
    CORRECTED,
    INDEPENDENT,
    KEY_COLUMNS,
    MEAN_FINDING,
    NEGATIVES,
    OBSERVED,
    POSITIVES,
    RESULT_COLUMNS,
    WITHOUT,
    Analysis,
    typed_frame,
)

TOLERANCE = 1e-12
NEW_METRICS = (
    "partial_auroc",
    "sensitivity_at_specificity",
    "specificity_at_sensitivity",
    "auprg",
)
"""Added since the first version."""
NUMBERS = ("value", "low", "high", "p_value", "p_adjusted", "margin", "detectable_gap")
COUNTS = ("n", "n_positive", "n_patients", "n_positive_patients")
BEFORE = "before erasure"

EXPECTED = {
    "level of probe verdicts": "the first version judged probes at 5 % whatever the level",
    "interval of the settings": "the first version ignored interval='bca' in embedding audits",
}
"""Differences that are faults of the first version; none of them shows with the default settings."""

_ADJUSTERS = {
    "age": "age_group",
    "view": "view_position",
    "age × view": "age_group*view_position",
    "chest drain": "drain",
}
_VERDICTS = {
    "real, size unclear": "difference of unclear size",
    "within margin": "small difference",
    "readable": "decodable",
    "not readable": "not decodable",
    "cannot tell": "unclear",
    "encoded and used": "decodable and associated",
    "encoded, not used": "decodable, not associated",
    "not encoded": "not decodable",
    "ranked below chance": "",
}
_METRICS = {
    "slope": "calibration_slope",
    "intercept": "calibration_intercept",
    "detectability": "shortcut_auroc",
    "auroc_if_errors_random": "auroc",
    "auroc_bounds": "auroc",
}
_PROBES = {"linear": "linear", "k-NN": "knn", "MLP": "mlp", "control": "control"}
_AMONG = {
    "among positives": POSITIVES,
    "among negatives": NEGATIVES,
    "films with the finding": POSITIVES,
    "films without the finding": NEGATIVES,
}
_EDITS = {"sham": "control"}


def _result_key(row: dict) -> dict:
    """Return the key columns of a row of the first version's results table."""
    metric = _METRICS.get(row["metric"], row["metric"])
    key = {
        "analysis": Analysis.SUBGROUPS,
        "attribute": "" if row["attribute"] == "all" else row["attribute"],
        "group": "" if row["group"] == "all" else row["group"],
        "reference": row["reference"],
        "condition": "",
        "at": np.nan,
        "label_source": "",
        "metric": metric,
    }
    family = METRICS[metric].family
    attribute, reference, group = row["attribute"], row["reference"], row["group"]
    if family == Family.DECISION:
        key["analysis"] = Analysis.OPERATING_POINT
    elif family == Family.CALIBRATION:
        key["analysis"] = Analysis.CALIBRATION
    if reference.startswith("model "):
        return key | {"analysis": Analysis.MODELS, "reference": reference.removeprefix("model ")}
    if reference == "each other":
        return key | {"analysis": Analysis.HETEROGENEITY}
    if reference.startswith("rest at equal "):
        adjuster = _ADJUSTERS[reference.removeprefix("rest at equal ")]
        return key | {
            "analysis": Analysis.STANDARDISED,
            "reference": COMPLEMENT,
            "condition": adjuster,
        }
    if reference == "rest":
        return key | {"reference": COMPLEMENT}
    if attribute.endswith(" (annotated only)"):
        shortcut = attribute.removesuffix(" (annotated only)")
        return key | {
            "analysis": Analysis.SHORTCUT,
            "attribute": shortcut,
            "label_source": ANNOTATED,
        }
    if row["metric"] == "auroc_if_errors_random":
        return key | {"analysis": Analysis.SHORTCUT_LABEL_ERRORS, "condition": CORRECTED}
    if row["metric"] == "auroc_bounds":
        return key | {"analysis": Analysis.SHORTCUT_LABEL_ERRORS, "condition": BOUNDS}
    if metric == "shortcut_auroc":
        return key | {
            "analysis": Analysis.SHORTCUT_SEPARATION,
            "group": _AMONG[group],
            "reference": CHANCE if reference == "coin toss" else "",
        }
    if attribute.endswith(" (dose)"):
        key |= {
            "analysis": Analysis.SHORTCUT_PREVALENCE,
            "attribute": attribute.removesuffix(" (dose)"),
            "group": "",
        }
        if group == INDEPENDENT:
            return key | {"condition": INDEPENDENT}
        if group.startswith(OBSERVED):
            return key | {"condition": OBSERVED}
        return key | {"at": float(group.rstrip("%")) / 100}
    if reference.startswith("without at equal "):
        adjuster = _ADJUSTERS[reference.removeprefix("without at equal ")]
        return key | {
            "analysis": Analysis.SHORTCUT_STANDARDISED,
            "reference": WITHOUT,
            "condition": adjuster,
        }
    if group in ("subgroup", "background", "bpsn", "bnsp"):
        return key | {"analysis": Analysis.SHORTCUT_SUBSETS}
    if group in ("with", "without"):
        return key | {"analysis": Analysis.SHORTCUT}
    return key


def _perturbation_key(row: dict) -> dict:
    """Return the key columns of a row of the first version's table of edits."""
    counterfactual = row["severity"] == 0
    metric = "score_change" if row["metric"] == "score_change" else row["metric"]
    group = row["group"].removeprefix("edited: ")
    reference = _EDITS.get(row["reference"], row["reference"])
    if group.endswith(" to the rest"):
        group, metric = group.removesuffix(" to the rest"), "auroc_gap"
    return {
        "analysis": Analysis.COUNTERFACTUAL if counterfactual else Analysis.CORRUPTION,
        "attribute": "" if row["attribute"] == "all" else row["attribute"],
        "group": "" if group == "all" else _AMONG.get(group, group),
        "reference": COMPLEMENT if reference == "rest" else reference,
        "condition": _EDITS.get(row["edit"], row["edit"]),
        "at": np.nan if counterfactual else float(row["severity"]),
        "label_source": "",
        "metric": metric,
        "finding": MEAN_FINDING if row["finding"] == "mean over findings" else row["finding"],
    }


def _embedding_key(row: dict) -> dict:
    """Return the key columns of a row of the first version's table of embeddings."""
    analysis, metric = row["analysis"], row["metric"]
    key = {
        "attribute": row["attribute"],
        "group": row["group"],
        "reference": "",
        "condition": "",
        "at": np.nan,
        "label_source": "",
        "metric": metric,
        "finding": row["finding"],
    }
    if analysis == "probe":
        name = f"{_PROBES[row['method']]}_probe_auroc"
        return key | {
            "analysis": Analysis.PROBE,
            "group": "",
            "condition": row["space"],
            "metric": name,
        }
    if analysis == "projection":
        key["analysis"] = Analysis.PROJECTION
        if metric == "explained variance":
            number = float(row["group"].removeprefix("component "))
            return key | {"group": "", "at": number, "metric": "explained_variance"}
        key["reference"] = COMPLEMENT
        if row["method"] == "energy":
            return key | {"metric": "energy_distance"}
        number = float(row["space"].removeprefix("component "))
        return key | {"at": number, "metric": "ks_distance"}
    if analysis == "centroid":
        named = {
            "distance of the means": ("centroid_distance", COMPLEMENT),
            "cosine with the prompt direction": ("prompt_cosine", COMPLEMENT),
            "modality gap": ("modality_gap", ""),
        }
        metric, reference = named[metric]
        return key | {"analysis": Analysis.CENTROID, "metric": metric, "reference": reference}
    if analysis == "direction":
        if metric == "share of score variance":
            return key | {"analysis": Analysis.SCORE_DIRECTION, "metric": "variance_share"}
        return key | {
            "analysis": Analysis.SCORE_DIRECTION,
            "metric": "conditional_score_shift",
            "reference": COMPLEMENT,
        }
    if analysis == "erasure":
        key["analysis"] = Analysis.ERASURE
        if metric == "probe auroc after":
            name = f"{_PROBES[row['method']]}_probe_auroc"
            return key | {"metric": name, "condition": "erased"}
        return key | {
            "metric": {"change of auroc": "auroc", "change of gap": "auroc_gap"}[metric],
            "reference": BEFORE,
        }
    if analysis == "reading":
        return key | {
            "analysis": Analysis.ENCODING_USE,
            "metric": "conditional_score_shift",
            "reference": COMPLEMENT,
        }
    named = {
        "mean gap over prompts": "auroc_gap",
        "standard deviation between prompts": "gap_between_prompts_sd",
        "standard deviation by sampling patients": "gap_sampling_sd",
        "share of the prompt": "prompt_variance_share",
        "auroc": "auroc",
    }
    condition = row["method"] if metric == "auroc" else ""
    return key | {
        "analysis": Analysis.PROMPT_SENSITIVITY,
        "metric": named[metric],
        "condition": condition,
    }


def converted(folder: Path) -> pd.DataFrame:
    """Read an audit folder of the first version as one table of the results schema."""
    rows = []
    for file, key_of in (
        ("results.parquet", _result_key),
        ("edits.parquet", _perturbation_key),
        ("embeddings.parquet", _embedding_key),
    ):
        if (folder / file).is_file():
            for row in pd.read_parquet(folder / file).to_dict("records"):
                verdict = _VERDICTS.get(row["verdict"], row["verdict"])
                rows.append({**row, "verdict": verdict, **key_of(row)})
    return typed_frame(rows, RESULT_COLUMNS)


def keyed(results: pd.DataFrame) -> pd.DataFrame:
    """Index a results table by its keys, without what the first version did not keep as a number."""
    at = results["at"].round(9).astype("str")
    rounded = (results["analysis"] == Analysis.SHORTCUT_PREVALENCE) & (results["condition"] != "")
    threshold = results["analysis"] == Analysis.OPERATING_POINT
    probe = results["analysis"] == Analysis.PROBE
    table = results.assign(at=at.mask(rounded | threshold | probe, ""), prompt_set="")
    return table.set_index(list(KEY_COLUMNS)).sort_index()


def compare(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    """Return what differs, one line each."""
    before, after = keyed(old), keyed(new[~new["metric"].isin(NEW_METRICS)])
    problems = [
        f"{name}: {int(table.index.duplicated().sum())} rows share a key, first "
        f"{table.index[table.index.duplicated()][0]}"
        for name, table in (("old", before), ("new", after))
        if table.index.duplicated().any()
    ]
    if problems:
        return problems
    for name, missing in (
        ("missing", before.index.difference(after.index)),
        ("added", after.index.difference(before.index)),
    ):
        for analysis in dict.fromkeys(missing.get_level_values("analysis")):
            part = missing[missing.get_level_values("analysis") == analysis]
            problems.append(f"{name}: {len(part)} rows of {analysis}, first {part[0]}")
    common = before.index.intersection(after.index)
    first, second = before.loc[common], after.loc[common]
    new_there = common.get_level_values("analysis") == Analysis.SCORE_DIRECTION
    for column in (*NUMBERS, *COUNTS):
        a, b = first[column].to_numpy(dtype=float), second[column].to_numpy(dtype=float)
        if column in COUNTS:  # the table of embeddings counted no positives
            a = np.where((a == 0) & (column in COUNTS[1::2]), b, a)
        with np.errstate(invalid="ignore"):
            off = ~(
                (np.abs(a - b) <= TOLERANCE * np.maximum(1, np.abs(a)))
                | (np.isnan(a) & np.isnan(b))
            )
        off &= ~(a == b)
        if column in ("margin", "detectable_gap"):
            off &= ~new_there  # the table of embeddings did not have them
        for analysis in dict.fromkeys(common[off].get_level_values("analysis")):
            where = np.flatnonzero(off & (common.get_level_values("analysis") == analysis))
            k = where[np.nanargmax(np.nan_to_num(np.abs(a[where] - b[where]), nan=np.inf))]
            problems.append(
                f"{column} of {analysis}: {where.size} differ, most {a[k]!r} and {b[k]!r} at {common[k]}"
            )
    off = (first["verdict"] != second["verdict"]).to_numpy()
    if off.any():
        k = int(np.flatnonzero(off)[0])
        problems.append(
            f"verdict: {int(off.sum())} differ, first {first['verdict'].iloc[k]!r} and "
            f"{second['verdict'].iloc[k]!r} at {common[k]}"
        )
    print(
        f"{len(common):,} rows compared, {len(before):,} of the first version, {len(after):,} of this one"
    )
    return problems


def main(arguments: list[str]) -> int:
    """Compare pairs of folders; return the exit code."""
    failed = False
    for old, new in zip(arguments[::2], arguments[1::2], strict=True):
        problems = compare(converted(Path(old)), pd.read_parquet(Path(new) / "results.parquet"))
        print(f"{old} and {new}: {'equal to 1e-12' if not problems else 'different'}")
        for problem in problems:
            print(f"  {problem}")
        failed |= bool(problems)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
