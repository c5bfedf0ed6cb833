"""The benchmark of a model."""

import numpy as np

from cxraudit.bench import bench_model, synthetic_images


def test_the_null_model_is_timed():
    """One line each for loading, preprocessing and encoding; it has no lower precision to compare."""
    lines = list(bench_model("random", n_images=2))

    assert [line.partition(":")[0] for line in lines] == [
        "load",
        "preprocess",
        "encode, float32 on cpu",
    ]
    assert all("images/s" in line for line in lines[1:])


def test_synthetic_images_differ():
    """Equal seeds give equal images, so speeds are comparable."""
    first, second = synthetic_images(2)

    assert first.size == (1024, 1024)
    assert not np.array_equal(np.asarray(first), np.asarray(second))
    assert np.array_equal(np.asarray(first), np.asarray(synthetic_images(1)[0]))
