"""The language is that of the field: private words that were replaced do not come back.

Checked are the texts of the package (strings, docstrings, comments, templates, data), its names, the help of
every command, and the documentation.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from command_tree import commands
from cxraudit.cli import app

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/cxraudit"

INSTEAD = {
    r"films?": "image; radiograph",
    r"made[- ]up": "synthetic",
    r"lean(s|ed|ing)?": "relies on",
    r"ow(e|es|ed|ing)": "attributable to",
    r"knows|knew|knowledge": "is decodable from; contains",
    r"sees|saw": "separates images with and without; contains",
    r"(not|never|has|have) seen|unseen": "held-out",
    r"tells|told": "states; shows; distinguishes",
    r"(cannot|can not|can’t|can't|could not) tell": "inconclusive; not settled",
    r"asks|asked": "audits; tests; requires",
    r"said": "stated",
    r"probes? reads?|read(able)? (from|in) (the )?embeddings?": "decodable from the embedding",
    r"wears?|wearing|worn": "image degradation; corruption",
    r"coin[- ]toss(es)?": "chance level",
    r"shams?": "control perturbation",
    r"doses?": "shortcut prevalence",
    r"multiverses?": "prompt sensitivity",
    r"nobody": "unknown group; not annotated",
    r"the rest": "all other groups; the remainder",
    r"made alike|at equal (age|view|sex|race|drain|mix)s?": "standardised by",
    r"people who label|people(’s|'s) labels?|people (gave|labelled|annotated|alone)": "annotators",
    r"(labels?|labelled|annotated|given) by people": "annotators",
    r"ill(?!-)|healthy": "positive, negative; with or without the finding",
    r"(images?|patients?|share) called|(is|are|never) called (large|small|ill|healthy)": "flagged; judged",
    r"called (positive|negative|at the threshold|at or above)": "flagged",
    r"untid(y|iness)": "record noise",
    r"mend(s|ed|ing)?": "fix",
    r"strangers?": "unmatched",
    r"(stays?|keeps?|is|are) quiet": "reports no effect",
    r"lied|lying": "is wrong",
    r"instruments?|reads? true": "audit; calibration check on synthetic data with known truth",
    r"readings": "results",
    r"was shown|were shown|shown to be small|disparity shown": "the word of the verdict",
    r"real, size unclear|within margin": "difference of unclear size; small difference",
    r"(encoded|known),? (and|is|but)? ?(not )?used": "decodable, (not) associated with the score",
    r"detectable gaps?": "smallest difference detectable with 80 % power",
    r"detectability": "separation; shortcut AUROC",
    r"drawn[- ]in drains?|drawn drains?|drains? drawn in(to)?": "inserted drain",
    r"shortcut cards?": "analyses of a shortcut",
    r"gives? (it|the finding|a finding) away": "stands in for",
    r"(what|how) (a|the) probabilit(y|ies) (is|are) worth": "calibration",
    r"for whom|how sure|eyeball(s|ed)?": "in which groups; how certain",
}
"""Private word, as a pattern between word boundaries → what to say instead."""

NAMES = (
    r"films?|shams?|doses?|leans?|owed|knows|knowledge|multiverse|untidy|untidiness|told|said|asked|mine|"
    r"there|strangers?|mended|wear|worn|ill|healthy|called|nobody|coin|toss|sees|"
    r"detectability|examine"
)
"""Words that are not part of a name in the package."""

VERBATIM = {PACKAGE / "datasets/releases/mimic_sections.toml": ("comparison film",)}
"""File → texts in it that are quoted from elsewhere: headings of sections in reports of MIMIC-CXR."""

PRIVATE = re.compile(rf"\b(?:{'|'.join(INSTEAD)})\b", re.IGNORECASE)
PRIVATE_NAME = re.compile(NAMES)
OLD_NAMES = ROOT / "scripts/compare_results.py"
"""Translates the names of the first version."""
MODULES = [
    file
    for folder in (PACKAGE, ROOT / "scripts", ROOT / "benchmarks")
    for file in sorted(folder.rglob("*.py"))
    if file != OLD_NAMES
]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff")),
    *(ROOT / name for name in ("pyproject.toml", "zensical.toml", "Makefile")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(file for end in ("toml", "j2", "md") for file in PACKAGE.rglob(f"*.{end}")),
]


def private_words(text: str) -> list[str]:
    """Return each private word of a text with what to say instead; line breaks are blanks."""
    return [
        f"“{found[0]}” → {_instead(found[0])}: … {found.string[max(0, found.start() - 30) : found.end() + 30]} …"
        for found in PRIVATE.finditer(" ".join(text.split()))
    ]


def _instead(word: str) -> str:
    return next(
        say for private, say in INSTEAD.items() if re.fullmatch(private, word, re.IGNORECASE)
    )


def texts(module: str) -> Iterator[str]:
    """Return strings and docstrings of a module, each in one piece, and its comments."""
    for node in ast.walk(ast.parse(module)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
    tokens = tokenize.generate_tokens(io.StringIO(module).readline)
    yield " ".join(token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT)


def words_of_names(module: str) -> Iterator[tuple[str, str]]:
    """Return each name in a module with each word in it: of ``image_changes``, image and changes."""
    for token in tokenize.generate_tokens(io.StringIO(module).readline):
        if token.type == tokenize.NAME:
            for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", token.string):
                yield token.string, word.lower()


def relative(file: Path) -> str:
    """Return the name of a test of a file."""
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_texts_of_the_package_have_no_private_words(module):
    """Messages, docstrings and comments."""
    found = [
        word for text in texts(module.read_text(encoding="utf-8")) for word in private_words(text)
    ]

    assert found == []


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_names_of_the_package_have_no_private_words(module):
    """Modules, functions, columns and variables."""
    within = [(module.stem, word) for word in re.split(r"[_.]", module.stem)]
    names = [*within, *words_of_names(module.read_text(encoding="utf-8"))]

    assert {name for name, word in names if PRIVATE_NAME.fullmatch(word)} == set()


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_pages_and_data_have_no_private_words(page):
    """Documentation, templates, prompts; the old names in the tables of the changelog are left out."""
    text = page.read_text(encoding="utf-8")
    for verbatim in VERBATIM.get(page, ()):
        text = text.replace(verbatim, "")
    if page.name == "CHANGELOG.md":
        text = re.sub(r"^\|.*\|$|`[^`]*`|\(was [^)]*\)", "", text, flags=re.MULTILINE)

    assert private_words(text) == []


@pytest.mark.parametrize("command", [(), *commands()], ids=" ".join)
def test_the_help_has_no_private_words(command):
    """As it is printed."""
    shown = io.StringIO()
    app.help_print(list(command), console=Console(file=shown, width=10_000))

    assert "Usage" in shown.getvalue()
    assert private_words(shown.getvalue()) == []


@pytest.mark.parametrize(
    "text",
    [
        "600 made-up films",
        "the score leans on the drain",
        "AUROC owed to the drain",
        "the data cannot\ntell",
        "minus that of the sham",
        "the embedding knows the sex",
        "the model sees the drain",
        "compared with the rest",
        "a coin toss",
        "gaps at equal age",
        "labels by people",
        "ill, called healthy",
        "images called at the threshold",
        "encoded, not used",
        "real, size unclear",
        "Mended what a review found",
        "Does the instrument read true?",
    ],
)
def test_private_words_are_found(text):
    """Each of them, whatever the case and the line breaks."""
    assert private_words(text) != []


@pytest.mark.parametrize(
    "text",
    [
        "a function that is called with a record",
        "the gap lies within the margin",
        "a read-only folder is still readable",
        "unedited images, embedded with their reports",
        "an ill-conditioned matrix",
        "the known groups, and the unknown group",
        "images that have neither; the remainder of the name",
        "it does not differ, as shown in the figure",
    ],
)
def test_normal_english_is_not_found(text):
    """Words that contain a private one, or have it in another meaning."""
    assert private_words(text) == []


def test_strings_are_read_in_one_piece():
    """Across literals, lines and values; names word by word."""
    module = 'error = f"the data cannot " f"tell {reason}"  # of a\n# coin toss\nFilmList = sham_edit = 0\n'

    found = {word.split("”")[0] for text in texts(module) for word in private_words(text)}
    names = {name for name, word in words_of_names(module) if PRIVATE_NAME.fullmatch(word)}
    assert found == {"“cannot tell", "“coin toss"}
    assert names == {"FilmList", "sham_edit"}
