"""Tables in, results out: scores and images become rows of the results table."""
