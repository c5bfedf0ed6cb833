"""Which columns hold labels and scores: those of labels by what they hold, scores by the names of labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from cxraudit.draft import names
from cxraudit.draft.columns import Column
from cxraudit.draft.names import Words
from cxraudit.schema import IMAGE_COLUMNS

UNNAMED = "finding"
"""Name of a finding whose column of labels has none."""

_TAKEN = {*IMAGE_COLUMNS, "age", "sex", "age_group"}


@dataclass(slots=True)
class Scored:
    """Columns of labels and scores."""

    labels: dict[str, Column] = field(default_factory=dict)
    """Finding → labels, for findings with scores."""
    scores: dict[str, Column] = field(default_factory=dict)
    """Finding, or ``MODEL:FINDING`` → scores."""
    model: str = ""
    """The model that the names of all scores hold."""
    unclear: list[tuple[str, Column, str]] = field(default_factory=list)
    """Columns that may be scores: key, column, and why it is not clear."""
    unscored: dict[str, Column] = field(default_factory=dict)
    """Findings with labels and without scores."""


@dataclass(frozen=True, slots=True)
class _Match:
    """A column of scores of a finding."""

    finding: str
    column: Column
    owner: Words
    """Words that are neither the finding nor say that it is a score: the model."""
    says_score: bool


def scored_findings(columns: Sequence[Column]) -> Scored:
    """Find labels and their scores; without labels, scores whose names hold a usual finding."""
    labels = _labels(columns)
    named = {one.name for one in labels.values()}
    others = [one for one in columns if one.name not in named]
    matches = list(_matches(labels, others) if labels else _by_usual_names(others))
    matches = [match for match in matches if match.column.is_number]
    matches += _binary(labels, columns, matches)
    found = Scored()
    _sort(found, matches)
    for finding, one in labels.items():
        is_scored = any(key == finding or key.endswith(f":{finding}") for key in found.scores)
        base = _base(one)
        named = names.finding_named(base) is not None and not names.SHORTCUTS & set(base)
        if is_scored or any(finding == match.finding for match in matches):
            found.labels[finding] = one
        elif named:
            found.unscored[finding] = one
    if not matches:  # the names of the scores are unusual ones, then
        found.labels, found.unscored = found.unscored, dict[str, Column]()
    return found


def _base(one: Column) -> Words:
    """Return the words of a column of labels that name the finding."""
    return tuple(word for word in one.words if word not in names.LABELS)


def _labels(columns: Sequence[Column]) -> dict[str, Column]:
    """Return finding → column that may hold its labels."""
    found: dict[str, Column] = {}
    for one in columns:
        if one.labels is None or set(one.words) & names.SCORES:
            continue
        base = _base(one)
        is_other = not names.finding_named(base) and set(base) & (
            names.SHORTCUTS | names.ATTRIBUTES | names.OTHERS
        )
        if is_other:
            continue
        finding = names.finding_named(base) or _own_name(one, base)
        if finding in found:  # two columns of one finding
            finding = one.name
        found[finding] = one
    return found


def _own_name(one: Column, base: Words) -> str:
    """Return the name of a finding that is no usual one: that of its column, where it may be one."""
    if not base:
        return UNNAMED
    name = one.name if base == one.words else "_".join(base)
    return f"{name} (finding)" if name in _TAKEN or ":" in name else name


def _matches(labels: dict[str, Column], columns: Sequence[Column]) -> Iterator[_Match]:
    """Yield the columns whose names hold the name of a label; of one label, also those called a score."""
    bases = {finding: _base(one) or (UNNAMED,) for finding, one in labels.items()}
    found = [match for one in columns if (match := _by_label(one, bases))]
    yield from found
    if len(labels) == 1 and not any(match.column.is_number for match in found):
        yield from _scores_by_name(next(iter(labels)), columns)


def _by_label(one: Column, bases: dict[str, Words]) -> _Match | None:
    return next(
        (
            _match(finding, one, rest)
            for words, rest in names.parts(one.words)
            for finding, base in bases.items()
            if names.same_finding(words, base)
        ),
        None,
    )


def _scores_by_name(finding: str, columns: Sequence[Column]) -> Iterator[_Match]:
    """Yield the columns that are called scores, of no other finding."""
    for one in columns:
        match = _match(finding, one, one.words)
        is_other = any(names.finding_named(words) for words, _ in names.parts(one.words))
        if set(one.words) & names.SCORES and not is_other:
            # A score of something else (quality_score) is no model.
            yield replace(match, says_score=not match.owner)


def _match(finding: str, column: Column, rest: Words) -> _Match:
    owner = tuple(word for word in rest if word not in names.SCORES | names.LABELS)
    return _Match(finding, column, owner, not rest or len(owner) < len(rest))


def _by_usual_names(columns: Sequence[Column]) -> Iterator[_Match]:
    for one in columns:
        for words, rest in names.parts(one.words):
            if finding := names.finding_named(words):
                yield _match(finding, one, rest)
                break


def _binary(
    labels: dict[str, Column], columns: Sequence[Column], matches: Sequence[_Match]
) -> list[_Match]:
    """Return columns of 0 and 1 that are called scores, for findings that have no others."""
    scored = {match.finding for match in matches}
    binary = [one for one in columns if one.labels is not None and set(one.words) & names.SCORES]
    return [match for match in _matches(labels, binary) if match.finding not in scored]


def _sort(found: Scored, matches: Sequence[_Match]) -> None:
    """Divide matches into those that are clear, and others."""
    findings_of: dict[Words, set[str]] = {}
    for match in matches:
        findings_of.setdefault(match.owner, set()).add(match.finding)
    clear, unclear = list[_Match](), list[tuple[_Match, str]]()
    for match in matches:
        several = len(findings_of[match.owner]) > 1
        if set(match.owner) & names.OTHERS:
            unclear.append((match, "the name says something else"))
        elif match.says_score or several:
            clear.append(match)
        else:
            unclear.append((match, "the name does not say that it is a score"))
    repeated = {
        key
        for key in ((one.owner, one.finding) for one in clear)
        if sum((one.owner, one.finding) == key for one in clear) > 1
    }
    unclear += [
        (one, "several columns may be this score")
        for one in clear
        if (one.owner, one.finding) in repeated
    ]
    clear = [one for one in clear if (one.owner, one.finding) not in repeated]
    owners = {one.owner for one in clear}
    if len(owners) == 1 and (owner := next(iter(owners))):
        found.model = "_".join(owner)
    for one in clear:
        found.scores[_key(one, owners)] = one.column
    found.unclear = [(_key(one, owners | {one.owner}), one.column, why) for one, why in unclear]


def _key(match: _Match, owners: set[Words]) -> str:
    if len(owners) == 1 or not match.owner:
        return match.finding
    return f"{'_'.join(match.owner)}:{match.finding}"
