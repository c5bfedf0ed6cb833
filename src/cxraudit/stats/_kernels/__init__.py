"""Inner loops over images and patients, compiled by numba; imported only where they are run."""
