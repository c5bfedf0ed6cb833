"""Statistics of audits tried in cohorts whose truth is known: ``python -m simulations``."""
