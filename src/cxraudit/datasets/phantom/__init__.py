"""Made-up chest films with known truth, written as releases in the true layouts."""
