"""Write what tf.image.resize makes of the images that tests compare with.

It needs TensorFlow, which cxraudit does not: run it in an environment of its own with
``pip install tensorflow-cpu pillow``, and ``PYTHONPATH=src:tests/models``.
"""

import hashlib

import numpy as np
import tensorflow as tf
from resized_images import SIDES, cases

import generated


def main() -> None:
    """Write the hash of each resized image, and its mean."""
    found = {}
    for name, values in cases().items():
        for side in SIDES:
            resized = tf.image.resize(values, [side, side], method="bilinear", antialias=False)
            pixels = np.asarray(resized.numpy()).astype(np.uint8)
            found[f"{name}/{side}"] = np.array(hashlib.sha256(pixels.tobytes()).hexdigest())
            found[f"{name}/{side}/mean"] = pixels.mean()
    path = generated.HERE / "canonical" / "tensorflow_resize.npz"
    np.savez_compressed(path, **found)
    print(f"{path.name}: {path.stat().st_size:,} bytes, TensorFlow {tf.__version__}")


if __name__ == "__main__":
    main()
