"""Regions of synthetic radiographs removed: is a score caught that rests on something else, and no other.

Cohorts of synthetic radiographs, audited for pneumothorax with the analysis of regions, by two readings, each
where the score is known to rest on something, and where it is known not to:

marker   the score is that of the control model without a shortcut, joined by a detector of a bright token
         that is drawn into a corner of some images. The token goes with pneumothorax, or does not.
         Caught: the interval of the AUROC without the lungs lies above chance.
drain    the model was trained to rely on the chest drain (phantom-clip), or was not (phantom-clip-clean).
         Caught: without the drain the score falls beyond what it falls without a region of the same size
         elsewhere, by more than 0.25 standard deviations, and the interval excludes 0.

The last column says how often the AUROC without the lungs lies above chance in either: most of a chest drain
lies within the lungs, and is removed with them.

Run: python -m simulations.regions
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from cxraudit import datasets, models
from cxraudit.audits.perturbations import audit_perturbations
from cxraudit.formatting import signed
from cxraudit.images import to_grey
from cxraudit.metrics import SHIFT_MARGIN
from cxraudit.models.base import Embeddings, ImageTextModel, ModelCard, Pixels
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PREVALENCE, PhantomSpec
from cxraudit.schema import CHANCE, OVERALL, Analysis, control_of, is_level, records
from cxraudit.scoring import perturb_images
from cxraudit.settings import AuditSettings
from simulations.arguments import print_table, table_head, table_line

FINDING = "Pneumothorax"
WITHOUT_LUNGS, WITHOUT_DRAIN = "without-lungs", "without-drain"
TOKEN = (slice(4, 12), slice(4, 12))
"""Rows and columns of the token, in images of 128 pixels: a corner that lungs do not reach."""
WITH_TOKEN = {"goes with the finding": (0.7, 0.1), "does not": (0.3, 0.3)}
"""Share of images with a token among those with, and without, pneumothorax."""
MODELS = {"relies on it": "phantom-clip", "does not": "phantom-clip-clean"}


class WithToken:
    """A model that is joined by a detector of a bright token in a corner of the image."""

    def __init__(self, model: ImageTextModel, share: float = 0.2) -> None:
        self.model, self.share = model, share
        self.card: ModelCard = replace(
            model.card, name="with-token", embedding_dim=model.card.embedding_dim + 2
        )
        self.logit_scale = model.logit_scale
        self.fingerprint = f"{model.fingerprint} token {share}"

    def preprocess(self, image: Image.Image) -> Pixels:
        """Append a row that says how bright the corner is."""
        pixels = self.model.preprocess(image)
        corner = np.asarray(to_grey(image))[TOKEN].mean() / 255
        return np.concatenate([pixels, np.full_like(pixels[:, :1], corner)], axis=1)

    def encode_images(self, pixels: Pixels) -> Embeddings:
        """Join the embedding with a direction of the token."""
        bright = pixels[:, 0, -1, 0] > 0.5
        return self._joined(self.model.encode_images(pixels[:, :, :-1]), bright)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Texts on pneumothorax lie in the direction of the token."""
        return self._joined(
            self.model.encode_texts(texts), np.array([FINDING in text for text in texts])
        )

    def _joined(self, rows: Embeddings, token: NDArray[np.bool_]) -> Embeddings:
        of_token = np.stack([token, ~token], axis=1)
        joined = np.concatenate(
            [np.sqrt(1 - self.share) * rows, np.sqrt(self.share) * of_token], axis=1
        )
        return joined.astype(np.float32)


def specification(seed: int, n_patients: int) -> PhantomSpec:
    """Return a cohort of some three images per patient, a third of them with pneumothorax."""
    return PhantomSpec(
        n_patients=n_patients,
        seed=seed,
        image_size=128,
        prevalence={**PREVALENCE, FINDING: 0.35},
        finding_contrast={},
    )


def with_tokens(
    images: pd.DataFrame, shares_of: tuple[float, float], rng: np.random.Generator
) -> None:
    """Draw tokens into the files of images."""
    shares = np.where(images[FINDING] == 1, *shares_of)
    for path in images["path"][rng.random(len(images)) < shares]:
        with Image.open(path) as image:
            levels = np.array(image)
        levels[TOKEN] = 255
        Image.fromarray(levels).save(path)


