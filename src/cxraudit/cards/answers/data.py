"""Cohort, labels, and what is missing."""

import pandas as pd

from cxraudit.cards import evidence
from cxraudit.cards.answers.answer import (
    EXCLUSIONS,
    FLOW,
    Answer,
    by_finding,
    rows_of,
    sentences,
)
from cxraudit.cards.subject import Subject
from cxraudit.datasets.base import NO_GROUP
from cxraudit.formatting import count_or_hidden, listed, percent
from cxraudit.report.anchors import Anchor
from cxraudit.report.checks import cxa002, cxa009
from cxraudit.report.checks.check import State
from cxraudit.schema import Analysis, records
from cxraudit.tables import cohort_table
from cxraudit.vocabulary import attribute_name

SYNTHETIC = "The radiographs are synthetic: a program drew them."
_LEVELS = rows_of(Analysis.SUBGROUPS)


def data_source(subject: Subject) -> Answer:
    """Name the data set that was audited."""
    dataset = subject.audit.facts["dataset"]
    version = f" {dataset['version']}" if dataset["version"] else ""
    license_ = f"licence: {dataset['license']}" if dataset["license"] else "licence not stated"
    text = f"Audited on {dataset['name']}{version}: {subject.facts.counts}; {license_}."
    places = (Anchor.PROVENANCE, Anchor.COHORT)
    return Answer(sentences(text, SYNTHETIC if subject.synthetic else ""), places, complete=False)


def eligibility(subject: Subject) -> Answer | None:
    """List the filters of images in their order."""
    steps = records(subject.audit.flow)
    if not steps:
        return None
    listed_ = "; ".join(f"{row['step']}: {row['reason']}" for row in steps)
    text = f"Steps that select images, in their order: {listed_}."
    return Answer(text, (Anchor.COHORT, FLOW), complete=False)


def flow(subject: Subject) -> Answer | None:
    """Give the images and patients that each step left out and kept."""
    steps = records(subject.audit.flow)
    if not steps:
        return None
    kept = "; ".join(
        f"{row['step']}: {count_or_hidden(row['images_out'])} images out, "
        f"{count_or_hidden(row['images'])} images of {count_or_hidden(row['patients'])} patients left"
        for row in steps
    )
    return Answer(sentences(f"{kept}.", _positives(subject)), (Anchor.COHORT, FLOW, EXCLUSIONS))


def _positives(subject: Subject) -> str:
    """Give the images with and without each finding."""
    parts = by_finding((row["finding"], _classes(row)) for row in evidence.overall(subject))
    return f"Images with and without each finding: {parts}." if parts else ""


def _classes(row: evidence.Row) -> str:
    n, positive = row["n"], row["n_positive"]
    if pd.isna(n) or pd.isna(positive):
        return "hidden"
    return f"{positive:,} and {n - positive:,}"


def characteristics(subject: Subject) -> Answer:
    """Give patients and images of each group."""
    counts = cohort_table(subject.audit.results, subject.audit.facts)
    groups = [row for row in records(counts) if row["attribute"] != "all"]
    listed_ = "; ".join(
        f"{row['attribute']} {row['group']}: {row['patients']} patients, {row['images']} images"
        for row in groups
    )
    text = sentences(
        f"{subject.facts.counts}.",
        f"{listed_}." if groups else "No attribute of patients was audited.",
        "Attributes are those that were audited; of development data nothing is recorded.",
    )
    return Answer(text, (Anchor.COHORT, _LEVELS), complete=False)


def labels(subject: Subject) -> Answer:
    """Give the findings and what the data set records of the source of their labels."""
    notes = " ".join(map(str, subject.audit.facts["notes"]))
    text = f"Findings: {listed(subject.findings)}; 1, 0 or not labelled, for each image."
    source = notes or "The source of the labels is not recorded."
    return Answer(sentences(text, source), (Anchor.COHORT,), complete=False)


def missing_data(subject: Subject) -> Answer:
    """Say how images without score, label or attribute were handled, and how many there are."""
    images = subject.audit.facts["images"]
    missing = [
        (row["finding"], f"{images - row['n']:,}")
        for row in evidence.overall(subject)
        if not pd.isna(row["n"]) and images is not None and row["n"] < images
    ]
    without = (
        f"Images without a label, by finding: {by_finding(missing)}."
        if missing
        else "Each image that was audited has a label of each finding."
    )
    if subject.facts.suppression:
        without = "Numbers of images without a label are hidden, as are small cells."
    unknown = cxa002.check(subject.audit)
    groups = (
        f"Groups that are not known: {unknown.detail}" if unknown.state == State.ATTENTION else ""
    )
    return Answer(
        sentences(
            "Images without a score or without a label of a finding are left out of that finding; nothing is "
            f"imputed. Groups named {listed(sorted(NO_GROUP))} are shown and never compared.",
            without,
            groups,
        ),
        (Anchor.COHORT, Anchor.CHECKS, Anchor.NOTICES, EXCLUSIONS),
    )


def indeterminate(subject: Subject) -> Answer:
    """Say that each image has a score, and how labels that are not given count."""
    return Answer(
        "Each audited image has a score; scores that are not finite are refused. A label counts as 1 or 0, "
        "or its image is left out of that finding; how uncertain labels count is stated with the labels.",
        (Anchor.COHORT, Anchor.METHODS),
        complete=False,
    )


def events(subject: Subject) -> Answer | None:
    """Give the patients and positives of each analysis."""
    rows = evidence.overall(subject)
    if not rows:
        return None
    parts = by_finding(
        (
            row["finding"],
            f"{count_or_hidden(row['n'])} images of {count_or_hidden(row['n_patients'])} patients, "
            f"{count_or_hidden(row['n_positive'])} of {count_or_hidden(row['n_positive_patients'])} with it",
        )
        for row in rows
    )
    text = (
        f"In the analysis of all patients: {parts}. Each row of the results holds its own numbers."
    )
    return Answer(text, (Anchor.ALL_PATIENTS, Anchor.COHORT, _LEVELS))


def prevalence(subject: Subject) -> Answer | None:
    """Give the share of images with each finding."""
    parts = [
        (row["finding"], percent(round(row["n_positive"] / row["n"], 3)))
        for row in evidence.overall(subject)
        if not pd.isna(row["n"]) and not pd.isna(row["n_positive"]) and row["n"]
    ]
    if not parts:
        return None
    text = f"Share of audited images with the finding: {by_finding(parts)}."
    return Answer(
        sentences(text, SYNTHETIC if subject.synthetic else ""), (Anchor.COHORT,), complete=False
    )


def images(subject: Subject) -> Answer | None:
    """Say what is recorded of the quality of the images."""
    checked = cxa009.check(subject.audit)
    if checked.state == State.NOT_APPLICABLE:
        return None
    return Answer(f"{checked.title}: {checked.detail}", (Anchor.CHECKS,), complete=False)


def attributes(subject: Subject) -> str:
    """Name the attributes that were audited."""
    names = [attribute_name(str(name)) for name in subject.audit.facts["attributes"]]
    return listed(names) if names else ""
