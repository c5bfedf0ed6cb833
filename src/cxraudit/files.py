"""Reading tables and writing files: atomically, with a manifest of their origin."""

import csv
import gzip
import hashlib
import json
import os
import platform
import re
import secrets
import sys
import tomllib
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from typing import Any

import pandas as pd

from cxraudit.errors import ConfigError, DataError, shown
from cxraudit.privacy import make_folder, new_file, restrict, shown_command, shown_path
from cxraudit.schema import records, typed_frame
from cxraudit.spreadsheets import escaped, unescaped

_MISSING = ["", "NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NULL", "null"]
"""Texts that mean a missing value in a CSV. pandas' own list also has ``None``, which is a group in a
column such as smoking."""

TEMPORARY = ".cxraudit-tmp"
"""End of the name of a file that is being written; before it stands `writer`."""
TEMPORARY_LENGTH = 180
"""Bytes of the final name in that of the temporary file: names have at most 255."""
_STARTED = secrets.token_hex(4)
"""Distinguishes this process from an earlier one with the same number, which is usual in containers."""

MANIFEST = ".manifest.json"
"""What the name of a manifest adds to the name of the file it describes."""

MAKER = "cxraudit"
"""Says in a manifest that it is one of ours."""

LONGEST_NAME = 150
"""Bytes of the name of a file or folder; systems allow 255, with what we add to it."""

CHECKSUM = "checksum"
"""Hash of all else that a manifest holds."""

LARGEST_TOML = 10_000_000
"""Bytes of a TOML file; one that a user wrote has some hundreds."""

_RECORDED = ("cxraudit", "numpy", "scipy", "numba", "pandas", "pyarrow", "pillow", "torch")


def package_version() -> str:
    """Return the installed version of cxraudit."""
    return _version("cxraudit") or "unknown"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def writer() -> tuple[str, str, str]:
    """Return the machine, the number and the start of this process, which its temporary files name."""
    machine = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
    return machine, str(os.getpid()), _STARTED


