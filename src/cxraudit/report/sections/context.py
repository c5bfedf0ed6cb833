"""What a section needs besides the audit: its facts in words, its models, and the names of its figures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.charts import Chart
from cxraudit.files import folder_name
from cxraudit.report.blocks import Block, Drawing, Heading, Switch
from cxraudit.report.facts import Facts, facts_of
from cxraudit.report.statements import NULL_MODEL
from cxraudit.report.training import Training, training_of


@dataclass(frozen=True, slots=True)
class Context:
    """One audit on a page."""

    name: str
    """Of the data set; numbered where one data set was audited twice."""
    facts: Facts
    models: tuple[str, ...]
    """In the order of the results."""
    cards: dict[str, dict[str, Any]]
    """Model → its card, where one came with the scores."""
    training: Mapping[str, Training]
    """Model → what it was trained on."""
    drawn: Counter[str] = field(default_factory=Counter)
    """How often the figures of the page were called the same: names differ that make one file name."""

    @property
    def tested(self) -> tuple[str, ...]:
        """The models without the null model."""
        return tuple(name for name in self.models if name != NULL_MODEL)

    def one_at_a_time(
        self, section: str, parts: Sequence[tuple[str, Sequence[Block]]]
    ) -> list[Block]:
        """Return the parts of several models of which one is open at a time; that of one model as it is."""
        if len(parts) > 1:
            return [Switch(f"{section}-{folder_name(self.name)}", parts)]
        return [block for model, blocks in parts for block in (Heading(model), *blocks)]

    def draw(self, chart: Chart, kind: str, caption: str) -> Drawing:
        """Return a picture as a block; `kind` names its file, and its place on the page."""
        name = folder_name(f"{self.name}-{kind}")
        self.drawn[name] += 1
        if self.drawn[name] > 1:
            name = f"{name}-{self.drawn[name]}"
        return Drawing(chart, name, caption)


def context_of(audit: Audit, name: str, drawn: Counter[str] | None = None) -> Context:
    """Return the context of an audit; those of a page share what was drawn."""
    return Context(
        name=name,
        facts=facts_of(audit),
        models=tuple(str(model) for model in dict.fromkeys(audit.results["model"])),
        cards=audit.manifest.get("cards", {}),
        training=training_of(audit),
        drawn=Counter() if drawn is None else drawn,
    )


def of_model(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the rows of a model; an empty table as it is."""
    return table[table["model"] == model] if len(table) else table
