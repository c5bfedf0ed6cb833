"""A vocabulary is the one its network was trained with, or is refused."""

import json

import pytest

pytest.importorskip("tokenizers")
pytest.importorskip("transformers")

import generated
from cxraudit.errors import DataError, TextError
from cxraudit.models._torch import tokens

WORDS = (generated.HERE / "cxr_bert_vocab.txt").read_text(encoding="utf-8").split("\n")
PAGE = "<!DOCTYPE html><html>Sign in</html>"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"


def moved(word: str, to: int) -> list[str]:
    """The words with one of them elsewhere."""
    others = [one for one in WORDS if one != word]
    return [*others[:to], word, *others[to:]]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_published_vocabulary_is_accepted(tmp_path, end):
    """With and without a last line break, and with those of Windows."""
    path = tmp_path / "vocab.txt"
    text = (end or "\n").join(WORDS) + end
    path.write_bytes(text.encode())

    read = tokens.WordPiece(path, *tokens.PUBMED_BERT)

    assert read("Pneumothorax") == [2, WORDS.index("pneumothorax"), 3]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("\n".join(WORDS[:-1]), "has 30,521 words, the network 30,522"),
        ("\n".join([*WORDS, "more"]), "has 30,523 words, the network 30,522"),
        ("\n".join([*WORDS[:-1], WORDS[500]]), f"the word '{WORDS[500]}' 2 times"),
        ("\n".join(moved("[CLS]", 7)), r"\[CLS\] is word 2 there"),
        ("\n".join(moved("[PAD]", 30_521)), r"\[PAD\] is word 0 there"),
        ("\n".join("[unk]" if word == "[UNK]" else word for word in WORDS), r"\[UNK\] is word 1"),
        (PAGE, "is a web page"),
        (POINTER, "is a Git LFS pointer"),
        ("", "is empty"),
        (json.dumps({"a": 1}), "has 1 words"),
    ],
    ids=["fewer", "more", "twice", "moved", "padding", "lower", "page", "pointer", "empty", "json"],
)
def test_another_vocabulary_raises(tmp_path, content, match):
    """Texts would have tokens that mean other words, or none."""
    path = tmp_path / "vocab.txt"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(DataError, match=match):
        tokens.WordPiece(path, *tokens.PUBMED_BERT)


def test_a_vocabulary_that_is_missing_or_not_text_raises(tmp_path):
    """Not UTF-8; no file."""
    path = tmp_path / "vocab.txt"
    with pytest.raises(DataError, match="is missing"):
        tokens.WordPiece(path, *tokens.PUBMED_BERT)
    path.write_bytes("\n".join(WORDS).encode("utf-16"))
    with pytest.raises(DataError, match="not text in UTF-8"):
        tokens.WordPiece(path, *tokens.PUBMED_BERT)


def test_the_vocabulary_of_another_bert_raises():
    """PubMedBERT's network does not take Google's words, whose special tokens are others."""
    with pytest.raises(DataError, match="has 28,996 words, the network 30,522"):
        tokens.WordPiece(tokens.VOCABULARIES / "bert_base_cased.txt", *tokens.PUBMED_BERT)


@pytest.fixture
def clip(tmp_path):
    """A folder with CLIP's vocabulary and merges, as MedImageInsight is published."""
    vocabulary, merges = tokens.bpe_lists()
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    lines = "\n".join(["#version: 0.2", *merges]) + "\n"
    (tmp_path / "merges.txt").write_text(lines, encoding="utf-8")
    return tmp_path


def test_clips_vocabulary_and_merges_are_accepted(clip):
    """They are the tokenizer of CLIP."""
    text = "Small right pleural effusion; no pneumothorax."

    assert tokens.bytepairs_from(clip)(text) == tokens.clip_bpe()(text)


def without(words: dict[str, int], word: str) -> dict[str, int]:
    """The words without one, numbered again."""
    return {one: number for number, one in enumerate(w for w in words if w != word)}


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda w: without(w, "chest</w>"), "has 49,407 words, the network 49,408"),
        (lambda w: {**w, "chest</w>": w["the</w>"]}, "is not the vocabulary of the network"),
        (lambda w: {**w, "chest</w>": "10563"}, "is not the vocabulary of the network"),
        (lambda w: {**w, "chest</w>": -1}, "is not the vocabulary of the network"),
        (
            lambda w: {**w, "<|startoftext|>": 49_407, "<|endoftext|>": 49_406},
            r"<\|startoftext\|> is word 49406 there",
        ),
        (
            lambda w: {**w, "chest</w>": w["the</w>"], "the</w>": w["chest</w>"]},
            "merges.txt does not",
        ),
    ],
    ids=["fewer", "number twice", "text", "negative", "ends", "swapped"],
)
def test_another_vocabulary_of_clip_raises(clip, spoil, match):
    """Also one whose words only have other numbers."""
    words = spoil(json.loads((clip / "vocab.json").read_text(encoding="utf-8")))
    (clip / "vocab.json").write_text(json.dumps(words), encoding="utf-8")

    with pytest.raises(DataError, match=match):
        tokens.bytepairs_from(clip)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (PAGE, "is a web page"),
        (POINTER, "is a Git LFS pointer"),
        ("[1, 2]", r"holds \[1, 2\], not a JSON object"),
        ('{"a": 1, "a": 2}', "the key 'a' is given twice"),
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
    ],
    ids=["page", "pointer", "list", "twice", "cut", "nested"],
)
def test_a_file_that_is_no_vocabulary_raises(clip, content, match):
    """Whatever it is."""
    (clip / "vocab.json").write_text(content)

    with pytest.raises(DataError, match=match):
        tokens.bytepairs_from(clip)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, "a b"],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: [lines[0], "in", *lines[2:]],
        lambda lines: [lines[0], "i  n", *lines[2:]],
        lambda lines: lines[:1],
    ],
    ids=["fewer", "more", "swapped", "one part", "three parts", "none"],
)
def test_other_merges_raise(clip, spoil):
    """Their order decides into which words a text is divided."""
    path = clip / "merges.txt"
    lines = spoil(path.read_text(encoding="utf-8").splitlines())
    path.write_text("\n".join(lines), encoding="utf-8")

    with pytest.raises(DataError, match=r"merges\.txt does not make the words of vocab\.json"):
        tokens.bytepairs_from(clip)


@pytest.mark.parametrize("tokenizer", [tokens.clinical_bert, tokens.clip_bpe])
@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "é" * 9, "🙂", "x" * 20_000, "[SEP]", "<|endoftext|>"]
)
def test_every_text_has_tokens(tokenizer, text):
    """Also one that is empty, very long, or has words of the tokenizer's own."""
    pytest.importorskip("ftfy")
    assert len(tokenizer()(text)) >= 2


def test_a_text_that_is_no_unicode_raises():
    """Half of a surrogate pair, from a file that was read with errors ignored."""
    with pytest.raises(TextError, match="cannot be read"):
        tokens.clinical_bert()("effusion \ud800")
