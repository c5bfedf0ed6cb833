"""Tokenizers of transformers, read from the files of a folder without running code in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cxraudit.models import untrusted
from cxraudit.models.hf_folder import PUBLISHED


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
    """
    import transformers

    fault = f"'{where}' has a tokenizer that cannot be read"
    with untrusted.one_sentence(fault, PUBLISHED), silent():
        return transformers.AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
