"""Where built simulations and generated designs are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def build_folder() -> Path:
    """Return ``$ARCHSIM_BUILD``, else the checkout's ``build``, else the user's cache folder."""
    chosen = os.environ.get("ARCHSIM_BUILD")
    if chosen:
        return Path(chosen)
    root = Path(__file__).resolve().parent.parent
    if (root / "pyproject.toml").is_file():
        return root / "build"
    from platformdirs import user_cache_path

    return user_cache_path("archsim")
