"""Run lengths: decoding is that of the published layout, and damaged ones are refused in a sentence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cxraudit.errors import DataError
from cxraudit.masks.run_lengths import decode, encode


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_what_was_encoded_is_decoded(mask):
    """For every mask, also empty and full ones."""
    assert (decode(encode(mask), mask.shape[::-1]) == mask).all()


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), max_size=4))
def test_runs_are_counted_from_one_row_by_row(gaps):
    """Against a loop over single pixels."""
    runs, at = [], 1
    for gap, length in gaps:
        runs.append((at + gap, length))
        at += gap + length
    expected = np.zeros((6, 7), dtype=bool)
    for start, length in runs:
        for pixel in range(start, start + length):
            expected[(pixel - 1) // 7, (pixel - 1) % 7] = True

    found = decode(" ".join(f"{start} {length}" for start, length in runs), (7, 6))

    assert (found == expected).all()


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("1 2 3", "3 numbers are no pairs"),
        ("0 2", "counted from 1"),
        ("1 0", "at least 1"),
        ("5 9", "ends at pixel 13 of 12"),
        ("5 2 6 1", "overlap"),
        ("5 1 2 1", "not in order"),
        ("1 x", "'x' is no whole number"),
        ("-1 2", "no whole number"),
        ("1.5 2", "no whole number"),
        ("٣ 1", "no whole number"),
        ("1 99999999999999999999", "no whole number"),
        ("<b>1</b> 2", "no whole number"),
        ("nan", "no whole number"),
    ],
)
def test_damaged_runs_are_refused(text, stated):
    """In one sentence that says what is wrong."""
    with pytest.raises(DataError, match=stated):
        decode(text, (4, 3))
