"""What every metric is: one row each, and nowhere else.

A metric of a set of images is read from what its family computes (`cxraudit.stats.ranking.RankingReplicates`,
`cxraudit.stats.thresholds.Decisions` or `cxraudit.stats.calibration.CalibrationReplicates`): an attribute, or
a function of it. To add one, write the function and a row. Report, tables, figures and verdicts read the row.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any, Literal

from cxraudit.settings import AuditSettings

SHIFT_MARGIN = 0.25
"""Standard deviations of a score: a smaller shift of it does not matter."""


class Family(StrEnum):
    """What a metric is computed from."""

    RANKING = "ranking"
    """Labels and scores of a set of images; reported of every group."""
    CROSS_GROUP = "cross-group"
    """Positives of one group and negatives of another."""
    DECISION = "decision"
    """Images flagged at a threshold."""
    CALIBRATION = "calibration"
    """Labels and probabilities."""
    SHORTCUT = "shortcut"
    PERTURBATION = "perturbation"
    EMBEDDING = "embedding"
    WORDING = "wording"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """The facts of one metric."""

    name: str
    label: str
    """As tables and figures show it."""
    family: Family
    description: str
    """What it says, in one sentence, for the report and the documentation."""
    read: str = ""
    """How it is read from what its family computes: the name of an attribute, or ``module:function`` of a
    function that is given all of it; default: the attribute of its own name."""
    low: float = 0.0
    high: float = 1.0
    """The values it can take."""
    scale: Literal["logit", "arcsine", "log", "log below 1", "plain"] = "plain"
    """Where it is estimated, and differences of it are tested; see `cxraudit.stats.scales`."""
    margin: Literal["margin", "shift"] | None = None
    """Which margin holds for a difference: that of the settings, `SHIFT_MARGIN`, or none was declared
    and no difference is judged by it."""
    among: Literal["", "with", "without"] = ""
    """Whose share it is, of images with or without the finding; empty for one that needs both."""
    better: Literal["higher", "lower"] | None = None
    """Which direction is better for the patients of a group; None if neither is."""
    small_sample: Literal["newcombe", "wilson"] | None = None
    """Interval of a value that does not vary in a bootstrap, such as an AUROC of 1: of an area, or of a
    share of images; see `cxraudit.audits.measures.Measure.images`."""
    gap_by_limits: bool = True
    """Whether a difference with such a side has an interval and a test, from the limits of both sides."""
    compared: bool = True
    """Whether groups are compared by it; False where it depends on how many images a group has."""
    shown: bool = True
    """Whether the tables of the report show it; every row is in the results table."""
    source: str = ""
    """Where it is defined."""

    def of(self, computed: Any) -> Any:
        """Return the metric, read from what its family computed."""
        module, colon, function = self.read.partition(":")
        if colon:
            return getattr(import_module(module), function)(computed)
        return getattr(computed, self.read or self.name)

    def margin_of(self, settings: AuditSettings) -> float:
        """Return the margin of a difference under some settings; NaN if none was declared."""
        if self.margin == "shift":
            return SHIFT_MARGIN
        return settings.margin if self.margin == "margin" else math.nan


_ROWS = (
    Metric(
        name="auroc",
        label="AUROC",
        family=Family.RANKING,
        description="how often an image with the finding is scored above one without it; 0.5 is chance",
        scale="logit",
        margin="margin",
        better="higher",
        small_sample="newcombe",
        source="Bamber 1975",
    ),
    Metric(
        name="adjusted_auprc",
        label="adjusted AUPRC",
        family=Family.RANKING,
        description="1 − log(AP)/log(prevalence), as published work reports it; it still depends on "
        "prevalence, so its gaps get no verdict",
        low=-math.inf,
        scale="log below 1",
        better="higher",
        source="Mosquera et al. 2024",
    ),
    Metric(
        name="ap_at_prevalence",
        label="AP at common prevalence",
        family=Family.RANKING,
        description="average precision a group would have if the finding were as frequent in it as in all "
        "images",
        scale="logit",
        better="higher",
    ),
    Metric(
        name="partial_auroc",
        label="partial AUROC",
        family=Family.RANKING,
        read="cxraudit.stats.partial_auroc:partial_auroc",
        description="AUROC at false positive rates up to 0.2, rescaled so that 0.5 is chance level and 1 is "
        "perfect",
        scale="logit",
        better="higher",
        source="McClish 1989",
    ),
    Metric(
        name="sensitivity_at_specificity",
        label="sensitivity at fixed specificity",
        family=Family.RANKING,
        read="cxraudit.stats.roc_points:sensitivity_at_specificity",
        description="TPR where the specificity among the same images is that of `fixed_rate` (0.9), "
        "read from their ROC curve; no threshold is shared between groups",
        scale="arcsine",
        better="higher",
        small_sample="wilson",
        shown=False,
        source="Robin et al. 2011",
    ),
    Metric(
        name="specificity_at_sensitivity",
        label="specificity at fixed sensitivity",
        family=Family.RANKING,
        read="cxraudit.stats.roc_points:specificity_at_sensitivity",
        description="1 − FPR where the TPR among the same images is that of `fixed_rate` (0.9), "
        "read from their ROC curve; no threshold is shared between groups",
        scale="arcsine",
        better="higher",
        small_sample="wilson",
        shown=False,
        source="Robin et al. 2011",
    ),
    Metric(
        name="auprg",
        label="AUPRG",
        family=Family.RANKING,
        read="cxraudit.stats.recall_gain:auprg",
        description="area below precision gain against recall gain, which rescale both from the prevalence "
        "to 1; 0 is chance, and it still depends on prevalence",
        low=-math.inf,
        scale="log below 1",
        better="higher",
        shown=False,
        source="Flach and Kull 2015",
    ),
    Metric(
        name="xauc",
        read="auroc",
        label="xAUC",
        family=Family.CROSS_GROUP,
        description="how often a positive of the group is scored above a negative of all other groups",
        scale="logit",
        better="higher",
        small_sample="newcombe",
        gap_by_limits=False,
        source="Kallus and Zhou 2019",
    ),
    Metric(
        name="selection_rate",
        label="flagged",
        family=Family.DECISION,
        description="share of images flagged at the threshold",
        scale="arcsine",
        small_sample="wilson",
    ),
    Metric(
        name="tpr",
        label="TPR",
        family=Family.DECISION,
        description="share of images with the finding that are flagged",
        scale="arcsine",
        margin="margin",
        among="with",
        better="higher",
        small_sample="wilson",
    ),
    Metric(
        name="fpr",
        label="FPR",
        family=Family.DECISION,
        description="share of images without the finding that are flagged",
        scale="arcsine",
        margin="margin",
        among="without",
        better="lower",
        small_sample="wilson",
    ),
    Metric(
        name="ppv",
        label="PPV",
        family=Family.DECISION,
        description="share of flagged images that have the finding",
        scale="arcsine",
        better="higher",
        small_sample="wilson",
        gap_by_limits=False,
    ),
    Metric(
        name="npv",
        label="NPV",
        family=Family.DECISION,
        description="share of images not flagged that lack the finding",
        scale="arcsine",
        better="higher",
        small_sample="wilson",
        gap_by_limits=False,
    ),
    Metric(
        name="balanced_accuracy",
        shown=False,
        label="balanced accuracy",
        family=Family.DECISION,
        description="mean of TPR and 1 − FPR",
        scale="arcsine",
        better="higher",
    ),
    Metric(
        name="net_benefit",
        label="net benefit",
        family=Family.DECISION,
        description="flagged positives minus flagged negatives at the odds of the threshold, per image",
        low=-math.inf,
        better="higher",
        source="Vickers and Elkin 2006",
    ),
    Metric(
        name="underdiagnosis",
        read="fpr",
        label="underdiagnosis",
        family=Family.DECISION,
        description="share of images with a finding that are flagged as No Finding",
        scale="arcsine",
        margin="margin",
        among="without",
        better="lower",
        small_sample="wilson",
        source="Seyyed-Kalantari et al. 2021",
    ),
    Metric(
        name="overdiagnosis",
        read="fnr",
        label="overdiagnosis",
        family=Family.DECISION,
        description="share of images without any finding that are not flagged as No Finding",
        scale="arcsine",
        margin="margin",
        among="with",
        better="lower",
        small_sample="wilson",
        source="Seyyed-Kalantari et al. 2021",
    ),
    Metric(
        name="observed_expected",
        label="observed/expected",
        family=Family.CALIBRATION,
        description="observed over expected number of positives; above 1 the probabilities are too low",
        high=math.inf,
        scale="log",
    ),
    Metric(
        name="calibration_slope",
        label="calibration slope",
        family=Family.CALIBRATION,
        description="logistic slope on the logit; below 1 the probabilities are too extreme",
        low=-math.inf,
        high=math.inf,
        source="Cox 1958",
    ),
    Metric(
        name="debiased_error",
        label="calibration error",
        family=Family.CALIBRATION,
        description="root of the debiased squared calibration error; its noise is that of independent images",
        compared=False,
        better="lower",
        source="Kumar et al. 2019",
    ),
    Metric(
        name="balanced_brier",
        label="balanced Brier",
        family=Family.CALIBRATION,
        description="mean of the Brier scores of positives and of negatives",
        scale="logit",
        better="lower",
    ),
    Metric(
        name="brier",
        shown=False,
        label="Brier",
        family=Family.CALIBRATION,
        description="mean squared difference of probability and label",
        scale="logit",
        better="lower",
        source="Brier 1950",
    ),
    Metric(
        name="calibration_error",
        shown=False,
        label="ECE",
        family=Family.CALIBRATION,
        description="expected calibration error over ten bins; grows as images get fewer",
        compared=False,
        better="lower",
    ),
    Metric(
        name="calibration_intercept",
        shown=False,
        label="calibration intercept",
        family=Family.CALIBRATION,
        description="logistic intercept with the logit as offset; 0 is right on average",
        low=-math.inf,
        high=math.inf,
        source="Cox 1958",
    ),
    Metric(
        name="shortcut_auroc",
        read="auroc",
        label="shortcut AUROC",
        family=Family.SHORTCUT,
        description="how often an image with the shortcut is scored above one without it, among images alike "
        "in the finding; 0.5 is chance",
        scale="logit",
        margin="margin",
        small_sample="newcombe",
    ),
    Metric(
        name="score_change",
        label="change of score",
        family=Family.PERTURBATION,
        description="mean change of the score of an image by a perturbation, in standard deviations of the "
        "unedited scores",
        low=-math.inf,
        high=math.inf,
        margin="shift",
    ),
    Metric(
        name="absolute_change",
        label="distance of scores",
        family=Family.PERTURBATION,
        description="mean distance between the scores of an image with and without a perturbation, whatever "
        "the direction, in standard deviations of the unedited scores",
        high=math.inf,
    ),
    Metric(
        name="auroc_gap",
        label="AUROC gap",
        family=Family.PERTURBATION,
        description="AUROC of a group minus that of all other groups, as a quantity that changes",
        low=-1.0,
        margin="margin",
    ),
    Metric(
        name="linear_probe_auroc",
        label="linear probe AUROC",
        family=Family.EMBEDDING,
        scale="logit",
        description="AUROC with which a logistic regression on embeddings ranks images of held-out patients",
    ),
    Metric(
        name="knn_probe_auroc",
        label="k-NN probe AUROC",
        family=Family.EMBEDDING,
        scale="logit",
        description="AUROC with which nearest neighbours in the embeddings rank images of held-out patients",
    ),
    Metric(
        name="mlp_probe_auroc",
        label="MLP probe AUROC",
        family=Family.EMBEDDING,
        scale="logit",
        description="AUROC with which a network with one hidden layer ranks images of held-out patients",
    ),
    Metric(
        name="control_probe_auroc",
        label="control probe AUROC",
        family=Family.EMBEDDING,
        scale="logit",
        description="AUROC of a linear probe fitted to labels shuffled between patients; 0.5 is expected",
    ),
    Metric(
        name="explained_variance",
        label="explained variance",
        family=Family.EMBEDDING,
        description="share of the variance of the embeddings in a principal component",
    ),
    Metric(
        name="ks_distance",
        label="Kolmogorov–Smirnov distance",
        family=Family.EMBEDDING,
        description="largest difference of the distributions of two groups along a principal component",
    ),
    Metric(
        name="energy_distance",
        label="energy distance",
        family=Family.EMBEDDING,
        description="distance of the distributions of two groups in the whole space of embeddings",
        high=math.inf,
        source="Székely and Rizzo 2013",
    ),
    Metric(
        name="centroid_distance",
        label="distance of the means",
        family=Family.EMBEDDING,
        description="distance of the mean embeddings of two groups in pooled standard deviations",
        high=math.inf,
    ),
    Metric(
        name="prompt_cosine",
        label="cosine with the prompt direction",
        family=Family.EMBEDDING,
        description="cosine of the difference of the mean embeddings of two groups with the direction of the "
        "prompts of a finding",
        low=-1.0,
    ),
    Metric(
        name="modality_gap",
        label="modality gap",
        family=Family.EMBEDDING,
        description="distance of the mean image embedding from the mean report embedding",
        high=math.inf,
        source="Liang et al. 2022",
    ),
    Metric(
        name="variance_share",
        label="share of score variance",
        family=Family.EMBEDDING,
        description="share of the variance of the score in the subspace that separates the groups linearly",
    ),
    Metric(
        name="conditional_score_shift",
        label="score shift given the label",
        family=Family.EMBEDDING,
        description="difference of the mean score between a group and all other groups among images with "
        "the same label, at the same labels of other findings, in standard deviations of the score",
        low=-math.inf,
        high=math.inf,
        margin="shift",
    ),
    Metric(
        name="unadjusted_score_shift",
        label="score shift given the label, unadjusted",
        family=Family.EMBEDDING,
        description="the same, whatever the labels of other findings",
        low=-math.inf,
        high=math.inf,
    ),
    Metric(
        name="score_shift_difference",
        label="difference of the score shift",
        family=Family.EMBEDDING,
        description="score shift among positives less that among negatives, which moves AUROC gaps",
        low=-math.inf,
        high=math.inf,
    ),
    Metric(
        name="score_shift_beyond_label_errors",
        label="score shift beyond label errors",
        family=Family.EMBEDDING,
        description="score shift given the label less what wrong labels would explain of it, if as many are "
        "wrong as the settings assume",
        low=-math.inf,
        high=math.inf,
    ),
    Metric(
        name="explaining_label_error_rate",
        label="explaining label error rate",
        family=Family.EMBEDDING,
        description="smallest share of wrong labels, alike in both groups and classes, that would explain a "
        "score shift",
        high=0.5,
    ),
    Metric(
        name="robustness_value",
        label="robustness value",
        family=Family.EMBEDDING,
        description="share of the residual variance of both group and score that something unmeasured would "
        "have to explain to explain a score shift",
        source="Cinelli and Hazlett 2020",
    ),
    Metric(
        name="not_held_share",
        label="share with unknown or rare labels",
        family=Family.EMBEDDING,
        description="share of the compared images of which a label of another finding is not known, or whose "
        "combination of labels few patients have, so that it is held equal label by label only",
    ),
    Metric(
        name="unknown_severity_share",
        label="share with unknown severity",
        family=Family.EMBEDDING,
        description="share of the compared images of which severity is not known",
    ),
    Metric(
        name="gap_between_prompts_sd",
        label="SD of the gap between prompts",
        family=Family.EMBEDDING,
        description="standard deviation of an AUROC gap between prompt pairs, sampling taken off",
        high=math.inf,
    ),
    Metric(
        name="gap_sampling_sd",
        label="SD of the gap by sampling",
        family=Family.EMBEDDING,
        description="standard deviation of the mean AUROC gap by sampling patients",
        high=math.inf,
    ),
    Metric(
        name="prompt_variance_share",
        label="share of the prompt",
        family=Family.EMBEDDING,
        description="share of the variance of an AUROC gap that is due to the wording of the prompt; below 0 "
        "where prompts differ less than by sampling",
        low=-math.inf,
    ),
    Metric(
        name="wording_score_sd",
        label="SD of the mean score between words",
        family=Family.WORDING,
        description="standard deviation between words, each in place of another in the same prompt, of the "
        "mean score in standard deviations of the score, sampling taken off",
        high=math.inf,
    ),
    Metric(
        name="wording_auroc_sd",
        label="SD of AUROC between words",
        family=Family.WORDING,
        description="the same of AUROC",
    ),
    Metric(
        name="wording_gap_sd",
        label="SD of the AUROC gap between words",
        family=Family.WORDING,
        description="the same of the AUROC gap of a group to all other groups",
    ),
    Metric(
        name="wording_score_gap_sd",
        label="SD of the score gap between words",
        family=Family.WORDING,
        description="the same of the difference of the mean score between a group and all other groups among "
        "images with the same label, in standard deviations of the score",
        high=math.inf,
    ),
    Metric(
        name="wording_score_ratio",
        label="mean score: words for groups to neutral words",
        family=Family.WORDING,
        description="standard deviation of the mean score between words for groups, as a multiple of that "
        "between neutral words",
        high=math.inf,
    ),
    Metric(
        name="wording_auroc_ratio",
        label="AUROC: words for groups to neutral words",
        family=Family.WORDING,
        description="the same of AUROC",
        high=math.inf,
    ),
    Metric(
        name="wording_gap_ratio",
        label="AUROC gap: words for groups to neutral words",
        family=Family.WORDING,
        description="the same of the AUROC gap of a group to all other groups",
        high=math.inf,
    ),
    Metric(
        name="wording_score_gap_ratio",
        label="score gap: words for groups to neutral words",
        family=Family.WORDING,
        description="the same of the difference of the mean score between a group and all other groups among "
        "images with the same label",
        high=math.inf,
    ),
    Metric(
        name="own_words_shift",
        label="shift by the group's own words",
        family=Family.WORDING,
        description="how much more the words for a group raise the scores of its patients than those of all "
        "other groups, less the same of the words for other groups, among images with the same label, in "
        "standard deviations of the score",
        low=-math.inf,
        high=math.inf,
    ),
    Metric(
        name="rank_agreement",
        label="rank agreement",
        family=Family.WORDING,
        description="mean rank correlation of the scores with and without the words",
        low=-1.0,
        source="Spearman 1904",
    ),
)

METRICS: Mapping[str, Metric] = {row.name: row for row in _ROWS}
"""Name → facts, in the order tables show them."""


def with_margin(family: Family) -> tuple[str, ...]:
    """Return the names of the metrics of a family that a margin is declared for, in order."""
    return tuple(name for name in of_family(family) if METRICS[name].margin is not None)


def of_family(family: Family) -> tuple[str, ...]:
    """Return the names of the metrics of a family, in order."""
    return tuple(name for name, row in METRICS.items() if row.family == family)
