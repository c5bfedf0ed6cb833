"""The mark of a synthetic release: ``phantom_truth.json`` in its root records the known effects."""

import json
from pathlib import Path
from typing import Any

NAME = "phantom_truth.json"


def read_truth(root: Path) -> dict[str, Any] | None:
    """Return the known effects of the synthetic release under `root`; None for a real release."""
    file = root / NAME
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
