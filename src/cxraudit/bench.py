"""Speed of a model on this machine, and agreement of bfloat16 with float32."""

import resource
import sys
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cxraudit import models, prompts
from cxraudit.models.base import Embeddings, ImageModel, ImageTextModel, Pixels
from cxraudit.zeroshot import prompt_directions

SIDE = 1024
FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Pleural Effusion",
    "Pneumonia",
    "Pneumothorax",
)


def synthetic_images(n: int, *, seed: int = 0) -> list[Image.Image]:
    """Return different grey images of 1024 × 1024, of smooth shapes and noise."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(n):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.float32)
        noisy = smooth + rng.normal(scale=6, size=(SIDE, SIDE))
        images.append(Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)))
    return images


def bench_model(spec: str, *, n_images: int = 16, device: str = "auto") -> Iterator[str]:
    """Time loading, preprocessing and encoding, compare bfloat16 with float32; yield lines to print."""
    images = synthetic_images(n_images)
    started = time.perf_counter()
    model = models.load_image_model(spec, device=device)
    yield f"load: {time.perf_counter() - started:.1f} s, peak memory {_peak():.2f} GB"
    started = time.perf_counter()
    pixels = np.stack([model.preprocess(image) for image in images])
    speed = n_images / (time.perf_counter() - started)
    yield f"preprocess: {speed:.1f} images/s (one thread, decoded images)"
    rows, speed = _timed(model, pixels)
    on = getattr(model, "device", "cpu")
    yield f"encode, float32 on {on}: {speed:.2f} images/s, peak memory {_peak():.2f} GB"
    if not hasattr(model, "precision") or model.precision == "bf16":
        return
    directions = (
        prompt_directions(model, FINDINGS, prompts.load("paper"))
        if isinstance(model, ImageTextModel)
        else None
    )
    del model
    half, speed = _timed(models.load_image_model(f"{spec}+bf16", device=device), pixels)
    cosines = (rows * half).sum(1) / (np.linalg.norm(rows, axis=1) * np.linalg.norm(half, axis=1))
    ranked = ""
    if directions is not None and n_images >= 10:
        scores = zip(directions @ rows.T, directions @ half.T, strict=True)
        least = min(_rank_correlation(a, b) for a, b in scores)
        ranked = f", rank correlation of zero-shot scores at least {least:.4f}"
    yield (
        f"encode, bfloat16 on {on}: {speed:.2f} images/s; cosine with float32 at least "
        f"{cosines.min():.6f}{ranked}"
    )


def _timed(model: ImageModel, pixels: Pixels) -> tuple[Embeddings, float]:
    """Return embeddings and images per second, after a first image to warm up."""
    model.encode_images(pixels[:1])
    started = time.perf_counter()
    rows = np.concatenate(
        [model.encode_images(pixels[k : k + 8]) for k in range(0, len(pixels), 8)]
    )
    return rows, len(pixels) / (time.perf_counter() - started)


def _rank_correlation(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    ranks = [np.argsort(np.argsort(values)) for values in (first, second)]
    return float(np.corrcoef(np.stack(ranks))[0, 1])


def _peak() -> float:
    """Return the peak memory of the process in GB; Linux reports kilobytes, macOS bytes."""
    unit = 1e9 if sys.platform == "darwin" else 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
