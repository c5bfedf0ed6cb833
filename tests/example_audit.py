"""Audits to report on: a real one with planted effects, and rows made by hand where words are tested."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from cxraudit.audits.result import Audit
from cxraudit.audits.run import audit
from cxraudit.schema import (
    ALL_OTHERS,
    CHANCE,
    COMPLEMENT,
    CONTROLS,
    EXPLORATORY,
    INDEPENDENT,
    MEAN_FINDING,
    NEGATIVES,
    NEUTRAL_WORDS,
    OBSERVED,
    POSITIVES,
    REWEIGHTED,
    SAME_LABEL_SWAP,
    SEARCHED,
    SLICE,
    UNEDITED,
    WITH,
    WITHOUT,
    WORDS_FOR_GROUPS,
    Analysis,
    Confirmatory,
    control_of,
    results_frame,
)
from cxraudit.settings import AuditSettings
from planted import planted_dataset, planted_scores, planted_table

Row = dict[str, Any]


@cache
def planted_audit() -> Audit:
    """A planted age effect, a planted drain shortcut, and a group without positives."""
    frame = planted_table(0, age_gap=1.2, drain_gap=1.2)
    frame.loc[frame["race"] == "asian", "Cardiomegaly"] = 0
    return audit(
        planted_dataset(frame), planted_scores(frame), settings=AuditSettings(n_resamples=300)
    )


@cache
def audit_at_80_percent() -> Audit:
    """Level 0.8, margin 0.1, and a threshold and probabilities that nothing is chosen for."""
    frame = planted_table(0, age_gap=1.2, drain_gap=1.2)
    scores = planted_scores(frame)
    return audit(
        planted_dataset(frame),
        scores.assign(score=expit(scores["score"])),
        attributes=["sex"],
        settings=AuditSettings(
            n_resamples=300,
            confidence_level=0.8,
            margin=0.1,
            operating_point="fixed=0.5",
            calibration="as is",
        ),
    )


def row(analysis: Analysis, value: float, **cells: Any) -> Row:
    """One row of the results: an AUROC of a finding with an interval of ±0.03, but for `cells`."""
    return {
        "dataset": "toy",
        "model": "m",
        "prompt_set": "paper",
        "analysis": analysis,
        "finding": "Pneumothorax",
        "metric": "auroc",
        "value": value,
        "low": value - 0.03,
        "high": value + 0.03,
        "confidence_level": 0.95,
        "method": "patient-cluster bootstrap, expanded percentile",
        "n": 400,
        "n_positive": 100,
        "n_patients": 200,
        "n_positive_patients": 60,
    } | cells


def judged(analysis: Analysis, value: float, verdict: str, **cells: Any) -> Row:
    """One row of a difference with its verdict."""
    known: Row = {
        "reference": COMPLEMENT,
        "verdict": verdict,
        "family": Confirmatory.PRIMARY,
        "low_simultaneous": value - 0.05,
        "high_simultaneous": value + 0.05,
        "p_value": 0.01,
        "p_adjusted": 0.02,
        "margin": 0.05,
        "detectable_gap": 0.08,
    }
    return row(analysis, value, **(known | cells))


def example(*rows: Row, **changed: Any) -> Audit:
    """Return an audit of rows made by hand; `changed` are fields of it, `facts` are added to."""
    facts = {
        "dataset": {"name": "toy", "version": "1", "license": "CC0"},
        "images": 400,
        "patients": 200,
        "findings": sorted({r["finding"] for r in rows if r["finding"] not in ("", MEAN_FINDING)}),
        "models": list(dict.fromkeys(r["model"] for r in rows)),
        "attributes": ["sex"],
        "shortcuts": {},
        "notes": [],
        "notices": [],
        "truth": None,
        "settings": AuditSettings().recorded(),
        "tuning": {"patients": 40, "evaluated": 160, "held_out": True},
        "perturbed": None,
        "embedded": [],
    }
    empty = pd.DataFrame(columns=["step", "images", "patients", "reason"])
    made = Audit(
        results=results_frame(rows),
        exclusions=empty,
        flow=pd.DataFrame(),
        excluded=pd.DataFrame(),
        facts=facts | changed.pop("facts", {}),
    )
    return replace(made, **changed)


def overall(value: float = 0.9, **cells: Any) -> Row:
    """The AUROC over all patients."""
    return row(Analysis.SUBGROUPS, value, **cells)


def by_sex(verdict: str, value: float = -0.12, **cells: Any) -> list[Row]:
    """Levels and gaps of two groups that mirror each other."""
    named: Row = {"attribute": "sex"}
    rows = [
        row(Analysis.SUBGROUPS, 0.8, group="female", **named),
        row(Analysis.SUBGROUPS, 0.8 - value, group="male", **named),
        judged(Analysis.SUBGROUPS, value, verdict, group="female", **named),
        judged(Analysis.SUBGROUPS, -value, verdict, group="male", **named),
    ]
    return [one | cells for one in rows]


def shortcut_rows(verdict: str = "disparity", **cells: Any) -> list[Row]:
    """Arms, gap, subsets, separation, prevalence and standardised gap of a chest drain."""
    named: Row = {"attribute": "drain", **cells}
    subsets = {"subgroup": 0.9, "background": 0.8, "bpsn": 0.7, "bnsp": 0.95}
    shares = {0.0: 0.8, 0.5: 0.85, 1.0: 0.9}
    return [
        row(Analysis.SHORTCUT, 0.9, group=WITH, **named),
        row(Analysis.SHORTCUT, 0.8, group=WITHOUT, **named),
        judged(Analysis.SHORTCUT, 0.1, verdict, group=WITH, reference=WITHOUT, **named),
        *(row(Analysis.SHORTCUT_SUBSETS, v, group=g, **named) for g, v in subsets.items()),
        row(
            Analysis.SHORTCUT_SUBSETS,
            0.25,
            group="bnsp",
            reference="bpsn",
            family=EXPLORATORY,
            **named,
        ),
        *separation_rows("disparity", "disparity", **cells),
        *(row(Analysis.SHORTCUT_PREVALENCE, v, at=a, **named) for a, v in shares.items()),
        row(Analysis.SHORTCUT_PREVALENCE, 0.8432, at=0.4321, condition=OBSERVED, **named),
        row(Analysis.SHORTCUT_PREVALENCE, 0.81, at=0.2, condition=INDEPENDENT, **named),
        *(
            row(
                Analysis.SHORTCUT_PREVALENCE,
                0.0332,
                at=0.2,
                condition=OBSERVED,
                reference=condition,
                family=EXPLORATORY,
                **named,
            )
            for condition in REWEIGHTED
        ),
        judged(
            Analysis.SHORTCUT_STANDARDISED,
            0.09,
            "disparity",
            group=WITH,
            reference=WITHOUT,
            condition="age_group*view_position",
            **named,
        ),
    ]


def separation_rows(positives: str, negatives: str, value: float = 0.2, **cells: Any) -> list[Row]:
    """Levels and verdicts of whether the score separates images with and without a drain."""
    named: Row = {"attribute": "drain", "metric": "shortcut_auroc", **cells}
    verdicts = {POSITIVES: positives, NEGATIVES: negatives}
    return [
        *(row(Analysis.SHORTCUT_SEPARATION, 0.5 + value, group=g, **named) for g in verdicts),
        *(
            judged(Analysis.SHORTCUT_SEPARATION, value, verdict, group=g, reference=CHANCE, **named)
            for g, verdict in verdicts.items()
        ),
    ]


def percentiles(model: str = "m") -> pd.DataFrame:
    """Distributions of the score of pneumothorax in four kinds of image."""
    middle = (np.arange(5) + 0.5) / 5
    return pd.concat(
        pd.DataFrame(
            {
                "model": model,
                "finding": "Pneumothorax",
                "shortcut": "drain",
                "has_finding": positive,
                "has_shortcut": has,
                "percentile": middle,
                "share": np.full(5, 0.2),
                "n": 50,
            }
        )
        for positive in (True, False)
        for has in ("yes", "no")
    )


def insertion_rows(
    drain: str, control: str, beyond: str, value: float = 1.1, flagged: str = "disparity"
) -> list[Row]:
    """Changes by an inserted drain, by its controls, and of one beyond the others, with verdicts."""
    changed: Row = {"metric": "score_change", "margin": 0.25}
    shares: Row = {"metric": "fpr", "group": NEGATIVES, "condition": "drain"}
    return [
        judged(
            Analysis.COUNTERFACTUAL, value, drain, condition="drain", reference=UNEDITED, **changed
        ),
        *(
            judged(
                Analysis.COUNTERFACTUAL,
                0.01,
                control,
                condition=name,
                reference=UNEDITED,
                **changed,
            )
            for name in CONTROLS
        ),
        *(
            judged(
                Analysis.COUNTERFACTUAL,
                value - 0.01,
                beyond,
                condition="drain",
                reference=name,
                **changed,
            )
            for name in CONTROLS
        ),
        *(
            judged(
                Analysis.COUNTERFACTUAL,
                value,
                drain,
                condition="drain",
                reference=UNEDITED,
                attribute="sex",
                group=group,
                **changed,
            )
            for group in ("female", "male")
        ),
        row(Analysis.COUNTERFACTUAL, 0.65, **shares),
        judged(Analysis.COUNTERFACTUAL, 0.57, flagged, reference=UNEDITED, **shares),
    ]


def image_changes() -> pd.DataFrame:
    """Change of each image's score by a drain and by its controls."""
    rng = np.random.default_rng(0)
    return pd.concat(
        pd.DataFrame(
            {
                "model": "m",
                "finding": "Pneumothorax",
                "condition": condition,
                "change": rng.normal(mean, 0.3, 80),
            }
        )
        for condition, mean in (("drain", 1.1), *((name, 0.0) for name in CONTROLS))
    )


