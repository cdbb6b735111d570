"""What the verbs around hardware do for each machine with RTL.

A machine's module (``archsim.app.rtl.<machine>``) defines ``cosim(device, request)``,
``loop(device)`` and ``record(device, synthesis)``; generating and synthesising need nothing
of their own, as ``hdl`` finds a device's RTL by its parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from archsim.errors import ConfigError

MACHINES = {
    "array": "archsim.app.rtl.array",
    "edgemoe": "archsim.app.rtl.edgemoe",
    "ngpc": "archsim.app.rtl.ngpc",
}
"""Machine to the module of its verbs."""

CYCLE_TOLERANCE = 0.01
"""How far predicted cycles may be from those of the RTL."""


@dataclass(frozen=True)
class CosimRequest:
    """What ``archsim cosim`` was asked for; ``gemms`` are products ``MxKxN`` of matrix engines."""

    gemms: tuple[str, ...] = ()
    simulator: str = "verilator"
    seed: int = 0


@dataclass(frozen=True)
class Loop:
    """The loop of one design.

    ``tables`` are titles and rows to print, ``exact`` whether every bit agrees, ``close`` whether
    predicted cycles are within ``CYCLE_TOLERANCE`` of the RTL's, ``data`` what ``--json`` writes.
    """

    tables: tuple[tuple[str, list[dict[str, Any]]], ...]
    exact: bool
    close: bool
    data: dict[str, Any] = field(default_factory=dict)


class CosimCase(Protocol):
    """One co-simulated case of any machine; ``to_dict`` adds simulator, seed and design digest."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def rtl_cycles(self) -> int: ...  # noqa: D102
    @property
    def model_cycles(self) -> int: ...  # noqa: D102
    @property
    def bound_cycles(self) -> int: ...  # noqa: D102
    @property
    def mismatches(self) -> int: ...  # noqa: D102
    def to_dict(self) -> dict[str, Any]: ...  # noqa: D102


class RtlMachine(Protocol):
    """The module of a machine with RTL."""

    def cosim(self, device: Any, request: CosimRequest) -> Sequence[CosimCase]:
        """Simulate what ``request`` names, or the machine's default cases."""
        ...

    def loop(self, device: Any) -> Loop:
        """Compare model, RTL, reference and recorded GPU results."""
        ...

    def record(self, device: Any, synthesis: Mapping[str, Any]) -> Path:
        """Keep a synthesis result among the counts that the FPGA model is fitted to."""
        ...


def rtl_machine(device: Any) -> RtlMachine:
    """Return the module of ``device``'s machine."""
    module: Any = import_module(MACHINES[device.machine])
    return module  # type: ignore[no-any-return]


def checked_simulator(name: str) -> str:
    """Return ``name``; ``ConfigError`` where there is no such simulator."""
    from cosim.runner import SIMULATORS

    if name not in SIMULATORS:
        raise ConfigError(f"--sim must be one of {', '.join(SIMULATORS)}, not {name!r}")
    return name


def close(cases: Sequence[CosimCase]) -> bool:
    """Whether every case's predicted cycles are within ``CYCLE_TOLERANCE`` of the RTL's."""
    return all(abs(c.model_cycles / c.rtl_cycles - 1) <= CYCLE_TOLERANCE for c in cases)


def case_row(case: CosimCase) -> dict[str, Any]:
    """One co-simulated case as a row of a table."""
    error = 100 * (case.model_cycles / case.rtl_cycles - 1)
    return {
        "case": case.name,
        "RTL cycles": case.rtl_cycles,
        "model cycles": case.model_cycles,
        "error %": f"{error:+.2f}",
        "bound cycles": case.bound_cycles,
        "wrong bits": case.mismatches,
    }