def write_atomic(
    path: Path, write: Callable[[Path], object], *, through_power_cut: bool = True
) -> Path:
    """Call `write` with a temporary path beside `path`, then rename it in one step.

    At any time `path` is the old file or the complete new one, even after a kill. Neither the file nor a
    folder made for it can be read by others, whatever the umask. An error of the system, such as a full
    disk, names `path`.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    write : callable
        Called with the temporary path.
    through_power_cut : bool
        Wait until the disk has the content. Without it, a power cut may leave a file of zeros: for
        many small files whose content is checked before it is used again.
    """
    make_folder(path.parent)
    name = path.name.encode(errors="ignore")[:TEMPORARY_LENGTH].decode(errors="ignore")
    temporary = path.with_name(f".{name}.{'-'.join(writer())}{TEMPORARY}")
    try:
        new_file(temporary)
        write(temporary)
        restrict(temporary)  # a library may have made it anew
        if through_power_cut:
            with temporary.open("rb") as handle:
                os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write a text file atomically, as UTF-8."""
    return write_atomic(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_table(frame: pd.DataFrame, path: Path) -> Path:
    """Write a table atomically as Parquet, CSV or TSV; the same table gives the same bytes.

    CSV and TSV are for people: cells that a spreadsheet would run are escaped, and `read_written` undoes
    it. Parquet holds the text as it is.
    """
    if path.suffix == ".parquet":
        return write_atomic(path, lambda temporary: frame.to_parquet(temporary, index=False))
    separator = "\t" if ".tsv" in path.suffixes else ","
    as_text = partial(escaped(frame).to_csv, index=False, sep=separator, lineterminator="\n")
    text = as_text()
    if "\r" in text:  # only quotes keep it from ending the row
        text = as_text(quoting=csv.QUOTE_NONNUMERIC)
    # Without name and time in the header of gzip, which would differ in every run.
    data = gzip.compress(text.encode(), mtime=0) if path.suffix == ".gz" else text.encode()
    return write_atomic(path, lambda temporary: temporary.write_bytes(data))


def read_written(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """Read a CSV that `write_table` wrote, with some columns typed as in `cxraudit.schema.typed_frame`.

    Raises
    ------
    DataError
        If it is missing or damaged, or was changed so that it no longer has these columns.
    """
    try:
        text = pd.read_csv(path, dtype="str", na_filter=False, encoding="utf-8")
        plain = unescaped(text)
        for name, kind in columns.items():
            if kind != "str":
                plain[name] = pd.to_numeric(plain[name].replace("", None))
        return typed_frame(records(plain), columns)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path} is missing or damaged ({error}). Repeat the command that wrote it."
        ) from None


def folder_name(name: str) -> str:
    """Return a name with characters replaced that are not valid in file names; a long one is cut.

    Examples
    --------
    >>> folder_name("biovil@paper+bf16"), folder_name("hf-clip:/data/my clip")
    ('biovil@paper+bf16', 'hf-clip-data-my-clip')
    """
    valid = re.sub(r"[^\w@+.-]+", "-", name).strip("-.")
    if valid and len(valid.encode()) <= LONGEST_NAME:
        return valid
    # Names that differ only after the cut still have different files.
    mark = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{valid.encode()[: LONGEST_NAME - 13].decode(errors='ignore')}-{mark}".lstrip("-")


def write_or_remove(frame: pd.DataFrame, path: Path) -> None:
    """Write a table if it has rows; if not, remove the file of an earlier run."""
    if frame.empty:
        path.unlink(missing_ok=True)
    else:
        write_table(frame, path)


def read_table(path: Path, *, what: str = "the table", text: Sequence[str] = ()) -> pd.DataFrame:
    """Read Parquet, CSV (separated by commas or semicolons) or TSV, with or without gzip, BOM and CRLF.

    Parameters
    ----------
    path : pathlib.Path
        The file; its format is that of its suffix.
    what : str
        Name of the table in messages.
    text : sequence of str
        Columns that are identifiers, so that 007 and 1e9 are kept as text.

    Raises
    ------
    DataError
        If the file is missing, unreadable or of another format.
    """
    if not path.is_file():
        raise DataError(f"{what} {path} is missing. Check the path.")
    as_text: Any = dict.fromkeys(text, "str")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.name.endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz")):
            return pd.read_csv(
                path,
                sep="\t" if ".tsv" in path.name else _separator(path),
                encoding="utf-8-sig",
                low_memory=False,
                keep_default_na=False,
                na_values=_MISSING,
                dtype=as_text,
            )
    except (ValueError, OSError, EOFError, zlib.error) as error:  # raised by the parsers
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"{what} {path} cannot be read: {reason}.") from None
    raise DataError(f"{what} {path} is neither Parquet nor CSV. Save it as one of them.")


def _separator(path: Path) -> str:
    """Return the separator of a table, by its header; spreadsheets in many countries use semicolons."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", errors="replace") as handle:
        header = handle.readline()
    return ";" if header.count(";") > header.count(",") else ","


def read_toml(path: Path, *, what: str) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    ConfigError
        If it is missing, larger than `LARGEST_TOML`, not UTF-8, or not valid TOML.
    """
    if not path.is_file():
        state = "is missing"
        if path.exists():
            state = "is not a file"
        elif path.is_symlink():
            state = "is a link to a file that is missing"
        raise ConfigError(f"{what} {path} {state}. Check the path.")
    if path.stat().st_size > LARGEST_TOML:
        raise ConfigError(
            f"{what} {path} has {path.stat().st_size:,} bytes, which is no TOML file of settings. Check the "
            "path."
        )
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError:
        raise ConfigError(
            f"{what} {path} has brackets nested too deeply. Remove those that are not needed."
        ) from None
    except ValueError as error:  # of TOML, of UTF-8, of dates and of numbers with too many digits
        raise ConfigError(f"{what} {path} is not valid TOML in UTF-8: {error}.") from None


def toml_value(value: Any) -> str:
    """Return text, numbers, lists and mappings as TOML on one line; what is not drawn is escaped.

    Raises
    ------
    DataError
        If it is anything else.
    UnicodeError
        If a text cannot be encoded.
    """
    if isinstance(value, Mapping):
        inner = ", ".join(f"{toml_key(key)} = {toml_value(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, (bool, int, float, str)):
        # Numbers, true and false are written as in JSON, and so is text: its escapes are those of TOML, too.
        text = json.dumps(value, ensure_ascii=False)
        text.encode()
        return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in text)
    raise DataError(f"TOML files hold text, numbers and lists here, not {shown(value)}.")


def toml_key(key: str) -> str:
    """Return a key as TOML."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml_value(key)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def digest(data: object) -> str:
    """Return a short hash of plain data, independent of the order of keys."""
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def command_line() -> str:
    """Return the running command as it is typed in a shell, without the folders of its paths."""
    program = Path(sys.argv[0]).name
    return shown_command(["cxraudit" if program == "__main__.py" else program, *sys.argv[1:]])


