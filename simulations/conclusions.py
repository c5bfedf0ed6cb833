"""What is concluded from embeddings and of shortcuts, in cohorts in which the truth is known.

    python -m simulations.conclusions [--cohorts 200] [--resamples 1000] [--seed 0] [--workers 2]

The first table is about one attribute of the designs of `simulations.embedded`; an audit looks for it alone,
so that nothing shares its error rate. Numbers are cohorts in percent:

=================  ================================================================================
decodable          By a linear probe; beside it `not decodable` and unclear.
false probe        Decodable although not encoded; or not decodable although the AUROC of the very
                   probe is 0.6 or more in 20,000 other patients (at most 5 %).
AUROC covered      The interval of the probe's AUROC covers its AUROC in 20,000 other patients (95 %).
associated         Associated, or of unclear size, whatever the probe decodes; and of what is decodable: not
                   associated; unclear.
false association  Associated, or of unclear size, although nothing shifts the score but findings and
                   severity; or not associated although it shifts by more than 0.25 SD (at most 5 %).
shift covered      The interval of the shift of a group covers the value in 100,000 patients (95 %).
=================  ================================================================================

The second is about the designs of `simulations.shortcuts`: the gap of AUROC with and without the shortcut,
and how well the score separates images with and without it, given the label. `false`: a disparity where there
is no such difference, or equivalence where it is larger than the margin (at most 5 %); `missed`: a difference
larger than the margin that is no disparity.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from cxraudit.audits import verdicts
from cxraudit.audits.cohort import make_cohort
from cxraudit.audits.embeddings import score_direction
from cxraudit.audits.embeddings.cohort import EmbeddedCohort, ModelEmbeddings, embedded_cohort
from cxraudit.audits.embeddings.probes import (
    DECODABLE,
    LITTLE,
    METRIC,
    NOT_DECODABLE,
    probe_attributes,
    run_probe,
    with_verdicts,
)
from cxraudit.audits.embeddings.score_direction import (
    NOT_ASSOCIATED,
    SHIFT,
    SHOWN_SHIFTS,
)
from cxraudit.audits.engine import Engine, Evaluated
from cxraudit.datasets.base import Dataset
from cxraudit.metrics import METRICS, SHIFT_MARGIN
from cxraudit.schema import BOUNDS, Analysis
from cxraudit.settings import AuditSettings
from cxraudit.stats.estimate import SHOWN, WITHIN_MARGIN
from cxraudit.stats.probes import macro_auroc
from simulations import embedded, shortcuts
from simulations.arguments import print_table, table_head, table_line
from simulations.embedded import ATTRIBUTE, SEVERITY, Design

OTHER_PATIENTS = 20_000
OF_TRUTH = 100_000
"""Patients that the true shifts are taken from."""
LINEAR = ("linear",)
Shifts = dict[tuple[str, str], float]
"""Group and label → shift."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What was concluded of one cohort."""

    probe: str
    """Verdict of the linear probe; empty if there is none."""
    answer: str
    covered: tuple[bool, ...] = ()
    """Whether the interval of the AUROC covers that in other patients."""
    small: bool = False
    """Whether this AUROC is below what counts as decodable."""
    shifts: tuple[bool, ...] = ()
    """Whether the interval of each shift covers its true value."""


def embedded_rows(
    dataset: Dataset, embeddings: ModelEmbeddings, settings: AuditSettings
) -> tuple[EmbeddedCohort | None, list[Evaluated]]:
    """Audit the attribute: its linear probe, and its association with the score."""
    images = make_cohort(dataset, pd.DataFrame({"image_id": embeddings.image_ids}), settings)
    cohort = embedded_cohort(images, embeddings)
    if cohort is None:
        return None, []
    engine = Engine(images)
    items = [
        *probe_attributes(engine, cohort, [ATTRIBUTE], {}, probes=LINEAR),
        *score_direction.shifts(cohort, ATTRIBUTE, embeddings.prompts[0]),
    ]
    judged = verdicts.judged(engine.evaluate(items), settings)
    found = score_direction.with_adjusted(with_verdicts(judged, settings.confidence_level))
    return cohort, [*found, *engine.evaluate(score_direction.encoding_use(cohort, found))]


