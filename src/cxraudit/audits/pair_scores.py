"""Scores of images that a user edited, as other programs write them: beside the scores of the originals."""

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxraudit.audits.perturbations.counterfactual import varies
from cxraudit.audits.scores import (
    AT_ENDS,
    LONG,
    NO_PROMPTS,
    Scores,
    at_ends,
    scores_from,
    with_numbers,
    within_ends,
)
from cxraudit.datasets import values
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.pairs import (
    PAIR,
    describe,
    known_images,
    listed_names,
    read_edits,
    same_patient,
)
from cxraudit.datasets.reading import plain_frame, read_table
from cxraudit.datasets.values.text import plain
from cxraudit.edits import CONTROL_OF
from cxraudit.errors import ConfigError, DataError, short
from cxraudit.notices import SHOWN, Notice, counted
from cxraudit.schema import (
    PERTURBED_COLUMNS,
    SEED,
    UNEDITED,
    check_scores,
    require_columns,
)

SCORE_ORIGINAL, SCORE_EDITED = "score_original", "score_edited"
"""Columns of a table with one row per pair, model and finding."""


COARSE = 0.25
"""Distinct scores of one side, as a share of the other's, below which it was rounded."""
FEW_BEYOND = 0.05
"""Share of scores beyond 0 or 1 below which these may be what is wrong."""
MANY = 10
"""Pairs at least whose scores tell a scale."""


class PairScores(NamedTuple):
    """Scores of edited images and of their originals, and what has to be stated of them."""

    frame: pd.DataFrame
    """Scores of perturbed images (`cxraudit.schema.PERTURBED_COLUMNS`), and what each edit is the control
    of: what `cxraudit.audit` takes as ``perturbed``."""
    notices: tuple[Notice, ...] = ()


