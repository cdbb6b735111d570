"""Kernels of one fixed time: a memset of a few bytes."""

from __future__ import annotations

from typing import Any

from archsim.engine.jit import lean
from archsim.models.gpu.plan import LAUNCH


@lean
def time_fixed(dev: Any, p: Any, out: Any) -> None:
    """Price a memset of a few bytes; no parameter matters."""
    out[LAUNCH] = dev.launch_memset_us
