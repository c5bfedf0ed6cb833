"""What the results say, in sentences; nothing is said that a row does not show."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxraudit.audits.cells import SHIFT_MARGIN
from cxraudit.audits.embeddings.probes import HIDDEN, READABLE
from cxraudit.audits.embeddings.score_direction import NOT_USED, USED
from cxraudit.audits.shortcuts import BOUNDS, CORRECTED
from cxraudit.datasets.base import NO_GROUP
from cxraudit.schema import ALL, DOSE, NO_FINDING, REST, WITHOUT, records
from cxraudit.stats.estimate import Verdict
from cxraudit.vocabulary import attribute_name, shortcut_name, with_article

PEOPLE = {
    "age_group": "patients aged {}",
    "sex": "{} patients",
    "race": "{} patients",
    "view_position": "{} images",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One line of the answer."""

    tone: str
    """``bad`` (something was shown), ``better`` (shown, in favour of a group), ``good`` (shown to be
    small), ``unsure`` or ``plain``."""
    headline: str
    detail: str


def people(attribute: str, group: str) -> str:
    """Name a group in a sentence.

    Examples
    --------
    >>> people("age_group", "80+"), people("sex", "female"), people("ward", "ICU")
    ('patients aged 80 and over', 'female patients', "patients with ward 'ICU'")
    """
    if attribute == "age_group":
        words = {"80+": "80 and over", "unknown": "unknown"}
        if group == "under 18":
            return "patients under 18"
        return f"patients aged {words.get(group, group.replace('-', ' to '))}"
    if "*" in attribute:
        return f"patients ({group})"
    return PEOPLE.get(attribute, f"patients with {attribute.replace('_', ' ')} '{{}}'").format(
        group
    )


def answer(results: pd.DataFrame, model: str, dataset: str) -> list[Statement]:
    """Answer for one model on one data set: how good, for whom worse, what it leans on.

    What was shown comes first, then what the data cannot tell, then what was shown to be small.
    """
    mine = results[(results["model"] == model) & (results["dataset"] == dataset)]
    rows = mine[mine["metric"] == "auroc"]
    said = [_overall(rows)]
    for attribute in dict.fromkeys(rows.loc[rows["reference"] == REST, "attribute"]):
        said += _attribute(rows[rows["attribute"] == attribute], attribute)
    leans = rows[rows["reference"] == WITHOUT]
    said += [_shortcut(rows, gap) for gap in records(leans)]
    said += _at_threshold(mine)
    if len(said) == 1:
        said.append(
            Statement(
                "unsure",
                "Nothing was compared",
                "There is no attribute with two groups, and no shortcut.",
            )
        )
    order = {"plain": -1, "bad": 0, "better": 1, "unsure": 2, "good": 3}
    return sorted(said, key=lambda statement: order[statement.tone])


def interval(row: dict[str, Any], form: str = ".2f") -> str:
    """Format an interval for a sentence."""
    if row["low"] != row["low"]:
        return "no interval"
    return f"{row['low']:{form}} to {row['high']:{form}}".replace("-", "−")


def _inverted(levels: pd.DataFrame) -> pd.Series:
    """Below chance with the whole interval or, without an interval, by far."""
    return (levels["high"] < 0.5) | (levels["high"].isna() & (levels["value"] < 0.4))


def signed(value: float) -> str:
    """Format a difference with its sign."""
    return f"{value:+.2f}".replace("-", "−")


def _overall(rows: pd.DataFrame) -> Statement:
    overall = (
        rows[(rows["attribute"] == ALL) & (rows["reference"] == "")]
        .dropna(subset=["value"])
        .sort_values("value")
    )
    if overall.empty:
        return Statement("plain", "Overall: no finding could be evaluated", "")
    low, high = overall.iloc[0], overall.iloc[-1]
    mean = overall["value"].mean()
    detail = ""
    if len(overall) > 1:
        detail = (
            f"Best for {high['finding'].lower()} ({high['value']:.2f}), worst for "
            f"{low['finding'].lower()} ({low['value']:.2f})."
        )
    inverted = overall.loc[_inverted(overall), "finding"].tolist()
    if inverted:
        detail += (
            f" Below chance for {', '.join(inverted).lower()}: the score may be inverted; check the "
            "prompts or the direction of the score."
        )
    plural = "s" if len(overall) > 1 else ""
    return Statement("plain", f"Mean AUROC {mean:.2f} over {len(overall)} finding{plural}", detail)