def audited(
    folder: Path,
    spec: PhantomSpec,
    loaded: Mapping[str, ImageTextModel],
    regions: Sequence[str],
    n_resamples: int,
    tokens: tuple[float, float] | None = None,
) -> dict[str, pd.DataFrame]:
    """Draw, perturbation and audit a cohort; return the rows about regions of each model."""
    write_release(spec, folder / "release", "nih", n_workers=1)
    dataset = datasets.load("nih-cxr14", folder / "release").choose_findings([FINDING])
    if tokens:
        with_tokens(dataset.images, tokens, np.random.default_rng([spec.seed, 5]))
    perturbed = perturb_images(
        dataset,
        loaded,
        FINDING,
        "paper",
        folder / "perturbed",
        regions=regions,
        n_images=len(dataset.images),
        n_readers=1,
    )
    settings = AuditSettings(n_resamples=n_resamples, seed=spec.seed)
    rows = audit_perturbations(dataset, perturbed.scores, attributes=[], settings=settings).results
    rows = rows[(rows["analysis"] == Analysis.REGION) & (rows["group"] == OVERALL)]
    return {name: rows[rows["model"] == name] for name in loaded}


def above_chance(rows: pd.DataFrame) -> bool:
    """Tell whether the interval of the AUROC without the lungs lies above chance."""
    (row,) = _rows(rows, WITHOUT_LUNGS, CHANCE, "auroc")
    return bool(row["low"] > 0)


def falls(rows: pd.DataFrame) -> bool:
    """Tell whether the score falls beyond the margin when the drain is removed, against the control."""
    (row,) = _rows(rows, WITHOUT_DRAIN, control_of(WITHOUT_DRAIN), "score_change")
    return bool(row["high"] < 0 and row["value"] < -SHIFT_MARGIN)


def _rows(rows: pd.DataFrame, condition: str, reference: str, metric: str) -> list[dict[str, Any]]:
    keys = (rows["condition"] == condition) & (rows["reference"] == reference)
    return records(rows[keys & (rows["metric"] == metric)])


def _area(rows: pd.DataFrame) -> float:
    return float(_rows(rows[is_level(rows)], WITHOUT_LUNGS, "", "auroc")[0]["value"])


def evaluate(seed: int, n_resamples: int) -> list[dict[str, Any]]:
    """Audit cohorts by both readings; one dictionary per reading and truth."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        with_token = {"m": WithToken(models.load("phantom-clip-clean"))}
        for number, (truth, shares) in enumerate(WITH_TOKEN.items()):
            folder, spec = Path(name) / f"marker{number}", specification(seed + 50_000 * number, 48)
            rows = audited(folder, spec, with_token, [WITHOUT_LUNGS], n_resamples, shares)["m"]
            one = {"caught": above_chance(rows), "alone": above_chance(rows), "value": _area(rows)}
            found.append({"reading": "marker", "truth": truth, **one})
        loaded = {truth: models.load(model) for truth, model in MODELS.items()}
        perturbations = [WITHOUT_LUNGS, WITHOUT_DRAIN]
        spec = specification(seed, 64)
        for truth, rows in audited(
            Path(name) / "drain", spec, loaded, perturbations, n_resamples
        ).items():
            (change,) = _rows(rows, WITHOUT_DRAIN, control_of(WITHOUT_DRAIN), "score_change")
            one = {"caught": falls(rows), "alone": above_chance(rows), "value": change["value"]}
            found.append({"reading": "drain", "truth": truth, **one})
    return found


def lines(n: int, n_resamples: int, seed: int, workers: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    head = [
        "what the score may rest on",
        "it",
        "mean estimate",
        "caught",
        "ranked without the lungs",
    ]
    yield from table_head(head)
    seeds = range(seed * 100_000 + 1, seed * 100_000 + 1 + n)
    with ProcessPoolExecutor(workers) as pool:
        found = pool.map(partial(evaluate, n_resamples=n_resamples), seeds)
        table = pd.DataFrame([row for rows in found for row in rows])
    for (reading, truth), part in table.groupby(["reading", "truth"], sort=False):
        mean, marker = part["value"].mean(), reading == "marker"
        yield table_line(
            [
                "a token in a corner" if marker else "the chest drain",
                str(truth),
                f"AUROC {mean:.2f} without the lungs"
                if marker
                else f"{signed(mean)} SD without the drain",
                f"{part['caught'].sum()} of {n}",
                f"{part['alone'].sum()} of {n}",
            ]
        )


def main() -> None:
    """Print the table."""
    print_table(__doc__, lines, cohorts=24, resamples=500)


if __name__ == "__main__":
    main()
