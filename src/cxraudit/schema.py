"""The columns of the tables, checked once where a table enters.

=============  ===================================================  ==========================
table          one row per                                          file
=============  ===================================================  ==========================
images         image                                                ``images.parquet``
embeddings     image and model                                      a folder, see `cxraudit.store`
scores         image, finding, model and prompt set                 ``scores.parquet``
results        estimate                                             ``results.parquet``
=============  ===================================================  ==========================
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from cxraudit.errors import DataError, MissingColumnsError, NotAppliedError
from cxraudit.notices import counted

IMAGE_COLUMNS = ("image_id", "patient_id", "study_id", "path", "view_position")
"""What every images table has; findings (1, 0, NaN = not labelled) and attributes follow."""

CONTENT = "image_sha256"
"""Column of an images table with the SHA-256 of each image file, where cxraudit wrote the images: one that
holds other bytes when it is read is not the image of its row."""

SCORE_COLUMNS = ("image_id", "model", "prompt_set", "finding", "score")
"""A score only has to rank: any number that grows with the evidence for the finding."""

UNNAMED = "model"
"""What a model is called that nothing names."""
SEED = "seed"
"""Column of a scores table that names the training run of a model; blank for a model with one."""

NULL_MODEL = "random"
"""The control model whose scores are independent of the images; only what departs from chance is stated."""

VARIANT, VARIANT_KIND = "prompt_variant", "variant_kind"
VARIANT_ATTRIBUTE, VARIANT_GROUP = "variant_attribute", "variant_group"
VARIANT_YEARS = "variant_years"
VARIANT_COLUMNS = (VARIANT, VARIANT_KIND, VARIANT_ATTRIBUTE, VARIANT_GROUP, VARIANT_YEARS)
"""Columns of a scores table with the same images scored with several wordings of the prompt: the name of the
wording, its kind (`BASE_VARIANT`, demographic or neutral), and, where given, the attribute and the group it
is about, or an age in years in place of the group."""
BASE_VARIANT = "base"
"""Kind of the wording that is audited; the others are compared with it."""

PERTURBED_COLUMNS = (*SCORE_COLUMNS[:-1], "perturbation", "severity", "score")
"""Scores of images changed on purpose; see `cxraudit.perturb`."""

KIND = "kind"
"""Column that scores of perturbed images may have besides: what sort of perturbation it is, one of
`REGION_KIND`; empty or absent for devices and corruptions."""
REGION_KIND = "region"
"""Kind of a perturbation that removes a region of an image, or all else; its control is `control_of` it."""

RESULT_COLUMNS: dict[str, str] = {
    "dataset": "str",
    "model": "str",
    "prompt_set": "str",
    "analysis": "str",
    "finding": "str",
    "attribute": "str",
    "group": "str",
    "reference": "str",
    "condition": "str",
    "at": "float64",
    "label_source": "str",
    "metric": "str",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "confidence_level": "float64",
    "method": "str",
    "n": "int64",
    "n_positive": "int64",
    "n_patients": "int64",
    "n_positive_patients": "int64",
    "effective_patients": "float64",
    "low_simultaneous": "float64",
    "high_simultaneous": "float64",
    "p_value": "float64",
    "p_adjusted": "float64",
    "family": "str",
    "margin": "float64",
    "detectable_gap": "float64",
    "verdict": "str",
    "value_other_weight": "float64",
    "low_other_weight": "float64",
    "high_other_weight": "float64",
    "reasons": "str",
    "note": "str",
}
"""The one results schema. The columns up to ``metric`` are the key of a row, and all a program may read to
find it: ``analysis`` is one of `Analysis`; ``attribute`` and ``group`` are empty over all images;
``reference`` is empty for a level and names what is subtracted for a difference (value = group −
reference); ``condition`` is what was held equal, set or changed; ``at`` a number that goes with it (share
of a shortcut, severity, threshold); ``label_source`` is empty, or `ANNOTATED` where only labels by
annotators count. ``n`` counts images. ``low`` and ``high`` hold for the row alone, ``low_simultaneous`` and
``high_simultaneous`` for all confirmatory comparisons of the report at once; ``family`` is one of
`Confirmatory` or `EXPLORATORY` for a difference, and empty for a level. NaN is *undefined* or *does not
apply*, never zero. ``reasons`` are codes of `Reason`, separated by blanks; ``note`` is for people, and no
code reads it."""

OTHER_COLUMNS = ("value_other_weight", "low_other_weight", "high_other_weight")
"""Value and interval if each patient counted once instead of each image, or the reverse; the interval only of
differences, NaN where not computed."""

FLOW_COLUMNS: dict[str, str] = {
    "step": "str",
    "reason": "str",
    "images_out": "int64",
    "studies_out": "int64",
    "patients_out": "int64",
    "images": "int64",
    "studies": "int64",
    "patients": "int64",
}
"""What every filter left out and kept; see `cxraudit.datasets.base.flow`."""

EXCLUSION_COLUMNS: dict[str, str] = {
    "step": "str",
    "images": "int64",
    "patients": "int64",
    "reason": "str",
}
"""Steps that left images out of the audit, or of one finding or model."""

KEY_COLUMNS = tuple(RESULT_COLUMNS)[: list(RESULT_COLUMNS).index("metric") + 1]


class Analysis(StrEnum):
    """Which audit a row of the results table belongs to; the table is in this order."""

    SUBGROUPS = "subgroups"
    """Ranking overall and by group, and each group against all other groups."""
    HETEROGENEITY = "heterogeneity"
    """One test of all groups of an attribute."""
    REFERENCE_GROUP = "reference_group"
    """Each group against a chosen one."""
    GROUP_PAIRS = "group_pairs"
    """Every two groups."""
    SHRUNKEN = "shrunken"
    """AUROC of the cells of an intersection, shrunk towards their mean; exploratory, without verdicts."""
    LABEL_ERRORS = "label_errors"
    """Errors of the labels where a subset has reference labels, too, and whether they depend on the score
    (reference `CHANCE`); exploratory."""
    REFERENCE_LABELS = "reference_labels"
    """AUROC and gaps by reference labels, as estimated in the way of ``condition``; exploratory."""
    SHORTCUT = "shortcut"
    """Positives with and without a shortcut, each against all negatives."""
    SHORTCUT_SUBSETS = "shortcut_subsets"
    """The four AUROCs of shortcut × finding (Borkan et al. 2019)."""
    SHORTCUT_LABEL_ERRORS = "shortcut_label_errors"
    """What errors of a detector can do to the gap and to the separation: `CORRECTED` and `BOUNDS`."""
    SHORTCUT_SEPARATION = "shortcut_separation"
    """Whether the score separates images with and without the shortcut."""
    SHORTCUT_PREVALENCE = "shortcut_prevalence"
    """AUROC at other shares of the shortcut (``at``), among positives or in both classes; exploratory."""
    SHORTCUT_STANDARDISED = "shortcut_standardised"
    """The gap with − without after both were weighted to one mix of ``condition``."""
    STANDARDISED = "standardised"
    """The gap to all other groups after both sides were weighted to one mix of ``condition``."""
    STANDARDISATION = "standardisation"
    """How much weighting to one mix of ``condition`` changes a gap: standardised − observed; exploratory."""
    OPERATING_POINT = "operating_point"
    """Rates at the threshold ``at``."""
    CALIBRATION = "calibration"
    """How well probabilities agree with observed frequencies."""
    DECISION_CURVE = "decision_curve"
    """Net benefit of flagging at the threshold probability ``at``; with ``condition`` `FLAG_ALL`, of flagging
    every image. That of flagging none is 0."""
    SLICES = "slices"
    """The worst combinations of groups that a search found on some patients, on the others; with
    ``condition`` `SEARCHED`, on those who were searched."""
    MODELS = "models"
    """One model against another (``reference``), of the level overall or of a group's gap; rates are those at
    the threshold of each model."""
    COUNTERFACTUAL = "counterfactual"
    """Each image against itself with a device inserted or removed (``condition``)."""
    CORRUPTION = "corruption"
    """AUROC and gaps under the image degradation ``condition`` of severity ``at``."""
    REGION = "region"
    """AUROC and scores with a region of each image removed, or kept alone (``condition``), beside those
    unedited, with a region of the same size elsewhere, and at chance; exploratory."""
    PROBE = "probe"
    """Whether an attribute is decodable from embeddings; ``condition`` is the space probed."""
    PROJECTION = "projection"
    """What principal components show, and distances in the whole space."""
    CENTROID = "centroid"
    """How far the mean embeddings of groups lie apart."""
    SCORE_DIRECTION = "score_direction"
    """How the score of a finding moves with an attribute."""
    ERASURE = "erasure"
    """What is left when an attribute is erased from the embeddings (LEACE)."""
    ENCODING_USE = "encoding_use"
    """Whether what is decodable is associated with the score given the label."""
    PROMPT_SENSITIVITY = "prompt_sensitivity"
    """The same gaps over a bank of prompt pairs."""
    N_SHOT = "n_shot"
    """AUROC and gaps of heads that were fitted on ``at`` patients; exploratory."""
    WORDING = "wording"
    """How far words for groups of patients, added to the prompts, move scores, AUROC and gaps, beside neutral
    words (``condition`` names the words); exploratory."""


class Confirmatory(StrEnum):
    """Which question a comparison answers, of those that share the error rate of a report.

    Only these get verdicts; how the error rate is shared is in `cxraudit.audits.families`.
    """

    PRIMARY = "primary"
    """AUROC of each group against all others, and with against without a shortcut."""
    ALL_GROUPS = "all groups"
    """AUROC in all groups of an attribute at once."""
    THRESHOLD = "threshold"
    """TPR and FPR of each group against all others, and what follows from them."""
    STANDARDISED = "standardised"
    """AUROC of each group against all others at one mix of age, view or shortcut."""
    SHORTCUT = "shortcut"
    """Further comparisons about a shortcut."""
    MODELS = "models"
    """One model against another."""
    PAIRS = "pairs"
    """Chosen reference groups, and all pairs of groups."""
    SLICES = "slices"
    """AUROC of each slice that was searched, on other patients."""
    INTERSECTIONS = "intersections"
    """Any of these by an intersection of attributes; screened."""
    COUNTERFACTUAL = "counterfactual"
    """Images with a device inserted or removed."""
    CORRUPTION = "corruption"
    """Degraded images; screened."""
    SCORE_DIRECTION = "score direction"
    """Shift of a score by an attribute among images with the same label."""


EXPLORATORY = "exploratory"
"""Family of a difference that gets no verdict: an estimate with its interval."""


class Reason(StrEnum):
    """Why a value, an interval or a verdict is missing, or holds with a caveat."""

    NO_IMAGES = "NO_IMAGES"
    NOT_APPLIED = "NOT_APPLIED"
    """The perturbation does not apply to some of the images, which are left out, or to any."""
    NO_POSITIVES = "NO_POSITIVES"
    NO_NEGATIVES = "NO_NEGATIVES"
    TOO_FEW_PATIENTS = "TOO_FEW_PATIENTS"
    """Fewer than ``min_patients`` of the settings with or without the finding on a side."""
    TOO_FEW_RUNS = "TOO_FEW_RUNS"
    """Two training runs, which do not show how far runs lie apart."""
    TOO_FEW_WORDS = "TOO_FEW_WORDS"
    """Too few neutral words for any interval of their ratio to words for groups."""
    TOO_FEW_RESAMPLES = "TOO_FEW_RESAMPLES"
    UNDEFINED_RESAMPLES = "UNDEFINED_RESAMPLES"
    """Undefined in too many resamples for an interval."""
    IDENTICAL_RESAMPLES = "IDENTICAL_RESAMPLES"
    """The same in every resample, so that a bootstrap gives no interval."""
    ONE_SIDED_RESAMPLES = "ONE_SIDED_RESAMPLES"
    """Every resample lies on one side of the value, so that BCa gives no interval."""
    ONE_PATIENT = "ONE_PATIENT"
    """The variance rests on one patient."""
    UNDEFINED_VALUE = "UNDEFINED_VALUE"
    """The value does not exist for these images, such as the PPV where no image is flagged."""
    CONSTANT_SCORES = "CONSTANT_SCORES"
    """All scores are equal: they rank nothing, whatever the patients."""
    IDENTICAL_SCORES = "IDENTICAL_SCORES"
    """Two models gave every image the same score, or an edit left every score as it was."""
    IDENTICAL_RANKING = "IDENTICAL_RANKING"
    """Two models put the images in the same order, with the same ties."""
    IDENTICAL_DECISIONS = "IDENTICAL_DECISIONS"
    """Two models flag the same images at their thresholds, with different scores."""
    NO_PROBABILITIES = "NO_PROBABILITIES"
    """No map from scores to probabilities can be fitted on the tuning patients."""
    SCREENED = "SCREENED"
    """Adjusted by Benjamini–Hochberg: of what is reported, a small share may be false."""
    ONE_CLASS_TUNING = "ONE_CLASS_TUNING"
    """The tuning patients have images of one class only, so that nothing can be chosen on them."""
    NOTHING_HELD_OUT = "NOTHING_HELD_OUT"
    """All images are those of tuning patients."""
    SHORTCUT_UNKNOWN = "SHORTCUT_UNKNOWN"
    """Some positives or negatives have no label of the shortcut and are left out."""
    PREDICTED_LABELS = "PREDICTED_LABELS"
    """Some labels of the shortcut are a detector's."""
    BELOW_CHANCE = "BELOW_CHANCE"
    """The whole interval lies below chance: the prompt may mean the opposite."""
    LABEL_ERRORS = "LABEL_ERRORS"
    """As many wrong labels as the settings assume (``label_error_rate``) could explain a shift of scores."""
    SUPPRESSED = "SUPPRESSED"
    """Hidden: of fewer patients or images than ``suppress_below``, or it would give such a cell away."""