def _attribute(rows: pd.DataFrame, attribute: str) -> list[Statement]:
    gaps = rows[rows["reference"] == REST]
    name = attribute_name(attribute)
    shown = gaps[gaps["verdict"] == Verdict.DISPARITY]
    said = []
    for group, part in shown[shown["value"] < 0].groupby("group", sort=False):
        worst = records(part.sort_values("value"))[0]
        level = rows[
            (rows["reference"] == "")
            & (rows["group"] == group)
            & (rows["finding"] == worst["finding"])
        ]
        tested = int((gaps["group"] == group).sum())
        said.append(
            Statement(
                "bad",
                f"Worse for {people(attribute, str(group))}",
                f"Shown for {len(part)} of {tested} findings. Largest for {worst['finding'].lower()}: AUROC "
                f"{level['value'].iloc[0]:.2f}, which is {abs(worst['value']):.2f} below the rest "
                f"(gap {interval(worst, '+.2f')}).",
            )
        )
    better = shown[shown["value"] > 0]
    # Of two groups, one is better because the other is worse: said already.
    if len(better) and gaps["group"].nunique() > 2:
        groups = ", ".join(dict.fromkeys(better["group"]))
        count = f"{len(better)} comparison{'s' if len(better) > 1 else ''}"
        said.append(
            Statement(
                "better",
                f"By {name}: better than the rest in {count}",
                f"{groups}. The rest includes whoever is worse, so this can be the same gap seen from the "
                "other side.",
            )
        )
    judged = without_mirrors(gaps[gaps["verdict"] != ""])
    if judged.empty:
        return said
    unclear = records(judged[judged["verdict"] == Verdict.UNCLEAR_SIZE])
    if unclear:
        row = max(unclear, key=lambda r: abs(r["value"]))
        said.append(
            Statement(
                "unsure",
                f"By {name}: {len(unclear)} real gap{'s' if len(unclear) > 1 else ''} of unclear size",
                f"Largest: {row['finding'].lower()} in {people(attribute, row['group'])}, "
                f"{signed(row['value'])} ({interval(row, '+.2f')}); it differs from zero, but whether it "
                "exceeds the margin the data cannot tell.",
            )
        )
    undefined = int((judged["verdict"] == Verdict.UNDEFINED).sum())
    unsure = judged[judged["verdict"] == Verdict.INCONCLUSIVE]
    margin = float(judged["margin"].iloc[0])
    equal = int((judged["verdict"] == Verdict.EQUIVALENT).sum())
    within = int((judged["verdict"] == Verdict.WITHIN_MARGIN).sum())
    small = f"{equal + within} of {len(judged)} comparisons are shown to lie within ±{margin:.2f}"
    if within:
        small += f" ({within} of them are real but small)"
    if undefined:
        small += f"; {undefined} {'is' if undefined == 1 else 'are'} undefined (no positives or no negatives)"
    if not len(shown) and not unclear and unsure.empty and undefined < len(judged):
        return [
            *said,
            Statement("good", f"By {name}: no gap larger than {margin:.2f}", f"{small}."),
        ]
    if len(unsure):
        headline = (
            f"By {name}: the data cannot tell for {len(unsure)} of {len(judged)} comparisons"
            if len(shown) or unclear
            else f"By {name}: no disparity shown"
        )
        detail = f"{small}; for {len(unsure)} the data cannot tell. {_detectable(unsure)}"
        said.append(Statement("unsure", headline, detail))
    return said


METRIC_WORDS = {"tpr": "TPR", "fpr": "FPR"}


