"""Tables of scores with labels beside them: CSV, TSV, Parquet and Excel."""

from pathlib import Path

import numpy as np
import pandas as pd

import cxraudit.steps
from cxraudit.schema import OVERALL
from fuzz.case import Case, Generator, Outcome, command, judged
from fuzz.table_files import write
from fuzz.tables import Sheet, chance, mutated, pick

N_IMAGES = 60

COLUMNS = {
    "pneumothorax": ("--label=Pneumothorax=ptx", "--score=Pneumothorax=s"),
    "two findings": (
        *("--label=Pneumothorax=ptx", "--label=Edema=edema"),
        *("--score=Pneumothorax=s", "--score=Edema=s2"),
    ),
    "by prefix": ("--label=Pneumothorax=ptx", "--score-prefix=prob_"),
}
GROUPS = (
    (),
    ("--sex=sex", "--age=age"),
    ("--attribute=race",),
    ("--sex=sex", "--age=age", "--view=view", "--attribute=race", "--attribute=sex*race"),
    ("--attribute=race", "--reference=race=white", "--all-pairs"),
    ("--attribute=ward", "--shortcut=drain=Pneumothorax"),
    (
        "--sex=sex",
        "--shortcut=drain=Pneumothorax",
        "--shortcut=view_position:AP=Pneumothorax",
        "--view=view",
    ),
)
QUICK = ("--resamples=20", "--threads=1")


def base_table() -> pd.DataFrame:
    """Sixty images of thirty patients, as a hospital has them."""
    rng = np.random.default_rng(0)
    patient = np.arange(N_IMAGES) // 2
    label = rng.integers(0, 2, N_IMAGES)
    score = label + rng.normal(size=N_IMAGES)
    return pd.DataFrame(
        {
            "file": [f"image{k:04d}.png" for k in range(N_IMAGES)],
            "pid": [f"{p:04d}" for p in patient],
            "age": rng.integers(18, 95, 30)[patient],
            "sex": rng.choice(["F", "M"], 30)[patient],
            "race": rng.choice(["asian", "black", "white"], 30)[patient],
            "ward": rng.choice(["A", "B"], N_IMAGES),
            "view": rng.choice(["AP", "PA"], N_IMAGES),
            "drain": rng.choice(["yes", "no"], N_IMAGES),
            "ptx": label,
            "edema": rng.integers(0, 2, N_IMAGES),
            "s": score.round(4),
            "s2": rng.random(N_IMAGES).round(4),
            "prob_Pneumothorax": score.round(4),
        }
    )


class ScoreTables:
    """``cxraudit audit TABLE`` with columns named on the command line."""

    name = "score tables"

    def prepare(self, folder: Path) -> None:
        """Make the base table, and what an audit of it gives."""
        self.sheet = Sheet.of(base_table())
        self.report = cxraudit.steps.report_step
        self.expected: dict[str, dict[str, float]] = {}
        for name in COLUMNS:
            place = folder / name.replace(" ", "-")
            place.mkdir(parents=True)
            base_table().to_csv(place / "t.csv", index=False)
            code, err = self._audit(Case(place), place / "t.csv", name, (), report=False)
            assert code == 0, err
            self.expected[name] = overall(place / "out")
        for number, groups in enumerate(GROUPS):  # compiles what is compiled once
            place = folder / f"groups-{number}"
            place.mkdir()
            base_table().to_csv(place / "t.csv", index=False)
            code, err = self._audit(
                Case(place), place / "t.csv", "two findings", groups, report=number == 0
            )
            assert code == 0, err

    def write(self, rng: Generator, folder: Path) -> Case:
        """Mutate the table, and write it in one of many ways."""
        case = Case(folder)
        sheet = mutated(self.sheet, rng, case)
        case.notes["file"] = write(sheet, folder / "t", rng, case)
        case.notes["columns"] = pick(rng, list(COLUMNS))
        case.notes["groups"] = pick(rng, GROUPS)
        case.notes["report"] = chance(rng, 0.04)
        return case

    def run(self, case: Case) -> Outcome:
        """Audit it, and compare counts, and results where nothing of the meaning changed."""
        notes = case.notes
        out = case.folder / "out"
        code, err = self._audit(
            case, notes["file"], notes["columns"], notes["groups"], report=notes["report"]
        )
        outcome = judged(case, code, err, out=out)
        if code == 0:
            outcome.faults += totals(out, case.rows)
            if case.harmless and overall(out) != self.expected[notes["columns"]]:
                outcome.faults.append(("misread", f"{overall(out)} for {self.expected}"))
        return outcome

    def _audit(
        self, case: Case, file: Path, columns: str, groups: tuple[str, ...], *, report: bool
    ) -> tuple[int, str]:
        cxraudit.steps.report_step = self.report if report else lambda folders, path: [path]
        try:
            code, _, err = command(
                case,
                *(
                    "audit",
                    file,
                    "--image=file",
                    "--patient=pid",
                    *COLUMNS[columns],
                    *groups,
                    *QUICK,
                ),
                *("--out", case.folder / "out"),
            )
        finally:
            cxraudit.steps.report_step = self.report
        return code, err


def overall(out: Path) -> dict[str, float]:
    """Return finding → AUROC over all images."""
    results = pd.read_parquet(out / "results.parquet")
    rows = results[
        (results["analysis"] == "subgroups")
        & (results["attribute"] == OVERALL)
        & (results["metric"] == "auroc")
        & (results["reference"] == "")
    ]
    return dict(zip(rows["finding"], rows["value"].round(9), strict=True))


def totals(out: Path, rows: int | None) -> list[tuple[str, str]]:
    """Return a fault where images are neither audited nor excluded, or are counted twice."""
    flow = pd.read_csv(out / "flow.csv")
    excluded = pd.read_parquet(out / "excluded.parquet")
    faults = []
    first, last, left_out = (
        flow["images"].iloc[0],
        flow["images"].iloc[-1],
        flow["images_out"].sum(),
    )
    if first - left_out != last:
        faults.append(("totals", f"{first} − {left_out} ≠ {last} images in flow.csv"))
    if len(excluded) != left_out or excluded["image_id"].duplicated().any():
        faults.append(("totals", f"{len(excluded)} images are listed, {left_out} are left out"))
    if rows is not None and rows != first:
        faults.append(("totals", f"{rows} rows became {first} images"))
    results = pd.read_parquet(out / "results.parquet")
    if (results["n"] > last).any():
        faults.append(("totals", f"{results['n'].max()} of {last} images"))
    return faults
