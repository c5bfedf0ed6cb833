"""One model of one audit, and what is stated of it: what a card and a checklist are about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.errors import ConfigError, UnknownNameError, short
from cxraudit.formatting import listed
from cxraudit.report.about import About
from cxraudit.report.facts import Facts, facts_of
from cxraudit.report.matrix import Matrix, matrices
from cxraudit.report.statements import NULL_MODEL
from cxraudit.report.statements import rows as find


@dataclass(frozen=True, slots=True)
class Subject:
    """A model, its audit, and what is stated."""

    audit: Audit
    """Of all models, with the rows that are hidden."""
    model: str
    stated: About

    @property
    def facts(self) -> Facts:
        """The settings of the audit in words."""
        return facts_of(self.audit)

    @property
    def card(self) -> Mapping[str, Any]:
        """What cxraudit recorded of the model; empty if its scores came from elsewhere."""
        return self.audit.manifest.get("cards", {}).get(self.model, {})

    @property
    def findings(self) -> list[str]:
        """The findings of the audit."""
        return list(map(str, self.audit.facts["findings"]))

    @property
    def results(self) -> pd.DataFrame:
        """The results of the model, without rows that are hidden."""
        return find.of(self.audit.without_hidden(), self.model)

    @property
    def verdicts(self) -> list[Matrix]:
        """The verdicts on the model, one matrix per question."""
        return matrices(self.audit, self.model)

    @property
    def synthetic(self) -> bool:
        """Whether a program drew the radiographs."""
        return bool(self.audit.facts.get("truth"))


def subject_of(audit: Audit, model: str | None, about: About | None) -> Subject:
    """Return what a card is about.

    Raises
    ------
    ConfigError
        If there are several models and none is named, or it is the null model.
    UnknownNameError
        If the audit has no such model.
    """
    audited = list(dict.fromkeys(map(str, audit.results["model"])))
    tested = [name for name in audited if name != NULL_MODEL]
    if model is None:
        if len(tested) != 1:
            names = listed([short(name) for name in tested]) if tested else "only the null model"
            raise ConfigError(f"the audit has {names}. Name the model with --model.")
        model = tested[0]
    if model == NULL_MODEL:
        raise ConfigError(
            f"'{NULL_MODEL}' is the null model, a control that needs no card and no checklist. Name another "
            "model with --model."
        )
    if model not in tested:
        raise UnknownNameError("model", model, tested)
    return Subject(audit, model, about or About())
