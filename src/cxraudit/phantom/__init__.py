"""Synthetic chest radiographs with known truth, written in the layouts of published releases."""
