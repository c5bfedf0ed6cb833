"""The summary of an audit in a terminal: the statements of its report, word for word."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxraudit.audits.result import Audit

_MARKS = {"bad": "!", "better": "+", "good": "=", "unsure": "?", "plain": " "}
"""Tone of a statement → what stands before it."""


def print_summary(audit: "Audit") -> None:
    """Print the statements on every model of an audit."""
    from cxraudit.report.statements import of_model

    name = audit.facts["dataset"]["name"]
    for model in audit.facts["models"]:
        print(
            f"\n{model} on {name}: {audit.facts['images']:,} images of "
            f"{audit.facts['patients']:,} patients"
        )
        for statement in of_model(audit, model):
            print(f" {_MARKS[statement.tone]} {statement.headline}. {statement.detail}")
    print()
