"""How often an audit of heads finds a gap that was planted, and one that was not, in synthetic cohorts.

    python -m simulations.heads [--cohorts 24] [--resamples 1000] [--workers 2] [--seed 0]

The images of synthetic cohorts are encoded with phantom-clip-clean, whose text side is not used: heads for
three findings are fitted on half of the patients and audited on the others, by age and sex.

* `80 and over`: findings of patients aged 80 and over have 35 % of the contrast of the others.
* `none`: findings are as clear at every age.

Sex has no effect on findings in either. A row counts the cohorts with a disparity in AUROC of the group of 80
and over, of another age group (against all others, among whom are the affected ones), and by sex, and those
in which the gap of the affected group by heads of 64 patients is shown (`n_shot` has no verdict: an interval
without 0 counts).
"""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from cxraudit import (
    Analysis,
    AuditSettings,
    EmbeddingStore,
    ModelEmbeddings,
    PhantomSpec,
    audit,
    encode_images,
    fit_heads,
    load_dataset,
    load_model,
    write_phantom,
)
from simulations.arguments import print_table, table_head, table_line

MODEL = "phantom-clip-clean"
FINDINGS = ("Atelectasis", "Consolidation", "Pneumonia")
PLANTED = {"80 and over": {"80+": 0.35}, "none": {}}
AFFECTED = "80+"
N_PATIENTS = 1200


def evaluate(seed: int, planted: str, n_resamples: int) -> dict[str, bool]:
    """Return what is found in one cohort."""
    spec = PhantomSpec(
        seed=seed,
        n_patients=N_PATIENTS,
        images_per_patient=2.0,
        image_size=128,
        finding_contrast=PLANTED[planted],
    )
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_phantom(spec, root / "release", "nih", n_workers=1)
        dataset = load_dataset("nih-cxr14", root / "release").choose_findings(FINDINGS)
        encode_images(dataset.images, {MODEL: load_model(MODEL)}, root / "store", n_readers=1)
        index, vectors = EmbeddingStore(root / "store" / MODEL).read()
        embeddings = ModelEmbeddings(MODEL, index["image_id"].to_numpy(dtype=str), vectors, ())
        heads = fit_heads(dataset, embeddings, seed=seed)
        settings = AuditSettings(n_resamples=n_resamples, n_threads=1, seed=seed)
        found = audit(
            heads.held_out(dataset),
            heads.scores(embeddings),
            attributes=["age_group", "sex"],
            settings=settings,
            embeddings=[heads.embedded(embeddings)],
            heads=[heads],
        ).results
    gaps = found[(found["metric"] == "auroc") & (found["reference"] != "")]
    disparate = gaps[(gaps["analysis"] == Analysis.SUBGROUPS) & (gaps["verdict"] == "disparity")]
    by_age = disparate["attribute"] == "age_group"
    few = gaps[
        (gaps["analysis"] == Analysis.N_SHOT) & (gaps["group"] == AFFECTED) & (gaps["at"] == 64)
    ]
    return {
        "disparity of 80 and over": bool((by_age & (disparate["group"] == AFFECTED)).any()),
        "of another age group": bool((by_age & (disparate["group"] != AFFECTED)).any()),
        "by sex": bool((~by_age).any()),
        "by heads of 64 patients": bool(((few["low"] > 0) | (few["high"] < 0)).any()),
    }


def lines(n: int, n_resamples: int, seed: int, workers: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    seeds = range(5000 + seed * 1000, 5000 + seed * 1000 + n)  # none is the seed of the model
    with ProcessPoolExecutor(workers) as pool:
        for number, planted in enumerate(PLANTED):
            one = partial(evaluate, planted=planted, n_resamples=n_resamples)
            found = pd.DataFrame(pool.map(one, seeds))
            if not number:
                yield from table_head(["planted", "cohorts", *found])
            yield table_line([planted, str(n), *(str(int(found[name].sum())) for name in found)])


def main() -> None:
    """Print the table."""
    print_table(__doc__, lines, cohorts=24, resamples=1000)


if __name__ == "__main__":
    main()
