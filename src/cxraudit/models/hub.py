"""Models named by a folder, or by their owner and name on the hub."""

import re
from pathlib import Path
from typing import Any

from cxraudit.errors import DataError, MissingExtraError
from cxraudit.models import untrusted, weights
from cxraudit.models.download import require_https

SHA256 = re.compile(r"[0-9a-f]{64}")
SECONDS = 10
"""To wait for the hub's first answer."""
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def folder_of(where: str, configuration: str) -> Path:
    """Return the folder of a model; of one on the hub, that of its configuration in the user's cache.

    Raises
    ------
    DataError
        If there is none, or it cannot be downloaded.
    """
    folder = Path(where)
    if where and folder.is_dir():
        return folder
    if folder.exists() or not HUB_NAME.fullmatch(where):
        raise DataError(
            f"'{where}' is no folder or hub name of a model. Name the folder that contains "
            f"{configuration}."
        )
    found = _from_hub(where, "hf_hub_download", configuration, filename=configuration)
    return Path(found).parent


def whole(where: str, folder: Path, names: list[str], configuration: str) -> Path:
    """Return the folder with all files of these names; those of a model on the hub are downloaded."""
    if Path(where).is_dir():
        return folder
    return Path(
        _from_hub(
            where, "snapshot_download", configuration, revision=folder.name, allow_patterns=names
        )
    )


def _from_hub(where: str, function: str, configuration: str, **wanted: Any) -> str:
    """Call a function of the hub's client; if the hub does not answer, for what was downloaded before."""
    try:
        import huggingface_hub
        from huggingface_hub import constants
    except ImportError:
        raise MissingExtraError(f"the model '{where}' of the hub", "models") from None
    require_https(constants.ENDPOINT, insecure=False)
    try:
        # The client itself would wait for minutes.
        huggingface_hub.get_session().head(constants.ENDPOINT, timeout=SECONDS)
        unreachable = ""
    except Exception as error:
        unreachable = f", {constants.ENDPOINT} does not answer: {untrusted.reason(error)}"
    with untrusted.one_sentence(
        f"'{where}' is no folder, and cannot be downloaded from the hub{unreachable}",
        f"Check the path or name, or name a folder that contains {configuration}.",
    ):
        found: str = getattr(huggingface_hub, function)(
            where, local_files_only=bool(unreachable), **wanted
        )
        return found


def digests(paths: list[Path]) -> list[str]:
    """Return the checksums of files; those that the hub names by theirs are compared.

    Raises
    ------
    DataError
        If one is not what the hub published.
    """
    found = []
    for path in paths:
        digest, blob = weights.checksum(path), path.resolve().name
        if path.is_symlink() and SHA256.fullmatch(blob) and digest != blob:
            raise DataError(
                f"{path.resolve()} is not what the hub published: its sha256 is {digest}. Delete it, and "
                "run the same command again."
            )
        found.append(digest)
    return found