def _at_threshold(rows: pd.DataFrame) -> list[Statement]:
    """Say who is missed more, and who gets more false alarms, at the same threshold."""
    said = []
    for metric, sign, words in (
        ("tpr", -1, "findings are missed more often"),
        ("fpr", 1, "more false alarms"),
        ("underdiagnosis", 1, "ill patients are called healthy more often"),
        ("overdiagnosis", 1, "healthy patients are called ill more often"),
    ):
        gaps = rows[(rows["metric"] == metric) & (rows["reference"] == REST)]
        if metric in (
            "tpr",
            "fpr",
        ):  # of No Finding these mean their opposite, and have names of their own
            gaps = gaps[gaps["finding"] != NO_FINDING]
        shown = gaps[(gaps["verdict"] == Verdict.DISPARITY) & (gaps["value"] * sign > 0)]
        for (attribute, group), part in shown.groupby(["attribute", "group"], sort=False):
            worst = records(part.loc[[part["value"].abs().idxmax()]])[0]
            tested = int(((gaps["attribute"] == attribute) & (gaps["group"] == group)).sum())
            named = METRIC_WORDS.get(metric, metric)
            said.append(
                Statement(
                    "bad",
                    f"At one threshold for all, {words} in {people(str(attribute), str(group))}",
                    f"Shown for {len(part)} of {tested} findings. Largest for "
                    f"{worst['finding'].lower()}: {named} gap {signed(worst['value'])} "
                    f"({interval(worst, '+.2f')}).",
                )
            )
    return said


def without_mirrors(gaps: pd.DataFrame) -> pd.DataFrame:
    """Keep one of two groups: they mirror each other and are one comparison, as in the adjustment."""
    groups = gaps["group"].unique()
    return gaps[gaps["group"] == groups[0]] if len(groups) == 2 else gaps


def _detectable(unsure: pd.DataFrame) -> str:
    known = unsure["detectable_gap"].dropna()
    if known.empty:
        return (
            "There are too few patients or resamples in them: "
            + "; ".join(sorted({r["note"] or r["method"] for r in records(unsure)}))
            + "."
        )
    return (
        f"In {len(known)} of them, gaps of about {known.median():.2f} (at most {known.max():.2f}) would be "
        "found in 8 of 10 such cohorts, smaller ones less often."
    )


def _shortcut(rows: pd.DataFrame, gap: dict[str, Any]) -> Statement:
    name = shortcut_name(gap["attribute"])
    a_name = with_article(name)
    finding = gap["finding"].lower()
    levels = rows[
        (rows["attribute"] == gap["attribute"])
        & (rows["reference"] == "")
        & (rows["finding"] == gap["finding"])
    ]
    value = levels.set_index("group")["value"]
    numbers = (
        f"AUROC {value.get('with', float('nan')):.2f} with {a_name} in the image, "
        f"{value.get('without', float('nan')):.2f} without: gap {signed(gap['value'])} "
        f"({interval(gap, '+.2f')})."
    )
    if gap["verdict"] == Verdict.DISPARITY and gap["value"] > 0:
        return Statement("bad", f"Recognises {finding} better with {a_name} in the image", numbers)
    if gap["verdict"] == Verdict.DISPARITY:
        return Statement("bad", f"Recognises {finding} worse with {a_name} in the image", numbers)
    if gap["verdict"] in (Verdict.EQUIVALENT, Verdict.WITHIN_MARGIN):
        headline = (
            f"{finding.capitalize()} with and without {a_name}: gap within ±{gap['margin']:.2f}"
        )
        return Statement("good", headline, numbers)
    if gap["verdict"] == Verdict.UNDEFINED:
        why = f"{finding.capitalize()}: {gap['note'] or 'one arm is empty'}."
        return Statement("unsure", f"Nothing can be said about the {name}", why)
    if gap["verdict"] == Verdict.UNCLEAR_SIZE:
        return Statement("unsure", f"A real gap of unclear size by {name}", numbers)
    headline = f"The data cannot tell whether {finding} is recognised better with {a_name}"
    return Statement("unsure", headline, numbers)


def knows(knowledge: pd.DataFrame, model: str) -> list[Statement]:
    """Say of every attribute whether the embedding knows it and whether the scores use it."""
    mine = knowledge[knowledge["model"] == model]
    probes = mine[(mine["analysis"] == "probe") & (mine["space"] == "image")]
    said = [
        _known(mine, str(attribute), {row["method"]: row for row in records(part)})
        for attribute, part in probes.groupby("attribute", sort=False)
    ]
    order = {"bad": 0, "unsure": 1, "good": 2}
    return sorted(said, key=lambda statement: order[statement.tone])


