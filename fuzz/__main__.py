"""Command line of the fuzzing: ``python -m fuzz --budget 600`` or ``--n 2000``."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from fuzz.campaign import Tally, run, table
from fuzz.kinds import KINDS, kind_named
from fuzz.worker import run_case


def main() -> int:
    """Run the cases; the exit code is 1 if one of them has a fault."""
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"seed {options.seed}; faults are kept in {options.out}", flush=True)
    kinds = options.kind or list(KINDS)
    if options.case is not None:
        return _one(kinds[0], options)
    tallies = []
    for kind in kinds:
        until = time.monotonic() + options.budget / len(kinds) if options.budget else None
        tally = run(
            kind, options.n, options.seed, kept=options.out, n_workers=options.workers, until=until
        )
        tallies.append(tally)
        _report(tally)
    print()
    print(table(tallies))
    _save(tallies, options)
    return int(any(tally.faults for tally in tallies))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="default: all")
    parser.add_argument("--n", type=int, default=2000, help="mutations of each kind")
    parser.add_argument("--budget", type=float, default=0, help="seconds in total; 0: no limit")
    parser.add_argument(
        "--seed", type=int, default=time.time_ns() // 1000, help="default: the clock"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--case", type=int, help="run one case in this process")
    parser.add_argument("--out", type=Path, default=Path("fuzz-faults"), help="folder for faults")
    return parser.parse_args()


def _one(kind: str, options: argparse.Namespace) -> int:
    """Run one case here, where a debugger can be attached."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        base = Path(scratch) / "base"
        base.mkdir()
        made = kind_named(kind)
        made.prepare(base)
        found = run_case(made, kind, options.seed, options.case, Path(scratch), options.out)
    print(f"{found.status}: {found.sentence}\nmutations: {found.made}")
    for name, detail in found.faults:
        print(f"{name}:\n{detail}")
    return int(bool(found.faults))


def _report(tally: Tally) -> None:
    """Print the counts of a kind, and an example of each fault."""
    counts = ", ".join(f"{count} {name}" for name, count in tally.statuses.most_common())
    print(f"\n{tally.kind}: {tally.tried} in {tally.seconds:.0f} s: {counts}", flush=True)
    shown: set[str] = set()
    for found in tally.faulty:
        for name, detail in found.faults:
            last = f"{name}: {detail.strip().splitlines()[-1][:200] if detail.strip() else ''}"
            if last not in shown:
                shown.add(last)
                print(f"  {last}  ({found.reproducer or found.number})", flush=True)


def _save(tallies: list[Tally], options: argparse.Namespace) -> None:
    facts = {
        tally.kind: {
            "tried": tally.tried,
            "statuses": dict(tally.statuses),
            "faults": dict(tally.faults),
            "sentences": tally.sentences.most_common(),
        }
        for tally in tallies
    }
    (options.out / "summary.json").write_text(
        json.dumps({"seed": options.seed, **facts}, indent=2), encoding="utf-8"
    )


if __name__ == "__main__":
    sys.exit(main())
