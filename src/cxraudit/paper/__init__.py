"""The published study (Sourget et al. 2025, arXiv 2507.21291): its protocol to the letter, its numbers."""