OVERALL = ""
"""Attribute and group of rows over all images."""
COMPLEMENT = "all other groups"
"""The reference of a gap to all other images whose group is known."""
SLICE = "slice"
"""The attribute of rows about a slice, whose group is named by what it consists of."""
ALL_OTHERS = "all other images"
"""The reference of a slice: the images that are known to lack a part of it."""
SEARCHED = "as searched"
"""The condition of a difference on the patients a slice was searched on, which is too far from 0."""
OBSERVED_GAP = "the gap as observed"
"""The reference of the change of a gap by standardisation."""
EACH_OTHER = "each other"
"""The reference of the row that tests all groups of an attribute at once."""
WITH, WITHOUT = "with", "without"
"""Groups of a shortcut; the second is the reference of its gap."""
CHANCE = "chance"
"""The reference of a separation: an AUROC of 0.5."""
UNEDITED = "unedited"
"""The reference of a change: the same images without the perturbation."""
FLAG_ALL = "flag all"
"""The condition of a net benefit if every image were flagged."""
CONTROL_OUTSIDE, CONTROL_EDGE = "control-outside", "control-edge"
"""The controls of an inserted device, as conditions and as references: the same device outside the lungs, and
an edge that is no device within them."""
CONTROLS = (CONTROL_OUTSIDE, CONTROL_EDGE)
SAME_LABEL_SWAP = "same-label-swap"
"""Condition in which each image is replaced by another of the same patient with the same label."""
POSITIVES, NEGATIVES = "positives", "negatives"
"""Groups of images with, and without, the finding."""
OBSERVED, INDEPENDENT = "as observed", "independent of the finding"
"""Conditions of a shortcut's prevalence: as in the images, and that of all images among positives and among
negatives."""
NEGATIVES_REWEIGHTED, POSITIVES_REWEIGHTED = "negatives reweighted", "positives reweighted"
"""Conditions of a shortcut's prevalence: that of the positives among negatives, too, and the reverse."""
REWEIGHTED = (INDEPENDENT, NEGATIVES_REWEIGHTED, POSITIVES_REWEIGHTED)
"""Conditions in which positives and negatives have a shortcut equally often."""
CORRECTED, BOUNDS = "corrected", "bounds"
"""Conditions of a difference by a detector's labels of a shortcut: corrected for errors that do not depend on
the score, and over every way errors can fall (``low`` and ``high``; no value)."""
ON_SUBSET, WORKING_ON_SUBSET = "subset", "subset, working labels"
"""Conditions of an estimate on the images with reference labels alone: by these, and by working labels."""
BOTH_LABELS = "both labels"
"""Condition of an estimate by reference labels on the subset that takes off what working labels show there
and not among all images."""
BOUNDS_AS_ESTIMATED = "bounds as estimated"
"""Condition of bounds without the error of what they are computed from."""
BY_WORKING_LABELS = "the gap by working labels"
"""The reference of what reference labels change of a gap."""
ANNOTATED = "annotated"
"""Source of a label given by annotators; of a result, that it rests on such labels alone."""
PREDICTED = "predicted"
"""Source of a label given by a detector."""
WORDS_FOR_GROUPS, NEUTRAL_WORDS = "words for groups", "neutral words"
"""Conditions of what words do that are added to prompts: those for groups of all attributes, and neutral
ones; words for the groups of one attribute have its name."""
MEAN_FINDING = "mean over findings"
"""Finding of rows that average over the findings of a model."""
NO_FINDING = "No Finding"
"""The label whose false positives are patients with a finding that goes unflagged."""
UNKNOWN = "unknown"
"""The group of patients whose attribute is missing or impossible."""
CONFLICTING = "conflicting"
"""The group of patients whose rows disagree on an attribute that cannot change."""
ALL_PATIENTS = "all patients"
"""What `OVERALL` is called in tables and figures."""
BEFORE_ERASURE = "before erasure"
"""The reference of a change: the same images with their embeddings as they are."""