def pair_scores(
    pairs: object,
    dataset: Dataset,
    scores: pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    image: str | None = None,
    score: Mapping[str, str] | None = None,
    score_prefix: str | Sequence[str] | None = None,
    model: str | None = None,
    model_column: str | None = None,
) -> PairScores:
    """Read scores of images that were edited, and put them beside the scores of the originals.

    Parameters
    ----------
    pairs : data frame, str or path
        One row per edited image: the image it was made of, ``edit`` (a name) and its scores, in the columns
        that the table of scores has; or one row per edited image, model and finding with ``finding`` and
        ``score`` (or ``score_edited``). Optional columns: ``model``; ``control_of``, the edit or edits that
        an edit is the control of (``*``: of every one), or ``control``, true or false; ``score_original``,
        where the originals were scored in another way than in `scores`; ``patient_id`` of the edited image.
    dataset : Dataset
        The data set that the originals are of.
    scores : pandas.DataFrame
        The scores of the originals; see `cxraudit.schema.SCORE_COLUMNS`.
    columns : mapping of str to str, optional
        Any of these names → the column of `pairs`.
    image, score, score_prefix, model, model_column
        As in `cxraudit.audits.scores.read_scores`. `model` is needed where `scores` has several models and
        `pairs` names none.

    Returns
    -------
    PairScores
        Unedited scores are those of all images in `scores`, so that a change is in standard deviations of
        all of them.

    Raises
    ------
    DataError
        If no image, model or finding of `pairs` is one of `scores`, a column is missing or a cell cannot be
        read, controls contradict each other, or an original has two scores.
    ConfigError
        If it is not known which model or finding the scores are of.

    Examples
    --------
    >>> import cxraudit
    >>> images = pd.DataFrame({"file": ["a", "b"], "patient": ["1", "2"], "edema": [1, 0]})
    >>> dataset = cxraudit.table_dataset(
    ...     images,
    ...     name="ours",
    ...     root=Path(),
    ...     image="file",
    ...     patient="patient",
    ...     findings={"Edema": "edema"},
    ... )
    >>> scores = cxraudit.wide_scores(
    ...     images.assign(score=[0.7, 0.2]), image="file", columns={"Edema": "score"}, model="m"
    ... )
    >>> edited = pd.DataFrame({"image_id": ["a", "b"], "edit": "pacemaker", "score": [0.9, 0.2]})
    >>> pair_scores(edited, dataset, scores).frame["perturbation"].tolist()
    ['unedited', 'unedited', 'pacemaker', 'pacemaker']
    """
    where, raw, notices = _opened(pairs)
    scores = check_scores(scores, seeds=True)
    if SEED in scores and scores[SEED].ne("").any():
        raise ConfigError(
            "pairs cannot be compared with scores of several training runs. Give the scores of one run."
        )
    of_table = within_ends(Scores(scores))
    scores, notices = of_table.frame, [*notices, *of_table.notices]
    found = read_edits(raw, where, image=image, columns=columns)
    notices += found.notices
    raw = found.frame
    found = same_patient(known_images(found, dataset.images, where), dataset, where)
    raw, notices = found.frame, [*notices, *found.notices]
    score, absent = _present(raw, where, score)
    notices += absent
    long = _as_long(raw, where, scores, score, score_prefix)
    named = model or _only(
        scores["model"], "models", "--model", where, model_column or "model", raw
    )
    if not _is_long(long) and "model" in long and model_column is None:
        _require_model(long["model"], named, where)
    of_scores = {
        "score": None if _is_long(long) else score,
        "score_prefix": None if _is_long(long) else score_prefix,
        "model": named,
    }
    long, cells, counts = with_numbers(long, dataset, **of_scores)
    notices += counts
    blank = _blank_rows(long, cells, where)
    parts = []
    rounded = 0
    of_row = [
        PAIR.image,
        PAIR.edit,
        *(c for c in (model_column or "model", "finding") if c in long),
    ]
    copy = long.groupby(of_row, sort=False, dropna=False).cumcount()
    for (edit, _), part in long.groupby([long[PAIR.edit], copy], sort=False):
        if blank[part.index].all():  # another sample of the edit has scores
            continue
        read = scores_from(
            part,
            dataset,
            image=PAIR.image,
            **of_scores,
            model_column=model_column,
            table=where,
        )
        # Counted over all edits: cells above, and what was rounded below.
        of_cells = {f"column '{one}'" for one in cells}
        rounded += sum(one.count for one in read.notices if one.about == AT_ENDS)
        notices += [one for one in read.notices if one.about not in {*of_cells, AT_ENDS}]
        of = part.drop_duplicates(PAIR.image).set_index(PAIR.image)[CONTROL_OF]
        own = read.frame.drop(columns=[c for c in (SEED,) if c in read.frame])
        if not _is_long(long) and "finding" in part:
            own = _of_named_findings(own, part, where)
        parts.append(
            own.assign(
                **{
                    "perturbation": edit,
                    "severity": 0,
                    CONTROL_OF: own["image_id"].map(of).fillna(""),
                }
            )
        )
    edited, kept = _of_scored(pd.concat(parts, ignore_index=True), scores, where)
    notices += kept
    before, replaced = _unedited(edited, long, scores, dataset, where, named)
    both = _with_originals(edited, before)
    _require_scale(both, before, where)
    _require_probabilities(both, where)
    _require_spread(before, where)
    notices += [
        *replaced,
        *([at_ends(rounded)] if rounded else []),
        *_blank_cells(long, cells, edited),
        *_outside(edited, before),
        *_exact(edited, before),
        *_rounded(both),
        *_same_scores(both),
        *describe(edited),
    ]
    frame = pd.concat([before, edited], ignore_index=True)[[*PERTURBED_COLUMNS, CONTROL_OF]]
    return PairScores(frame, tuple(dict.fromkeys(notices)))


def _opened(pairs: object) -> tuple[str, pd.DataFrame, list[Notice]]:
    if isinstance(pairs, (str, PathLike)):
        table = read_table(Path(pairs), what="the table of pairs")
        return str(pairs), plain_frame(table.frame, str(pairs)), list(table.notices)
    return "the table of pairs", plain_frame(pairs, "the table of pairs"), []


