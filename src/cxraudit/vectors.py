"""Embeddings of images and prompts from files of one's own: NumPy, Parquet, or a store of cxraudit."""

import math
import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.errors import ConfigError, DataError, short
from cxraudit.files import read_table
from cxraudit.schema import UNNAMED
from cxraudit.store import EmbeddingStore

IDS = ("ids", "image_ids", "image_id", "names", "filenames", "paths")
"""Names of arrays or columns of image ids, in the order they are looked for."""
SAME_IDS = IDS[:3]
"""Those of them that hold the same, where a file has several."""
VECTORS = ("global", "embeddings", "embedding", "features", "vectors", "x")
"""Names of arrays or columns of embeddings."""
FINDINGS = ("findings", "finding")
"""Names of arrays or columns of findings, of prompts."""
DIRECTIONS = ("directions", "direction")
"""Names of arrays or columns of differences of prompts."""
SIDES = ("positive", "negative")
"""Arrays of the embeddings of prompts that affirm, and that deny, a finding."""


class Embedded(NamedTuple):
    """Embeddings of some images."""

    image_ids: NDArray[np.str_]
    vectors: NDArray[np.float32]
    """Shape (n, d)."""


class EmbeddedPrompts(NamedTuple):
    """Pairs of prompts, as directions of embedding space."""

    table: pd.DataFrame
    """One row per pair: ``finding``, ``pair`` (its name), ``positive`` and ``negative`` (the texts, where
    they are known), ``in_bank`` (whether it is only another way to ask) and ``direction``."""
    logit_scale: float
    """Factor that scores have before the logistic function; NaN where it is not known."""


def read_vectors(
    file: str | PathLike[str],
    *,
    ids: str | PathLike[str] | None = None,
    image: str | None = None,
) -> Embedded:
    """Read embeddings and the images they are of.

    Parameters
    ----------
    file : str or path
        One of: a ``.npy`` array of shape (n, d), with `ids`; an ``.npz`` with an array of ids (one of `IDS`)
        and one of embeddings (one of `VECTORS`, or the only one of two dimensions); a Parquet table with a
        column of ids and a column of lists, or one column of numbers per dimension; a folder that
        ``cxraudit encode`` wrote.
    ids : str or path, optional
        For ``.npy``: a text file with one image id per line, an array of text, or a table with a column of
        ids, in the order of the rows.
    image : str, optional
        Column or array of image ids, where it has another name than a usual one.

    Returns
    -------
    Embedded

    Raises
    ------
    DataError
        If the file is missing or damaged, or is none of these.
    ConfigError
        If it is not known which images the rows are of.
    """
    path = Path(file)
    if path.is_dir():
        return _of_store(path)
    if not path.is_file():
        raise DataError(f"{path} is not there. Name the file of the embeddings.")
    if ids is not None and path.suffix.lower() != ".npy":
        raise ConfigError(f"ids are for .npy files: {path.name} has to hold its own.")
    kinds = {".npy": _of_array, ".npz": _of_arrays, ".parquet": _of_table}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise DataError(
            f"{path} is no file of embeddings that is known by its name. Give .npy (with ids), .npz, "
            ".parquet, or the folder of a store."
        )
    return kind(path, ids, image)


def _of_store(folder: Path) -> Embedded:
    index, vectors = EmbeddingStore(folder).read()
    ok = index["ok"].to_numpy(dtype=bool)
    return Embedded(index.loc[ok, "image_id"].to_numpy(dtype=np.str_), vectors[ok])