def settings_of(design: Design, n_resamples: int, seed: int = 0) -> AuditSettings:
    """Return the settings of an audit of a cohort of a design."""
    severity = SEVERITY if design.severity_known else ""
    return AuditSettings(n_resamples=n_resamples, seed=seed, severity=severity)


def shifts_of(found: Sequence[Evaluated]) -> dict[tuple[str, str], Evaluated]:
    """Return the shifts by group and label."""
    return {
        (one.item.key.group, one.item.key.condition): one
        for one in found
        if one.item.key.analysis == Analysis.SCORE_DIRECTION and one.item.metric == SHIFT
    }


def true_shifts(design: Design) -> Shifts:
    """Return what the shifts of a design are in many patients, as recorded and adjusted."""
    many = replace(
        design,
        patients=OF_TRUTH,
        but_for=design.but_for * OF_TRUTH // design.patients,
        dimensions=2,
    )
    _, found = embedded_rows(*embedded.draw(many, 0), settings_of(design, 0))
    return {key: one.found.value for key, one in shifts_of(found).items()}


def auroc_of_others(design: Design, cohort: EmbeddedCohort, seed: int) -> float:
    """Return the AUROC of the probe of a cohort in other patients of the same design."""
    dataset, other = embedded.draw(replace(design, patients=OTHER_PATIENTS), seed + 10**6)
    names, codes = cohort.groups(ATTRIBUTE)
    number = {name: k for k, name in enumerate(names)}
    others = dataset.images[ATTRIBUTE].map(number).fillna(-1).to_numpy(np.int64)
    n_own, n_all = codes.size, codes.size + others.size
    parts = cohort.parts.only(codes >= 0)
    is_other = np.arange(n_all) >= n_own
    own = [np.pad(mask, (0, others.size)) for mask in (parts.train, parts.validation)]
    test = is_other & (np.append(codes, others) >= 0)
    scores = run_probe(
        "linear",
        np.vstack([cohort.vectors, other.vectors]),
        np.append(codes, others),
        replace(parts, train=own[0], validation=own[1], test=test),
        cohort.cohort.settings.seed,
    )
    return macro_auroc(others[others >= 0], scores)


def read(seed: int, design: Design, truth: Shifts, n_resamples: int) -> Conclusion:
    """Audit one cohort of embeddings."""
    cohort, found = embedded_rows(
        *embedded.draw(design, seed), settings_of(design, n_resamples, seed)
    )
    (answer,) = [one for one in found if one.item.key.analysis == Analysis.ENCODING_USE] or [None]
    (probe,) = [
        one
        for one in found
        if one.item.metric == METRIC["linear"] and math.isfinite(one.found.value)
    ] or [None]
    shifts = tuple(
        one.found.low <= truth[key] <= one.found.high
        for key, one in shifts_of(found).items()
        if math.isfinite(one.found.low)
    )
    if cohort is None or probe is None:
        return Conclusion("", "", shifts=shifts)
    others = auroc_of_others(design, cohort, seed)
    return Conclusion(
        probe.verdict,
        answer.verdict if answer else "",
        (probe.found.low <= others <= probe.found.high,) if math.isfinite(probe.found.low) else (),
        others < LITTLE,
        shifts,
    )


SHOWN_ANSWERS = (*SHOWN_SHIFTS, *SHOWN_SHIFTS.values())
"""Answers that the score shifts, whether a probe decodes the attribute or not."""


def false_probe(design: Design, conclusion: Conclusion) -> bool:
    """Tell whether a probe says more than is true."""
    if conclusion.probe == DECODABLE:
        return design.encoded == 0 and not any(design.along)
    return conclusion.probe == NOT_DECODABLE and not conclusion.small


def false_association(design: Design, conclusion: Conclusion) -> bool:
    """Tell whether an answer about the score says more than is true."""
    if conclusion.answer in SHOWN_ANSWERS:
        return not any(design.along)
    return conclusion.answer == NOT_ASSOCIATED and max(map(abs, design.along)) > SHIFT_MARGIN


HEAD_OF_EMBEDDINGS = (
    *("design", "decodable", "not decodable", "unclear", "not probed", "false probe"),
    *("AUROC covered", "associated", "of unclear size", "not associated", "unclear"),
    *("false association", "shift covered"),
)