def _is_long(frame: pd.DataFrame) -> bool:
    return set(LONG) <= set(frame.columns)


def _as_long(
    raw: pd.DataFrame,
    where: str,
    scores: pd.DataFrame,
    score: Mapping[str, str] | None,
    score_prefix: str | Sequence[str] | None,
) -> pd.DataFrame:
    """Name the columns of a table with one score per row; one with columns of scores stays as it is."""
    if SCORE_EDITED in raw and "score" not in raw:
        raw = raw.rename(columns={SCORE_EDITED: "score"})
    if "score" not in raw:
        if not (score or score_prefix):
            raise DataError(
                f"{where} has no scores: it has {short(', '.join(raw.columns))}. Add the column score "
                "(or score_edited), or name the columns of scores as in the table of scores."
            )
        require_columns(where, raw, list((score or {}).values()))
        return raw
    if "finding" in raw:
        return raw
    finding = _only(scores["finding"], "findings", "a column finding", where, "finding", raw)
    return raw.assign(finding=finding)


def _blank_rows(long: pd.DataFrame, cells: list[str], where: str) -> "pd.Series[bool]":
    """Return which rows have no score.

    Raises
    ------
    DataError
        If none has, or an edit has none beside others that have.
    """
    blank = long[cells].isna().all(axis=1)
    if blank.all():
        raise DataError(
            f"{where} has no score: every cell of {short(', '.join(cells))} is blank. Check the columns of "
            "scores."
        )
    for edit, rows in blank.groupby(long[PAIR.edit], sort=False):
        if rows.all():
            is_control = long.loc[rows.index, CONTROL_OF].ne("").all()
            raise DataError(
                f"in {where}, the edit '{short(edit)}'{' (a control)' if is_control else ''} has no score: "
                f"its {counted(len(rows), 'row')} {'is' if len(rows) == 1 else 'are'} blank in "
                f"{short(', '.join(cells))}, though other edits have scores. Give its scores, or leave its "
                "rows out."
            )
    return blank


def _present(
    raw: pd.DataFrame, where: str, score: Mapping[str, str] | None
) -> tuple[Mapping[str, str] | None, list[Notice]]:
    """Leave out the columns of scores that the table of pairs lacks, if it has others of them."""
    if not score or SCORE_EDITED in raw or "score" in raw:
        return score, []
    lacking = {name: column for name, column in score.items() if column not in raw}
    if not lacking or len(lacking) == len(score):
        return score, []
    sentence = (
        f"{where} has no column {short(', '.join(lacking.values()))}: edits are not compared for "
        f"{short(', '.join(lacking))}."
    )
    notice = Notice(about="pairs", count=len(lacking), sentence=sentence, hidden=sentence)
    return {name: column for name, column in score.items() if name not in lacking}, [notice]


def _blank_cells(long: pd.DataFrame, cells: list[str], edited: pd.DataFrame) -> list[Notice]:
    """Count blank cells of scores by edit, and name what an edit has no score of at all."""
    notices = []
    blank = long[cells].isna()
    for edit, rows in blank.groupby(long[PAIR.edit], sort=False):
        number = int(rows.to_numpy().sum())
        if not number:
            continue
        are = "is" if number == 1 else "are"
        cells_of = f"{counted(number, 'cell')} of scores of the edit '{short(str(edit))}'"
        sentence = f"{cells_of} {are} blank: left out."
        hidden = "Some cells of scores of edits are blank: left out."
        notices.append(Notice(about="pairs", count=number, sentence=sentence, hidden=hidden))
    of = edited[["model", "finding"]].drop_duplicates()
    scored = set(edited[["perturbation", "model", "finding"]].itertuples(index=False, name=None))
    lacking = [
        (edit, model, finding)
        for edit in edited["perturbation"].unique()
        for model, finding in of.itertuples(index=False, name=None)
        if (edit, model, finding) not in scored
    ]
    if lacking:
        several = of["model"].nunique() > 1
        named = [
            f"'{short(edit)}' for {short(finding)}{f' by {short(model)}' if several else ''}"
            for edit, model, finding in lacking
        ]
        more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
        sentence = (
            f"No score of the edit {', '.join(named[:SHOWN])}{more}, though others have: it is "
            "neither compared nor a control there."
        )
        notices.append(
            Notice(about="pairs", count=len(lacking), sentence=sentence, hidden=sentence)
        )
    return notices


