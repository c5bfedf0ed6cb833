"""The kinds of input that are mutated: name → module and class, imported by the process that uses it."""

import importlib

from fuzz.case import Kind

KINDS = {
    "score tables": ("score_tables", "ScoreTables"),
    "run files": ("run_files", "RunFiles"),
    "release tables": ("release_tables", "ReleaseTables"),
    "images": ("images", "Images"),
    "checkpoints": ("checkpoints", "Checkpoints"),
    "hf folders": ("hf_folders", "HfFolders"),
    "prompts": ("prompts", "Prompts"),
}


def kind_named(name: str) -> Kind:
    """Return a kind by its name."""
    module, made = KINDS[name]
    return getattr(importlib.import_module(f"fuzz.kinds.{module}"), made)()
