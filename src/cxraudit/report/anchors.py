"""Places on the page of a report that other documents link to, each declared once."""

from enum import StrEnum

from cxraudit.files import folder_name


class Anchor(StrEnum):
    """A section: its id among the sections of an audit, or of the whole page."""

    VERDICTS = "verdicts"
    IN_SHORT = "in-short"
    READING = "reading"
    RESULTS = "results"
    CALIBRATION_CHECK = "calibration-check"
    COHORT = "cohort"
    ALL_PATIENTS = "all-patients"
    SUBGROUPS = "subgroups"
    HETEROGENEITY = "heterogeneity"
    OPERATING_POINT = "operating-point"
    SHORTCUTS = "shortcuts"
    SLICES = "slices"
    PERTURBATIONS = "perturbations"
    REGIONS = "regions"
    EMBEDDINGS = "embeddings"
    HEADS = "heads"
    LABELS = "labels"
    WORDINGS = "wordings"
    MODELS = "models"
    CHECKS = "checks"
    NOTICES = "notices"
    METHODS = "methods"
    PROVENANCE = "provenance"


OF_PAGE = (Anchor.VERDICTS, Anchor.IN_SHORT, Anchor.READING)
"""Sections about all audits of a page, of which each stands there once."""


def chapter_anchor(name: str) -> str:
    """Return the id of the chapter about an audit, by its name.

    Examples
    --------
    >>> chapter_anchor("phantom-nih")
    'data-phantom-nih'
    """
    return f"data-{folder_name(name)}"


def section_anchor(chapter: str, section: str) -> str:
    """Return the id of a section of a chapter.

    Examples
    --------
    >>> section_anchor(chapter_anchor("toy"), Anchor.METHODS)
    'data-toy-methods'
    """
    return f"{chapter}-{section}"


def place_of(name: str, anchor: Anchor) -> str:
    """Return the id of a section on the page of a report on one audit.

    Parameters
    ----------
    name : str
        The data set.
    anchor : Anchor
        The section.
    """
    return str(anchor) if anchor in OF_PAGE else section_anchor(chapter_anchor(name), anchor)
