"""What differs between two audits in settings, models, data and code: named before any number is compared."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from cxraudit.audits.changes.match import Matched, Pairing, comparable
from cxraudit.audits.result import Audit
from cxraudit.settings import AuditSettings


class Difference(NamedTuple):
    """One thing that differs between two audits."""

    about: str
    """settings, model, data or code."""
    what: str
    old: str
    new: str


_NOT_USED = ("trained_on", "images_from", "thresholds")
"""Settings that change nothing of what is compared, or that each audit keeps for its own models."""


def settings_of(audit: Audit) -> AuditSettings:
    """Return the settings of an audit, without those that are about its own models' thresholds."""
    recorded = {k: v for k, v in audit.facts["settings"].items() if k not in _NOT_USED}
    return AuditSettings(**recorded)


def differences(
    old: Audit, new: Audit, matched: Matched, models: Mapping[str, str], findings: Sequence[str]
) -> list[Difference]:
    """Name what differs between two audits.

    Parameters
    ----------
    old, new : Audit
        The audits.
    matched : Matched
        The images that are compared.
    models : mapping of str to str
        Model of the older audit → that of the newer one.
    findings : sequence of str
        Those that are compared.
    """
    return [
        *_settings(old, new),
        *_models(old, new, models),
        *_data(old, new),
        *_labels(matched, old, new, findings),
        *_code(old, new),
    ]


def _unequal(
    about: str, old: Mapping[str, Any], new: Mapping[str, Any], *, prefix: str = ""
) -> Iterator[Difference]:
    """Yield the entries that differ."""
    for name in dict.fromkeys([*old, *new]):
        first, second = (_text(side.get(name)) for side in (old, new))
        if first != second:
            yield Difference(about, f"{prefix}{name}", first, second)


def _text(value: Any) -> str:
    if value is None or value == "" or value == {} or value == []:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_text(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _settings(old: Audit, new: Audit) -> Iterator[Difference]:
    yield from _unequal("settings", old.facts["settings"], new.facts["settings"])
    yield from _unequal("settings", *({"plan": _of_plan(one)} for one in (old, new)))


def _of_plan(audit: Audit) -> str | None:
    plan = audit.facts.get("plan")
    return None if plan is None else str(plan.get("sha256", ""))[:12]


_OF_CARD = ("weights", "transform", "protocol", "prompts", "files", "trained_on", "quirks")


def _models(old: Audit, new: Audit, models: Mapping[str, str]) -> Iterator[Difference]:
    """Yield what is known of the models, and the models that only one audit has."""
    only = [
        [name for name in audit.facts["models"] if name not in compared]
        for audit, compared in ((old, models.keys()), (new, models.values()))
    ]
    if any(only):
        yield Difference("model", "not compared", *map(_text, only))
    for first, second in models.items():
        if first != second:
            yield Difference("model", "name", first, second)
        cards = [a.manifest.get("cards", {}).get(m, {}) for a, m in ((old, first), (new, second))]
        shown = [{name: card.get(name) for name in _OF_CARD} for card in cards]
        yield from _unequal("model", *shown, prefix=f"{second}: ")
        sets = [_prompt_sets(audit, name) for audit, name in ((old, first), (new, second))]
        yield from _unequal("model", *({"prompt set": one} for one in sets), prefix=f"{second}: ")
    hashes = [{"prompts (hash)": one.manifest.get("prompt_hash")} for one in (old, new)]
    yield from _unequal("model", *hashes)


def _prompt_sets(audit: Audit, model: str) -> list[str]:
    own = audit.results[audit.results["model"] == model]
    return sorted(set(own["prompt_set"]))


def _data(old: Audit, new: Audit) -> Iterator[Difference]:
    facts = [one.facts for one in (old, new)]
    named = [{"data set": f["dataset"]["name"], "version": f["dataset"]["version"]} for f in facts]
    yield from _unequal("data", *named)
    counted = [{name: f[name] for name in ("images", "patients", "patients_known")} for f in facts]
    yield from _unequal("data", *counted)
    for name in ("findings", "attributes"):
        only = [[x for x in f[name] if x not in g[name]] for f, g in (facts, facts[::-1])]
        if any(only):
            yield Difference("data", f"{name} of one audit only", *map(_text, only))
    yield from _unequal("data", *(f["shortcuts"] for f in facts), prefix="finding of the shortcut ")


def _labels(
    matched: Matched, old: Audit, new: Audit, findings: Sequence[str]
) -> Iterator[Difference]:
    """Yield the labels and groups that differ for images that both audits have."""
    if matched.pairing != Pairing.IMAGES:
        return
    sides = [side.images.set_index("image_id") for side in (matched.old, matched.new)]
    first, second = sides[0], sides[1].reindex(sides[0].index)
    attributes = [name for name in new.facts["data"]["attributes"] if name in first]
    yield from _weights(first, second, new)
    for name in [*findings, *attributes, *new.facts["shortcuts"]]:
        if name not in first or name not in second:
            continue
        one, other = (comparable(side[name]) for side in (first, second))
        if n := int((one != other).sum()):
            words = f"{n:,} of {len(first):,} images have another one"
            kind = "groups" if name in attributes else "labels"
            yield Difference("data", f"{kind} of {name}", "", words)


def _weights(first: pd.DataFrame, second: pd.DataFrame, new: Audit) -> Iterator[Difference]:
    """Yield whether sampling weights, of which only ratios matter, differ."""
    column = new.facts["settings"]["sampling_weight"]
    if not column or column not in first or column not in second:
        return
    one, other = (pd.to_numeric(side[column]) for side in (first, second))
    if n := int(((one / one.mean() - other / other.mean()).abs() > _ROUNDING).sum()):
        words = f"{n:,} of {len(first):,} images have another one"
        yield Difference("data", f"sampling weights ({column})", "", words)


_ROUNDING = 1e-9


def _code(old: Audit, new: Audit) -> Iterator[Difference]:
    versions = [one.manifest.get("versions", {}) for one in (old, new)]
    if all(versions):
        yield from _unequal("code", *versions)
    pythons = [{"python": one.manifest.get("python")} for one in (old, new)]
    if all(one["python"] for one in pythons):
        yield from _unequal("code", *pythons)
