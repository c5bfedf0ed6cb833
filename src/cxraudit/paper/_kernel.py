"""The loop over resampled images of the published bootstrap, compiled by numba.

MT19937 (Matsumoto and Nishimura 1998) is written out here because ``numpy.random.RandomState`` cannot be
called from compiled code, and the published intervals depend on its draws.
"""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _twist(key) -> None:
    """Refill the state of MT19937 (Matsumoto & Nishimura 1998)."""
    for start, end, far in ((0, 227, 397), (227, 623, -227), (623, 624, -227)):
        for i in range(start, end):
            y = (key[i] & np.uint32(0x80000000)) | (key[(i + 1) % 624] & np.uint32(0x7FFFFFFF))
            odd = np.uint32(0) - (y & np.uint32(1))
            key[i] = key[i + far] ^ (y >> np.uint32(1)) ^ (odd & np.uint32(0x9908B0DF))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _temper(key, out) -> None:
    """Turn the state of MT19937 into its 624 numbers."""
    for i in range(624):
        y = key[i]
        y ^= y >> np.uint32(11)
        y ^= (y << np.uint32(7)) & np.uint32(0x9D2C5680)
        y ^= (y << np.uint32(15)) & np.uint32(0xEFC60000)
        out[i] = y ^ (y >> np.uint32(18))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def published_draws(key, position, bins, n_blocks, of_precision, out):
    """Compute AUROC, or average precision, of the images that ``numpy.random.randint`` draws.

    ``key`` and ``position`` are the state of a legacy ``RandomState``, which is advanced; draws are
    the low bits of 32-bit numbers, drawn again if too large. ``bins`` is twice each image's rank of
    score (ties share one, the highest score is 0), plus 1 for a positive. ``out`` (2, n) receives
    the metric and the number of positives. Returns the new position.
    """
    n = bins.size
    mask = np.uint32(0)
    while mask < n - 1:
        mask = np.uint32((mask << np.uint32(1)) | np.uint32(1))
    numbers = np.empty(624, np.uint32)
    _temper(key, numbers)
    image = np.empty(n + 1, np.uint32)
    counts = np.empty(2 * n_blocks, np.uint32)
    for r in range(out.shape[1]):
        drawn = 0
        while drawn < n:
            if position == 624:
                _twist(key)
                _temper(key, numbers)
                position = 0
            # Rejected numbers are overwritten by the next, which avoids a branch.
            while position < 624 and drawn < n:
                image[drawn] = numbers[position] & mask
                drawn += image[drawn] < n
                position += 1
        counts[:] = 0
        for i in range(n):
            counts[bins[image[i]]] += np.uint32(1)
        hits = above = lost = precision = 0.0
        for b in range(n_blocks):
            p, q = float(counts[2 * b + 1]), float(counts[2 * b])
            lost += p * (above + 0.5 * q)
            hits += p
            above += q
            if of_precision and p > 0:
                precision += p * hits / (hits + above)
        if of_precision:
            out[0, r] = precision / hits if hits > 0 else np.nan
        else:
            out[0, r] = 1.0 - lost / (hits * above) if hits * above > 0 else np.nan
        out[1, r] = hits
    return position
