"""Tables of pairs: which image was edited, by which edit, and which edits are controls."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pandas as pd

from cxraudit.datasets import values
from cxraudit.datasets.base import Dataset
from cxraudit.edits import CONTROL_OF, EVERY, controls
from cxraudit.errors import ConfigError, DataError, UnknownNameError, short
from cxraudit.notices import SHOWN, Notice, counted
from cxraudit.schema import UNEDITED, require_columns, require_rows


class PAIR:
    """Names of the columns of a table of pairs, besides `cxraudit.edits.CONTROL_OF`."""

    image = "image_id"
    """The image that was edited."""
    original = "original"
    """The same under another usual name."""
    edited = "edited"
    """File of the edited image."""
    edit = "edit"
    """What was edited."""
    control = "control"
    """Whether the edit is a control of every other: true or false."""
    patient = "patient_id"
    """Patient of the edited image."""
    finding = "finding"
    """Finding whose score the pair is about; blank for all."""


COLUMNS = (
    *(PAIR.image, PAIR.edited, PAIR.edit, CONTROL_OF, PAIR.control, PAIR.patient, PAIR.finding),
    *("model", "score", "score_original", "score_edited"),
)
"""Columns whose names may be given."""


class Edits(NamedTuple):
    """Rows of a table of pairs, and what has to be stated of them."""

    frame: pd.DataFrame
    """With the names of `PAIR`, and `CONTROL_OF` of every row (blank for none)."""
    notices: tuple[Notice, ...] = ()


def read_edits(
    raw: pd.DataFrame,
    where: str,
    *,
    image: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Edits:
    """Take images, edits and controls out of a table of pairs.

    Parameters
    ----------
    raw : pandas.DataFrame
        One row per edited image (and model and finding).
    where : str
        Its name in messages.
    image : str, optional
        Column of the original image; default: ``image_id``, or ``original``.
    columns : mapping of str to str, optional
        One of `COLUMNS` → the column of `raw` that is meant.

    Raises
    ------
    DataError
        If a column or a name is missing, or controls contradict each other.
    ConfigError
        If controls are given in two columns.
    UnknownNameError
        If `columns` names what a table of pairs does not have.
    """
    require_rows(where, raw)
    raw = raw.reset_index(drop=True)
    given = dict(columns or {})
    for name in given:
        if name not in COLUMNS:
            raise UnknownNameError("column of pairs", name, COLUMNS)
    if image is not None and image in raw:
        given.setdefault(PAIR.image, image)
    if PAIR.image not in given and PAIR.image not in raw and PAIR.original in raw:
        given[PAIR.image] = PAIR.original
    require_columns(where, raw, list(given.values()))
    replaced = [name for name, column in given.items() if name in raw and name != column]
    frame = raw.drop(columns=[one for one in replaced if one not in given.values()])
    frame = frame.assign(**{name: raw[column] for name, column in given.items()})
    require_columns(where, frame, [PAIR.image, PAIR.edit])
    for one in (PAIR.image, PAIR.edit):
        require_values(frame[one], f"column '{given.get(one, one)}'", where)
    ids = values.ids(frame[PAIR.image], f"column '{given.get(PAIR.image, PAIR.image)}'")
    names = values.ids(
        frame[PAIR.edit], f"column '{given.get(PAIR.edit, PAIR.edit)}'", any_word=True
    )
    if names.series.eq(UNEDITED).any():
        raise DataError(
            f"{where} calls an edit '{UNEDITED}', which is what the originals are called. Call it something "
            "else."
        )
    frame = frame.assign(**{PAIR.image: ids.series, PAIR.edit: names.series})
    of, notices = _control_of(frame, where)
    frame = frame.assign(**{CONTROL_OF: of})
    if of.ne("").all():
        raise DataError(
            f"every edit in {where} is a control, and none is left that it could be the control of. Leave "
            f"{CONTROL_OF} blank for edits that are none."
        )
    controls(frame)
    return Edits(frame, (*ids.notices, *names.notices, *notices))


def require_values(cells: "pd.Series[Any]", about: str, where: str) -> None:
    """Refuse a column of a table of pairs with blank cells, and name the first row.

    Raises
    ------
    DataError
        If a cell is blank.
    """
    missing = values.texts(cells, about).isna()
    if missing.any():
        raise DataError(
            f"{where}: {counted(int(missing.sum()), 'row')} without a value in {about}, first row "
            f"{int(missing.idxmax()) + 1:,} below the header. Fill it in."
        )


def _control_of(frame: pd.DataFrame, where: str) -> tuple["pd.Series[str]", tuple[Notice, ...]]:
    """Return of what each row is the control, as text; blank for none."""
    if CONTROL_OF in frame and PAIR.control in frame:
        raise ConfigError(
            f"{where} has the columns {CONTROL_OF} and {PAIR.control}, which say the same in two ways. Keep "
            "one of them."
        )
    if PAIR.control in frame:
        words = values.texts(frame[PAIR.control], f"column '{PAIR.control}'").fillna("")
        read = words.astype("str").str.lower().map(_IS_CONTROL)
        if read.isna().any():
            raise DataError(
                f"{where}: the column {PAIR.control} is true or false, and holds "
                f"'{short(words[read.isna()].iloc[0])}'. Recode it."
            )
        return read.astype("str"), ()
    if CONTROL_OF not in frame:
        return pd.Series("", index=frame.index, dtype="str"), ()
    text = values.texts(frame[CONTROL_OF], f"column '{CONTROL_OF}'").fillna("")
    return text.astype("str"), ()


_IS_CONTROL = dict.fromkeys(("true", "yes", "y", "1"), EVERY) | dict.fromkeys(
    ("false", "no", "n", "0", ""), ""
)


def known_images(found: Edits, images: pd.DataFrame, where: str) -> Edits:
    """Keep the pairs whose original is an image of the data set, under its id there.

    An original is named by its id, or by its path or file name where that is the name of one image only, and
    by each in any case of letters where no two images differ by that.

    Raises
    ------
    DataError
        If none is.
    """
    named = found.frame[PAIR.image].unique()
    ids = {name: name for name in set(named) & set(images["image_id"])}
    if others := [name for name in named if name not in ids]:
        known = dict(_names(images))
        ids |= {name: known[key] for name in others for key in _keys(name) if key in known}
        ids |= _but_for_case([name for name in others if name not in ids], known)
    unknown = [name for name in named if name not in ids]
    kept = found.frame[found.frame[PAIR.image].isin(list(ids))]
    hint = _zeros(unknown, images["image_id"])
    if kept.empty:
        raise DataError(
            f"no original in {where} is an image of the data set: the table has '{short(named[0])}', the "
            f"data set '{short(images['image_id'].iloc[0])}'.{hint} Name the right column of images."
        )
    kept = kept.assign(**{PAIR.image: kept[PAIR.image].map(ids)})
    if not unknown:
        return Edits(kept, found.notices)
    number = len(found.frame) - len(kept)
    first = ", ".join(short(name) for name in unknown[:SHOWN])
    sentence = (
        f"{counted(number, 'pair')} left out: the original is no image of the data set. First: "
        f"{first}.{hint}"
    )
    hidden = "Some pairs left out: the original is no image of the data set."
    notice = Notice(about="pairs", count=number, sentence=sentence, hidden=hidden)
    return Edits(kept, (*found.notices, notice))


def _names(images: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield (name, image_id) of paths, file names and file names without an ending that are of one image."""
    ids = images["image_id"].reset_index(drop=True)
    for column in [name for name in ("path", "image_id") if name in images]:
        paths = [PurePosixPath(str(path).replace("\\", "/")) for path in images[column]]
        for names in ([one.stem for one in paths], [one.name for one in paths], [*map(str, paths)]):
            name = pd.Series(names, dtype="str")
            once = ~name.duplicated(keep=False)
            yield from zip(name[once], ids[once], strict=True)


