"""How many threads to use."""


def threads(number: int | None) -> int:
    """Return a number of threads: one per core of this process where none is given, and at least 1.

    A share of a machine, as containers and schedulers give it, counts.
    """
    if number is not None:
        return max(number, 1)
    from joblib import cpu_count

    return int(cpu_count())
