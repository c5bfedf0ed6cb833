"""Write docs/reference/commands.md from the commands themselves: ``python scripts/write_commands.py``."""

from pathlib import Path

from cxraudit.cli import app

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "commands.md"

INTRODUCTION = """\
# Command line

Every command explains itself with `--help`.
Progress and messages go to stderr; results go to stdout and to the folder named.
With `--json` the answer is one [JSON document](json.md).
The exit code is 0 for success, 2 for something you can correct (one sentence says what) and 130 for Ctrl-C.
`gate` also has 1 and 3.
`stress` is an alias of `perturb` for one release.

This page is made from the program by `scripts/write_commands.py`.

"""


def page() -> str:
    """Return the page: an introduction, the list of commands, and one section per command."""
    made = app.generate_docs()
    return INTRODUCTION + made[made.index("**First steps**") :]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
