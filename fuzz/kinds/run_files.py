"""Run files and the TOML file that describes a table of the user."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import cxraudit.steps
from fuzz.case import Case, Generator, Outcome, command, judged
from fuzz.kinds.score_tables import base_table, totals
from fuzz.tables import chance
from fuzz.toml import mutated

DATASET: dict[str, Any] = {
    "name": "t",
    "file": "base.csv",
    "image": "file",
    "patient": "pid",
    "path": "file",
    "age": "age",
    "sex": "sex",
    "view": "view",
    "findings": {"Pneumothorax": "ptx"},
    "attributes": ["race"],
    "shortcuts": ["drain"],
}
AUDIT: dict[str, Any] = {
    "attributes": ["race", "sex"],
    "n_resamples": 5,
    "operating_point": "none",
    "calibration": "none",
    "margin": 0.05,
    "min_patients": 5,
    "references": {"race": "white"},
    "n_threads": 1,
}
SCORES: dict[str, Any] = {
    "out": "o",
    "seed": 1,
    "dataset": {"name": "table", "root": "dataset.toml"},
    "scores": {"file": "base.csv", "model": "m", "image": "file", "score": {"Pneumothorax": "s"}},
    "audit": AUDIT,
}
ENCODE: dict[str, Any] = {
    "out": "o",
    "seed": 1,
    "dataset": {"name": "table", "root": "dataset.toml", "options": {"only.race": "white,black"}},
    "encode": {"models": ["random"], "prompts": "paper", "batch_size": 8, "n_readers": 1},
    "perturb": {"perturbations": ["blur"], "images": 5},
    "audit": {**AUDIT, "embeddings": False},
}


class RunFiles:
    """``cxraudit run FILE``."""

    name = "run files"

    def prepare(self, folder: Path) -> None:
        """Make a table and its images."""
        self.folder = folder
        table = base_table()
        table.to_csv(folder / "base.csv", index=False)
        rng = np.random.default_rng(0)
        for name in table["file"]:
            Image.fromarray(rng.integers(0, 256, (16, 16), dtype=np.uint8)).save(folder / name)
        self.report = cxraudit.steps.report_step

    def write(self, rng: Generator, folder: Path) -> Case:
        """Mutate the run file, or the description of its data set."""
        case = Case(folder)
        for file in self.folder.iterdir():
            (folder / file.name).symlink_to(file)
        (folder / "base.csv").unlink()
        shutil.copy(self.folder / "base.csv", folder)
        base = ENCODE if chance(rng, 0.15) else SCORES
        run, dataset = Case(folder), Case(folder)
        changed = chance(rng, 0.6)
        contents = {
            "audit.toml": mutated(base, rng if changed else np.random.default_rng(1), run),
            "dataset.toml": mutated(DATASET, rng, dataset),
        }
        case.add(str((run if changed else dataset).made))
        for name, content in contents.items():
            mutates = (name == "audit.toml") == changed
            plain = _plain(base if name == "audit.toml" else DATASET)
            (folder / name).write_bytes(content if mutates else plain)
        if not _stays_inside(folder):
            (folder / "audit.toml").write_bytes(_plain(base))
        case.rows = 60 if base is SCORES and not changed else None
        return case

    def run(self, case: Case) -> Outcome:
        """Run it without the report, which other kinds write."""
        cxraudit.steps.report_step = lambda folders, path: [path]
        try:
            code, _, err = command(case, "run", case.folder / "audit.toml", "--quiet")
        finally:
            cxraudit.steps.report_step = self.report
        out = case.folder / "o" / "audit"
        outcome = judged(case, code, err, out=case.folder / "o")
        if code == 0 and out.is_dir():
            outcome.faults += totals(out, None)
        return outcome


def _plain(data: dict[str, Any]) -> bytes:
    from fuzz.toml import dumped

    return dumped(data).encode()


def _stays_inside(folder: Path) -> bool:
    """Tell whether the outputs of a run file are in its folder, if it is one."""
    try:
        out = tomllib.loads((folder / "audit.toml").read_text(encoding="utf-8-sig")).get("out")
    except (ValueError, RecursionError):
        return True
    if not isinstance(out, str) or "\x00" in out:
        return True
    return (folder / out).resolve().is_relative_to(folder.resolve())
