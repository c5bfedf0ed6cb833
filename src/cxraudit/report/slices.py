"""What an audit says of slices: those that were confirmed, and those that were only examined."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cxraudit.audits.result import Audit
from cxraudit.report.statements import rows as find
from cxraudit.schema import ALL_OTHERS, SEARCHED, Analysis, records
from cxraudit.vocabulary import slice_phrase

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Examined:
    """A slice that was compared on the patients who were not searched."""

    finding: str
    phrase: str
    """What it consists of."""
    gap: Row
    """The row of its difference from all other images."""
    auroc: float
    as_searched: float
    """Difference on the patients who were searched."""

    @property
    def confirmed(self) -> bool:
        """Whether it is worse on the other patients, too, with all comparisons taken into account."""
        gap = self.gap
        return bool(gap["p_adjusted"] < 1 - gap["confidence_level"] and gap["value"] < 0)


def searches(audit: Audit, model: str) -> list[Mapping[str, Any]]:
    """Return what was recorded of the searches for slices of a model, one per prompt set."""
    facts = audit.facts.get("slices")
    return [one for one in facts["models"] if one["model"] == model] if facts else []


def examined(audit: Audit, model: str) -> list[Examined]:
    """Return the slices of a model that were compared, those that were confirmed first."""
    rows = find.of(audit, model, analysis=Analysis.SLICES)
    found = []
    for one in searches(audit, model):
        for each in one["slices"]:
            own = find.where(
                rows, prompt_set=one["prompt_set"], finding=each["finding"], group=each["name"]
            )
            gaps = find.where(own, reference=ALL_OTHERS)
            for gap in records(find.where(gaps, condition="")):
                level = find.where(own, reference="", condition="")["value"]
                searched = find.where(gaps, condition=SEARCHED)["value"]
                phrase = slice_phrase(each["parts"])
                found.append(
                    Examined(
                        each["finding"], phrase, gap, float(level.iloc[0]), float(searched.iloc[0])
                    )
                )
    return sorted(found, key=lambda one: not one.confirmed)
