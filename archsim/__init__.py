"""archsim: one YAML design point; a simulation, RTL, a co-simulation and GPU kernels that agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archsim.app.api import Results, run

__version__ = "0.1.0"
__all__ = ["Results", "__version__", "run"]


def __getattr__(name: str) -> Any:
    """Import the Python interface when it is first used: ``import archsim`` stays quick."""
    if name in ("run", "Results"):
        from archsim.app import api

        return getattr(api, name)
    raise AttributeError(f"module 'archsim' has no attribute {name!r}")
