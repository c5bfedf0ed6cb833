"""Records of what the work in a folder depends on, so that other work is never mixed in."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxraudit.errors import DataError
from cxraudit.files import as_plain, manifest_of, read_json, read_manifest, read_ours, write_text

PERTURBED_RECORD = "perturbed.json"
"""File in the folder of perturbed images that holds their seed and number; see `resume_or_refuse`."""


def resume_or_refuse(
    mark: Path,
    wanted: Mapping[str, Any],
    *,
    what: str,
    remedy: str = "Choose another --out.",
) -> None:
    """Record the settings of the work in a folder, or check that they are those of the record.

    Parameters
    ----------
    mark : pathlib.Path
        The record, a JSON file in the folder.
    wanted : mapping
        Everything the results of the work depend on, as plain data.
    what : str
        What the folder holds, for the message.
    remedy : str
        What to do about it, one sentence.

    Raises
    ------
    DataError
        If the record differs, naming each setting that does: results of different work are never
        mixed.
    """
    plain = as_plain(wanted)
    if not mark.is_file():
        write_text(mark, json.dumps(plain, indent=2) + "\n")
        return
    found = read_json(mark)
    differing = [_setting(key, found) for key in plain if found.get(key) != plain[key]]
    if differing:
        raise DataError(
            f"{mark.parent} holds {what} made with other settings ({', '.join(differing)}). {remedy}"
        )


def manifest_of_ours(path: Path | None) -> dict[str, Any]:
    """Return the manifest beside a file if cxraudit wrote it; empty if not, or if it is damaged."""
    return {} if path is None else read_ours(manifest_of(path))


def _setting(key: str, found: Mapping[str, Any]) -> str:
    """Name a setting, with its recorded value where that is a number."""
    value = found.get(key)
    return f"{key} {value}" if isinstance(value, (int, float)) else key


def commands_of(path: Path) -> list[str]:
    """Return the commands that led to a file, oldest first, from its manifest."""
    manifest = read_manifest(path)
    return manifest.get("commands", [manifest["command"]] if "command" in manifest else [])
