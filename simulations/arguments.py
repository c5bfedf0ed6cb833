"""The arguments that all simulations share."""

import argparse
from collections.abc import Callable, Iterable


def parser(doc: str | None, *, cohorts: int, resamples: int) -> argparse.ArgumentParser:
    """Return a parser with the number of cohorts and resamples, with these defaults, workers and the seed."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    made.add_argument("--cohorts", type=int, default=cohorts)
    made.add_argument("--resamples", type=int, default=resamples)
    made.add_argument("--workers", type=int, default=2)
    made.add_argument("--seed", type=int, default=0)
    return made


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
