"""Tokenizers of the published models, as their authors ran them."""

import gzip
import html
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import resources
from itertools import zip_longest
from pathlib import Path
from typing import Any

from cxraudit.errors import DataError, TextError
from cxraudit.models import untrusted

VOCABULARIES = resources.files("cxraudit.models") / "vocabularies"
PUBLISHED = "It belongs to the published checkpoint: use the file published with the weights."

BERT_CASED = 28_996, {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102}
"""Words of Google's cased BERT, and ids of its special tokens."""
PUBMED_BERT = 30_522, {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}
"""The same of PubMedBERT and CXR-BERT."""
CLIP = 49_408, {"<|startoftext|>": 49_406, "<|endoftext|>": 49_407}
"""The same of CLIP."""
CLIP_SYMBOLS = 512
"""Words of CLIP's vocabulary before those that merges make: bytes, within a word and at its end."""


class WordPiece:
    """BERT's tokenizer, lower-cased and without accents, also with a cased vocabulary.

    Parameters
    ----------
    vocabulary : pathlib.Path
        One word per line.
    n_words : int
        Rows of the network's table of words.
    special : mapping of str to int
        Special tokens and their rows.

    Raises
    ------
    DataError
        If the vocabulary does not fit the network.
    """

    def __init__(self, vocabulary: Path, n_words: int, special: Mapping[str, int]) -> None:
        from tokenizers import BertWordPieceTokenizer

        words = untrusted.read_text(vocabulary, remedy=PUBLISHED).removesuffix("\n").split("\n")
        _require_fit(vocabulary, words, n_words, special)
        with untrusted.one_sentence(f"{vocabulary} is no vocabulary", PUBLISHED):
            self._tokenizer = BertWordPieceTokenizer(str(vocabulary), lowercase=True)

    def __call__(self, text: str) -> list[int]:
        """Return [CLS] … [SEP]."""
        with readable():
            return self._tokenizer.encode(text).ids


def _require_fit(
    path: Path, words: Sequence[str], n_words: int, special: Mapping[str, int]
) -> None:
    """Refuse a vocabulary, in the order of its ids, that is not the one a network was trained with."""
    wrong = [
        f"{token} is word {k} there" for token, k in special.items() if words[k : k + 1] != [token]
    ]
    (most, times), *_ = Counter(words).most_common(1)
    faults = [
        *(
            [f"it has {len(words):,} words, the network {n_words:,}"]
            if len(words) != n_words
            else []
        ),
        *([f"it has the word {most!r} {times} times"] if times > 1 else []),
        *wrong[:1],
    ]
    if faults:
        raise DataError(f"{path} is not the vocabulary of the network: {faults[0]}. {PUBLISHED}")


@contextmanager
def readable() -> Iterator[None]:
    """Turn what a tokenizer raises on a text into a `TextError`."""
    try:
        yield
    except (TypeError, ValueError) as error:  # for instance half of a surrogate pair
        # Without the text, which may be a report of a patient.
        raise TextError(
            f"the text cannot be read ({untrusted.reason(error)}). Save it as UTF-8."
        ) from None


def refuse_longer(row: Sequence[int], longest: int, model: str, remedy: str) -> None:
    """Refuse a text with more tokens than a model takes.

    Raises
    ------
    TextError
        With the number of tokens, the limit, and what can be done.
    """
    if len(row) > longest:
        raise TextError(
            f"the text has {len(row)} tokens; {model} takes at most {longest}. {remedy}"
        )


@cache
def clinical_bert() -> WordPiece:
    """Return Bio_ClinicalBERT's tokenizer: its vocabulary is cased, but texts are lower-cased."""
    with resources.as_file(VOCABULARIES / "bert_base_cased.txt") as path:
        return WordPiece(path, *BERT_CASED)


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
        with readable():
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
    """Return the tokenizer of a folder with CLIP's vocab.json and merges.txt, as transformers 4 ran it.

    Raises
    ------
    DataError
        If a file is missing or does not fit the network.
    """
    words_file, merges_file = folder / "vocab.json", folder / "merges.txt"
    vocabulary = untrusted.read_json(words_file, remedy=PUBLISHED)
    ids = {k: word for word, k in vocabulary.items() if isinstance(k, int)}
    if absent := [k for k in range(len(vocabulary)) if k not in ids]:
        raise DataError(
            f"{words_file} is not the vocabulary of the network: no word has number {absent[0]}. {PUBLISHED}"
        )
    _require_fit(words_file, [ids[k] for k in range(len(vocabulary))], *CLIP)
    lines = untrusted.read_text(merges_file, remedy=PUBLISHED).splitlines()
    merges = [line for line in lines if line and not line.startswith("#version")]
    made = ["".join(line.split(" ")) if line.count(" ") == 1 else "" for line in merges]
    expected = [ids[k] for k in range(CLIP_SYMBOLS, CLIP[0] - len(CLIP[1]))]
    if made != expected:
        first = next(k for k, pair in enumerate(zip_longest(made, expected)) if pair[0] != pair[1])
        raise DataError(
            f"{merges_file} does not make the words of {words_file.name} (first: number {first + 1}). "
            f"{PUBLISHED}"
        )
    with untrusted.one_sentence(f"{folder} holds no tokenizer of CLIP", PUBLISHED):
        return BytePairs(vocabulary, merges, fix_characters)
