"""Rows as dictionaries are those that pandas gives."""

import numpy as np
import pandas as pd

from cxraudit.schema import records


def test_rows_are_objects_of_python():
    """Text, numbers, counts of which one is hidden, and mixed objects; as by rows, column by column."""
    frame = pd.DataFrame(
        {
            "text": pd.Series(["a", "b"], dtype="str"),
            "number": [0.5, np.nan],
            "count": pd.Series([3, None], dtype="Int64"),
            "whole": [1, 2],
            "mixed": pd.Series([np.float64(0.5), "x"], dtype=object),
        }
    )

    rows = records(frame)

    assert rows[0] == {"text": "a", "number": 0.5, "count": 3, "whole": 1, "mixed": 0.5}
    assert rows[1]["count"] is None
    assert [[type(value) for value in row.values()] for row in rows] == [
        [type(value) for value in row.values()] for row in frame.to_dict("records")
    ]
    assert records(pd.DataFrame()) == []
    assert records(frame.iloc[:0]) == []