def _outside(edited: pd.DataFrame, before: pd.DataFrame) -> list[Notice]:
    """Say that few scores beyond 0 or 1 are why the others are not taken for probabilities."""
    notices = []
    scores = pd.concat([edited, before], ignore_index=True)
    for (model, _, finding), part in scores.groupby(_OF, sort=False):
        beyond = part.loc[~part["score"].between(0, 1), "score"]
        if not 0 < len(beyond) < FEW_BEYOND * len(part):
            continue
        what = "so that scores are not taken for probabilities, and changes are those of scores as they are."
        place = f"{short(finding)} by '{short(model)}'"
        sentence = (
            f"{len(beyond):,} of {counted(len(part), 'score')} for {place} beyond 0 or 1, first "
            f"{float(beyond.iloc[0])!r}, {what}"
        )
        hidden = f"Some scores for {place} beyond 0 or 1, {what}"
        notices.append(Notice(about="pairs", count=len(beyond), sentence=sentence, hidden=hidden))
    return notices


def _require_model(named: "pd.Series[str]", model: str, where: str) -> None:
    """Refuse a table whose column ``model`` names another one than its scores are taken for.

    Raises
    ------
    DataError
        With the models.
    """
    others = sorted(set(named.dropna().astype("str")) - {model})
    if others:
        raise DataError(
            f"{where} has a column model ({short(', '.join(others))}), and its columns of scores were taken "
            f"for those of '{short(model)}'. Name it with --model-column model, or leave it out."
        )


def _of_named_findings(scores: pd.DataFrame, pairs: pd.DataFrame, where: str) -> pd.DataFrame:
    """Keep the scores of the finding that each pair is about, where a column names it; where not, all.

    Raises
    ------
    DataError
        If none is left.
    """
    named = values.texts(pairs["finding"], "column 'finding'")
    about = pairs[[PAIR.image]].assign(finding=named)
    of_all = set(about.loc[named.isna(), PAIR.image].astype("str"))
    about = about.dropna().astype("str")
    wanted = {(image, plain(name)) for image, name in about.itertuples(index=False)}
    keys = zip(scores["image_id"].astype("str"), map(plain, scores["finding"]), strict=True)
    kept = scores[[key in wanted or key[0] in of_all for key in keys]]
    if kept.empty:
        raise DataError(
            f"{where} is about {short(', '.join(sorted(about['finding'].unique())))} (column finding), and "
            f"has scores of {short(', '.join(sorted(scores['finding'].unique())))}. Name the same findings."
        )
    return kept


def _only(
    known: "pd.Series[str]", what: str, remedy: str, where: str, column: str, raw: pd.DataFrame
) -> str:
    """Return the one model or finding of the scores, where the table of pairs names none."""
    names = known.unique()
    if len(names) > 1 and column not in raw:
        raise ConfigError(
            f"{where} does not say which of the {len(names)} {what} its scores are of "
            f"({short(', '.join(names[:5]))}). Name it with {remedy}."
        )
    return str(names[0])


