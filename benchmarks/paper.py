"""The evaluation of the study by a loop as published, and by cxraudit: same model, images and machine.

    python benchmarks/paper.py [--patients 200] [--skip-loop]

Model: a ViT-B/32 with a text tower of CLIP's size and random weights (their values do not matter for
time). Images: synthetic, 512 x 512 PNG, in the MIMIC layout.

loop      per batch of 32 and per finding, images are read, encoded and compared with two prompts; then all
          images are encoded once more for the embeddings; then per finding, group and metric 1,000 resamples
          with one scikit-learn call each (numpy's legacy stream, seed 1907)
ours      images are read and encoded once, prompts once; scores are one matrix product; `evaluate` gives the
          published protocol with the same random numbers; `patients` is the audit's patient-cluster
          bootstrap of the same cells, with a third metric

Printed: seconds (CPU of this process; wall beside it), ratios, the number of image and text encodings, and
whether interval ends are the same. S4, I1 and I2 are targets of docs/concepts/methods.md#speed.
"""

import argparse
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score
from transformers import (
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from cxraudit import datasets, prompts
from cxraudit.audits.run import audit
from cxraudit.datasets.base import FINDINGS
from cxraudit.encode import encode_images
from cxraudit.images import read_image, to_grey
from cxraudit.models.base import ModelCard
from cxraudit.paper.protocol import ATTRIBUTES, evaluate
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.settings import AuditSettings
from cxraudit.store import EmbeddingStore
from cxraudit.zeroshot import zero_shot_scores

BATCH = 32
N_RESAMPLES = 1000


class BenchModel:
    """ViT-B/32 and a text tower of CLIP's size, counting what they encode."""

    logit_scale = 1.0
    fingerprint = "benchmark"

    def __init__(self, *, bf16: bool = False) -> None:
        torch.manual_seed(0)
        self.card = ModelCard(
            name="bench",
            summary="",
            weights="none",
            license="",
            embedding_dim=512,
            image_size=224,
            trained_on=frozenset(),
            reference="",
            transform="grey; 224; v1",
        )
        self.images = CLIPVisionModelWithProjection(CLIPVisionConfig()).eval()
        self.texts = CLIPTextModelWithProjection(CLIPTextConfig()).eval()
        self.bf16 = bf16
        self.n_images = self.n_texts = 0

    def preprocess(self, image: Image.Image) -> np.ndarray:
        """Grey, 224 x 224, three channels."""
        small = to_grey(image).resize((224, 224), Image.Resampling.BICUBIC)
        grey = np.asarray(small, dtype=np.float32) / 127.5 - 1
        return np.repeat(grey[None], 3, axis=0)

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        """Embed a batch."""
        self.n_images += len(pixels)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            found = self.images(torch.from_numpy(pixels)).image_embeds.float()
        return torch.nn.functional.normalize(found, dim=1).numpy()

    def encode_texts(self, texts) -> np.ndarray:
        """Embed texts, with one token per letter."""
        self.n_texts += len(texts)
        rows = torch.zeros((len(texts), 77), dtype=torch.long)
        for row, text in zip(rows, texts, strict=True):
            for position, letter in enumerate(text[:76]):
                row[position] = ord(letter)
            row[min(len(text), 76)] = 49407
        with torch.inference_mode():
            found = self.texts(rows).text_embeds
        return torch.nn.functional.normalize(found, dim=1).numpy()


def published_scores(model: BenchModel, paths: list[str], findings) -> tuple[dict, np.ndarray]:
    """Score as the published loop does, then encode all images again for the embeddings."""

    def read(batch: list[str]) -> np.ndarray:
        return np.stack([model.preprocess(read_image(Path(path))) for path in batch])

    found = {finding: [] for finding in findings}
    for start in range(0, len(paths), BATCH):
        batch = paths[start : start + BATCH]
        for finding in findings:
            images = model.encode_images(read(batch))
            texts = model.encode_texts([f"Chest {finding}", "Chest No findings"])
            cosines = images @ texts.T
            powers = np.exp(cosines - cosines.max(axis=1, keepdims=True))
            found[finding].append((powers / powers.sum(axis=1, keepdims=True))[:, 0])
    embeddings = [
        model.encode_images(read(paths[k : k + BATCH])) for k in range(0, len(paths), BATCH)
    ]
    return {f: np.concatenate(v) for f, v in found.items()}, np.concatenate(embeddings)


def adjusted_auprc(labels, scores) -> float:
    """1 - log(AP) / log(prevalence)."""
    return 1 - np.log(average_precision_score(labels, scores)) / np.log(sum(labels) / len(labels))


def bootstrap(labels, scores, metric, stream) -> tuple[float, float]:
    """Resample as published."""
    values = []
    for _ in range(N_RESAMPLES):
        rows = stream.randint(0, len(labels), len(labels))
        drawn = labels[rows]
        if sum(drawn) == 0:
            continue
        values.append(metric(drawn, scores[rows]))
    return float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5))


def published_intervals(dataset, scores: dict) -> list[tuple[float, float]]:
    """Evaluate every finding and group as published."""
    keys = ["patient_id", "study_id", "image_id"]
    images = dataset.images.sort_values(keys).set_index("image_id", drop=False)
    images = images.sort_values(by=["age"])
    stream = np.random.RandomState(1907)
    ends = []
    for finding in dataset.findings:
        score = scores[finding].loc[images["image_id"]].to_numpy()
        label = images[finding].fillna(0).to_numpy(dtype=float)
        cells = [np.arange(len(images))]
        for attribute in ATTRIBUTES:
            for group in images[attribute].unique():
                cells.append(np.flatnonzero(images[attribute] == group))
        for rows in cells:
            for metric in (roc_auc_score, adjusted_auprc):
                ends.append(bootstrap(label[rows], score[rows], metric, stream))
    return ends