def _loaded(path: Path) -> Any:
    """Load arrays; what is pickled is refused, since unpickling runs code.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    if path.suffix.lower() == ".npz" and not zipfile.is_zipfile(path):
        raise DataError(f"{path} cannot be read as arrays of NumPy. Save it again.")
    if path.suffix.lower() == ".npy" and zipfile.is_zipfile(path):
        raise DataError(f"{path} holds several arrays. Rename it to .npz.")
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} cannot be read as arrays of NumPy ({error}). Save it again."
        ) from None


def _of_array(path: Path, ids: str | PathLike[str] | None, image: str | None) -> Embedded:
    vectors = _loaded(path)
    if ids is None:
        raise ConfigError(
            f"{path.name} does not say which images its rows are of: name a file of ids with "
            "--embedding-ids (in Python, ids=)."
        )
    return _matched(path, _ids_of(Path(ids), image), vectors)


def _ids_of(path: Path, image: str | None) -> NDArray[np.str_]:
    if not path.is_file():
        raise DataError(f"{path} is not there. Name the file of the ids.")
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _as_text(path, "", _loaded(path))
    if suffix in (".txt", ""):
        try:
            lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
        except UnicodeDecodeError:
            raise DataError(f"{path} is not text in UTF-8. Save it so.") from None
        return np.array(lines, dtype=np.str_)
    frame = read_table(path, what="the table of ids", text=[*IDS, *([image] if image else [])])
    return _as_text(
        path, "", frame[_one_of(path, [str(name) for name in frame], IDS, image, "image ids")]
    )


def _of_arrays(path: Path, ids: object, image: str | None) -> Embedded:
    arrays = _loaded(path)
    if isinstance(arrays, np.ndarray):
        raise DataError(f"{path} is one array. Rename it to .npy and give its ids.")
    with arrays:
        names = list(arrays)
        own = _one_of(path, names, IDS, image, "image ids")
        found = {name: _array(path, arrays, name) for name in names if name != own}
        tables = [name for name, array in found.items() if array.ndim == 2]
        if not tables:
            raise DataError(
                f"{path} has no array of two dimensions beside the ids ({short(', '.join(names))}). Call the "
                "embeddings 'global'."
            )
        chosen = _chosen(path, tables, "arrays of two dimensions")
        image_ids = _as_text(path, own, _array(path, arrays, own))
        _require_same_ids(path, own, image_ids, found, image)
    return _matched(path, image_ids, found[chosen])


def _require_same_ids(
    path: Path, own: str, image_ids: NDArray[np.str_], others: Mapping[str, Any], given: str | None
) -> None:
    """Refuse a second array or column of ids that says otherwise, unless one of them was named.

    Raises
    ------
    DataError
        With the names of both.
    """
    for name in (one for one in SAME_IDS if one in others and own not in (one, given)):
        if not np.array_equal(image_ids, _as_text(path, name, others[name])):
            raise DataError(
                f"{path} has image ids in '{own}' and in '{name}', which differ. Keep one of them, or name "
                "it (--image)."
            )


def _chosen(path: Path, names: Sequence[str], what: str) -> str:
    """Return the one that holds embeddings: the only one, or that of a usual name.

    Raises
    ------
    DataError
        If it could be one or another.
    """
    usual = [name for name in VECTORS if name in names]
    if len(names) > 1 and len(usual) != 1:
        raise DataError(
            f"{path} has {len(names)} {what} ({short(', '.join(names))}), {len(usual) or 'none'} of them "
            "with a usual name of embeddings. Keep one of them, and call it 'global'."
        )
    return usual[0] if usual else names[0]


def _array(path: Path, arrays: Any, name: str) -> NDArray[Any]:
    try:
        return arrays[name]
    except ValueError:
        raise DataError(
            f"{path}: the array '{short(name)}' holds pickled objects, which are not read since they can run "
            "code. Save text as text: numpy.array(ids, dtype=str)."
        ) from None


def _of_table(path: Path, ids: object, image: str | None) -> Embedded:
    frame = read_table(path, what="the table of embeddings")
    if frame.index.name is not None:  # as written by pandas with the ids as index
        frame = frame.reset_index()
    if "model" in frame and frame["model"].nunique() > 1:
        raise DataError(
            f"{path} has embeddings of {frame['model'].nunique():,} models (column model). Give a file per "
            "model."
        )
    own = _one_of(path, [str(name) for name in frame], IDS, image, "image ids")
    if own in SAME_IDS:
        others = {str(name): frame[name] for name in frame}
        _require_same_ids(path, own, _as_text(path, own, others[own]), others, image)
    lists = [name for name in frame if name != own and _holds_lists(frame[name])]
    listed = _chosen(path, [str(name) for name in lists], "columns of lists") if lists else None
    if listed is not None:
        if (absent := int(frame[listed].isna().sum())) > 0:
            raise DataError(
                f"{path}: {absent:,} of {len(frame):,} images have no list in the column '{short(listed)}'. "
                "Leave them out."
            )
        if (beside := _numbered(frame.drop(columns=[own, listed]))) > MOST_BESIDE:
            raise DataError(
                f"{path} has embeddings in the column of lists '{short(listed)}', and {beside:,} columns of "
                "numbers that are numbered alike. Keep one of both."
            )
        lengths = {np.size(one) for one in frame[listed]}
        if len(lengths) != 1:
            raise DataError(
                f"{path}: the lists of the column '{short(listed)}' have {len(lengths)} lengths. Give one "
                "length."
            )
        vectors: Any = np.stack([np.asarray(one) for one in frame[listed]])
    else:
        vectors = _dimensions(path, frame.drop(columns=own)).to_numpy()
    return _matched(path, _as_text(path, own, frame[own]), vectors)


def _dimensions(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of dimensions, in the order of their numbers: numbers, or one word and numbers.

    Raises
    ------
    DataError
        If there are further columns of numbers: labels would be taken for dimensions; if a number is missing
        or there twice.
    """
    frame = frame.rename(columns=str)
    names = [str(name) for name in frame if not _INDEX.fullmatch(str(name))]
    numbers = frame[names].select_dtypes("number")
    stems = {str(name): _DIMENSION.sub("", str(name)) for name in numbers}
    usual = Counter(stems.values()).most_common(1)
    others = [name for name in names if name not in stems]
    alike = [name for name in others if usual and _is_numbered(name, usual[0][0])]
    if alike:
        raise DataError(
            f"{path}: the dimension '{short(alike[0])}' holds {_kind_of(frame[alike[0]])}, not numbers "
            f"({len(alike):,} of {len(alike) + len(stems):,} columns that are numbered alike). Write all "
            "dimensions as numbers."
        )
    numbered = [name for name, stem in stems.items() if name != stem and stem == usual[0][0]]
    if not stems:
        raise DataError(
            f"{path} has no embeddings: neither columns of numbers nor one of lists, but "
            f"{short(', '.join(names)) or 'ids alone'}. Give one of both."
        )
    if other := [name for name in stems if name not in numbered]:
        raise DataError(
            f"{path} has {len(other):,} columns of numbers that are not numbered alike, first "
            f"'{short(other[0])}': they may be labels. Keep image ids and dimensions (dim0, dim1 …), or give "
            "embeddings as one column of lists."
        )
    found = sorted((int(name.removeprefix(stems[name])), name) for name in numbered)
    places = [number for number, _ in found]
    if places[0] > 1 or places != list(range(places[0], places[0] + len(places))):
        raise DataError(
            f"{path}: columns of dimensions are not numbered in a row from 0 or 1: '{short(found[0][1])}' to "
            f"'{short(found[-1][1])}' are {len(found):,}. Number all of them, each once."
        )
    nullable = [name for name in numbers if not isinstance(numbers[name].dtype, np.dtype)]
    return numbers[[name for _, name in found]].astype(dict.fromkeys(nullable, "float64"))