def _of_scored(
    edited: pd.DataFrame, scores: pd.DataFrame, where: str
) -> tuple[pd.DataFrame, list[Notice]]:
    """Keep the models and findings that have scores of originals, with their prompt set.

    Raises
    ------
    DataError
        If none has.
    """
    key = ["model", "finding"]
    known = scores[[*key, "prompt_set"]].drop_duplicates()
    other = edited.merge(known[key].drop_duplicates(), on=key, how="left", indicator=True)
    unknown = (other["_merge"] == "left_only").to_numpy()
    if unknown.all():
        first = edited.iloc[0]
        raise DataError(
            f"{where} has scores of {short(first['finding'])} by '{short(first['model'])}', and the scores "
            f"of the originals are of {short(', '.join(known['finding'].unique()))} by "
            f"{short(', '.join(known['model'].unique()))}. Give scores of the same models and findings."
        )
    notices = []
    if unknown.any():
        names = edited.loc[unknown, key].drop_duplicates()
        shown = ", ".join(f"{f} by {m}" for m, f in names.head(5).itertuples(index=False))
        sentence = (
            f"{counted(int(unknown.sum()), 'score')} of edited images left out, whose model and finding have "
            f"no scores of originals: {short(shown)}."
        )
        notices.append(Notice(about="pairs", count=int(unknown.sum()), sentence=sentence))
    kept = edited[~unknown]
    if kept["prompt_set"].eq(NO_PROMPTS).all():
        kept = kept.drop(columns="prompt_set").merge(known, on=key, how="left")
    return kept.reset_index(drop=True), notices


def _unedited(
    edited: pd.DataFrame,
    long: pd.DataFrame,
    scores: pd.DataFrame,
    dataset: Dataset,
    where: str,
    model: str,
) -> tuple[pd.DataFrame, list[Notice]]:
    """Return the scores of the originals: those of the table of scores, or of the table of pairs."""
    key = ["image_id", "model", "finding"]
    used = edited[["model", "finding", "prompt_set"]].drop_duplicates()
    own = scores.drop(columns=[c for c in (SEED,) if c in scores])
    before = own.merge(used, on=list(used.columns))
    notices: list[Notice] = []
    if SCORE_ORIGINAL in long and _is_long(long):
        given = _originals(long, dataset, where, model)
        joined = before.merge(given, on=key, how="outer", suffixes=("", "_given"))
        prompts = used.drop_duplicates(["model", "finding"]).set_index(["model", "finding"])
        missing = joined["prompt_set"].isna()
        at = pd.MultiIndex.from_frame(joined.loc[missing, ["model", "finding"]])
        joined.loc[missing, "prompt_set"] = prompts["prompt_set"].reindex(at).to_numpy()
        replaced = joined["score_given"].notna()
        differs = replaced & (joined["score"] != joined["score_given"]) & joined["score"].notna()
        before = joined.assign(score=joined["score_given"].fillna(joined["score"]))
        before = before[before["prompt_set"].notna()]
        if differs.any():
            images = joined.loc[differs, "image_id"].nunique()
            sentence = (
                f"{counted(images, 'original')} with another score in {SCORE_ORIGINAL} of the pairs than in "
                f"the table of scores: that of the pairs is compared with."
            )
            notices.append(Notice(about="pairs", count=images, sentence=sentence))
    without = ~pd.MultiIndex.from_frame(edited[key]).isin(pd.MultiIndex.from_frame(before[key]))
    if without.any():
        images = edited.loc[without, "image_id"].unique()
        sentence = f"{counted(len(images), 'original')} without a score: left out. First: {short(images[0])}."
        hidden = "Some originals without a score: left out."
        notices.append(Notice(about="pairs", count=len(images), sentence=sentence, hidden=hidden))
    if without.all():
        raise DataError(
            f"none of the originals in {where} has a score, first: {short(edited['image_id'].iloc[0])}. Add "
            f"the column {SCORE_ORIGINAL}, or give the scores of the same images."
        )
    blank = before.assign(**{"perturbation": UNEDITED, "severity": 0, CONTROL_OF: ""})
    return blank, notices


