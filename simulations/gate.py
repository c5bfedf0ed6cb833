"""How often a gate stops a planted regression, and how often it stops noise, on pairs of releases.

    python -m simulations.gate [--cohorts 24] [--resamples 1000] [--workers 2] [--seed 0]

A release is phantom-clip with the code that reads its images. Of each synthetic cohort the older release
reads the images as they are. The newer one reads them

* recompressed as JPEG, which is noise: no group should be worse off;
* recompressed, and those of female patients blurred, as by a fault in reading the files of one device: the
  planted regression.

All three are encoded, scored and audited, and `POLICY` is judged. A row counts the exit codes.
"""

import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pandas as pd
from PIL import Image
from threadpoolctl import threadpool_limits

from cxraudit import (
    Audit,
    AuditSettings,
    Dataset,
    PhantomSpec,
    Policy,
    audit,
    diff,
    encode_images,
    gate,
    load_dataset,
    load_model,
    perturb_image,
    score,
    write_phantom,
)
from cxraudit.datasets.base import ADULT_AGE_GROUPS
from cxraudit.store import EmbeddingStore
from simulations.arguments import print_table, table_head, table_line

POLICY = """
[[rules]]
name = "No gap by sex has changed"
change = true
metric = "auroc"
attribute = "sex"
no_disparity = true

[[rules]]
name = "No gap by sex may widen by more than 0.02"
change = true
metric = "auroc"
attribute = "sex"
widens_at_most = 0.02
"""
MODEL, FINDINGS = "phantom-clip", ("Atelectasis", "Consolidation", "Pneumonia")
CONTRAST = dict.fromkeys(ADULT_AGE_GROUPS, 0.4)
"""Visibility of findings: an AUROC of about 0.85."""
BLUR = 5
"""Severity, of 5."""
RELEASES = ("as they are", "recompressed", "blurred")


class Reading:
    """How a release reads an image."""

    def __init__(self, release: str, female: frozenset[str]) -> None:
        """Read the images of some patients in another way."""
        self.release, self.female = release, female

    def __call__(self, image: Image.Image, image_id: str) -> Image.Image:
        """Return the image as the model gets it."""
        if self.release == RELEASES[0]:
            return image
        read = perturb_image(image, "jpeg", severity=1, image_id=image_id)
        if self.release == RELEASES[2] and image_id in self.female:
            read = perturb_image(read, "blur", severity=BLUR, image_id=image_id)
        return read


def released(dataset: Dataset, release: str, folder: Path, n_resamples: int) -> Audit:
    """Encode, score and audit the images as a release reads them."""
    images = dataset.images
    female = frozenset(images.loc[images["sex"] == "female", "image_id"])
    model = load_model(MODEL)
    encode_images(
        images,
        {MODEL: model},
        folder,
        n_readers=1,
        perturbation=Reading(release, female),
        perturbation_name=release,
    )
    scores = score(EmbeddingStore(folder / MODEL), model, FINDINGS)
    settings = AuditSettings(n_resamples=n_resamples, n_threads=1)
    return audit(dataset, scores, attributes=["sex"], settings=settings)


def evaluate(seed: int, n_resamples: int) -> dict[str, int]:
    """Return the exit code of the gate for either newer release of one cohort."""
    spec = PhantomSpec(seed=seed, images_per_patient=2.0, image_size=128, finding_contrast=CONTRAST)
    policy = Policy.model_validate(tomllib.loads(POLICY))
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_phantom(spec, root / "release", "nih", n_workers=1)
        dataset = load_dataset("nih-cxr14", root / "release")
        audits = {
            name: released(dataset, name, root / str(k), n_resamples)
            for k, name in enumerate(RELEASES)
        }
    old = audits[RELEASES[0]]
    return {
        name: gate(audits[name], policy, since=diff(old, audits[name])).exit_code
        for name in RELEASES[1:]
    }


def lines(n: int, n_resamples: int, seed: int, workers: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    codes = {0: "passed (0)", 3: "inconclusive (3)", 1: "failed (1)"}
    yield from table_head(["newer release", *codes.values()])
    seeds = range(
        3000 + seed * 1000, 3000 + seed * 1000 + n
    )  # none of them is the seed of the model
    with ProcessPoolExecutor(workers) as pool:
        found = pd.DataFrame(pool.map(partial(evaluate, n_resamples=n_resamples), seeds))
    for name in found:
        yield table_line([str(name), *(str(int((found[name] == code).sum())) for code in codes)])


def main() -> None:
    """Print the table."""
    print_table(__doc__, lines, cohorts=24, resamples=1000)


if __name__ == "__main__":
    main()
