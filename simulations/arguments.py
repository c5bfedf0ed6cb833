"""The arguments that all simulations share."""

import argparse
from collections.abc import Callable, Iterable, Sequence


def parser(doc: str | None, *, cohorts: int, resamples: int) -> argparse.ArgumentParser:
    """Return a parser with the number of cohorts and resamples, with these defaults, workers and the seed."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    made.add_argument("--cohorts", type=int, default=cohorts)
    made.add_argument("--resamples", type=int, default=resamples)
    made.add_argument("--workers", type=int, default=2)
    made.add_argument("--seed", type=int, default=0)
    return made


def table_line(cells: Iterable[str]) -> str:
    """Return a line of a table in Markdown.

    Examples
    --------
    >>> table_line(["a", "b"])
    '| a | b |'
    """
    return f"| {' | '.join(cells)} |"


def table_head(cells: Sequence[str]) -> list[str]:
    """Return the two lines that a table in Markdown begins with."""
    return [table_line(cells), f"|{'---|' * len(cells)}"]


def print_lines(lines: Iterable[str]) -> None:
    """Print the lines of a table as they come."""
    for line in lines:
        print(line, flush=True)  # noqa: T201


def print_table(
    doc: str | None,
    lines: Callable[[int, int, int, int], Iterable[str]],
    *,
    cohorts: int,
    resamples: int,
) -> None:
    """Print the table of a simulation that takes the shared arguments only."""
    given = parser(doc, cohorts=cohorts, resamples=resamples).parse_args()
    print_lines(lines(given.cohorts, given.resamples, given.seed, given.workers))