def _numbered(frame: pd.DataFrame) -> int:
    """Count the columns of numbers that are numbered alike."""
    stems = Counter(
        _DIMENSION.sub("", str(name))
        for name in frame.select_dtypes("number")
        if _DIMENSION.search(str(name))
    )
    return max(stems.values(), default=0)


MOST_BESIDE = 3
"""Numbered columns, such as of labels, that a table with a column of embeddings may have."""


def _is_numbered(name: str, stem: str) -> bool:
    return name != stem and _DIMENSION.sub("", name) == stem


def _kind_of(column: pd.Series) -> str:
    """Name what a column of a table holds instead of numbers."""
    known = column.dropna()
    if known.empty:
        return "nothing"
    kind = {"b": "true and false", "M": "dates", "m": "durations"}.get(column.dtype.kind)
    return kind or ("text" if isinstance(known.iloc[0], str) else type(known.iloc[0]).__name__)


_DIMENSION = re.compile(r"\d+$")
_INDEX = re.compile(r"__index_level_\d+__")
"""Name that pandas writes for rows without one."""


def _holds_lists(column: pd.Series) -> bool:
    known = column.dropna() if column.dtype == object else column[:0]
    return len(known) > 0 and np.ndim(known.iloc[0]) == 1


def _one_of(
    path: Path, names: list[str], usual: tuple[str, ...], given: str | None, what: str
) -> str:
    """Return the name of a column or array: the one given where there is one, or a usual one."""
    wanted = [name for name in (given, *usual) if name is not None]
    found = next((name for name in wanted if name in names), None)
    if found is None:
        option = ", or name it (--image)" if usual == IDS else ""
        raise DataError(
            f"{path} has no {what} under a usual name ({', '.join(wanted)}); it has "
            f"{short(', '.join(names))}. Call it {usual[0]}{option}."
        )
    return found


