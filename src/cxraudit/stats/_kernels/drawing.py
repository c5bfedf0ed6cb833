"""Resamples of patients, 64 replicates side by side, each a function of its seed and number."""

import numba
import numpy as np

from cxraudit.stats._lanes import LANES, N_FIRST, N_THRESHOLDS


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _seed_lanes(state, seed, first_replicate) -> None:
    """Fill the state of one generator per lane from (seed, replicate) by SplitMix64."""
    for lane in range(LANES):
        x = np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + np.uint64(first_replicate + lane)
        for half in range(2):
            x += np.uint64(0x9E3779B97F4A7C15)
            z = x
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = z ^ (z >> np.uint64(31))
            state[2 * half, lane] = np.uint32(z & np.uint64(0xFFFFFFFF))
            state[2 * half + 1, lane] = np.uint32(z >> np.uint64(32))
        if (state[0, lane] | state[1, lane] | state[2, lane] | state[3, lane]) == 0:
            state[0, lane] = 1  # the one state the generator cannot leave


@numba.njit(nogil=True, cache=True, inline="always")
def _next(state, lane):
    """Return the next 32 bits of xoshiro128++ (Blackman & Vigna 2021)."""
    s0, s1, s2, s3 = state[0, lane], state[1, lane], state[2, lane], state[3, lane]
    total = np.uint32(s0 + s3)
    result = np.uint32(np.uint32((total << np.uint32(7)) | (total >> np.uint32(25))) + s0)
    shifted = np.uint32(s1 << np.uint32(9))
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = np.uint32((s3 << np.uint32(11)) | (s3 >> np.uint32(21)))
    state[0, lane], state[1, lane], state[2, lane], state[3, lane] = s0, s1, s2, s3
    return result


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _below(state, lane, n):
    """Return a uniform integer below n (Lemire 2019)."""
    rejected = np.uint64((2**32 - n) % n)
    while True:
        product = np.uint64(_next(state, lane)) * np.uint64(n)
        if (product & np.uint64(0xFFFFFFFF)) >= rejected:
            return np.int64(product >> np.uint64(32))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def draw_block(weight, members, thresholds, seed, first_replicate) -> None:
    """Draw as many of `members` as there are, with replacement, in each of 64 replicates.

    Every unit first gets a Poisson count with a mean a little below 1 (``thresholds``: the upper
    tail of its distribution in 32 bits, 64 replicates at a time); draws missing from the total are
    added one by one, and surplus draws are removed at random. Independent Poisson counts given their
    sum are multinomial, and adding or removing draws at random keeps them so.
    """
    n = members.size
    state = np.zeros((4, LANES), np.uint32)
    _seed_lanes(state, seed, first_replicate)
    total = np.zeros(LANES, np.int64)
    drawn, raw = np.zeros(LANES, np.uint32), np.zeros(LANES, np.uint32)
    for k in range(n):
        row = weight[members[k]]
        many = False
        for lane in range(LANES):
            x = _next(state, lane)
            count = np.uint32(0)
            for t in range(N_FIRST):
                count += np.uint32(x >= thresholds[t])
            drawn[lane] = count
            many |= x >= thresholds[N_FIRST]
            raw[lane] = x
        if many:
            for lane in range(LANES):
                for t in range(N_FIRST, N_THRESHOLDS):
                    drawn[lane] += np.uint32(raw[lane] >= thresholds[t])
        for lane in range(LANES):
            row[lane] = drawn[lane]
            total[lane] += drawn[lane]
    for lane in range(LANES):
        while total[lane] < n:
            weight[members[_below(state, lane, n)], lane] += 1
            total[lane] += 1
        while total[lane] > n:
            k = members[_below(state, lane, n)]
            if _below(state, lane, N_THRESHOLDS) < weight[k, lane]:
                weight[k, lane] -= 1
                total[lane] -= 1
