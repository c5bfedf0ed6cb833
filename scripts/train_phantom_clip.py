"""Train phantom-clip, the control model that ships with cxraudit.

    python scripts/train_phantom_clip.py

draws synthetic radiographs and FINDINGS texts, trains both encoders contrastively and writes
``weights.safetensors``, ``vocabulary.json`` and ``training.json`` (specification, seed and log) into
``src/cxraudit/models/phantom_clip``. The model acquires its effects from the training images: chest drains
are strongly associated with pneumothorax, and patients aged 80 and over are rare, with faint findings.
``--clean`` trains the counterpart without these effects.
"""

import argparse
import json
import platform
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from cxraudit.datasets.base import FINDINGS
from cxraudit.models.phantom_clip import prepare
from cxraudit.models.phantom_clip.network import IMAGE_SIZE, PhantomClip, tokenize, words
from cxraudit.phantom.cohort import Radiograph, draw_cohort, radiographs
from cxraudit.phantom.findings import render
from cxraudit.phantom.spec import AGE_SHARES, PhantomSpec
from cxraudit.phantom.texts import (
    ABSENT,
    NORMAL,
    PRESENT,
    SIDES,
    WITH_DRAIN,
    Statement,
    statements,
)

SEED = 1907
FOLDER = Path(__file__).parents[1] / "src/cxraudit/models/phantom_clip"


def training_spec(*, n_patients: int, clean: bool) -> PhantomSpec:
    """Return the training cohort; no other cohort uses its seed."""
    if clean:
        return PhantomSpec(
            n_patients=n_patients,
            seed=SEED,
            finding_contrast={},
            drain_given_pneumothorax=0.3,
            drain_otherwise=0.3,
        )
    return PhantomSpec(
        n_patients=n_patients,
        seed=SEED,
        age_shares={**AGE_SHARES, "80+": 0.05},
        finding_contrast={"80+": 0.45},
        drain_given_pneumothorax=0.85,
        drain_otherwise=0.01,
    )


def resized(radiograph: Radiograph) -> np.ndarray:
    """Draw an image and resize it like the adapter of the model."""
    picture = Image.fromarray(render(radiograph))
    return np.asarray(picture.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC))


def build_vocabulary() -> dict[str, int]:
    """Number the words of report templates and captions from 2; 0 is padding, 1 an unknown word."""
    templates = [
        text for part in (*PRESENT.values(), *ABSENT.values(), WITH_DRAIN, NORMAL) for text in part
    ]
    counts = Counter(
        word for text in [*templates, *FINDINGS, *SIDES, "chest"] for word in words(text)
    )
    return {word: number for number, word in enumerate(sorted(counts), start=2)}


def caption(image: Radiograph, rng: np.random.Generator) -> Statement:
    """Return a text that is true of an image: its report, one sentence of it, or a short caption."""
    report = statements(image, rng)
    kind = rng.random()
    if kind < 0.3:
        return Statement(
            " ".join(statement.text for statement in report),
            frozenset().union(*(statement.present for statement in report)),
            frozenset().union(*(statement.absent for statement in report)),
        )
    if not image.findings and kind < 0.7:
        return Statement("Chest No findings", frozenset(), frozenset(FINDINGS))
    if image.findings and kind < 0.7:
        finding = str(rng.choice(image.findings))
        return Statement(f"Chest {finding}", frozenset({finding}), frozenset())
    positive = [statement for statement in report if statement.present] or report
    return positive[int(rng.integers(len(positive)))]


def train(args: argparse.Namespace) -> None:
    """Draw the training images, train the model and write it."""
    started = time.perf_counter()
    spec = training_spec(n_patients=args.patients, clean=args.clean)
    cohort = radiographs(spec, draw_cohort(spec))
    with ProcessPoolExecutor(2) as pool:
        pictures = np.stack(list(pool.map(resized, cohort, chunksize=64)))
    print(f"{len(cohort)} images drawn in {time.perf_counter() - started:.0f} s", flush=True)

    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    rng = np.random.default_rng(SEED)
    vocabulary = build_vocabulary()
    model = PhantomClip(len(vocabulary) + 2)
    model.image.to(memory_format=torch.channels_last)
    steps = args.epochs * (len(cohort) // args.batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.rate, total_steps=steps)
    present = [frozenset(radiograph.findings) for radiograph in cohort]
    log = []
    for epoch in range(args.epochs):
        losses = []
        order = rng.permutation(len(cohort))[: steps // args.epochs * args.batch]
        for rows in order.reshape(-1, args.batch):
            texts = [caption(cohort[i], rng) for i in rows]
            truth = torch.tensor(
                [[text.agrees_with(present[i]) for text in texts] for i in rows],
                dtype=torch.float32,
            )
            pixels = torch.from_numpy(np.stack([prepare(shift(pictures[i], rng)) for i in rows]))
            image = model.image(pixels)
            text = model.text(tokenize([statement.text for statement in texts], vocabulary))
            logits = model.log_scale.exp() * image @ text.T + model.bias
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        log.append(
            {
                "epoch": epoch + 1,
                "loss": round(float(np.mean(losses)), 5),
                "seconds": round(time.perf_counter() - started),
            }
        )
        print(log[-1], flush=True)

    out = args.out
    out.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()},
        out / "weights.safetensors",
    )
    (out / "vocabulary.json").write_text(json.dumps(vocabulary, indent=0) + "\n")
    record = {
        "command": f"python scripts/train_phantom_clip.py{' --clean' if args.clean else ''}",
        "seed": SEED,
        "images": len(cohort),
        "patients": args.patients,
        "spec": spec.truth(),
        "epochs": args.epochs,
        "batch": args.batch,
        "learning_rate": args.rate,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "seconds": round(time.perf_counter() - started),
        "log": log,
    }
    (out / "training.json").write_text(json.dumps(record, indent=1) + "\n")


def shift(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift an image by up to four pixels, the only augmentation."""
    dy, dx = rng.integers(-4, 5, size=2)
    return np.roll(picture, (dy, dx), axis=(0, 1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--clean", action="store_true", help="no shortcut and no age effect")
    parser.add_argument("--out", type=Path, default=FOLDER)
    train(parser.parse_args())
