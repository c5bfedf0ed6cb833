"""Arrays in, numbers out: no tables, no files, no models.

Every statistic is computed for the cohort and for its bootstrap replicates by the same code, on
resamples of patients that are drawn once and shared, so that every difference is paired.
"""
