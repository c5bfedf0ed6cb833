"""Scores tables in which the same images are scored with several wordings of the prompt."""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxraudit.errors import ConfigError, DataError, short
from cxraudit.notices import Notice, counted
from cxraudit.prompts.wordings import DEMOGRAPHIC, NEUTRAL, OLDEST, Phrase, refuse_too_few
from cxraudit.schema import (
    BASE_VARIANT,
    SEED,
    VARIANT,
    VARIANT_ATTRIBUTE,
    VARIANT_COLUMNS,
    VARIANT_GROUP,
    VARIANT_KIND,
    VARIANT_YEARS,
    check_scores,
    records,
)

KINDS = (BASE_VARIANT, DEMOGRAPHIC, NEUTRAL)
MOST_VARIANTS = 2000
"""Wordings of a table."""


class Variants(NamedTuple):
    """A table that was divided by the wording of the prompt."""

    base: pd.DataFrame
    """The rows that are audited, without the columns of `VARIANT_COLUMNS`."""
    others: pd.DataFrame
    """The other rows, with all of these columns; empty where there are none."""


def by_variant(frame: pd.DataFrame, table: str) -> Variants:
    """Divide a table by the wording of the prompt; one without a column `VARIANT` stays whole.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per image, or image and finding, and wording.
    table : str
        Its name in messages.

    Raises
    ------
    DataError
        If a wording has no name or kind, or several; if none, or more than one, is the base; if there are no
        two wordings of either kind to compare.
    """
    if VARIANT not in frame:
        return Variants(frame, pd.DataFrame())
    if VARIANT_KIND not in frame:
        raise DataError(
            f"{table} has a column {VARIANT} and none {VARIANT_KIND}, which says what each wording is: "
            f"{', '.join(KINDS)}. Add it."
        )
    named = _named(frame, table)
    of_base = named[VARIANT_KIND] == BASE_VARIANT
    base, others = named[of_base], named[~of_base]
    names = sorted(set(base[VARIANT]))
    if len(names) != 1:
        found = f"the wordings {short(', '.join(names))}" if names else "no wording"
        raise DataError(
            f"{table} has {found} of {VARIANT_KIND} {BASE_VARIANT}; one is audited, and the others "
            "are compared with it. Name one."
        )
    if others.empty:
        return Variants(_without(base), others)
    try:
        for kind in (DEMOGRAPHIC, NEUTRAL):
            refuse_too_few(phrases_of(others), kind, table)
    except ConfigError as error:
        raise DataError(str(error)) from None
    _refuse_without_group(others, table)
    return Variants(_without(base), others)


def _refuse_without_group(named: pd.DataFrame, table: str) -> None:
    """Refuse words for a group of an attribute that do not say which.

    Raises
    ------
    DataError
        With the attribute and the wording.
    """
    of_groups = (named[VARIANT_KIND] == DEMOGRAPHIC) & (named[VARIANT_ATTRIBUTE] != "")
    neither = named[of_groups & (named[VARIANT_GROUP] == "") & (named[VARIANT_YEARS] < 0)]
    if len(neither):
        first = neither.iloc[0]
        raise DataError(
            f"{table} has {counted(len(neither), 'row')} of words for a group of "
            f"{short(first[VARIANT_ATTRIBUTE])} with neither {VARIANT_GROUP} nor {VARIANT_YEARS}, first "
            f"'{short(first[VARIANT])}'. Fill in one of them."
        )


def _without(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=[name for name in VARIANT_COLUMNS if name in rows])


