"""Tokenizers of the published models, as their authors ran them."""

import gzip
import html
import json
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from cxraudit.errors import DataError

VOCABULARIES = resources.files("cxraudit.models") / "vocabularies"


class WordPiece:
    """BERT's tokenizer, lower-cased and without accents, also with a cased vocabulary."""

    def __init__(self, vocabulary: Path) -> None:
        from tokenizers import BertWordPieceTokenizer

        if not vocabulary.is_file():
            raise DataError(f"{vocabulary} is missing. It belongs to the published checkpoint.")
        self._tokenizer = BertWordPieceTokenizer(str(vocabulary), lowercase=True)

    def __call__(self, text: str) -> list[int]:
        """Return [CLS] … [SEP]."""
        return self._tokenizer.encode(text).ids


@cache
def clinical_bert() -> WordPiece:
    """Return Bio_ClinicalBERT's tokenizer: its vocabulary is cased, but texts are lower-cased."""
    with resources.as_file(VOCABULARIES / "bert_base_cased.txt") as path:
        return WordPiece(path)


def truncated(row: list[int], longest: int) -> list[int]:
    """Return a text's ids, truncated to `longest` with the end token kept."""
    return row if len(row) <= longest else [*row[: longest - 1], row[-1]]


def fix_characters(text: str) -> str:
    """Repair wrongly decoded characters with ftfy, as the published tokenizers do first."""
    import ftfy

    return ftfy.fix_text(text)


def clean(text: str) -> str:
    """Repair characters and HTML entities as OpenAI's and open_clip's tokenizers do."""
    return html.unescape(html.unescape(fix_characters(text))).strip()


class BytePairs:
    """CLIP's tokenizer: [start] … [end], end = the largest id."""

    def __init__(
        self,
        vocabulary: dict[str, int],
        merges: Sequence[str],
        prepare: Callable[[str], str] = clean,
    ) -> None:
        from transformers import CLIPTokenizer

        pairs: Any = [tuple(line.split()) for line in merges]
        self._tokenizer: Any = CLIPTokenizer(vocab=vocabulary, merges=pairs)
        self.end = vocabulary["<|endoftext|>"]
        self._prepare = prepare

    def __call__(self, text: str) -> list[int]:
        """Return the ids of a text, not truncated."""
        return self._tokenizer(self._prepare(text))["input_ids"]


def bpe_lists() -> tuple[dict[str, int], list[str]]:
    """Return OpenAI's vocabulary and merges: bytes, bytes that end a word, merges, start and end."""
    packed = (VOCABULARIES / "bpe_simple_vocab_16e6.txt.gz").read_bytes()
    merges = gzip.decompress(packed).decode().split("\n")[1 : 49_152 - 256 - 2 + 1]
    codes = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(c) for c in codes] + [chr(256 + k) for k in range(256 - len(codes))]
    words = [*symbols, *(s + "</w>" for s in symbols), *("".join(m.split()) for m in merges)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    return {word: k for k, word in enumerate(words)}, merges


@cache
def clip_bpe() -> BytePairs:
    """Return OpenAI's tokenizer from its list of merges."""
    return BytePairs(*bpe_lists())


def bytepairs_from(folder: Path) -> BytePairs:
    """Return the tokenizer of a folder with vocab.json and merges.txt, as transformers 4 ran it."""
    for name in ("vocab.json", "merges.txt"):
        if not (folder / name).is_file():
            raise DataError(f"{folder / name} is missing. It belongs to the published checkpoint.")
    merges = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line for line in merges if line and not line.startswith("#version")]
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    return BytePairs(vocabulary, pairs, fix_characters)
