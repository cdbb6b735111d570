"""The files that pages are made of."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def asset(name: str) -> str:
    """Return the text of the file ``name``."""
    return files("archsim.report").joinpath("assets", name).read_text(encoding="utf-8")