def embeddings_line(design: Design, conclusions: Sequence[Conclusion]) -> list[str]:
    """Return the cells of a row of the first table."""
    n = len(conclusions)
    probes = Counter(one.probe for one in conclusions)
    answers = Counter(one.answer for one in conclusions if one.probe == DECODABLE)
    shown = Counter(one.answer for one in conclusions)
    return [
        design.name,
        *(percent(probes[word], n) for word in (DECODABLE, NOT_DECODABLE, "unclear", "")),
        percent(sum(false_probe(design, one) for one in conclusions), n),
        covered([one.covered for one in conclusions]),
        *(percent(shown[word] + shown[only], n) for word, only in SHOWN_SHIFTS.items()),
        *(percent(answers[word], n) for word in (NOT_ASSOCIATED, "unclear")),
        percent(sum(false_association(design, one) for one in conclusions), n),
        covered([one.shifts for one in conclusions]),
    ]


HEAD_OF_SHORTCUTS = (
    *("design", "row", "truth", "no verdict", "disparity", "within ±0.05", "inconclusive"),
    *("false", "missed", "covered"),
)
SHORTCUT_ROWS = {
    Analysis.SHORTCUT: "gap",
    Analysis.SHORTCUT_SEPARATION: "separation",
    Analysis.SHORTCUT_LABEL_ERRORS: "corrected for errors of the detector",
}


def shortcut_lines(name: str, found: pd.DataFrame) -> Iterator[list[str]]:
    """Yield the cells of rows of the second table."""
    wanted = found["analysis"].isin(SHORTCUT_ROWS) & (found["condition"] != BOUNDS)
    for key, rows in found[wanted].groupby("key", sort=False):
        truth = rows["truth"].iloc[0]
        analysis, *labels = key
        margin = METRICS[rows["metric"].iloc[0]].margin_of(AuditSettings())
        judged = rows[rows["verdict"] != ""]
        shown, within = (judged["verdict"].isin(words) for words in (SHOWN, WITHIN_MARGIN))
        absent, large = abs(truth) < shortcuts.NO_DIFFERENCE, abs(truth) > margin
        false = shown if absent else within if large else np.zeros(len(judged), dtype=bool)
        intervals = rows[np.isfinite(rows["low"])]
        right = intervals["truth"].between(intervals["low"], intervals["high"])
        yield [
            name,
            ", ".join([SHORTCUT_ROWS[Analysis(analysis)], *filter(None, labels)]),
            f"{truth:+.3f}",
            percent(len(rows) - len(judged), len(rows)),
            *(
                percent(int(mask.sum()), len(judged))
                for mask in (shown, within, ~shown & ~within, false, ~shown & large)
            ),
            covered([tuple(right)]),
        ]


def percent(count: int, n: int) -> str:
    """Return a share as a percentage.

    Examples
    --------
    >>> percent(3, 200)
    '1.5'
    """
    return f"{100 * count / n:.1f}" if n else "–"


def covered(cohorts: Sequence[tuple[bool, ...]]) -> str:
    """Return the percentage of intervals that cover, over all cohorts."""
    everything = [one for cohort in cohorts for one in cohort]
    return percent(sum(everything), len(everything))


def lines(n: int, n_resamples: int, seed: int, workers: int) -> Iterator[str]:
    """Yield the lines of both tables in Markdown."""
    seeds = range(seed * 100_000 + 1, seed * 100_000 + 1 + n)
    designs = embedded.DESIGNS
    # One thread each: more would wait for one another.
    with ProcessPoolExecutor(workers, initializer=threadpool_limits, initargs=(1,)) as pool:
        truths = dict(zip(designs, pool.map(true_shifts, designs.values()), strict=True))
        yield from table_head(HEAD_OF_EMBEDDINGS)
        for name, design in designs.items():
            one = partial(read, design=design, truth=truths[name], n_resamples=n_resamples)
            yield table_line(embeddings_line(design, list(pool.map(one, seeds, chunksize=5))))
        yield ""
        yield from table_head(HEAD_OF_SHORTCUTS)
        for name, found in shortcuts.audited(pool, seeds, n_resamples):
            yield from map(table_line, shortcut_lines(name, found))


def main() -> None:
    """Print the tables."""
    print_table(__doc__, lines, cohorts=200, resamples=1000)


if __name__ == "__main__":
    main()