def corruption_rows(verdicts: dict[str, tuple[str, ...]], **cells: Any) -> list[Row]:
    """Levels and changes of AUROC by severity, one finding; `verdicts` has one per severity."""
    rows = []
    for name, by_severity in verdicts.items():
        for severity, verdict in enumerate(by_severity, start=1):
            named: Row = {"condition": name, "at": float(severity), **cells}
            rows += [
                row(Analysis.CORRUPTION, 0.9 - 0.04 * severity, **named),
                judged(Analysis.CORRUPTION, -0.04 * severity, verdict, reference=UNEDITED, **named),
                judged(
                    Analysis.CORRUPTION,
                    -0.02 * severity,
                    "inconclusive",
                    attribute="sex",
                    group="female",
                    **named,
                ),
            ]
    return rows


def probe_rows(attribute: str, linear: str, *, knn: str = "", mlp: str = "") -> list[Row]:
    """AUROC of every probe on the whole embedding, and of the linear one on two axes."""
    named: Row = {"attribute": attribute, "finding": "", "prompt_set": "", "at": 210.0}
    verdicts = {
        "linear_probe_auroc": linear,
        "knn_probe_auroc": knn or linear,
        "mlp_probe_auroc": mlp or linear,
    }
    axes = "PCA (2 axes)"
    return [
        *(
            row(Analysis.PROBE, 0.97, metric=metric, condition="image", verdict=verdict, **named)
            for metric, verdict in verdicts.items()
        ),
        row(Analysis.PROBE, 0.5, metric="control_probe_auroc", condition="image", **named),
        row(
            Analysis.PROBE,
            0.52,
            metric="linear_probe_auroc",
            condition=axes,
            verdict="not decodable",
            **named,
        ),
    ]


