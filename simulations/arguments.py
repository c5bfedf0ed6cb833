"""The arguments that all simulations share."""

import argparse


def parser(doc: str | None, *, cohorts: int, resamples: int) -> argparse.ArgumentParser:
    """Return a parser with the number of cohorts and resamples, with these defaults, workers and the seed."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    made.add_argument("--cohorts", type=int, default=cohorts)
    made.add_argument("--resamples", type=int, default=resamples)
    made.add_argument("--workers", type=int, default=2)
    made.add_argument("--seed", type=int, default=0)
    return made
