"""Progressive writing of a dataset: complete JSON after every batch, by atomic rename."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

WRITE_SECONDS = 5.0


class Store:
    """A dataset file being filled; ``{"meta": ..., "cases": [...]}``, one case a line."""

    def __init__(self, path: Path, meta: dict[str, Any]) -> None:
        self.path, self.meta = path, meta
        self.cases: list[dict[str, Any]] = []
        self._written = 0.0
        path.parent.mkdir(parents=True, exist_ok=True)

    def add(self, cases: list[dict[str, Any]]) -> None:
        """Append ``cases``; write the file if the last writing is some seconds old."""
        self.cases += cases
        if time.monotonic() - self._written > WRITE_SECONDS:
            self.write()

    def write(self) -> None:
        """Write everything so far; a reader never sees half a file."""
        meta = json.dumps(self.meta, indent=1)
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in self.cases)
        part = self.path.with_suffix(".part")
        part.write_text(f'{{"meta": {meta},\n"cases": [\n{lines}\n]}}\n')
        part.replace(self.path)
        self._written = time.monotonic()