def write_manifest(
    path: Path,
    *,
    inputs: Mapping[str, Path] | None = None,
    outputs: Iterable[Path] = (),
    **facts: Any,
) -> dict[str, Any]:
    """Write ``<path>.manifest.json``: versions, command, time, hashes and `facts`.

    It is the commit mark of a step that writes several files: written last, it names the SHA-256 of
    all, and `committed` refuses files that differ.

    Parameters
    ----------
    path : pathlib.Path
        The file or folder the manifest describes.
    inputs : mapping of str to pathlib.Path, optional
        Files that were read; their SHA-256 is recorded.
    outputs : iterable of pathlib.Path
        Files the step wrote, in the folder of `path` or below it; their SHA-256 is recorded.
    **facts
        Further plain data: seed, model card, prompt hash …
    """
    manifest = {
        "made_by": MAKER,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command_line(),
        "python": platform.python_version(),
        "versions": {name: found for name in _RECORDED if (found := _version(name))},
        "inputs": {
            name: {"path": shown_path(file, path.parent), "sha256": sha256(file)}
            for name, file in (inputs or {}).items()
        },
        **facts,
    }
    return save_manifest(path, manifest, outputs=outputs)


def save_manifest(
    path: Path, manifest: Mapping[str, Any], *, outputs: Iterable[Path] = ()
) -> dict[str, Any]:
    """Write the content of a manifest, with the hashes of `outputs` as they are now and its own."""
    names = {file.relative_to(path.parent).as_posix(): sha256(file) for file in outputs}
    plain = as_plain({**manifest, "outputs": names})
    plain[CHECKSUM] = checksum(plain)
    write_text(manifest_of(path), json.dumps(plain, indent=2) + "\n")
    return plain


def checksum(manifest: Mapping[str, Any]) -> str:
    """Return the hash of all that a manifest holds besides this hash."""
    return digest({key: value for key, value in manifest.items() if key != CHECKSUM})


def withdraw(path: Path) -> None:
    """Remove the commit mark of a file, before what it names is changed: an interrupted step has none."""
    manifest_of(path).unlink(missing_ok=True)


def manifest_of(path: Path) -> Path:
    """Return the path of the manifest of a file or folder."""
    return path.with_name(path.name + MANIFEST)


def read_manifest(path: Path) -> dict[str, Any]:
    """Read the manifest beside a file; empty if there is none.

    Raises
    ------
    DataError
        If it is damaged.
    """
    target = manifest_of(path)
    return read_json(target) if target.is_file() else {}


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that cxraudit wrote.

    Raises
    ------
    DataError
        If it is missing, damaged, or no object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise DataError(
            f"{path} is missing or damaged. Delete it, and repeat the command that wrote it."
        )
    return content


def read_ours(path: Path) -> dict[str, Any]:
    """Read a JSON file that names cxraudit as its maker; empty if it is missing, damaged or another one."""
    try:
        content = read_json(path)
    except DataError:
        return {}
    return content if content.get("made_by") == MAKER else {}


def committed(path: Path, *, remedy: str) -> dict[str, Any]:
    """Return the manifest of a file, after checking the files that it names.

    Parameters
    ----------
    path : pathlib.Path
        The file or folder the manifest describes.
    remedy : str
        What to do if something differs, one sentence.

    Raises
    ------
    DataError
        If there is no manifest, it is damaged, or a file is missing or is not the one it names: the
        step that wrote it did not finish, or the file was changed since.
    """
    if not manifest_of(path).is_file():
        state = "has no manifest beside it: the step that writes it did not finish"
        raise DataError(f"{path} {state if path.exists() else 'is missing'}. {remedy}")
    try:
        manifest = read_manifest(path)
    except DataError:
        manifest = dict[str, Any]()
    if manifest.get(CHECKSUM) != checksum(manifest):
        raise DataError(
            f"{manifest_of(path)} is damaged, or was written by another version. {remedy}"
        )
    for name, expected in manifest["outputs"].items():
        file = path.parent / name
        if not file.is_file() or sha256(file) != expected:
            state = "was changed since it was written, or its step did not finish"
            raise DataError(f"{file} {state if file.is_file() else 'is missing'}. {remedy}")
    return manifest


def as_plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return data as it is read back from a manifest, so that written and read data are equal."""
    return json.loads(json.dumps(data, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return value.name if isinstance(value, PurePath) else str(value)
