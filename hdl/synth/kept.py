"""Results of slow tools, kept by what they were made from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def default_cache() -> Path:
    """Return ``$ARCHSIM_BUILD``/synth, else the user's cache folder."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("ARCHSIM_BUILD")
    return (Path(chosen) if chosen else user_cache_path("archsim")) / "synth"


class Kept:
    """JSON results below ``folder``, named by ``identity``: everything that decides them."""

    def __init__(self, folder: Path, identity: Sequence[str]) -> None:
        self.folder = folder
        self.identity = tuple(identity)

    def get(self, what: str, make: Callable[[], Any]) -> Any:
        """Return the result ``what``, made now unless it is there."""
        name = hashlib.sha256("\0".join((*self.identity, what)).encode()).hexdigest()[:32]
        file = self.folder / f"{name}.json"
        try:
            return json.loads(file.read_text())
        except (OSError, ValueError):
            result = make()
        self.folder.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(f".{os.getpid()}.new")
        new.write_text(json.dumps(result))
        new.replace(file)
        return result