def _named(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Return the table with all columns of the wordings as text, checked."""
    texts = {
        name: _text(frame[name]) if name in frame else pd.Series("", index=frame.index)
        for name in VARIANT_COLUMNS
        if name != VARIANT_YEARS
    }
    texts[VARIANT_KIND] = texts[VARIANT_KIND].str.lower()
    years = frame[VARIANT_YEARS] if VARIANT_YEARS in frame else pd.Series(-1, index=frame.index)
    named = frame.assign(**texts, **{VARIANT_YEARS: _years(years, table)})
    # Words of the package call such a group by its age.
    by_age = named[VARIANT_GROUP] == named[VARIANT_YEARS].astype("str") + " years"
    named[VARIANT_GROUP] = named[VARIANT_GROUP].mask(by_age, "")
    for name in (VARIANT, VARIANT_KIND):
        if blank := int((named[name] == "").sum()):
            raise DataError(f"{table} has {counted(blank, 'row')} without {name}. Fill it in.")
    wrong = named.loc[~named[VARIANT_KIND].isin(KINDS), VARIANT_KIND]
    if len(wrong):
        raise DataError(
            f"{table} has {counted(len(wrong), 'row')} with another {VARIANT_KIND} than "
            f"{', '.join(KINDS)}, first '{short(wrong.iloc[0])}'. Write one of these."
        )
    both = named[(named[VARIANT_GROUP] != "") & (named[VARIANT_YEARS] >= 0)]
    if len(both):
        first = both.iloc[0]
        raise DataError(
            f"{table} has {counted(len(both), 'row')} with both {VARIANT_GROUP} and {VARIANT_YEARS}, first "
            f"'{short(first[VARIANT_GROUP])}' and {first[VARIANT_YEARS]}. Years stand in place of a group; "
            "leave one of them blank."
        )
    different = named[list(VARIANT_COLUMNS)].drop_duplicates()
    twice = different.loc[different[VARIANT].duplicated(), VARIANT]
    if len(twice):
        raise DataError(
            f"{table} says different things of the wording '{short(twice.iloc[0])}': each has one kind, "
            "attribute, group and age. Give others another name."
        )
    if len(different) > MOST_VARIANTS:
        raise DataError(
            f"{table} has {len(different):,} wordings in the column {VARIANT}; at most {MOST_VARIANTS:,} are "
            "compared. Is it the column of the wording?"
        )
    return named


def _text(column: pd.Series) -> pd.Series:
    """Return a column as text without what is not visible; missing is empty."""
    codes, different = pd.factorize(column)
    names = [re.sub(r"\s+", " ", str(one)).strip() for one in different]
    return pd.Series(np.array([*names, ""], dtype=object)[codes], index=column.index, dtype="str")


def _years(column: pd.Series, table: str) -> pd.Series:
    """Return ages as whole numbers; −1 is none."""
    blank = column.isna() | column.astype("str").str.strip().eq("")
    years = pd.to_numeric(column.mask(blank, -1), errors="coerce")
    wrong = ~blank & ~(years.between(0, OLDEST) & (years % 1 == 0) | (years == -1))
    if wrong.any():
        raise DataError(
            f"{table} has {counted(int(wrong.sum()), 'row')} whose {VARIANT_YEARS} is no age in years from 0 "
            f"to {OLDEST}, first '{short(column[wrong].iloc[0])}'. Leave it blank, or write the age."
        )
    return years.astype("int64")


def phrases_of(others: pd.DataFrame) -> tuple[Phrase, ...]:
    """Return the wordings of a table, sorted by name."""
    rows = others.drop_duplicates(VARIANT).sort_values(VARIANT)
    return tuple(
        Phrase(
            name=row[VARIANT],
            kind=row[VARIANT_KIND],
            attribute=row[VARIANT_ATTRIBUTE],
            group=row[VARIANT_GROUP]
            or (f"{row[VARIANT_YEARS]} years" if row[VARIANT_YEARS] >= 0 else ""),
            years=row[VARIANT_YEARS] if not row[VARIANT_GROUP] else -1,
        )
        for row in records(rows)
    )


def of_wording(table: str, name: object) -> str:
    """Return what messages call the rows of one wording."""
    return f"{table}, wording '{short(name)}',"


def refuse_contradictions(
    divided: Variants, image: str, columns: Collection[str], table: str
) -> None:
    """Refuse rows of other wordings that say other things of an image than the base does.

    Parameters
    ----------
    divided : Variants
        From `by_variant`.
    image : str
        Column of the images.
    columns : collection of str
        What is read of an image, such as labels, patient and sex; blanks contradict nothing.
    table : str
        Its name in messages.

    Raises
    ------
    DataError
        With the column, and the first image.
    """
    base, others = divided
    if others.empty or image not in base:
        return
    of_base = base.drop_duplicates(image).set_index(image)
    for column in [name for name in columns if name in base and name != image]:
        before = of_base[column].reindex(others[image])
        now = others[column]
        both = before.notna().to_numpy() & now.notna().to_numpy()
        wrong = both & (_text(before).to_numpy() != _text(now).to_numpy())
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            first = f"{short(others[image].iloc[at])}: '{short(now.iloc[at])}'"
            raise DataError(
                f"{table} has {counted(int(wrong.sum()), 'row')} with other wordings whose {column} is not "
                f"that of the wording of {VARIANT_KIND} {BASE_VARIANT}, first of {first} and "
                f"'{short(before.iloc[at])}'. An image has one; correct it, or leave it blank in the others."
            )


def left_out(scores: pd.DataFrame, worded: pd.DataFrame, table: str) -> Iterator[Notice]:
    """Say which images, and which models, cannot be compared by wording."""
    others = set(worded["image_id"]) - set(scores["image_id"])
    if others:
        what = f"scores of other wordings and none of {VARIANT_KIND} {BASE_VARIANT}: left out."
        yield Notice(
            about=table,
            count=len(others),
            sentence=f"{counted(len(others), 'image')} with {what}",
            hidden=f"Some images with {what}",
        )
    for model in sorted(set(scores["model"]) - set(worded["model"])):
        sentence = f"{short(model)} has scores of one wording of the prompt, and is not compared by wording."
        yield Notice(about=table, count=1, sentence=sentence, hidden=sentence)


def check_variants(scores: pd.DataFrame, others: pd.DataFrame, table: str) -> pd.DataFrame:
    """Check the scores with other wordings where they enter.

    Parameters
    ----------
    scores : pandas.DataFrame
        The scores that are audited.
    others : pandas.DataFrame
        Scores with the columns of `VARIANT_COLUMNS`.
    table : str
        Their name in messages.

    Raises
    ------
    DataError
        If a score is given twice or is no finite number, if a model and finding has no audited scores, or
        if a model has several training runs.
    """
    parts = [
        check_scores(part, of_wording(table, name)).assign(
            **{column: part[column].iloc[0] for column in VARIANT_COLUMNS}
        )
        for name, part in others.groupby(VARIANT, sort=True)
    ]
    checked = pd.concat(parts, ignore_index=True)
    key = ["model", "prompt_set", "finding"]
    if SEED in scores and (scores[SEED] != "").any():
        raise DataError(
            f"{table} has training runs and wordings of the prompt, which are not compared together. Leave "
            f"out the column of the runs, or {VARIANT}."
        )
    of_base = pd.MultiIndex.from_frame(scores[key])
    without = checked[~pd.MultiIndex.from_frame(checked[key]).isin(of_base)]
    if len(without):
        first = without.iloc[0]
        raise DataError(
            f"{table} has scores of {short(first['finding'])} by {short(first['model'])} with the wording "
            f"'{short(first[VARIANT])}' and none of {VARIANT_KIND} {BASE_VARIANT}. Add these, or leave the "
            "others out."
        )
    return checked
