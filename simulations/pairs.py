"""What is found of a user's own edits, by two models of which one relies on what is edited.

    python -m simulations.pairs [--cohorts 24] [--resamples 300] [--seed 0] [--workers 2]

Cohorts of synthetic radiographs are drawn, and the images without a chest drain are given to a generator
whose truth is known: they are drawn again with a drain, in which nothing else differs (edit ``drain``). Its
controls are the same tube outside the lungs and an edge within them; ``noise`` changes grey levels by at most
one, and has no control. Edited images are written as PNG with a table of pairs, and read, scored and audited
as those of a user. ``phantom-clip`` was trained to rely on drains, ``phantom-clip-clean`` was not. Columns of
the table: the mean change of the score for pneumothorax in standard deviations, and the number of cohorts by
what is stated:

============  =====================================================================================
beyond        The score changes, and more than with each control.
alone         It changes, and the edit has no control.
control       It changes, and with a control, too.
unclear       Inconclusive, or not shown to be more than with a control.
within        It changes within the margin.
============  =====================================================================================
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from cxraudit import datasets, models, prompts
from cxraudit.audits.families import PERTURBATIONS, SCORES, part_share
from cxraudit.audits.perturbations import audit_perturbations
from cxraudit.datasets.base import Dataset
from cxraudit.edits import CONTROL_OF, DEVICE
from cxraudit.errors import NotAppliedError
from cxraudit.images import read_image, to_grey
from cxraudit.perturb import perturb
from cxraudit.phantom.redraw import redrawn
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.report.statements.own_edits import Response, responses
from cxraudit.schema import CONTROLS, OVERALL
from cxraudit.scoring import score_pairs
from cxraudit.settings import AuditSettings
from simulations.arguments import print_table, table_head, table_line

MODELS = ("phantom-clip", "phantom-clip-clean")
FINDING = "Pneumothorax"
NOISE = "noise"
PATIENTS, SIDE = 40, 128
OUTCOMES = (Response.BEYOND, Response.ALONE, Response.CONTROL, Response.UNCLEAR, Response.WITHIN)


def edit_images(dataset: Dataset, folder: Path, seed: int) -> Path:
    """Write edited images of those without a drain, and the table of pairs; return the table."""
    draw = redrawn(dataset, drain=True)
    rng = np.random.default_rng(seed)
    rows: list[dict[str, str]] = []

    def keep(image: Image.Image, image_id: str, edit: str, control_of: str = "") -> None:
        name = f"{edit}-{image_id}"
        image.save(folder / name)
        row = {"image_id": image_id, "edited": name, "edit": edit, CONTROL_OF: control_of}
        rows.append(row | {"finding": FINDING})

    without = dataset.images[dataset.images[DEVICE] == "no"]
    for image_id, path in zip(without["image_id"], without["path"], strict=True):
        image = read_image(Path(path))
        keep(draw(image, image_id), image_id, DEVICE)
        grey = np.asarray(to_grey(image), dtype=np.int16)
        noisy = np.clip(grey + rng.integers(-1, 2, grey.shape), 0, 255).astype(np.uint8)
        keep(Image.fromarray(noisy), image_id, NOISE)
        for name in CONTROLS:
            try:
                keep(perturb(image, name, image_id=image_id, seed=seed), image_id, name, DEVICE)
            except NotAppliedError:
                continue
    table = folder / "pairs.csv"
    pd.DataFrame(rows).to_csv(table, index=False)
    return table


def stated(seed: int, n_resamples: int) -> list[tuple[str, str, Response, float]]:
    """Return model, edit, what is stated, and the mean change, in one cohort."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        spec = PhantomSpec(n_patients=PATIENTS, seed=7000 + seed, image_size=SIDE)
        write_release(spec, folder / "release", "nih", n_workers=1)
        dataset = datasets.load("nih-cxr14", folder / "release").choose_findings([FINDING])
        (folder / "edited").mkdir()
        pairs = edit_images(dataset, folder / "edited", seed)
        loaded = {name: models.load(name) for name in MODELS}
        scored = score_pairs(
            dataset,
            loaded,
            FINDING,
            prompts.load("paper"),
            pairs,
            folder / "pairs",
            n_readers=1,
            tell=lambda _: None,
        )
        found = audit_perturbations(
            dataset,
            scored.scores,
            attributes=("sex",),
            settings=AuditSettings(n_resamples=n_resamples, seed=seed),
            share=part_share(PERTURBATIONS, [SCORES, PERTURBATIONS]),
        )
    own = {one.name: one.control_of for one in found.own_edits}
    rows = found.results[found.results["attribute"] == OVERALL]
    return [
        (model, one.edit, one.response, float(one.change["value"]))
        for model in MODELS
        for one in responses(rows[rows["model"] == model], own)
    ]


def lines(n: int, n_resamples: int, seed: int, workers: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield from table_head(["model", "edit", "mean change", *(one.name.lower() for one in OUTCOMES)])
    seeds = range(seed * 1000, seed * 1000 + n)
    with ProcessPoolExecutor(workers) as pool:
        found = [
            row
            for rows in pool.map(partial(stated, n_resamples=n_resamples), seeds)
            for row in rows
        ]
    for model in MODELS:
        for edit in (DEVICE, NOISE):
            own = [row for row in found if row[:2] == (model, edit)]
            tally = Counter(row[2] for row in own)
            mean = np.mean([row[3] for row in own])
            cells = [model, edit, f"{mean:+.2f}".replace("-", "−")]
            yield table_line([*cells, *(str(tally[one]) for one in OUTCOMES)])


if __name__ == "__main__":
    print_table(__doc__, lines, cohorts=24, resamples=300)