def shift_rows(attribute: str, *verdicts: str, group: str = "female") -> list[Row]:
    """The largest shift of the score of each finding, and the changes by erasure."""
    rows = []
    for finding, verdict in zip(("Pneumothorax", "Cardiomegaly"), verdicts, strict=False):
        named: Row = {"attribute": attribute, "finding": finding}
        rows += [
            row(
                Analysis.ENCODING_USE,
                -0.5,
                metric="conditional_score_shift",
                condition=POSITIVES,
                group=group,
                reference=COMPLEMENT,
                verdict=verdict,
                **named,
            ),
            row(Analysis.ERASURE, -0.1, reference="before erasure", **named),
            row(
                Analysis.ERASURE,
                0.02,
                metric="auroc_gap",
                group=group,
                reference="before erasure",
                **named,
            ),
        ]
    return rows


def prompt_rows() -> list[Row]:
    """Mean gap over prompt pairs, share of the prompt, and a pair that ranks below chance."""
    named: Row = {"attribute": "sex", "group": "female"}
    return [
        row(Analysis.PROMPT_SENSITIVITY, -0.1, metric="auroc_gap", **named),
        row(Analysis.PROMPT_SENSITIVITY, 0.76, metric="prompt_variance_share", **named),
        row(
            Analysis.PROMPT_SENSITIVITY,
            0.3,
            condition="bare | no X | Pneumothorax",
            reasons="BELOW_CHANCE",
            note="“Pneumothorax” against “no Pneumothorax”",
        ),
    ]


