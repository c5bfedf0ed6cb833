"""What a comparison of two audits has to say beside its numbers."""

from collections.abc import Iterator, Mapping, Sequence

from cxraudit.audits.changes.match import Matched
from cxraudit.audits.result import Audit
from cxraudit.audits.training_runs import Divided
from cxraudit.notices import Notice, counted

FEW = 0.1
"""Share of the images of an audit below which shared names may be a coincidence."""


def of_estimates(alone: Mapping[tuple[str, str], int]) -> Iterator[Notice]:
    """Name the analyses of which one audit has estimates that the other lacks."""
    for which in ("older", "newer"):
        own = {analysis: n for (side, analysis), n in alone.items() if side == which}
        if own:
            named = ", ".join(f"{analysis} ({n:,})" for analysis, n in own.items())
            n = sum(own.values())
            sentence = f"{counted(n, 'estimate')} without a counterpart in the other: {named}."
            yield Notice(about=f"the {which} audit", count=n, sentence=sentence)


def of_patients(old: Audit, new: Audit) -> Iterator[Notice]:
    """Name an audit whose patients are unknown."""
    for audit, which in ((old, "older"), (new, "newer")):
        if not audit.facts["data"]["patients_known"]:
            n = audit.facts["images"]
            sentence = "Patients are unknown: images are taken as independent, and intervals are too narrow."
            yield Notice(about=f"the {which} audit", count=n, sentence=sentence)


def of_runs(divided: Sequence[Divided], pairs: Mapping[str, str]) -> Iterator[Notice]:
    """Name the models of which one audit has training runs, and the other another number of them."""
    for first, second in pairs.items():
        numbers = [
            len(one.runs[name].names) if name in one.runs else 1
            for one, name in zip(divided, (first, second), strict=True)
        ]
        if numbers[0] != numbers[1]:
            error = " The error of a single run is in no interval." if 1 in numbers else ""
            yield Notice(
                about=f"model {second}",
                count=max(numbers),
                sentence=f"{counted(numbers[0], 'training run')} in the older audit, {numbers[1]} in the "
                f"newer.{error}",
            )


def of_images(matched: Matched) -> Iterator[Notice]:
    """Count images that are not compared, and those of the same name that are taken as others."""
    if matched.same_names:
        yield Notice(
            about="images",
            count=matched.same_names,
            sentence=f"{counted(matched.same_names, 'image')} of the same name in both audits, taken as "
            "different images of other patients.",
        )
    for n, which in zip(matched.left_out, ("older", "newer"), strict=True):
        if n:
            kept = len(matched.new.images)
            chance = (
                " If the names agree by chance, use --patients other." if kept < n * FEW else ""
            )
            yield Notice(
                about=f"the {which} audit",
                count=n,
                sentence=f"{counted(n, 'image')} not compared: the other audit does not have them; "
                f"{kept:,} are.{chance}",
            )