def _but_for_case(names: list[str], known: Mapping[str, str]) -> dict[str, str]:
    """Return name → image_id of names that differ from that of one image in case only, as ``.PNG`` does."""
    folded: dict[str, set[str]] = {}
    for name, image in known.items():
        folded.setdefault(name.casefold(), set()).add(image)
    return {
        name: next(iter(folded[folds]))
        for name in names
        for folds in (key.casefold() for key in _keys(name))
        if len(folded.get(folds, ())) == 1
    }


def _keys(name: str) -> tuple[str, ...]:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.name, str(path)


def _zeros(unknown: list[str], known: "pd.Series[str]") -> str:
    """Say so where names differ in zeros at their beginning."""
    numbers = {str(name).lstrip("0"): str(name) for name in known}
    for name in unknown:
        if name.isdigit() and name.lstrip("0") in numbers:
            other = numbers[name.lstrip("0")]
            return f" '{short(name)}' is not '{short(other)}': zeros at the beginning are part of an id."
    return ""


def same_patient(found: Edits, dataset: Dataset, where: str) -> Edits:
    """Leave out pairs whose edited image is of another patient than the original, where that is given.

    Raises
    ------
    DataError
        If all are.
    """
    frame = found.frame
    if PAIR.patient not in frame or not dataset.patients_known:
        return found
    given = values.optional_ids(frame[PAIR.patient], f"column '{PAIR.patient}'")
    images = dataset.images.drop_duplicates("image_id").set_index("image_id")["patient_id"]
    own = frame[PAIR.image].map(images).astype("str")
    other = given.series.notna() & given.series.ne("") & given.series.astype("str").ne(own)
    if not other.any():
        return Edits(frame, (*found.notices, *given.notices))
    first = frame.index[other][0]
    stated = (
        f"{short(frame.loc[first, PAIR.image])} is of patient {short(own[first])}, and the edited image of "
        f"{short(given.series[first])}"
    )
    if other.all():
        raise DataError(
            f"in {where}, no edited image is of the patient of its original: {stated}. Name the column of "
            "patients as the data set does, or leave it out."
        )
    number = int(other.sum())
    sentence = (
        f"{counted(number, 'pair')} left out: the edited image is of another patient than the original. "
        f"First: {stated}."
    )
    hidden = "Some pairs left out: the edited image is of another patient than the original."
    notice = Notice(about="pairs", count=number, sentence=sentence, hidden=hidden)
    return Edits(frame[~other], (*found.notices, *given.notices, notice))


