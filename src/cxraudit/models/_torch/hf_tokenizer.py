"""Tokenizers of transformers, read from the files of a folder without running code in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cxraudit.errors import MissingExtraError
from cxraudit.models import is_installed, untrusted
from cxraudit.models.hf_folder import CONFIG, PUBLISHED

PIECES = "spiece.model"


@contextmanager
def silent() -> Iterator[None]:
    """Keep transformers from logging what is checked here, or has no influence."""
    from transformers import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)


def hf_tokenizer(folder: Path, where: str) -> Any:
    """Return the tokenizer of a folder.

    Raises
    ------
    DataError
        If it cannot be read.
    MissingExtraError
        If it is one of SentencePiece, which is not installed.
    """
    import transformers

    converted = any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json"))
    if (folder / PIECES).is_file() and not converted:
        for package in ("sentencepiece", "google.protobuf"):
            if not is_installed(package):
                raise MissingExtraError(f"the tokenizer of '{where}' ({PIECES})", "models")

    # transformers reads both for a tokenizer.
    fault = f"'{where}' has a tokenizer, or a {CONFIG}, that cannot be read"
    with untrusted.one_sentence(fault, PUBLISHED), silent():
        return transformers.AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