@contextmanager
def timed(name: str, into: dict):
    """Record CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    yield
    into[name] = (time.process_time() - cpu, time.perf_counter() - wall)
    print(f"  {name:34} {into[name][0]:8.1f} s CPU {into[name][1]:8.1f} s wall", flush=True)


def main() -> None:
    """Run both and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--skip-loop", action="store_true", help="only ours")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_release(
            PhantomSpec(n_patients=chosen.patients, seed=8, image_size=512), root / "mimic", "mimic"
        )
        dataset = datasets.load("mimic-cxr", root / "mimic", {"cohort": "paper"})
        dataset = dataset.choose_findings(FINDINGS)
        print(f"{len(dataset.images)} images of {dataset.n_patients} patients, one thread")
        took: dict[str, tuple[float, float]] = {}
        ours, loop = BenchModel(), BenchModel()
        evaluate(dataset, _some_scores(dataset), n_resamples=2)  # compiled before it is timed
        with timed("ours: images -> scores, embeddings", took):
            encode_images(dataset.images, {"bench": ours}, root / "fp32", n_readers=1)
            index, rows = EmbeddingStore(root / "fp32" / "bench").read()
            table = zero_shot_scores(index, rows, ours, dataset.findings, prompts.load("paper"))
        again = BenchModel()
        encode_images(dataset.images, {"bench": again}, root / "fp32", n_readers=1)
        with timed("ours: the same in bfloat16", took):
            half = BenchModel(bf16=True)
            encode_images(dataset.images, {"bench": half}, root / "bf16", n_readers=1)
            index, rows16 = EmbeddingStore(root / "bf16" / "bench").read()
            zero_shot_scores(index, rows16, half, dataset.findings, prompts.load("paper"))
        with timed("ours: intervals, same draws", took):
            numbers = evaluate(dataset, table)
        settings = AuditSettings(
            n_resamples=N_RESAMPLES, operating_point="none", calibration="none", n_threads=1
        )
        with timed("ours: the audit, patients", took):
            audit(dataset, table, settings=settings, attributes=list(ATTRIBUTES))
        print(
            f"  ours encodes {ours.n_images} images and {ours.n_texts} prompts; again: {again.n_images}"
        )
        if chosen.skip_loop:
            return
        paths = dataset.images["path"].tolist()
        with timed("loop: images -> scores, embeddings", took):
            scores, embedded = published_scores(loop, paths, dataset.findings)
        print(f"  loop encodes {loop.n_images} images and {loop.n_texts} prompts")
        wide = table.pivot(index="image_id", columns="finding", values="score")
        with timed("loop: intervals", took):
            ends = published_intervals(dataset, wide)
        _compare(took, ends, numbers, scores, wide, dataset, embedded, rows, index)


def _some_scores(dataset):
    """Return scores of 200 images."""
    ids = dataset.images["image_id"].head(200)
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "image_id": ids,
            "model": "m",
            "prompt_set": "p",
            "finding": dataset.findings[0],
            "score": rng.random(len(ids)),
        }
    )


def _compare(took, ends, numbers, scores, wide, dataset, embedded, rows, index) -> None:
    """Print differences of the results, and ratios of the times."""
    own = numbers[["auroc_low", "auroc_high", "adjusted_auprc_low", "adjusted_auprc_high"]]
    of_ends = np.abs(np.array(ends).reshape(len(numbers), 4) - own.to_numpy()).max()
    ids = dataset.images["image_id"]
    of_scores = max(np.abs(scores[f] - wide[f].loc[ids].to_numpy()).max() for f in dataset.findings)
    row_of = {name: number for number, name in enumerate(index["image_id"])}
    of_embeddings = np.abs(embedded - rows[[row_of[name] for name in ids]]).max()
    print(
        f"largest difference: interval ends {of_ends:.1e}, scores {of_scores:.1e}, "
        f"embeddings {of_embeddings:.1e}"
    )
    first = "images -> scores, embeddings"
    cpu = {name: value[0] for name, value in took.items()}
    wall = {name: value[1] for name, value in took.items()}
    for label, loop, ours in (
        ("I2 zero-shot and embeddings, fp32", f"loop: {first}", f"ours: {first}"),
        ("I2 zero-shot and embeddings, bf16", f"loop: {first}", "ours: the same in bfloat16"),
        ("S4 same intervals", "loop: intervals", "ours: intervals, same draws"),
        ("intervals over patients and tests", "loop: intervals", "ours: the audit, patients"),
    ):
        print(f"{label:36} {cpu[loop] / cpu[ours]:6.1f}x CPU {wall[loop] / wall[ours]:6.1f}x wall")
    for label, kinds in (
        ("whole evaluation, same draws", (f"ours: {first}", "ours: intervals, same draws")),
        (
            "whole evaluation, bf16, audit",
            ("ours: the same in bfloat16", "ours: the audit, patients"),
        ),
    ):
        ratios = [
            sum(t[k] for k in (f"loop: {first}", "loop: intervals")) / sum(t[k] for k in kinds)
            for t in (cpu, wall)
        ]
        print(f"{label:36} {ratios[0]:6.1f}x CPU {ratios[1]:6.1f}x wall")


if __name__ == "__main__":
    main()
