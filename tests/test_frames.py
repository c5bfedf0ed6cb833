"""Data frames of other libraries are accepted, anything else is refused."""

import pandas as pd
import pyarrow
import pytest

from cxraudit.frames import to_pandas


def test_a_pandas_frame_is_returned_as_it_is():
    """Without a copy."""
    frame = pd.DataFrame({"a": [1]})

    assert to_pandas(frame) is frame


def test_a_frame_that_exports_arrow_is_converted():
    """Any object with the method of the protocol; missing values stay missing."""

    class Foreign:
        def __arrow_c_stream__(self, requested_schema=None):
            table = pyarrow.table({"a": [1, None], "b": ["x", None]})
            return table.__arrow_c_stream__(requested_schema)

    frame = to_pandas(Foreign())

    assert frame["a"].isna().tolist() == [False, True]
    assert frame["b"].iloc[0] == "x"


@pytest.mark.parametrize("value", [{"a": [1]}, [[1]], "scores.csv", None])
def test_what_is_no_data_frame_is_refused(value):
    """The message names the argument and its type."""
    with pytest.raises(TypeError, match="the scores must be a data frame of pandas, polars"):
        to_pandas(value, "the scores")
