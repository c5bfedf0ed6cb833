"""What each audited model was trained on: by its card, as the user states, or not known."""

from collections.abc import Iterable
from dataclasses import dataclass

from cxraudit.audits.result import Audit
from cxraudit.datasets.published_names import published_name, same_data
from cxraudit.formatting import listed
from cxraudit.settings import training_data


@dataclass(frozen=True, slots=True)
class Training:
    """What is known of the training data of one model."""

    by_card: frozenset[str] | None
    """Data sets that its card names; None: it has no card, or the card does not say."""
    stated: frozenset[str] | None
    """Data sets that the user states; None: nothing was stated."""

    @property
    def known(self) -> bool:
        """Whether there is any information; without it, an overlap cannot be excluded."""
        return self.by_card is not None or self.stated is not None

    @property
    def data(self) -> frozenset[str]:
        """All data sets that are named: what the user states is added to the card."""
        return (self.by_card or frozenset()) | (self.stated or frozenset())

    def includes(self, name: str) -> bool:
        """Return whether a data set is named, whichever way it is written."""
        return any(same_data(name, one) for one in self.data)

    @property
    def published(self) -> frozenset[str]:
        """Published data sets that are named."""
        return frozenset(filter(None, map(published_name, self.data)))

    @property
    def words(self) -> str:
        """Names of the data sets, and who says so."""
        if not self.known:
            return "not known"
        names = listed(sorted(self.data)) if self.data else "no radiographs"
        return names if self.stated is None else f"{names} (as stated by the user)"


def training_of(audit: Audit) -> dict[str, Training]:
    """Return model → its training data, for every model that was scored."""
    cards = audit.manifest.get("cards", {})
    stated = audit.facts["settings"].get("trained_on", {})
    return {
        name: Training(
            _names(cards.get(name, {}).get("trained_on")),
            training_data(name, stated[name]) if name in stated else None,
        )
        for name in audit.facts.get("scored", audit.facts["models"])
    }


def _names(found: Iterable[str] | None) -> frozenset[str] | None:
    return None if found is None else frozenset(found)
