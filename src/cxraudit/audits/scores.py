"""Tables of scores as other programs write them: one row per image, or one per image and finding."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cxraudit.audits.wordings.variants import by_variant, check_variants, left_out, of_wording
from cxraudit.datasets import findings, values
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.detector_labels import source_column
from cxraudit.datasets.reading import plain_frame, read_table
from cxraudit.datasets.table import from_frame
from cxraudit.errors import ConfigError, DataError, short
from cxraudit.notices import SHOWN, Notice, counted
from cxraudit.schema import (
    SEED,
    UNNAMED,
    VARIANT,
    VARIANT_COLUMNS,
    check_scores,
    require_columns,
    require_rows,
    require_unique,
)

NO_PROMPTS = "none"
"""Prompt set of scores that were not made by cxraudit."""

LONG = ("finding", "score")
"""Columns, beside that of the image, of a table with one row per image and finding."""


class Scores(NamedTuple):
    """Scores, and what has to be stated of how they were read."""

    frame: pd.DataFrame
    """A scores table; see `cxraudit.schema.SCORE_COLUMNS`. Images without a score have no row."""
    notices: tuple[Notice, ...] = ()
    worded: pd.DataFrame = pd.DataFrame()
    """The same with other wordings of the prompt; see `cxraudit.audits.wordings.variants`."""


def scores_from_wide(
    frame: object,
    *,
    image: str,
    columns: Mapping[str, str],
    model: str,
    table: str = "the scores table",
) -> pd.DataFrame:
    """Turn one column per finding into a scores table.

    Parameters
    ----------
    frame : pandas.DataFrame, or a data frame of polars or another library that exports Arrow
        One row per image.
    image : str
        Column that identifies the image.
    columns : mapping of str to str
        Finding → column of its scores; any number that grows with the evidence for the finding.
        ``MODEL:FINDING`` names the model, too, where the table holds several.
    model : str
        Name of the model of all other columns.
    table : str
        Name of the frame in messages.

    Returns
    -------
    pandas.DataFrame
        One row per image and finding: ``image_id``, ``model``, ``prompt_set`` (``none``),
        ``finding``, ``score``. An image without a score of a finding has no row for it.

    Raises
    ------
    DataError
        If a column is missing, an image has two rows, or a score is not a finite number.
    TypeError
        If `frame` is no data frame.
    ValueError
        If `columns` is no mapping, or is empty.
    """
    if not isinstance(columns, Mapping) or not columns:
        raise ValueError(
            f"columns must map findings to the columns of their scores, got {columns!r}"
        )
    raw = plain_frame(frame, table)
    wanted = {_model_and_finding(name, model): column for name, column in columns.items()}
    return _wide(raw, image, wanted, None, table).frame


def read_scores(
    path: Path,
    dataset: Dataset,
    *,
    image: str | None = None,
    score: Mapping[str, str] | None = None,
    score_prefix: str | Sequence[str] | None = None,
    model: str = UNNAMED,
    model_column: str | None = None,
    seed_column: str | None = None,
) -> Scores:
    """Read scores: one row per image with `score` or `score_prefix`, else one per image and finding.

    Parameters
    ----------
    path : pathlib.Path
        CSV, Excel or Parquet.
    dataset : Dataset
        The data set the scores are about.
    image : str, optional
        Column that identifies the image; default: ``image_id``.
    score : mapping of str to str, optional
        Finding, or ``MODEL:FINDING``, → column of its scores.
    score_prefix : str or sequence of str, optional
        Columns that begin with it hold scores; the remainder of the name is the finding.
        ``MODEL=PREFIX`` names the model, too.
    model : str
        Name of the model where nothing names one.
    model_column : str, optional
        Column that names the model of each row.
    seed_column : str, optional
        Column that names the training run (seed) of each row; default, in a table with one row per image and
        finding: ``seed``.
    """
    table = read_table(path, what="the scores table")
    read = scores_from(
        table.frame,
        dataset,
        image=image,
        score=score,
        score_prefix=score_prefix,
        model=model,
        model_column=model_column,
        seed_column=seed_column,
        table=str(path),
    )
    return read._replace(notices=(*table.notices, *read.notices))


def scores_from(
    frame: pd.DataFrame,
    dataset: Dataset,
    *,
    image: str | None,
    score: Mapping[str, str] | None,
    score_prefix: str | Sequence[str] | None,
    model: str,
    model_column: str | None,
    table: str,
    seed_column: str | None = None,
) -> Scores:
    """Take the scores out of a table that was read; parameters as in `read_scores`."""
    divided = by_variant(plain_frame(frame, table), table)

    def read(rows: pd.DataFrame, about: str) -> Scores:
        return _scores_from(
            rows,
            dataset,
            image=image,
            score=score,
            score_prefix=score_prefix,
            model=model,
            model_column=model_column,
            table=about,
            seed_column=seed_column,
        )

    found = read(divided.base, table)
    if divided.others.empty:
        return found
    parts = [
        read(part.drop(columns=list(VARIANT_COLUMNS)), of_wording(table, name)).frame.assign(
            **{column: part[column].iloc[0] for column in VARIANT_COLUMNS}
        )
        for name, part in divided.others.groupby(VARIANT, sort=True)
    ]
    worded = check_variants(found.frame, pd.concat(parts, ignore_index=True), table)
    notices = [*found.notices, *left_out(found.frame, worded, table)]
    return found._replace(worded=worded, notices=tuple(notices))


def _scores_from(
    raw: pd.DataFrame,
    dataset: Dataset,
    *,
    image: str | None,
    score: Mapping[str, str] | None,
    score_prefix: str | Sequence[str] | None,
    model: str,
    model_column: str | None,
    table: str,
    seed_column: str | None,
) -> Scores:
    """Take the scores with one wording of the prompt."""
    require_rows(table, raw)
    image = image or "image_id"
    if not score and score_prefix is None and {image, *LONG} <= set(raw.columns):
        long = _long(raw, dataset, image, model, model_column, seed_column, table)
        return _plausible(long, dataset, table)
    columns, notices = _columns(raw, dataset, score, score_prefix, model)
    if not columns:
        raise DataError(
            f"{table} has the columns {', '.join(raw.columns[:10])}, which is no scores table of "
            "cxraudit. Name the columns of scores: --score FINDING=COLUMN or --score-prefix."
        )
    if model_column and {owner for owner, _ in columns} != {model}:
        raise ConfigError("a model is named by MODEL:FINDING or by --model-column, not by both.")
    read = _wide(raw, image, columns, model_column, table, seed_column)
    return _plausible(Scores(read.frame, (*notices, *read.notices)), dataset, table)


def _plausible(read: Scores, dataset: Dataset, table: str) -> Scores:
    """Return the scores of images of the data set; what rounding and codes may have made is named."""
    found = within_ends(_matched(read, dataset, table))
    return found._replace(notices=(*found.notices, *far_out(found)))


OVERSHOOT = 1e-6
"""How far a probability may lie beyond 0 or 1: sums in single precision are rounded."""


def within_ends(found: Scores) -> Scores:
    """Take scores of a model and finding that lie beyond 0 or 1 by no more than rounding for 0 and 1.

    One of them would say that none of the scores is a probability.
    """
    frame = found.frame
    scores = frame["score"].astype("float64")
    of = [frame[name] for name in ("model", "finding")]
    low, high = (scores.groupby(of).transform(one) for one in ("min", "max"))
    rounded = (low >= -OVERSHOOT) & (high <= 1 + OVERSHOOT) & ((scores < 0) | (scores > 1))
    number = int(rounded.sum())
    if not number:
        return found
    kept = frame.assign(score=scores.mask(rounded, scores.clip(0, 1)))
    return found._replace(frame=kept, notices=(*found.notices, at_ends(number)))


FAR = 100.0
"""Interquartile ranges from the median beyond which a score may stand for a missing one."""


def far_out(found: Scores) -> list[Notice]:
    """Name scores so far from the others that they may be a code, such as −999, for none."""
    notices = []
    for (model, finding), part in found.frame.groupby(["model", "finding"], sort=False):
        scores = part["score"].to_numpy(dtype=np.float64)
        low, middle, high = np.nanquantile(scores, [0.25, 0.5, 0.75])
        far = np.abs(scores - middle) > FAR * (high - low)
        if high > low and (number := int(far.sum())):
            where = f"for {short(str(finding))} by '{short(str(model))}'"
            what = "far from all others: if they stand for a missing one, leave their cells blank."
            first = f"first {scores[far][0]:.4g} beside a median of {middle:.4g}"
            notices.append(
                Notice(
                    about="scores",
                    count=number,
                    sentence=f"{counted(number, 'score')} {where} ({first}) {what}",
                    hidden=f"Some scores {where} {what}",
                )
            )
    return notices


AT_ENDS = "scores of 0 and 1"
"""What the notice on scores a rounding beyond 0 or 1 is about."""


def at_ends(number: int) -> Notice:
    """Say how many scores were taken for 0 or 1."""
    what = f"beyond 0 or 1 by less than {OVERSHOOT:g}, as rounding makes them: taken for 0 and 1."
    sentence = f"{counted(number, 'score')} {what}"
    return Notice(about=AT_ENDS, count=number, sentence=sentence, hidden=f"Some scores {what}")


def with_numbers(
    raw: pd.DataFrame,
    dataset: Dataset,
    *,
    score: Mapping[str, str] | None,
    score_prefix: str | Sequence[str] | None,
    model: str,
) -> tuple[pd.DataFrame, list[str], tuple[Notice, ...]]:
    """Read the columns of scores of a table that is taken apart later, so that cells are counted once.

    Parameters as in `read_scores`.

    Returns
    -------
    frame : pandas.DataFrame
        The table with numbers in its columns of scores; NaN where a cell is blank.
    columns : list of str
        These columns.
    notices : tuple of Notice
        What was read.

    Raises
    ------
    DataError
        If a cell is no score, or two columns hold scores of one finding by one model.
    """
    if not score and score_prefix is None:
        columns = ["score"]
    else:
        named, _ = _columns(raw, dataset, score, score_prefix, model)
        columns = list(named.values())
    notices: list[Notice] = []
    numbers = {}
    for column in columns:
        read = values.scores(raw[column], f"column '{column}'")
        numbers[column] = read.series
        notices += read.notices
    return raw.assign(**numbers), columns, tuple(notices)


def _columns(
    raw: pd.DataFrame,
    dataset: Dataset,
    score: Mapping[str, str] | None,
    score_prefix: str | Sequence[str] | None,
    model: str,
) -> tuple[dict[tuple[str, str], str], list[Notice]]:
    """Return (model, finding) → column; a column that is named by itself wins over a prefix.

    Raises
    ------
    DataError
        If two columns hold scores of one finding by one model.
    """
    columns: dict[tuple[str, str], str] = {}
    named: dict[tuple[str, str], str] = {}
    notices: list[Notice] = []
    prefixes = [score_prefix] if isinstance(score_prefix, str) else list(score_prefix or ())
    for given in prefixes:
        owner, equals, prefix = given.partition("=")
        owner, prefix = (owner, prefix) if equals else (model, given)
        found, skipped = match_columns(list(raw.columns), prefix, dataset.findings, dataset.aliases)
        for finding, column in found.items():
            _add(columns, (owner, finding), column)
        notices += skipped
    for name, column in (score or {}).items():
        owner, finding = _model_and_finding(name, model, dataset)
        finding = findings.resolve(finding, dataset.findings, dataset.aliases)
        _add(named, (owner, finding), column)
    return columns | named, notices


def _add(columns: dict[tuple[str, str], str], key: tuple[str, str], column: str) -> None:
    """Add the column of a model and a finding."""
    if (other := columns.setdefault(key, column)) != column:
        model, finding = key
        raise DataError(
            f"the columns '{other}' and '{column}' both hold scores of {finding} by {model}. Name one "
            f"of them, or two models: --score MODEL:{finding}=COLUMN."
        )


def _model_and_finding(name: str, model: str, dataset: Dataset | None = None) -> tuple[str, str]:
    """Divide ``MODEL:FINDING``; a finding whose own name has a colon stays whole."""
    owner, colon, finding = (part.strip() for part in name.partition(":"))
    if not owner:
        raise ConfigError(f"'{name}' names no model before its colon: write MODEL:FINDING=COLUMN.")
    if not colon or (dataset and findings.find(name, dataset.findings, dataset.aliases)):
        return model, name
    return owner, finding


def match_columns(
    present: Sequence[str], prefix: str, known: Sequence[str], aliases: Mapping[str, str]
) -> tuple[dict[str, str], list[Notice]]:
    """Find the score columns that begin with `prefix`, and the finding of each.

    Columns whose name goes on with no finding of the data set are left out, with a notice.

    Raises
    ------
    DataError
        If no column begins with the prefix and goes on with a finding, or two hold one finding.
    """
    matched: dict[str, str] = {}
    skipped: list[str] = []
    for column in present:
        if not column.startswith(prefix):
            continue
        finding = findings.find(column.removeprefix(prefix), known, aliases)
        if finding is None:
            skipped.append(column)
        elif finding in matched:
            raise DataError(
                f"the columns '{matched[finding]}' and '{column}' both hold scores of {finding}. "
                f"Name one of them with --score {finding}=COLUMN."
            )
        else:
            matched[finding] = column
    if not matched:
        raise DataError(
            f"no column begins with '{prefix}' and goes on with a finding ({', '.join(known[:8])}); the "
            f"table has {', '.join(present[:8])}. Name the score columns one by one with --score "
            "FINDING=COLUMN."
        )
    if not skipped:
        return matched, []
    more = f" and {len(skipped) - SHOWN} more" if len(skipped) > SHOWN else ""
    stated = (
        f"{counted(len(skipped), 'column')} left out, whose name begins with '{prefix}' and goes on with "
        f"no finding of the data set: {', '.join(skipped[:SHOWN])}{more}."
    )
    return matched, [Notice(about="columns", count=len(skipped), sentence=stated)]


def _wide(
    raw: pd.DataFrame,
    image: str,
    columns: Mapping[tuple[str, str], str],
    model_column: str | None,
    table: str,
    seed_column: str | None = None,
) -> Scores:
    """Turn one column per finding and model into rows."""
    named = {"model": model_column, SEED: seed_column}
    of_row = {name: column for name, column in named.items() if column}
    require_columns(table, raw, [image, *columns.values(), *of_row.values()])
    require_rows(table, raw)
    ids = values.ids(raw[image], f"column '{image}'")
    notices = list(ids.notices)
    parts = []
    key = pd.DataFrame({image: ids.series})
    for name, column in of_row.items():
        read_names = _names(raw[column], column, may_be_blank=name == SEED)
        notices += read_names.notices
        key = key.assign(**{column: read_names.series})
    require_unique(table, key, list(key.columns))
    for (model, finding), column in columns.items():
        read = values.scores(raw[column], f"column '{column}'")
        notices += [*read.notices, *_blank(read.series, column, f"for {finding}")]
        owner = key[model_column] if model_column else model
        part = {"image_id": ids.series, "model": owner, "finding": finding, "score": read.series}
        parts.append(pd.DataFrame(part | ({SEED: key[seed_column]} if seed_column else {})))
    long = pd.concat(parts, ignore_index=True).dropna(subset="score")
    return Scores(_checked(long.assign(prompt_set=NO_PROMPTS), table), tuple(notices))


def _long(
    raw: pd.DataFrame,
    dataset: Dataset,
    image: str,
    model: str,
    model_column: str | None,
    seed_column: str | None,
    table: str,
) -> Scores:
    """Read one row per image, model and finding."""
    column = model_column or "model"
    of_seed = seed_column or SEED
    require_columns(table, raw, [one for one in (model_column, seed_column) if one])
    texts = {
        "image_id": image,
        **({"model": column} if column in raw else {}),
        **({"prompt_set": "prompt_set"} if "prompt_set" in raw else {}),
        "finding": "finding",
        **({SEED: of_seed} if of_seed in raw else {}),
    }
    notices: list[Notice] = []
    long = pd.DataFrame({"model": model, "prompt_set": NO_PROMPTS}, index=raw.index)
    for name, source in texts.items():
        about = f"column '{source}'"
        read = (
            values.ids(raw[source], about)
            if name == "image_id"
            else _names(raw[source], source, may_be_blank=name == SEED)
        )
        long[name] = read.series
        notices += read.notices
    named = {
        name: findings.find(name, dataset.findings, dataset.aliases) or name
        for name in long["finding"].unique()
    }
    scores = values.scores(raw["score"], "column 'score'")
    notices += [*scores.notices, *_blank(scores.series, "score", "of their finding")]
    long = long.assign(finding=long["finding"].map(named), score=scores.series)
    return Scores(_checked(long.dropna(subset="score"), table), tuple(notices))


def _names(column: pd.Series, name: str, *, may_be_blank: bool) -> values.Values:
    """Read names of models, findings or seeds; a blank that is allowed is an empty text."""
    blank = column.isna() | column.astype("str").str.strip().eq("")
    given = column[~blank] if may_be_blank else column
    read = values.ids(given, f"column '{name}'", any_word=True)
    return values.Values(read.series.reindex(column.index, fill_value=""), read.notices)


def _blank(scores: pd.Series, column: str, where: str) -> list[Notice]:
    """Say how many images have no score."""
    number = int(scores.isna().sum())
    if not number:
        return []
    stated = f"{counted(number, 'image')} without a score, left out {where} only."
    return [Notice(about=f"column '{column}'", count=number, sentence=stated)]


def _checked(long: pd.DataFrame, table: str) -> pd.DataFrame:
    if long.empty:
        raise DataError(f"{table} has no score: every cell is blank. Check the columns of scores.")
    return check_scores(long, table, seeds=True)


def _matched(scores: Scores, dataset: Dataset, table: str) -> Scores:
    """Refuse scores of other images than those of the data set.

    Raises
    ------
    DataError
        If no image of the table is one of the data set.
    """
    if set(dataset.images["image_id"]).isdisjoint(scores.frame["image_id"]):
        raise DataError(
            f"no image of {table} is one of the data set '{dataset.name}': the table has "
            f"'{scores.frame['image_id'].iloc[0]}', the data set "
            f"'{dataset.images['image_id'].iloc[0]}'. Name the right column with --image."
        )
    return scores


def own_cohort(
    file: Path,
    frame: pd.DataFrame,
    *,
    image: str | None,
    patient: str | None,
    attributes: Sequence[str],
    shortcuts: Mapping[str, str],
    label: Mapping[str, str],
    model_column: str | None = None,
    **columns: Any,
) -> Dataset:
    """Make a data set of a table that holds labels beside the scores.

    Parameters
    ----------
    file : pathlib.Path
        Where the table was read.
    frame : pandas.DataFrame
        One row per image, or with `model_column` one per image and model.
    image, patient : str
        Columns that identify the image and its patient; see `cxraudit.datasets.table.from_frame`.
    attributes : sequence of str
        More columns of groups, or ``NAME=COLUMN``; intersections (``sex*age_group``) are left to the
        audit.
    shortcuts : mapping of str to str
        Shortcut → finding; ``COLUMN:GROUP`` is a group of a column.
    label : mapping of str to str
        Finding → column of its labels.
    model_column : str, optional
        Column that names the model of each row; the rows of an image must agree in all else.
    **columns
        Further parameters of `from_frame`.

    Raises
    ------
    ConfigError
        If the columns of the image and the patient are not named.
    DataError
        If a column is missing or is not what it should be.
    """
    if image is None or patient is None:
        raise ConfigError(
            "with --label, also name the columns of the image and the patient: --image and --patient. "
            "Patients are the unit of every interval; if they are unknown, say --patient none."
        )
    named = dict(_attribute(one, frame) for one in attributes if one in frame or "*" not in one)
    parts = {part for one in intersections(attributes, frame, **columns) for part in one.split("*")}
    given = {"sex", "age_group", "view_position", *named, *shortcuts}
    named |= {part: part for part in sorted(parts - given) if part in frame}
    taken = {columns.get(one) for one in ("age", "sex", "view")} | set(named.values())
    own = []
    for shortcut in shortcuts:
        column, colon, _ = shortcut.partition(":")
        if not colon or shortcut in frame:
            own.append(shortcut)
        elif column in frame and column not in taken:
            named[column] = column  # one of its groups is the shortcut: see audits.shortcuts
    # Tables with a row per image and finding, or model, repeat what they say of an image.
    if model_column or set(LONG) <= set(frame.columns):
        used = [columns.get(name) for name in ("age", "sex", "view", "sampling_weight", "severity")]
        used += [image, patient, *named.values(), *own, *label.values()]
        used += [*(columns.get("shortcut_sources") or {}).values(), *map(source_column, own)]
        frame = _one_row_per_image(frame, image, [name for name in frame.columns if name in used])
    elif image in frame and (twice := frame[image].dropna().duplicated()).any():
        first = frame[image].dropna()[twice].iloc[0]
        raise DataError(
            f"{file} holds {int(twice.sum())} more rows of images that column {image} already names, first "
            f"{short(first)}. Keep one row of each image, or name the column in which they "
            "differ: --model-column for models, --seed-column for training runs."
        )
    return from_frame(
        frame,
        name=file.name.split(".")[0],
        root=file.parent,
        image=image,
        patient=patient,
        findings=dict(label),
        attributes=named,
        shortcuts=own,
        **columns,
    )


def intersections(
    attributes: Sequence[str],
    frame: pd.DataFrame,
    *,
    age: str | None = None,
    sex: str | None = None,
    view: str | None = None,
    **_: Any,
) -> list[str]:
    """Return the attributes such as ``race*age``, by the names of their parts in the data set."""
    ours = {age: "age_group", sex: "sex", view: "view_position"}
    if age:
        ours["age"] = "age_group"
    crossed = [one.split("*") for one in attributes if "*" in one and one not in frame]
    return ["*".join(ours.get(part.strip(), part.strip()) for part in parts) for parts in crossed]


def _one_row_per_image(frame: pd.DataFrame, image: str, used: list[str]) -> pd.DataFrame:
    """Take the images of a table with one row per image and model.

    Raises
    ------
    DataError
        If rows of an image differ in a column that is used.
    """
    rows = frame.drop_duplicates(used)
    if image in rows and rows[image].duplicated().any():
        first = rows[image][rows[image].duplicated()].iloc[0]
        unlike = rows.loc[rows[image] == first, used].astype(str).nunique()
        raise DataError(
            f"the rows of the models differ for image {first} in {', '.join(unlike.index[unlike > 1])}. "
            "They describe one image: write the same."
        )
    return rows


def _attribute(given: str, frame: pd.DataFrame) -> tuple[str, str]:
    """Return the name and the column of an attribute given as ``COLUMN`` or ``NAME=COLUMN``."""
    name, equals, column = given.partition("=")
    return (name, column) if name and equals and given not in frame else (given, given)
