"""The mark of a made-up release: ``phantom_truth.json`` in its root says what was planted."""

import json
from pathlib import Path
from typing import Any

NAME = "phantom_truth.json"


def read_truth(root: Path) -> dict[str, Any] | None:
    """Return what was planted in the release under `root`; None for a real release."""
    mark = root / NAME
    return json.loads(mark.read_text(encoding="utf-8")) if mark.is_file() else None