def _as_text(path: Path, name: str, values: Any, *, what: str = "image ids") -> NDArray[np.str_]:
    """Return ids as text; numbers as they are written, and only whole ones.

    Raises
    ------
    DataError
        If an id is missing, or is no text and no whole number.
    """
    ids = pd.Series(np.asarray(values).reshape(-1))
    about = f"{path}{f' ({short(name)})' if name else ''}"
    if ids.isna().any():
        raise DataError(f"{about}: {int(ids.isna().sum()):,} {what} are missing.")
    if ids.dtype.kind == "f":
        raise DataError(f"{about}: {what} are numbers with decimals. Save them as text.")
    if ids.dtype.kind == "S":
        ids = ids.str.decode("utf-8", errors="replace")
    return ids.astype("str").to_numpy(dtype=np.str_)


def _matched(
    path: Path, names: NDArray[np.str_], vectors: NDArray[Any], *, what: str = "image ids"
) -> Embedded:
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
        raise DataError(
            f"{path}: the embeddings are an array of {vectors.dtype} and shape {vectors.shape}. Give numbers "
            "of "
            f"shape ({what}, dimensions)."
        )
    if len(vectors) != len(names):
        raise DataError(
            f"{path}: {len(vectors):,} embeddings and {len(names):,} {what}. Give one per row."
        )
    # Without a copy, and without what is missing.
    ends = [end.reduce(vectors, axis=None) for end in (np.fmax, np.fmin)] if vectors.size else []
    largest = max((abs(float(end)) for end in ends), default=0.0)
    if float(np.finfo(np.float32).max) < largest < math.inf:
        raise DataError(
            f"{path}: the embeddings hold numbers up to {largest:.1e}, which single precision does not. "
            "Divide all of them by one number."
        )
    return Embedded(names, np.asarray(vectors, dtype=np.float32))


def read_prompt_vectors(file: str | PathLike[str], *, model: str | None = None) -> EmbeddedPrompts:
    """Read the text side of a model: what its prompts for each finding are in embedding space.

    Parameters
    ----------
    file : str or path
        One of: an ``.npz`` with ``findings`` (names) and either ``positive`` and ``negative``, the embeddings
        of the prompts that affirm and deny each, shape (n, d), or their differences ``directions``; and
        optionally ``logit_scale``. Or a Parquet table with the columns ``finding`` and ``direction`` (lists),
        as ``directions.parquet`` of ``cxraudit score``.
    model : str, optional
        Of a table with a column ``model``: which rows are read.

    Returns
    -------
    EmbeddedPrompts
        Embeddings of prompts are taken at length 1, and directions as they are.

    Raises
    ------
    DataError
        If the file is missing or damaged, or is none of these; if a finding has two pairs.
    """
    path = Path(file)
    if not path.is_file():
        raise DataError(f"{path} is not there. Name the file of the embeddings of prompts.")
    kinds = {".npz": _prompts_of_arrays, ".parquet": _prompts_of_table}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise DataError(
            f"{path} is no file of embeddings of prompts that is known by its name. Give .npz or .parquet."
        )
    found = kind(path, model)
    scoring = found.table.loc[~found.table["in_bank"], "finding"]
    if scoring.empty:
        raise DataError(f"{path} holds no prompts. Give one pair per finding.")
    if (twice := scoring[scoring.duplicated()]).any():
        raise DataError(
            f"{path} has two pairs of prompts for '{short(twice.iloc[0])}'. Give one per finding."
        )
    return found