def _originals(long: pd.DataFrame, dataset: Dataset, where: str, model: str) -> pd.DataFrame:
    """Return the scores of originals that the table of pairs holds, each once.

    Raises
    ------
    DataError
        If an original has two scores.
    """
    read = values.scores(long[SCORE_ORIGINAL], f"column '{SCORE_ORIGINAL}'")
    given = long.assign(score=read.series).dropna(subset="score")
    key = [PAIR.image, *(c for c in ("model", "finding") if c in given)]
    once = given[[*key, "score"]].drop_duplicates()
    if once.empty:
        raise DataError(
            f"{where} has no score of an original: its column {SCORE_ORIGINAL} is blank in every row. Fill "
            "it in, or leave the column out: the originals then have the scores of the table of scores."
        )
    if (twice := once.duplicated(key)).any():
        first = once.loc[twice, PAIR.image].iloc[0]
        raise DataError(
            f"{where} gives {short(first)} two scores as original ({SCORE_ORIGINAL}). An original has one "
            "score by a model and for a finding: write the same in all its rows."
        )
    found = scores_from(
        once,
        dataset,
        image=PAIR.image,
        score=None,
        score_prefix=None,
        model=model,
        model_column=None,
        table=where,
    ).frame
    return found[["image_id", "model", "finding", "score"]]


_OF = ["model", "prompt_set", "finding"]
"""What scores are on one scale by."""


