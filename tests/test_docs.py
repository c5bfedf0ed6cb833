"""The documentation names what exists: commands, options, configuration keys, files."""

import re
import tomllib
from pathlib import Path

import pytest

from command_tree import commands, flags
from cxraudit.run_file import RunFile

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = commands()


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def sections(page: Path) -> dict[str, str]:
    """Return heading → text below it, on one line."""
    parts = re.split(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], (" ".join(part.split()) for part in parts[2::2]), strict=True))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_and_every_flag_is_in_the_reference(command):
    """With its help; if not, run scripts/write_commands.py."""
    section = sections(ROOT / "docs/reference/commands.md")[f"cxraudit {' '.join(command)}"]

    missing = {
        flag
        for flag, text in flags(command).items()
        if not re.search(rf"(?<![\w-]){flag}(?![\w-])", section)
        or " ".join(str(text).split()) not in section
    }
    assert missing == set()


def test_the_reference_names_no_other_command():
    """A command that was removed leaves the page."""
    headings = set(sections(ROOT / "docs/reference/commands.md"))

    assert headings - {"Command line"} == {f"cxraudit {' '.join(one)}" for one in COMMANDS}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shown_commands_and_flags_exist(page):
    """Each `cxraudit X --flag` in a console block is one the program has."""
    for block in blocks(page, "console"):
        for line in block.replace("\\\n", " ").replace(" -- ", "\ncxraudit ").splitlines():
            words = line.split()
            if words[:1] != ["cxraudit"] or words[1:2] == ["COMMAND"]:
                continue
            command = tuple(words[1:3]) if tuple(words[1:3]) in COMMANDS else tuple(words[1:2])
            assert command in COMMANDS, f"{page.name}: {line}"
            unknown = {word for word in words if word.startswith("--")} - set(flags(command))
            assert unknown == set(), f"{page.name}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """Relative links and pictures are files of the repository."""
    for target in re.findall(
        r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")
    ):
        assert (page.parent / target).exists(), target


def test_the_configuration_reference_is_accepted_and_complete():
    """Its example loads, and it shows every key there is."""
    first, second, third = blocks(ROOT / "docs/reference/configuration.md", "toml")
    data = tomllib.loads(first)
    config = RunFile.model_validate(data)
    scores = RunFile.model_validate(
        {
            **{k: v for k, v in data.items() if k not in ("encode", "perturb")},
            **tomllib.loads(second),
        }
    )

    own = RunFile.model_validate({"out": "o", **tomllib.loads(third)})
    shown = {
        key
        for section in (
            config,
            config.dataset,
            config.encode,
            scores.scores,
            own.scores,
            config.audit,
        )
        for key in section.model_fields_set
    }
    known = {
        key
        for section in (config, config.dataset, config.encode, scores.scores, config.audit)
        for key in type(section).model_fields
    }
    assert known - {"scores"} == shown


def test_every_toml_block_is_valid():
    """TOML on every page."""
    for page in PAGES:
        for block in blocks(page, "toml"):
            tomllib.loads(block)


def test_every_results_column_is_explained():
    """In the reference of tables."""
    from cxraudit.schema import RESULT_COLUMNS

    text = (ROOT / "docs/reference/tables.md").read_text(encoding="utf-8")
    assert [column for column in RESULT_COLUMNS if not re.search(rf"\b{column}\b", text)] == []


def test_public_names_are_importable_and_documented():
    """Everything in __all__ has a docstring."""
    import cxraudit

    for name in cxraudit.__all__:
        assert getattr(cxraudit, name).__doc__, name
    with pytest.raises(AttributeError, match="nonsense"):
        _ = cxraudit.nonsense