def control_of(condition: str) -> str:
    """Return the name of the control of a perturbation of a region."""
    return f"control-{condition}"


def has_reason(results: pd.DataFrame, reason: Reason) -> "pd.Series[bool]":
    """Tell which rows of a results table carry a reason."""
    codes, different = pd.factorize(results["reasons"])
    holds = np.array([reason.value in str(text).split() for text in different], dtype=bool)
    return pd.Series(holds[codes], index=results.index, dtype=bool)


def not_applied(unread: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which rows of a table of unread images are of perturbations that do not apply to them."""
    return unread["error"].astype("str").str.startswith(NotAppliedError.PREFIX)


def is_level(results: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which rows of a results table are levels, not differences."""
    return results["reference"] == ""


def require_columns(table: str, frame: pd.DataFrame, columns: Iterable[str]) -> None:
    """Raise `MissingColumnsError` unless `frame` has all `columns`."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise MissingColumnsError(table, missing, frame.columns)


def require_rows(table: str, frame: pd.DataFrame) -> None:
    """Raise `DataError` for a table without rows."""
    if frame.empty:
        raise DataError(f"{table} has no rows. Check the file and the filters that made it.")


def require_unique(table: str, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise `DataError` if two rows share the key `columns`."""
    twice = frame.duplicated(list(columns))
    if twice.any():
        first = frame.loc[twice, list(columns)].iloc[0].tolist()
        name = " and ".join(columns)
        raise DataError(
            f"{table} holds {counted(int(twice.sum()), 'row')} whose {name} was already there, first "
            f"{', '.join(map(str, first))}. Keep one row of each."
        )


def require_values(table: str, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise `DataError` if a row lacks a value in one of `columns`."""
    for column in columns:
        if missing := int(frame[column].isna().sum()):
            raise DataError(
                f"{table} has {counted(missing, 'row')} without {column}. Fill the column in."
            )


def check_findings(table: str, frame: pd.DataFrame, findings: Sequence[str]) -> None:
    """Raise `DataError` unless each finding column holds 1, 0 or NaN only."""
    for finding in findings:
        values = pd.to_numeric(frame[finding], errors="coerce")
        bad = frame.loc[~(values.isin([0, 1]) | frame[finding].isna()), finding]
        if len(bad):
            raise DataError(
                f"{table}: the finding '{finding}' must hold 1, 0 or nothing, but {len(bad)} rows "
                f"hold other values, first '{bad.iloc[0]}'. Decide what they count as, and recode."
            )


def check_scores(
    frame: pd.DataFrame, table: str = "the scores table", *, seeds: bool = False
) -> pd.DataFrame:
    """Check a scores table where it enters.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table.
    table : str
        Its name in messages.
    seeds : bool
        Whether a column `SEED` is kept, and an image may be scored once for each.

    Returns
    -------
    pandas.DataFrame
        The columns of `SCORE_COLUMNS`, sorted by them.

    Raises
    ------
    DataError
        If columns are missing, the table is empty, an image is scored twice for one finding and
        model, or a score is NaN or infinite.
    """
    require_columns(table, frame, SCORE_COLUMNS)
    require_rows(table, frame)
    key = list(SCORE_COLUMNS[:-1])
    require_values(table, frame, key)
    if seeds and SEED in frame:
        blank = frame[SEED].isna() | frame[SEED].astype("str").str.strip().eq("")
        frame = frame.assign(**{SEED: group_names(frame[SEED]).mask(blank, "")})
        key.append(SEED)
    frame = frame[[*key, "score"]].astype(dict.fromkeys(key, "str"))
    require_unique(table, frame, key)
    values = pd.to_numeric(frame["score"], errors="coerce").to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        bad = frame.loc[~np.isfinite(values)].iloc[0]
        raise DataError(
            f"{table} has {int((~np.isfinite(values)).sum())} scores that are not finite numbers, "
            f"first '{bad['score']}' for image {bad['image_id']}, {bad['finding']}. "
            "Score those images again, or delete those rows."
        )
    return frame.assign(score=values).sort_values(key, ignore_index=True)


def group_name(value: Any) -> str:
    """Return the name of a group: text as it is, whole numbers without a point, missing as unknown.

    Examples
    --------
    >>> group_name(2.0), group_name("  ICU "), group_name(None)
    ('2', 'ICU', 'unknown')
    """
    if value is None or value is pd.NA or value != value:
        return UNKNOWN
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() or UNKNOWN


def group_names(values: pd.Series) -> pd.Series:
    """Return the names of the groups of a column, each different value named once; see `group_name`."""
    codes, different = pd.factorize(values)
    names = np.array([*(group_name(value) for value in different), UNKNOWN], dtype=object)
    return pd.Series(names[codes], index=values.index, dtype="str")  # code −1 (missing) is the last


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries."""
    # Column by column: by rows, pandas looks every cell up.
    names = [str(name) for name in frame]
    columns = [_native(frame.iloc[:, place]) for place in range(len(names))]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _native(column: pd.Series) -> list[Any]:
    """Return the values of a column as objects of Python; a count that is hidden is None."""
    values = column.tolist()
    if column.dtype == object:
        return [value.item() if isinstance(value, np.generic) else value for value in values]
    return [None if value is pd.NA else value for value in values]


def typed_frame(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    """Build a table with all of some columns, typed, in their order.

    Missing text is empty. A count that is missing is hidden: its column then has the type ``Int64``.
    """
    frame = pd.DataFrame(list(rows), columns=list(columns))
    for column, dtype in columns.items():
        if dtype == "str":
            frame[column] = frame[column].astype(object).fillna("").astype("str")
        elif dtype == "int64":
            hidden = frame[column].isna().any()
            frame[column] = frame[column].astype("Int64" if hidden else "int64")
        else:
            frame[column] = frame[column].astype("float64")
    return frame


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return tables below each other; an empty table for none."""
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def results_frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Build a results table: all columns of `RESULT_COLUMNS`, typed, in their order."""
    return typed_frame(rows, RESULT_COLUMNS)


def check_results(frame: pd.DataFrame, table: str = "the results table") -> pd.DataFrame:
    """Check a results table where it enters and return its columns in order."""
    require_columns(table, frame, RESULT_COLUMNS)
    require_rows(table, frame)
    return results_frame(records(frame))
