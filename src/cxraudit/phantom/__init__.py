"""Synthetic chest radiographs with known truth, written as releases in the true layouts."""
