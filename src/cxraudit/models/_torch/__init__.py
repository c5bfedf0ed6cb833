"""Shared by the model families: adapter, preprocessing, tokenizers, networks."""
