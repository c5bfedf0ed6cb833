"""Data frames of other libraries, where a public function takes a table."""

import pandas as pd
import pyarrow


def to_pandas(frame: object, what: str = "the table") -> pd.DataFrame:
    """Return a data frame as pandas.

    Any library that speaks the Arrow PyCapsule protocol is understood (polars, pyarrow, DuckDB and
    others), without importing it.

    Parameters
    ----------
    frame : pandas.DataFrame or another data frame
        Returned as it is if it is pandas'.
    what : str
        What an error calls it.

    Raises
    ------
    TypeError
        If it is no data frame.
    """
    if isinstance(frame, pd.DataFrame):
        return frame
    if hasattr(frame, "__arrow_c_stream__"):
        return pyarrow.table(frame).to_pandas()
    raise TypeError(
        f"{what} must be a data frame of pandas, polars or another library that exports Arrow, got "
        f"{type(frame).__name__}. Collect a lazy frame, or read a file, first."
    )
