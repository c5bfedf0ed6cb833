"""Measure how strong corruptions are: SSIM and PSNR on real radiographs, RMS change by size of the image.

Run: python scripts/measure_corruptions.py NIH_IMAGES/original NIH_IMAGES/256px

Prints the tables of docs/how-to/shortcuts.md. SSIM is that of Wang et al. (2004): a Gaussian window of
σ 1.5 cut at 11 pixels, K₁ 0.01, K₂ 0.03, without a border of 5 pixels. All are taken at the shorter side
that models see, where strengths are defined.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from cxraudit.errors import NotAppliedError
from cxraudit.images import read_image, to_grey
from cxraudit.perturb import perturb
from cxraudit.perturb.corruptions import CORRUPTIONS, SEVERITIES, seen

N_IMAGES = 24
SIZES = (128, 256, 1024, 2544)
Grey = NDArray[np.float64]


def ssim(one: Grey, other: Grey) -> float:
    """Return the mean structural similarity of two images with values from 0 to 1."""

    def mean(values: Grey) -> Grey:
        return gaussian_filter(values, 1.5, truncate=3.5)[5:-5, 5:-5]

    a, b = mean(one), mean(other)
    of_one, of_other = mean(one**2) - a**2, mean(other**2) - b**2
    both = mean(one * other) - a * b
    c1, c2 = 0.01**2, 0.03**2
    alike = (2 * a * b + c1) * (2 * both + c2)
    return float((alike / ((a**2 + b**2 + c1) * (of_one + of_other + c2))).mean())


def psnr(one: Grey, other: Grey) -> float:
    """Return the peak signal-to-noise ratio in dB of two images with values from 0 to 1."""
    return float(-10 * np.log10(np.mean((one - other) ** 2)))


def as_seen(image: Image.Image) -> Grey:
    """Return an image with values from 0 to 1 at the side that models see."""
    return seen(np.asarray(image, dtype=np.float32)).astype(np.float64) / 255


def main() -> None:
    """Print both tables."""
    folders = [Path(name) for name in sys.argv[1:]]
    files = [file for folder in folders for file in sorted(folder.glob("*.png"))][:N_IMAGES]
    images = [to_grey(read_image(file)) for file in files]
    before = [as_seen(image) for image in images]
    print("| corruption | severity | SSIM, median (range) | PSNR in dB, median (range) |")
    print("|---|---|---|---|")
    for name in CORRUPTIONS:
        for severity in SEVERITIES:
            found = np.array(
                [
                    (ssim(old, new), psnr(old, new))
                    for file, image, old in zip(files, images, before, strict=True)
                    for new in [
                        as_seen(perturb(image, name, severity=severity, image_id=file.name))
                    ]
                ]
            )
            low, middle, high = found.min(axis=0), np.median(found, axis=0), found.max(axis=0)
            print(
                f"| `{name}` | {severity} | {middle[0]:.2f} ({low[0]:.2f} to {high[0]:.2f}) "
                f"| {middle[1]:.1f} ({low[1]:.1f} to {high[1]:.1f}) |"
            )
    print()
    print(f"| corruption | {' | '.join(f'{n} px' for n in SIZES)} |")
    print(f"|---|{'---|' * len(SIZES)}")
    source = images[1].resize((max(SIZES), max(SIZES)), Image.Resampling.BICUBIC)
    for name in CORRUPTIONS:
        cells = []
        for n in SIZES:
            image = source.resize((n, n), Image.Resampling.BOX)
            rms = []
            for severity in SEVERITIES:
                try:
                    after = perturb(image, name, severity=severity, image_id="a")
                    rms.append(f"{np.sqrt(np.mean((as_seen(after) - as_seen(image)) ** 2)):.3f}")
                except NotAppliedError:
                    rms.append("–")
            cells.append(" ".join(rms))
        print(f"| `{name}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
