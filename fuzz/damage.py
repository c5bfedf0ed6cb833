"""Damage of bytes, whatever they mean."""

import numpy as np

Generator = np.random.Generator

OTHERS = (
    b"",
    b"\n",
    b"PK\x03\x04",
    b"\x89PNG\r\n\x1a\n",
    b"%!PS-Adobe-3.0 EPSF-3.0\n",
    b"<!DOCTYPE html><html><body>404</body></html>",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    b"\xff\xfe\x00\x00",
    b"\x00" * 512,
    b"PAR1",
    b"\x1f\x8b\x08\x00",
    b"{" * 2000,
)
"""Contents of other kinds of file."""


def damaged(data: bytes, rng: Generator) -> tuple[bytes, str]:
    """Return bytes after one random damage, and its name."""
    made = _DAMAGES[int(rng.integers(len(_DAMAGES)))]
    return bytes(made(bytearray(data), rng)), made.__name__.strip("_").replace("_", " ")


def _some(data: bytearray, rng: Generator) -> tuple[int, int]:
    """Return the ends of a random part, short ones more often."""
    if not data:
        return 0, 0
    start = int(rng.integers(len(data)))
    length = int(min(len(data) - start, 2 ** rng.uniform(0, 12)))
    return start, start + max(length, 1)


def _flip_bits(data: bytearray, rng: Generator) -> bytearray:
    for _ in range(int(2 ** rng.uniform(0, 6)) if data else 0):
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    return data


def _set_bytes(data: bytearray, rng: Generator) -> bytearray:
    for _ in range(int(2 ** rng.uniform(0, 5)) if data else 0):
        data[int(rng.integers(len(data)))] = int(rng.choice([0, 1, 10, 34, 44, 127, 128, 255]))
    return data


def _flip_early_bits(data: bytearray, rng: Generator) -> bytearray:
    """Damage headers, which decide how everything else is understood."""
    for _ in range(int(rng.integers(1, 6)) if data else 0):
        data[int(rng.integers(min(len(data), 300)))] ^= 1 << int(rng.integers(8))
    return data


def _flip_late_bits(data: bytearray, rng: Generator) -> bytearray:
    for _ in range(int(rng.integers(1, 6)) if data else 0):
        data[len(data) - 1 - int(rng.integers(min(len(data), 300)))] ^= 1 << int(rng.integers(8))
    return data


def _cut(data: bytearray, rng: Generator) -> bytearray:
    return data[: int(rng.integers(len(data) + 1))]


def _cut_a_little(data: bytearray, rng: Generator) -> bytearray:
    return data[: max(len(data) - int(rng.integers(1, 20)), 0)]


def _cut_start(data: bytearray, rng: Generator) -> bytearray:
    return data[int(rng.integers(1, 20)) :]


def _remove_part(data: bytearray, rng: Generator) -> bytearray:
    start, stop = _some(data, rng)
    return data[:start] + data[stop:]


def _double_part(data: bytearray, rng: Generator) -> bytearray:
    start, stop = _some(data, rng)
    return data[:stop] + data[start:stop] + data[stop:]


def _zero_part(data: bytearray, rng: Generator) -> bytearray:
    start, stop = _some(data, rng)
    data[start:stop] = bytes(stop - start)
    return data


def _random_part(data: bytearray, rng: Generator) -> bytearray:
    start, stop = _some(data, rng)
    data[start:stop] = rng.bytes(stop - start)
    return data


def _swap_parts(data: bytearray, rng: Generator) -> bytearray:
    (a, b), (c, d) = sorted((_some(data, rng), _some(data, rng)))
    return data if b > c else data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _insert_noise(data: bytearray, rng: Generator) -> bytearray:
    start, _ = _some(data, rng)
    return data[:start] + rng.bytes(int(2 ** rng.uniform(0, 8))) + data[start:]


def _append_noise(data: bytearray, rng: Generator) -> bytearray:
    return data + rng.bytes(int(2 ** rng.uniform(0, 12)))


def _append_itself(data: bytearray, rng: Generator) -> bytearray:
    return data + data


def _other_content(data: bytearray, rng: Generator) -> bytearray:
    return bytearray(OTHERS[int(rng.integers(len(OTHERS)))])


def _other_start(data: bytearray, rng: Generator) -> bytearray:
    return bytearray(OTHERS[int(rng.integers(len(OTHERS)))]) + data


_DAMAGES = (
    _flip_bits,
    _set_bytes,
    _flip_early_bits,
    _flip_late_bits,
    _cut,
    _cut_a_little,
    _cut_start,
    _remove_part,
    _double_part,
    _zero_part,
    _random_part,
    _swap_parts,
    _insert_noise,
    _append_noise,
    _append_itself,
    _other_content,
    _other_start,
)
