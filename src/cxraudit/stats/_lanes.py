"""Sizes that the compiled kernels and their callers share."""

LANES = 64
"""Replicates side by side in memory: one cache line of counts."""

N_FIRST, N_THRESHOLDS = 5, 12
"""More than 12 draws of one patient happen less often than once in 2³² with one draw on average;
more than 5 so rarely that they are searched for only where there are any."""