def _known(rows: pd.DataFrame, attribute: str, probes: dict[str, dict[str, Any]]) -> Statement:
    """Say what is known and used of one attribute."""
    line = probes["linear"]
    name = shortcut_name(attribute_name(attribute))
    numbers = (
        f"A linear probe reaches AUROC {line['value']:.2f} ({interval(line, '.2f')}) on patients it has not "
        f"seen{_from_axes(rows, attribute)}."
    )
    others = [m for m in ("k-NN", "MLP") if probes[m]["verdict"] == READABLE]
    if line["verdict"] == HIDDEN:
        if others:
            best = max(others, key=lambda method: probes[method]["value"])
            return Statement(
                "unsure",
                f"No line reads the {name}, but {best} does",
                f"{numbers} {best} reads it with {probes[best]['value']:.2f}. Scores are linear in the "
                "embedding, so they do not use it as such; another head could.",
            )
        return Statement(
            "good", f"Does not know the {name}", f"{numbers} No other probe is shown to read it."
        )
    if line["verdict"] != READABLE:
        return Statement("unsure", f"Cannot tell whether the {name} is known", numbers)
    readings = rows[(rows["analysis"] == "reading") & (rows["attribute"] == attribute)]
    used = readings[readings["verdict"] == USED]
    if len(used):
        row = records(used.loc[[used["value"].abs().idxmax()]])[0]
        return Statement(
            "bad",
            f"Knows the {name}, and uses it for {len(used)} of {len(readings)} findings",
            f"{numbers} Scores shift with it among patients with the same label, most for "
            f"{row['finding'].lower()}: {signed(row['value'])} standard deviations in "
            f"{_whom(attribute, row['group'])}.{_after(rows, attribute, row['finding'])}",
        )
    unsure = int((readings["verdict"] != NOT_USED).sum())
    if readings.empty:
        return Statement(
            "unsure",
            f"Knows the {name}; whether it is used cannot be tested",
            f"{numbers} No finding has enough patients with and without it in two groups.",
        )
    if unsure:
        return Statement(
            "unsure",
            f"Knows the {name}; for {unsure} of {len(readings)} findings it cannot be told "
            "whether it is used",
            numbers,
        )
    return Statement(
        "good",
        f"Knows the {name}, and does not use it",
        f"{numbers} No score shifts with it by more than {SHIFT_MARGIN} standard deviations.",
    )


def _from_axes(rows: pd.DataFrame, attribute: str) -> str:
    found = rows[
        (rows["analysis"] == "probe")
        & (rows["attribute"] == attribute)
        & (rows["space"] == "PCA (2 axes)")
        & (rows["method"] == "linear")
    ]
    return f"; from two axes of a PCA, {found['value'].iloc[0]:.2f}" if len(found) else ""


def _whom(attribute: str, group: str) -> str:
    if group in ("yes", "no"):
        return "images with it" if group == "yes" else "images without it"
    return people(attribute, group)


def _after(rows: pd.DataFrame, attribute: str, finding: str) -> str:
    """Say what erasing an attribute does to a finding, if that is shown."""
    found = rows[
        (rows["metric"] == "change of auroc")
        & (rows["attribute"] == attribute)
        & (rows["finding"] == finding)
    ]
    for row in records(found):
        if row["low"] > 0 or row["high"] < 0:
            return (
                f" Erased from the embedding, AUROC changes by {signed(row['value'])} "
                f"({interval(row, '+.2f')})."
            )
    return " Erased from the embedding, no change of AUROC is shown."


def mislabelled(results: pd.DataFrame, shortcut: str) -> list[str]:
    """Say what the errors of a detector can do to a shortcut's gap, one sentence per model."""
    rows = results[(results["attribute"] == shortcut) & (results["reference"] == WITHOUT)]
    said = []
    for model, part in rows.groupby("model", sort=False):
        by_metric = {row["metric"]: row for row in records(part)}
        if not {CORRECTED, BOUNDS, "auroc"} <= set(by_metric):
            continue
        gap, corrected, bounds = by_metric["auroc"], by_metric[CORRECTED], by_metric[BOUNDS]
        if not np.isfinite([corrected["value"], bounds["low"], bounds["high"]]).all():
            said.append(
                f"{model}: some {shortcut_name(shortcut)} labels are a detector's, whose known errors do "
                "not fit how many images it called, or which has no skill: the gap can neither be put "
                "right nor bounded. See the arms of the labels by people."
            )
            continue
        sentence = (
            f"{model}: some {shortcut_name(shortcut)} labels are a detector's. Put right for its errors, "
            f"if these have nothing to do with the score, the gap is {signed(corrected['value'])} "
            f"({interval(corrected, '+.2f')}) instead of {signed(gap['value'])}; whatever images "
            f"they fall on, it lies between {signed(bounds['low'])} and {signed(bounds['high'])}"
        )
        said.append(
            sentence
            + (
                ", so its sign does not depend on them."
                if bounds["low"] * bounds["high"] > 0
                else ": its sign could be their work."
            )
        )
    return said


