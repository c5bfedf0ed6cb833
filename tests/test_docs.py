"""The documentation names what exists: commands, options, configuration keys, files."""

import re
import tomllib
from pathlib import Path

import pytest

from cxraudit.cli import app, main
from cxraudit.run_file import RunConfig

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = {name for name in app if not name.startswith("-")}


SUBCOMMANDS = {
    "datasets": ("find", "check"),
    "drains": ("train", "apply"),
    "paper": ("run", "tables", "compare"),
    "models": ("check", "fetch", "bench"),
}


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def test_every_command_is_in_the_reference():
    """And the reference names no other."""
    text = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")

    assert set(re.findall(r"\| `cxraudit ([a-z]+)` \|", text)) == COMMANDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shown_commands_and_options_exist(page, capsys):
    """Each `cxraudit X --option` in a console block is understood by the program."""
    for block in blocks(page, "console"):
        for line in block.replace("\\\n", " ").splitlines():
            match = re.match(r"cxraudit ([a-z]+)\b(.*)", line)
            if not match:
                continue
            assert match[1] in COMMANDS, line
            word = match[2].split()[0] if match[2].split() else ""
            below = [word] if word in SUBCOMMANDS.get(match[1], ()) else []
            main([match[1], *below, "--help"])
            known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
            for option in re.findall(r"\s(--[a-z-]+)", match[2]):
                assert option in known, f"{page.name}: {option} in {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """Relative links and pictures are files of the repository."""
    for target in re.findall(
        r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")
    ):
        assert (page.parent / target).exists(), target


def test_the_configuration_reference_is_accepted_and_complete():
    """Its example loads, and it shows every key there is."""
    first, second = blocks(ROOT / "docs/reference/configuration.md", "toml")
    data = tomllib.loads(first)
    config = RunConfig.model_validate(data)
    scores = RunConfig.model_validate(
        {
            **{k: v for k, v in data.items() if k not in ("encode", "stress")},
            **tomllib.loads(second),
        }
    )

    shown = {
        key
        for section in (config, config.dataset, config.encode, scores.scores, config.audit)
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