def prompt_gaps() -> pd.DataFrame:
    """Gaps of three prompt pairs; the first is that of the prompt set `paper`."""
    return pd.DataFrame(
        {
            "model": "m",
            "finding": "Pneumothorax",
            "pair": ["a", "b", "c"],
            "positive": ["Chest Pneumothorax", "Pneumothorax", "Chest Pneumothorax"],
            "negative": ["Chest No findings", "no Pneumothorax", "no Pneumothorax"],
            "attribute": "sex",
            "group": "female",
            "gap": [-0.12, -0.05, -0.13],
        }
    )


def points() -> pd.DataFrame:
    """Images of two sexes on two axes."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "model": "m",
            **{name: rng.normal(size=60) for name in ("pca_x", "pca_y", "tsne_x", "tsne_y")},
            "attribute:sex": ["female", "male", "unknown"] * 20,
            "modality": "image",
        }
    )


def curves() -> pd.DataFrame:
    """Sorted centroid differences of one group over four dimensions."""
    return pd.DataFrame(
        {
            "model": "m",
            "attribute": "sex",
            "group": "female",
            "rank": [1, 2, 3, 4],
            "value": [0.4, 0.3, 0.2, 0.1],
            "low": 0.05,
            "high": 0.15,
        }
    )


def shot_rows() -> list[Row]:
    """AUROC and gaps of heads for two numbers of training patients."""
    rows = []
    for at in (16.0, 64.0):
        rows.append(row(Analysis.N_SHOT, 0.7 + at / 1000, at=at))
        for group in ("female", "male"):
            named: Row = {"attribute": "sex", "group": group, "at": at}
            rows.append(row(Analysis.N_SHOT, 0.7, **named))
            gap = row(Analysis.N_SHOT, -0.02, reference=COMPLEMENT, family=EXPLORATORY, **named)
            rows.append(gap)
    return rows


def region_rows(*, without: float = 0.72, chance: float = 0.22) -> list[Row]:
    """AUROC with the lungs removed, by its difference to chance, beside its control, and a swap."""
    condition = "without-lungs"
    control = control_of(condition)
    rows = [
        row(Analysis.REGION, without, condition=condition),
        row(Analysis.REGION, 0.9, condition=control),
        row(Analysis.REGION, 0.89, condition=SAME_LABEL_SWAP),
    ]
    for name, value, reference in (
        (condition, without - 0.91, UNEDITED),
        (condition, chance, CHANCE),
        (condition, without - 0.9, control),
        (control, -0.01, UNEDITED),
        (SAME_LABEL_SWAP, -0.02, UNEDITED),
    ):
        named: Row = {"condition": name, "reference": reference, "family": EXPLORATORY}
        rows.append(row(Analysis.REGION, value, **named))
    for name, value in ((condition, 1.1), (control, 0.2), (SAME_LABEL_SWAP, 0.6)):
        rows.append(row(Analysis.REGION, value, condition=name, metric="absolute_change"))
    return rows


def label_rows() -> list[Row]:
    """Errors of labels by sex, and what reference labels make of the gap."""
    sex: Row = {"attribute": "sex", "group": "female"}
    rows = []
    for metric in ("tpr", "fpr", "ppv", "npv"):
        rows.append(row(Analysis.LABEL_ERRORS, 0.8, metric=metric))
        for group in ("female", "male"):
            own: Row = {"attribute": "sex", "group": group, "metric": metric}
            rows.append(row(Analysis.LABEL_ERRORS, 0.7, **own))
            rows.append(
                row(Analysis.LABEL_ERRORS, -0.1, reference=COMPLEMENT, family=EXPLORATORY, **own)
            )
    rows += [
        row(
            Analysis.LABEL_ERRORS,
            0.02,
            attribute="sex",
            group=POSITIVES,
            reference="chance",
            family=EXPLORATORY,
            low=-0.1,
            high=0.1,
            p_value=0.8,
        ),
        *(
            row(
                Analysis.REFERENCE_LABELS,
                value,
                reference=COMPLEMENT,
                condition=condition,
                family=EXPLORATORY,
                low=low,
                high=high,
                **sex,
            )
            for condition, value, low, high in (
                ("subset", 0.02, -0.05, 0.09),
                ("subset, working labels", -0.1, -0.2, 0.0),
                ("both labels", 0.01, -0.03, 0.05),
                ("corrected", 0.0, -0.06, 0.07),
                ("bounds", float("nan"), -0.4, 0.2),
                ("bounds as estimated", float("nan"), -0.35, 0.15),
            )
        ),
        row(
            Analysis.REFERENCE_LABELS,
            0.13,
            reference="the gap by working labels",
            condition="both labels",
            family=EXPLORATORY,
            low=0.05,
            high=0.2,
            **sex,
        ),
    ]
    return rows


def slice_rows() -> list[Row]:
    """Two slices, of which one is confirmed."""
    rows = []
    for name, value, verdict in (
        ("sex = female", -0.12, "disparity"),
        ("drain = yes", -0.02, "inconclusive"),
    ):
        named: Row = {"attribute": SLICE, "group": name}
        rows += [
            row(Analysis.SLICES, 0.7, **named),
            row(Analysis.SLICES, 0.8, condition=ALL_OTHERS, **named),
            judged(
                Analysis.SLICES,
                value,
                verdict,
                reference=ALL_OTHERS,
                p_adjusted=0.001 if verdict == "disparity" else 0.8,
                family="slices",
                **named,
            ),
            row(Analysis.SLICES, -0.2, reference=ALL_OTHERS, condition=SEARCHED, **named),
        ]
    return rows


def slice_facts() -> dict[str, Any]:
    """What was recorded of their search."""
    parts = {
        "sex = female": {"column": "sex", "value": "female"},
        "drain = yes": {"column": "drain", "value": "yes"},
    }
    return {
        "search_patients": 80,
        "confirmation_patients": 120,
        "smallest": 10,
        "columns": ["drain", "sex"],
        "left_out": [{"column": "accession", "why": "more than 50 different values"}],
        "models": [
            {
                "model": "m",
                "prompt_set": "p",
                "searched": 40,
                "findings": ["Pneumothorax"],
                "neighbourhoods": 0,
                "slices": [
                    {"finding": "Pneumothorax", "name": name, "parts": [part]}
                    for name, part in parts.items()
                ],
                "hidden": 0,
            }
        ],
    }


def wording_rows() -> list[Row]:
    """What words for a group and neutral words move, the ratio of both, and what else is said of words."""
    named: Row = {"attribute": "sex", "group": "female"}
    rows = []
    for metric, about in (("gap", named), ("score", {})):
        rows += [
            row(
                Analysis.WORDING,
                0.01,
                metric=f"wording_{metric}_sd",
                condition=NEUTRAL_WORDS,
                **about,
            ),
            row(Analysis.WORDING, 0.03, metric=f"wording_{metric}_sd", condition="sex", **about),
            row(
                Analysis.WORDING,
                3.0,
                metric=f"wording_{metric}_ratio",
                condition="sex",
                p_value=0.01,
                p_adjusted=0.01,
                **about,
            ),
        ]
    shift = {"metric": "own_words_shift", "condition": "sex", "p_value": 0.01, "p_adjusted": 0.01}
    own = row(Analysis.WORDING, 0.2, **shift, **named)
    agreement = row(Analysis.WORDING, 0.9, metric="rank_agreement", condition=WORDS_FOR_GROUPS)
    return [*rows, own, agreement]


def wording_changes() -> pd.DataFrame:
    """What words for two groups and two neutral words change."""
    words = pd.DataFrame(
        {
            "model": "m",
            "finding": "Pneumothorax",
            "kind": ["demographic", "demographic", "neutral", "neutral"],
            "words_attribute": ["sex", "sex", "day", "day"],
            "words_group": ["female", "male", "Monday", "Friday"],
            "wordings": ["… in a woman", "… in a man", "… on a Monday", "… on a Friday"],
            "value": [-0.03, 0.03, 0.01, -0.01],
            "low": [-0.04, 0.02, 0.0, -0.02],
            "high": [-0.02, 0.04, 0.02, 0.0],
        }
    )
    return pd.concat(
        [
            words.assign(metric="wording_gap", attribute="sex", group="female"),
            words.assign(metric="wording_score", attribute="", group=""),
        ],
        ignore_index=True,
    )


WORDINGS_FACT: Row = {
    "model": "m",
    "findings": ["Pneumothorax"],
    "wordings": {"demographic": 2, "neutral": 2},
    "unchanged": 0,
    "compared": ["Pneumothorax"],
    "alike": {"demographic": [], "neutral": []},
}


def complete() -> Audit:
    """An audit with something for every section."""
    corrupted = {"noise": ("equivalent", "equivalent"), "blur": ("inconclusive", "disparity")}
    two_models = [
        judged(Analysis.MODELS, 0.4, "disparity", reference="random"),
        overall(0.5, model="random"),
        *by_sex("inconclusive", -0.01, model="random"),
    ]
    rates = [
        row(analysis, 0.7, metric=metric, attribute=attribute, group=group, at=0.3)
        for analysis, metric in ((Analysis.OPERATING_POINT, "tpr"), (Analysis.CALIBRATION, "brier"))
        for attribute, group in (("", ""), ("sex", "female"), ("sex", "male"))
    ]
    embedded = [
        *probe_rows("sex", "decodable"),
        *shift_rows("sex", "decodable, not associated"),
        *prompt_rows(),
    ]
    return example(
        overall(),
        *by_sex("disparity"),
        row(
            Analysis.HETEROGENEITY,
            float("nan"),
            attribute="sex",
            reference="each other",
            p_value=0.2,
        ),
        *shortcut_rows(),
        *two_models,
        *rates,
        *insertion_rows("disparity", "equivalent", "disparity"),
        *corruption_rows(corrupted),
        *embedded,
        *shot_rows(),
        *region_rows(),
        *label_rows(),
        *slice_rows(),
        *wording_rows(),
        score_percentiles=percentiles(),
        image_changes=image_changes(),
        points=points(),
        curves=curves(),
        prompt_gaps=prompt_gaps(),
        wording_changes=wording_changes(),
        facts={
            "wordings": [WORDINGS_FACT],
            "shortcuts": {"drain": "Pneumothorax"},
            "slices": slice_facts(),
            "perturbed": {"images": 80},
            "truth": {"origin": "phantom", "planted": {"sex": True, "drain": False}},
            "heads": [
                {
                    "model": "m",
                    "patients": 100,
                    "findings": [
                        {
                            "finding": "Pneumothorax",
                            "images": 180,
                            "positive": 60,
                            "patients": 100,
                            "strength": 0.01,
                        }
                    ],
                }
            ],
            "reference_labels": {
                "name": "readers.csv",
                "findings": ["Pneumothorax"],
                "images": 400,
                "patients": 300,
                "weighted": False,
                "compared": [],
            },
            "notes": ["A note on the labels."],
            "notices": [
                {"about": "column 'race'", "count": 1200, "sentence": "1,200 values are unknown."}
            ],
        },
    )
