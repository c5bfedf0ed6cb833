"""Which slices seem worst: a beam search over conjunctions of parts, on the searched patients."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cohort, Mask, Sample
from cxraudit.audits.slices.parts import Part
from cxraudit.settings import AuditSettings
from cxraudit.stats.replicated import ROUNDING
from cxraudit.stats.shortfall import Masks, Ranked, Shortfalls, ranked

BEAM = 100
"""Slices of each depth that are divided further."""
SAME = 0.8
"""Share of the images of two slices that are in both, above which they are one."""
LIKE_THE_SCORE = 0.7
"""Rank correlation with the score from which a text selects by the score itself."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A set of images by what they consist of, which seems to be ranked worse for a finding."""

    finding: str
    parts: tuple[Part, ...]
    """By name."""
    shortfall: float
    """AUROC of the others less that of the slice, on the searched patients; too large by selection."""
    lower: float
    """What is left of it after shrinking it for size."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of its parts."""
        return tuple(part.name for part in self.parts)

    @property
    def name(self) -> str:
        """What it consists of."""
        return " & ".join(self.names)

    def holds(self, other: "Slice") -> bool:
        """Tell whether another slice has all of its parts, and so lies within it."""
        return set(self.names) <= set(other.names)

    @property
    def inside(self) -> Mask:
        """Images that have all parts."""
        return np.logical_and.reduce([part.yes for part in self.parts])

    @property
    def outside(self) -> Mask:
        """Images that lack a part."""
        return np.logical_or.reduce([part.no for part in self.parts])


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search found for one model."""

    worst: list[Slice] = field(default_factory=list)
    n_examined: int = 0
    """Slices that were large enough."""
    findings: tuple[str, ...] = ()
    """With enough patients to be searched."""


def smallest(settings: AuditSettings) -> int:
    """Return the fewest patients with, and without, the finding on either side of a slice."""
    return max(settings.min_patients, settings.suppress_below)


def search(
    cohort: Cohort,
    samples: Mapping[str, Sequence[Sample]],
    parts: Sequence[Part],
    searched: Mask,
) -> Searched:
    """Return the slices of one model that seem worst, at most as many as the settings say.

    Slices are ranked by how much lower their AUROC is than that of all other images, shrunken for their size
    (`Shortfalls.lower`). Of two that are nearly the same images the one of fewer parts is kept, and none that
    is worse only as part of another one, or because it holds images of one.

    Parameters
    ----------
    cohort : Cohort
        The audited images.
    samples : mapping of str to sequence of Sample
        Finding → its images, of each training run.
    parts : sequence of Part
        What slices may be made of.
    searched : numpy.ndarray of bool, shape (n_images,)
        Images of the patients that are searched.
    """
    settings = cohort.settings
    found: list[Slice] = []
    n_examined = 0
    findings: dict[str, _Finding] = {}
    for finding, runs in samples.items():
        one = _Finding.of(finding, runs, parts, searched, settings)
        if one is None:
            continue
        findings[finding] = one
        for candidates in one.levels(settings.slice_depth):
            n_examined += len(candidates)
            found += candidates
    found = [one for one in found if one.lower > ROUNDING]
    found.sort(key=lambda one: (-round(one.lower, 12), len(one.parts), one.finding, one.name))
    return Searched(_worst(found, findings, searched, settings), n_examined, tuple(findings))


def _worst(
    found: Sequence[Slice],
    findings: Mapping[str, "_Finding"],
    searched: Mask,
    settings: AuditSettings,
) -> list[Slice]:
    """Return the first that are not nearly the same as one before, and not worse because of it alone.

    Part of a slice that is worse is worse, too: it is one of its own where it is so by more than the margin.
    What holds images of such a slice is worse, too: it is one of its own where it is so without them.
    """
    kept: list[Slice] = []
    for one in found:
        own = {n: k for n, k in enumerate(kept) if k.finding == one.finding}
        if any(
            k.holds(one) and one.shortfall <= k.shortfall + settings.margin for k in own.values()
        ):
            continue
        same = next((n for n, k in own.items() if _overlap(one, k, searched) > SAME), None)
        if same is not None:
            if len(one.parts) < len(kept[same].parts):
                kept[same] = one
        elif len(kept) < settings.slices:
            apart = [k.inside for k in own.values() if not k.holds(one)]
            if not apart or findings[one.finding].without(one, np.logical_or.reduce(apart)) > 0:
                kept.append(one)
    return kept


def _overlap(one: Slice, other: Slice, searched: Mask) -> float:
    """Return the share of the images of two slices that are in both."""
    first, second = one.inside & searched, other.inside & searched
    return float((first & second).sum() / max((first | second).sum(), 1))


@dataclass(frozen=True, slots=True)
class _Level:
    """Sets of images of one finding, by the numbers of the parts that they have."""

    parts: list[tuple[int, ...]]
    inside: Masks = field(repr=False)
    outside: Masks = field(repr=False)

    def only(self, kept: NDArray[np.intp]) -> "_Level":
        """Return some of them."""
        return _Level([self.parts[k] for k in kept], self.inside[kept], self.outside[kept])


@dataclass(frozen=True, slots=True)
class _Finding:
    """The searched images of one finding."""

    name: str
    rows: NDArray[np.intp]
    """Where the images stand in `Cohort.images`."""
    runs: list[Ranked]
    parts: list[Part]
    singles: _Level
    fewest: int
    spread: float

    @classmethod
    def of(
        cls,
        name: str,
        runs: Sequence[Sample],
        parts: Sequence[Part],
        searched: Mask,
        settings: AuditSettings,
    ) -> "_Finding | None":
        """Return None where there are too few patients for two sides."""
        kept = [one.only(searched[one.rows]) for one in runs]
        sample = kept[0]
        fewest = smallest(settings)
        of_class = (sample.y_true, ~sample.y_true)
        if min(np.unique(sample.patients[one]).size for one in of_class) < 2 * fewest:
            return None
        own = [part for part in parts if not _selects_by_score(part, sample)]
        yes = np.array([part.yes[sample.rows] for part in own], dtype=bool)
        no = np.array([part.no[sample.rows] for part in own], dtype=bool)
        shape = len(own), sample.rows.size
        return cls(
            name,
            sample.rows,
            [ranked(one.y_true, one.y_score, one.patients, one.weights) for one in kept],
            own,
            _Level([(k,) for k in range(len(own))], yes.reshape(shape), no.reshape(shape)),
            fewest,
            settings.margin,
        )

    def levels(self, depth: int) -> Iterator[list[Slice]]:
        """Yield the slices of one part that are large enough, then those of two, and so on."""
        level = self._large(self.singles)
        singles = level
        for number in range(depth):
            if number:
                level = self._large(self._divided(level, singles))
            both = np.flatnonzero(self._enough(level.outside))
            compared = level.only(both)
            found = self._shortfalls(compared)
            lower = found.lower(self.spread)
            yield [
                Slice(
                    self.name,
                    tuple(sorted((self.parts[k] for k in own), key=lambda part: part.name)),
                    float(found.differences[place]),
                    float(lower[place]),
                )
                for place, own in enumerate(compared.parts)
            ]
            # Those with nothing outside (nearly all images) can be divided further, too.
            rank = np.full(len(level.parts), -np.inf)
            rank[both] = lower
            level = level.only(np.argsort(-rank, kind="stable")[:BEAM])

    def without(self, one: Slice, apart: Mask) -> float:
        """Return what is left of the shortfall of a slice without some images, shrunken for size."""
        left = ~apart[self.rows]
        inside, outside = ((side[self.rows] & left)[None] for side in (one.inside, one.outside))
        return float(self._shortfalls(_Level([()], inside, outside)).lower(self.spread)[0])

    def _divided(self, level: _Level, singles: _Level) -> _Level:
        """Return every slice of a level with each part of another column, each once."""
        pairs: dict[tuple[int, ...], tuple[int, int]] = {}
        for first, own in enumerate(level.parts):
            columns = {self.parts[k].column for k in own}
            for second, (added,) in enumerate(singles.parts):
                if self.parts[added].column not in columns:
                    pairs.setdefault(tuple(sorted((*own, added))), (first, second))
        first = np.array([pair[0] for pair in pairs.values()], dtype=np.intp)
        second = np.array([pair[1] for pair in pairs.values()], dtype=np.intp)
        return _Level(
            list(pairs),
            level.inside[first] & singles.inside[second],
            level.outside[first] | singles.outside[second],
        )

    def _large(self, level: _Level) -> _Level:
        return level.only(np.flatnonzero(self._enough(level.inside)))

    def _enough(self, sets: Masks) -> Mask:
        """Tell which sets have enough patients with, and without, the finding."""
        ranks = self.runs[0]
        counts = [ranks.patients_with(sets, positive=positive) for positive in (True, False)]
        return np.minimum(*counts) >= self.fewest

    def _shortfalls(self, level: _Level) -> Shortfalls:
        """Compare the slices of a level with their others: the mean over training runs."""
        of_runs = [one.shortfalls(level.inside, level.outside) for one in self.runs]
        return Shortfalls(
            np.mean([one.differences for one in of_runs], axis=0),
            np.mean([one.errors for one in of_runs], axis=0),
        )


def _selects_by_score(part: Part, sample: Sample) -> bool:
    """Tell whether a text selects images by the score: then AUROC is lower among them by selection alone."""
    if part.likeness is None:
        return False
    if part.finding == sample.finding:
        return True
    likeness = pd.Series(part.likeness[sample.rows])
    return abs(likeness.rank().corr(pd.Series(sample.y_score).rank())) >= LIKE_THE_SCORE