def _with_originals(edited: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Put the score of its original beside each score of an edited image, as ``score_before``."""
    key = ["image_id", *_OF]
    return edited.merge(before[[*key, "score"]], on=key, suffixes=("", "_before"))


def _require_scale(both: pd.DataFrame, before: pd.DataFrame, where: str) -> None:
    """Refuse scores of edited images that are on another scale than those of the originals.

    Scores that are no probabilities can all lie between 0 and 1, and those of an edited image a little
    beyond: what is refused lies further out than the originals are apart, or is probabilities of many
    originals of which most have none.

    Raises
    ------
    DataError
        If only one of both are probabilities.
    """
    for (_, part), (_, all_before) in (
        (one, other)
        for one in both.groupby(_OF, sort=False)
        for other in before.groupby(_OF, sort=False)
        if one[0] == other[0]
    ):
        first, last = all_before["score"].min(), all_before["score"].max()
        low, high = part["score"].min(), part["score"].max()
        beyond = first >= 0 and last <= 1 and max(-low, high - 1) > last - first
        outside = ~part["score_before"].between(0, 1)
        within = len(part) >= MANY and low >= 0 and high <= 1 and outside.mean() > 0.5
        if beyond or within:
            raise DataError(
                f"in {where}, the scores of edited images for {short(part['finding'].iloc[0])} by "
                f"'{short(part['model'].iloc[0])}' are {low:.4g} to {high:.4g}, and those of the originals "
                f"{first:.4g} to {last:.4g}: only one of both are between 0 and 1. Give both on the same "
                "scale."
            )


def _require_probabilities(both: pd.DataFrame, where: str) -> None:
    """Refuse decisions and rounding on one side only: the log odds of 0 and 1 have no end.

    Raises
    ------
    DataError
        If the scores of an edit, or of its originals, are 0 and 1 alone, and not those of the others; or one
        side has some of exactly 0 or 1, and the other none.
    """
    for edit, part in _of_each_edit(both):
        sides = part[["score", "score_before"]]
        probabilities = ((sides >= 0) & (sides <= 1)).all(axis=None)
        exact = sides.isin([0, 1])
        own, originals = (bool(exact[name].all()) for name in sides)
        if probabilities and own != originals:
            which = f"of the edit '{short(edit)}'" if own else "of the originals"
            raise DataError(
                f"in {where}, the scores {which} for {short(part['finding'].iloc[0])} are 0 and 1 alone, and "
                f"those of {'the originals' if own else 'edited images'} are not: decisions cannot be "
                "compared with probabilities. Give the probabilities of both, not rounded."
            )
        number, of_originals = (int(exact[name].sum()) for name in sides)
        if probabilities and (number > 0) != (of_originals > 0):
            name = f"'{short(edit)}'"
            side, other = f"of images edited by {name}", f"of the originals of {name}"
            if not number:
                side, other = other, side
            raise DataError(
                f"in {where}, {number or of_originals:,} of {counted(len(part), 'score')} {side} for "
                f"{short(part['finding'].iloc[0])} by '{short(part['model'].iloc[0])}' are exactly 0 or 1, "
                f"and none {other}: rounding of one side would look like an effect. Give unrounded "
                "probabilities of both, or log odds."
            )


def _of_each_edit(both: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the scores of each edit, model and finding beside those of its originals."""
    for (edit, *_), part in both.groupby(["perturbation", *_OF], sort=False):
        yield str(edit), part


def _rounded(both: pd.DataFrame) -> list[Notice]:
    """Name edits whose scores are coarser than those of their originals, or the other way round."""
    kinds: dict[str, list[str]] = {"edited images": [], "originals": []}
    for edit, part in _of_each_edit(both):
        own, originals = part["score"].nunique(), part["score_before"].nunique()
        if max(own, originals) < MANY:
            continue
        if own < COARSE * originals:
            kinds["edited images"].append(edit)
        elif originals < COARSE * own:
            kinds["originals"].append(edit)
    notices = []
    for side, edits in kinds.items():
        if not edits:
            continue
        names = list(dict.fromkeys(edits))
        why = (
            f"whose scores of {side} are coarser than the others, as rounding makes them: a change can be "
            "due to that. Give both sides with all digits."
        )
        sentence = f"{counted(len(names), 'edit')} {why} First: {listed_names(names)}."
        hidden = f"Some edits {why}"
        notices.append(Notice(about="pairs", count=len(names), sentence=sentence, hidden=hidden))
    return notices


def _require_spread(before: pd.DataFrame, where: str) -> None:
    """Refuse originals that all have one score, so that there is nothing to measure a change by.

    Raises
    ------
    DataError
        With the model and the finding.
    """
    for (model, _, finding), part in before.groupby(_OF, sort=False):
        scores = part["score"].to_numpy(dtype=np.float64)
        if len(scores) > 1 and not varies(scores, float(scores.std())):
            raise DataError(
                f"in {where}, the scores of all originals for {short(finding)} by '{short(model)}' are "
                f"{scores[0]:.4g}: changes are measured in their standard deviation, which is 0 or no "
                "more than rounding. Leave this finding out, or give scores that vary."
            )


def _exact(edited: pd.DataFrame, before: pd.DataFrame) -> list[Notice]:
    """Count probabilities of exactly 0 or 1 where others lie between: they were rounded."""
    scores = pd.concat([edited, before], ignore_index=True)
    of_scores = scores.groupby(_OF)["score"]
    probabilities = (of_scores.transform("min") >= 0) & (of_scores.transform("max") <= 1)
    exact = scores["score"].isin([0, 1]) & probabilities
    others = (~exact).groupby([scores[name] for name in _OF]).transform("any")
    number = int((exact & others).sum())
    if not number:
        return []
    what = "of exactly 0 or 1, as rounding makes them: taken for the most extreme of the others."
    sentence = f"{counted(number, 'score')} {what}"
    return [Notice(about="pairs", count=number, sentence=sentence, hidden=f"Some scores {what}")]


def _same_scores(both: pd.DataFrame) -> list[Notice]:
    """Say how many edits changed no score at all, which is a sign that they changed no pixel."""
    same = (both["score"] == both["score_before"]).to_numpy(dtype=bool)
    pairs = both.assign(same=same).groupby(["image_id", "perturbation"])["same"].all()
    number = int(np.count_nonzero(pairs))
    if not number:
        return []
    sentence = (
        f"{number:,} of {counted(len(pairs), 'pair')} with exactly the scores of the original: the edit may "
        "have changed no pixel. They are counted with a change of 0; leave them out if so."
    )
    hidden = (
        "Some pairs have exactly the scores of the original: the edit may have changed no pixel. They are "
        "counted with a change of 0."
    )
    return [Notice(about="pairs", count=number, sentence=sentence, hidden=hidden)]
