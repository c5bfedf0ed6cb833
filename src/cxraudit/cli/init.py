"""``cxraudit init``: a first run file from a table."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from cxraudit.cli._output import Answer
from cxraudit.cli._shared import shared
from cxraudit.errors import one_line, short

if TYPE_CHECKING:
    from cxraudit.draft import Draft


@shared("init")
def init(
    table: Path,
    *,
    out: Path = Path("audit.toml"),
    dataset: str | None = None,
    root: Path | None = None,
) -> Answer:
    """Write a first run file for a table of scores: what its columns seem to be, with what was seen.

    Names and values of the columns are read, and nothing is computed. Patients, images, findings with their
    labels and scores, models, age, sex, view, attributes and shortcuts are guessed; what may be one of
    several things is left as a comment, and columns that are not used are listed. Check the file, then
    `cxraudit run audit.toml`.

    Parameters
    ----------
    table
        The scores, as CSV, Excel or Parquet.
    out
        The run file to write (TOML); a file that is there is not replaced.
    dataset
        Name of the data set, where the table has no labels; see `cxraudit datasets`.
    root
        Folder the data set was unpacked in.
    """
    from cxraudit.draft import draft_run_file

    draft = draft_run_file(table, out, dataset=dataset, root=root)
    _show(draft)
    return Answer(
        {
            "file": draft.path,
            "guesses": [asdict(one) for one in draft.guesses],
            "unused": draft.unused,
            "missing": draft.missing,
            "problem": draft.problem,
        }
    )


def _show(draft: "Draft") -> None:
    """Print the guesses, what is left to decide, and what to do next."""
    for one in draft.guesses:
        mark = "?" if one.is_open else " "
        key = one.key if one.section == "scores" else f"{one.section.partition('.')[2]} {one.key}"
        print(
            f"{mark} {one_line(key.strip(), 40):28} {short(one.value)}: {one_line(one.seen, 120)}"
        )
    if draft.unused:
        listed = [*map(short, draft.unused)]
        more = f" and {len(listed) - 20:,} others" if len(listed) > 20 else ""
        print(f"Not used: {', '.join(listed[:20])}{more}.")
    for one in draft.missing:
        print(f"To decide: {one_line(one)}.")
    if draft.problem:
        print(f"An audit refuses it so far: {one_line(draft.problem)}")
    print(f"Run file: {draft.path}. Lines with ? are comments there. Check it, then:")
    print(f"  cxraudit run {draft.path}")
    print("  cxraudit gate --init policy.toml")