def _prompts_of_arrays(path: Path, model: str | None) -> EmbeddedPrompts:
    arrays = _loaded(path)
    if isinstance(arrays, np.ndarray):
        raise DataError(f"{path} is one array. Give the findings with it, as .npz.")
    with arrays:
        names = list(arrays)
        own = _one_of(path, names, FINDINGS, None, "findings")
        findings = _as_text(path, own, _array(path, arrays, own), what="findings")
        given = next((name for name in DIRECTIONS if name in names), None)
        if given is not None and set(SIDES) & set(names):
            raise DataError(
                f"{path} has '{given}' and embeddings of prompts, which may contradict each other. Give one "
                "of both."
            )
        if given is None and not set(SIDES) <= set(names):
            raise DataError(
                f"{path} has the arrays {short(', '.join(names))}. Give 'positive' and 'negative', the "
                "embeddings of the prompts for each finding, or 'directions'."
            )
        sides = [_array(path, arrays, name) for name in ([given] if given else SIDES)]
        tables = [_matched(path, findings, side, what="findings").vectors for side in sides]
        given_scale = _array(path, arrays, "logit_scale") if "logit_scale" in names else None
    scale = _factor(path, given_scale)
    directions = tables[0] if given else _unit(path, tables[0]) - _unit(path, tables[1])
    _require_directions(path, findings, directions, 0.0 if given else SAME_PROMPT)
    table = pd.DataFrame(
        {
            "finding": findings.astype(str),
            "pair": path.stem,
            "positive": "",
            "negative": "",
            "in_bank": False,
            "direction": list(directions),
        }
    )
    return EmbeddedPrompts(table, scale)


SAME_PROMPT = 1e-5
"""Length of the difference of two embeddings of length 1 that are one but for rounding."""


def _require_directions(
    path: Path, findings: NDArray[np.str_], directions: NDArray[Any], least: float
) -> None:
    """Refuse a direction no longer than rounding, as two prompts of one embedding give it: it ranks no image.

    Raises
    ------
    DataError
        With the finding.
    """
    same = np.linalg.norm(directions, axis=1) <= least
    if same.any():
        raise DataError(
            f"{path}: the prompts for {short(str(findings[same][0]))} have one embedding, so that all images "
            "would have the same score. Embed a prompt with, and one without the finding."
        )


def _factor(path: Path, given: object, where: str = "") -> float:
    """Return the logit scale that a file gives; NaN where it gives none.

    Raises
    ------
    DataError
        If it is no one number above 0.
    """
    if given is None:
        return math.nan
    scale = np.asarray(given).reshape(-1)
    if not (scale.size == 1 and scale.dtype.kind in "fiu" and 0 < float(scale[0]) < math.inf):
        raise DataError(
            f"{path}: logit_scale must be one number above 0{where}, the factor itself and not its "
            "logarithm."
        )
    return float(scale[0])


def _unit(path: Path, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise DataError(f"{path}: an embedding of a prompt is zero or not finite. Embed it again.")
    return vectors / lengths


def _prompts_of_table(path: Path, model: str | None) -> EmbeddedPrompts:
    frame = read_table(path, what="the table of prompts")
    names = [str(name) for name in frame]
    own = _one_of(path, names, FINDINGS, None, "findings")
    lists = _one_of(path, names, DIRECTIONS, None, "directions")
    given = model not in (None, UNNAMED)
    if "model" in names and (given or frame["model"].nunique() > 1):
        of_model = frame["model"].astype("str") == model
        if not of_model.any():
            known = short(", ".join(map(str, frame["model"].unique())))
            raise DataError(f"{path} has prompts of {known}, and none of '{short(model)}'.")
        frame = frame[of_model].reset_index(drop=True)
    if frame.empty:
        raise DataError(f"{path} holds no prompts. Give one pair per finding.")
    if not _holds_lists(frame[lists]) or frame[lists].map(np.size).nunique() > 1:
        raise DataError(f"{path}: the column '{lists}' must hold lists of numbers of one length.")
    findings = _as_text(path, own, frame[own], what="findings")
    vectors = np.stack([np.asarray(one) for one in frame[lists]])
    texts = {name: frame[name].fillna("").astype(str) if name in frame else "" for name in SIDES}
    _require_directions(path, findings, vectors, 0.0)
    table = pd.DataFrame(
        {
            "finding": findings.astype(str),
            "pair": frame["pair"].astype(str) if "pair" in frame else path.stem,
            **texts,
            "in_bank": frame["in_bank"].astype(bool) if "in_bank" in frame else False,
            "direction": list(_matched(path, findings, vectors, what="findings").vectors),
        }
    )
    scale = frame["logit_scale"].unique() if "logit_scale" in frame else None
    return EmbeddedPrompts(table, _factor(path, scale, " in all rows"))