def describe(edited: pd.DataFrame) -> list[Notice]:
    """Return what a reader must know of edits: few images, repeated ones, and controls of other images.

    Parameters
    ----------
    edited : pandas.DataFrame
        Scores of edited images, with ``perturbation`` and `CONTROL_OF`.
    """
    notices = []
    of_edit = edited.groupby("perturbation", sort=False)["image_id"]
    single = [str(name) for name, images in of_edit if images.nunique() == 1]
    if single:
        sentence = (
            f"{counted(len(single), 'edit')} of one image only, which shows nothing about the score: "
            f"{listed_names(single)}."
        )
        # Its name would say which edit has one image.
        hidden = "Some edits are of so few images that they show nothing about the score."
        notices.append(Notice(about="pairs", count=len(single), sentence=sentence, hidden=hidden))
    key = ["perturbation", "image_id"]
    again = edited.duplicated([*key, "model", "prompt_set", "finding"], keep=False)
    if again.any():
        number = edited.loc[again, "image_id"].nunique()
        sentence = (
            f"{counted(number, 'original')} edited more than once by one edit: each counts once, with the "
            "mean of its scores (of log odds, where these are probabilities)."
        )
        hidden = (
            "Some originals edited more than once by one edit: each counts once, with the mean of its scores "
            "(of log odds, where these are probabilities)."
        )
        notices.append(Notice(about="pairs", count=number, sentence=sentence, hidden=hidden))
    images = {str(name): set(part) for name, part in of_edit}
    of = controls(edited, "perturbation")
    for name, controlled in of.items():
        for one in controlled:
            common = len(images[one] & images[name])
            if 0 < common < len(images[one]):
                sentence = (
                    f"'{short(name)}', the control of '{short(one)}', is there for {common:,} of its "
                    f"{counted(len(images[one]), 'image')}: both are compared on these."
                )
                hidden = (
                    "Some controls are there for part of the images: both are compared on these."
                )
                notices.append(
                    Notice(about="pairs", count=common, sentence=sentence, hidden=hidden)
                )
        apart = [one for one in controlled if not images[one] & images[name]]
        if apart:
            sentence = (
                f"'{short(name)}' is the control of {listed_names(apart)}, and no image has both: it cannot "
                "be compared with."
            )
            hidden = "Some edits have a control of other images: it cannot be compared with."
            notices.append(
                Notice(about="pairs", count=len(apart), sentence=sentence, hidden=hidden)
            )
    without = [n for n, c in of.items() if not c and not any(n in other for other in of.values())]
    if without:
        sentence = (
            f"{counted(len(without), 'edit')} without a control ({listed_names(without)}): a change of the "
            "score may be due to any trace of the edit."
        )
        hidden = "Some edits without a control: a change of the score may be due to any trace of the edit."
        notices.append(Notice(about="pairs", count=len(without), sentence=sentence, hidden=hidden))
    return notices


def listed_names(names: list[str]) -> str:
    """Return the first names of edits, quoted, and the number of the others."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    first = ", ".join(f"'{short(name)}'" for name in names[:SHOWN])
    return f"{first}{more}"
