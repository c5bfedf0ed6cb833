"""The model card of the Hugging Face Hub: metadata with results, and the sections of its template."""

import math
import re
from collections.abc import Iterator, Mapping
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any

from cxraudit.cards import evidence
from cxraudit.cards.answers import ANSWERS
from cxraudit.cards.answers.model import prompt_sets
from cxraudit.cards.markdown import Markdown, as_markdown, bullets, code_block, paragraphs, table
from cxraudit.cards.subject import Subject
from cxraudit.cards.templates import markdown_template
from cxraudit.errors import MissingExtraError
from cxraudit.files import folder_name, package_version
from cxraudit.formatting import bounds, counted, printed
from cxraudit.report.about import NOT_STATED

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

ZERO_SHOT, CLASSIFICATION = "zero-shot-image-classification", "image-classification"
_TASKS = {ZERO_SHOT: "Zero-Shot Image Classification", CLASSIFICATION: "Image Classification"}
_LICENSES = {
    *("apache-2.0", "mit", "isc", "mpl-2.0", "unlicense", "openrail", "openrail++"),
    *("bsd", "bsd-2-clause", "bsd-3-clause", "gpl-2.0", "gpl-3.0", "lgpl-3.0", "agpl-3.0"),
    *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-sa-4.0"),
    *("cc-by-nc-nd-4.0", "odc-by", "odbl"),
}
"""Identifiers of the Hub; any other licence is its ``other``, with a name."""
_OF_HUB = re.compile(r"[\w.-]+/[\w.-]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


def as_text(subject: Subject) -> str:
    """Return the card, metadata first.

    Raises
    ------
    MissingExtraError
        If huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import ModelCard
    except ModuleNotFoundError:
        raise MissingExtraError("a model card for Hugging Face", "models") from None
    data = metadata(subject)
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{body(subject)}"))


def metadata(subject: Subject) -> "ModelCardData":
    """Return the metadata of the card; ``eval_results`` holds the results.

    Where a number is undefined or hidden there is no result: the metadata allow no number that is none.
    """
    from huggingface_hub import ModelCardData

    stated = subject.stated
    license_ = stated.of("license") or str(subject.card.get("license", ""))
    known = license_.lower() if license_.lower() in _LICENSES else "other"
    return ModelCardData(
        language=_if_matches(_LANGUAGE, stated.of("language")),
        base_model=_if_matches(_OF_HUB, stated.of("base_model")),
        pipeline_tag=_task(subject),
        tags=["chest-x-ray", "radiology", "fairness", "cxraudit", *map(_line, stated.keywords)],
        model_name=_line(subject.model),
        eval_results=list(results(subject)) or None,
        license=known if license_ else None,
        license_name=_line(license_) if known == "other" and license_ else None,
    )


def _if_matches(pattern: re.Pattern[str], text: str) -> str | None:
    """Return a text that the Hub takes as an identifier; any other stands in the body of the card only."""
    return text if pattern.fullmatch(text) else None


def _task(subject: Subject) -> str:
    """Return the task: zero-shot only where scores are known to come from prompts."""
    return ZERO_SHOT if prompt_sets(subject) else CLASSIFICATION


def results(subject: Subject) -> Iterator["EvalResult"]:
    """Yield AUROC over all patients and of each group, and the largest gaps, each as in the results."""
    levels = [*evidence.overall(subject), *evidence.by_group(subject)]
    for row in [row for row in levels if math.isfinite(row["value"])]:
        yield _result(subject, row, "roc_auc", "AUROC")
    for row in evidence.largest_gaps(subject):
        yield _result(subject, row, "roc_auc_difference", "Difference in AUROC")


def _result(subject: Subject, row: Mapping[str, Any], kind: str, label: str) -> "EvalResult":
    """Return one result; the interval stands in its name, and as numbers in its arguments."""
    from huggingface_hub import EvalResult

    dataset = subject.audit.facts["dataset"]
    name = _line(str(dataset["name"]))
    ends = bounds(row["low"], row["high"], 3, signed=bool(row["reference"]))
    interval = f"{subject.facts.interval} {ends}" if ends != "no interval" else ends
    title = f"{label}, {row['finding']}, {evidence.sides(row)} ({interval})"
    version = _line(str(dataset["version"]))
    return EvalResult(
        task_type=_task(subject),
        task_name=_TASKS[_task(subject)],
        dataset_type=folder_name(name).lower() or "unnamed",
        dataset_name=f"{name} {version}".strip(),
        dataset_args={"version": version} if version else None,
        metric_type=kind,
        metric_value=float(row["value"]),
        metric_name=_line(title),
        metric_args=_arguments(row),
    )


def _arguments(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a result is about, its interval and its numbers, without what is undefined or hidden."""
    texts = {
        name: _line(str(row[name]))
        for name in ("finding", "attribute", "group", "reference", "method", "verdict")
        if row[name]
    }
    numbers = {
        name: float(row[name])
        for name in ("low", "high", "confidence_level", "margin", "p_adjusted")
        if math.isfinite(row[name])
    }
    counts = {
        name: int(row[name])
        for name in ("n", "n_positive", "n_patients")
        if isinstance(row[name], Integral)
    }
    return texts | numbers | counts


def _line(text: str) -> str:
    return " ".join(printed(text).split())


def body(subject: Subject) -> str:
    """Return the sections of the card."""
    found = evidence.in_sentences(evidence.statements(subject, evidence.SHOWN))
    open_ = evidence.in_sentences(evidence.statements(subject, evidence.NOT_SETTLED))
    disparities = evidence.disparities(subject)
    main = [row for row in disparities if row["analysis"] in evidence.MAIN]
    further = [row for row in disparities if row["analysis"] not in evidence.MAIN]
    groups = list(evidence.level_rows(evidence.by_group(subject)))
    context = {
        "model": subject.model,
        "dataset": subject.facts.dataset,
        "margin": subject.facts.margin,
        "version": package_version(),
        "made_at": str(subject.audit.manifest.get("made_at", "")),
        "synthetic": subject.synthetic,
        "suppression": subject.facts.suppression,
        "stated": partial(_stated, subject),
        "answer": partial(_answer, subject),
        "license": subject.stated.of("license") or subject.card.get("license") or NOT_STATED,
        "citation": _citation(subject),
        "overall": table(evidence.LEVEL_COLUMNS, evidence.level_rows(evidence.overall(subject))),
        "groups": table(evidence.LEVEL_COLUMNS, groups) if groups else "",
        "verdict_counts": table(("question", "verdicts"), evidence.verdict_counts(subject)),
        "matrices": [
            (one.question, one.caption, table(*evidence.matrix_table(one)), evidence.legend(one))
            for one in subject.verdicts
        ],
        "found": bullets(found) if found else "",
        "not_settled": bullets(open_) if open_ else "",
        "disparities": _disparities(main),
        "further": _disparities(further),
        "n_further": counted(len(further), "disparity", "disparities"),
        "limits": bullets(evidence.limits(subject)),
        "commands": _commands(subject),
    }
    return markdown_template("huggingface.md.j2").render(context)


def _disparities(rows: list[evidence.Row]) -> Markdown:
    cells = list(evidence.disparity_rows(rows))
    return table(evidence.DISPARITY_COLUMNS, cells) if cells else Markdown("")


def _stated(subject: Subject, key: str) -> Markdown:
    return paragraphs(subject.stated.of(key) or NOT_STATED)


def _answer(subject: Subject, key: str) -> Markdown:
    """Return what the audit contains under a key; that nothing is recorded, where nothing is."""
    found = ANSWERS[key](subject)
    return as_markdown("not recorded" if found is None else found.text)


def _citation(subject: Subject) -> Markdown:
    text = subject.stated.of("citation")
    return code_block(text, "bibtex") if text else as_markdown(NOT_STATED)


def _commands(subject: Subject) -> Markdown:
    commands = [str(one) for one in subject.audit.manifest.get("commands", [])]
    return code_block("\n".join(commands), "sh") if commands else as_markdown("Made in Python.")