@dataclass(frozen=True, slots=True)
class Check:
    """One of the checks every report runs; codes are stable, so they can be cited."""

    code: str
    title: str
    state: str
    """``ok``, ``attention`` or ``not applicable``."""
    detail: str


def checks(
    results: pd.DataFrame, facts: dict[str, Any], cards: dict[str, dict[str, Any]]
) -> list[Check]:
    """Check what makes an audit weaker than it looks."""
    levels = results[(results["reference"] == "") & (results["metric"] == "auroc")]
    few = levels[
        (levels["note"] != "")
        & ~levels["group"].isin(NO_GROUP)
        & ~levels["attribute"].str.endswith(DOSE)
    ]
    unknown = levels[(levels["group"].isin(NO_GROUP)) & (levels["n"] > 0)]
    cells = few[["finding", "attribute", "group"]].drop_duplicates()
    overall = levels[levels["attribute"] == ALL]
    inverted = overall[_inverted(overall)]
    origin = (facts.get("truth") or {}).get("origin", facts["dataset"]["name"])
    seen = [name for name, card in cards.items() if origin in card.get("trained_on", [])]
    by_patient = facts["settings"].get("resample", "patients") == "patients"
    repeated = facts["images"] / max(facts["patients"], 1)
    largest = unknown.sort_values("n").drop_duplicates(["attribute", "group"], keep="last")
    compared = set(results.loc[results["reference"] == REST, "attribute"])
    alone = [attribute_name(name) for name in facts["attributes"] if name not in compared]
    found = [
        Check(
            "CXA001",
            "Groups with too few patients",
            "attention" if len(few) else "ok",
            f"{len(cells)} groups have too few patients with (or without) a finding for a verdict; "
            "their rows are kept."
            if len(few)
            else "Every group has enough patients for a verdict.",
        ),
        Check(
            "CXA002",
            "Unknown or contradicting attributes",
            "attention" if len(unknown) else "ok",
            "; ".join(
                f"{attribute_name(r['attribute'])} {r['group']}: {r['n']:,} images"
                for r in records(largest)
            )
            or "Every image has a known group.",
        ),
        Check(
            "CXA003",
            "Inverted scores",
            "attention" if len(inverted) else "ok",
            ", ".join(f"{r.model}: {r.finding}" for r in inverted.itertuples())
            or "No finding is shown to be ranked below chance.",
        ),
        Check(
            "CXA004",
            "Model has seen this data set",
            "attention" if seen else ("ok" if cards else "not applicable"),
            f"{', '.join(seen)} was trained on {origin}."
            if seen
            else (
                "No model card names this data set."
                if cards
                else "No model card came with the scores."
            ),
        ),
        Check(
            "CXA005",
            "Several images per patient",
            "ok" if by_patient else "attention",
            f"{repeated:.1f} images per patient; "
            + (
                "patients, not images, are resampled."
                if by_patient
                else "images were resampled as if they were independent, so intervals are too narrow."
            ),
        ),
        Check(
            "CXA006",
            "Filters took images out",
            "attention" if facts.get("exclusions") else "ok",
            f"{len(facts.get('exclusions') or [])} steps, listed under 'What was left out'."
            if facts.get("exclusions")
            else "Every image of the data set is in the audit.",
        ),
        Check(
            "CXA007",
            "Attributes that were not compared",
            "attention" if alone else "ok",
            f"Only one known group: {', '.join(alone)}."
            if alone
            else "Every attribute has at least two known groups.",
        ),
    ]
    return found
