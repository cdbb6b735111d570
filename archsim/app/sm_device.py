"""From a device file to what the timing of the instruction-level SM needs."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from archsim.config import load_device
from archsim.errors import ConfigError

GPCS = 8  # NVIDIA H100 whitepaper
L1_AND_SHARED_BYTES = 256 << 10  # NVIDIA H100 whitepaper: L1 and shared memory of one SM together


def _gpcs(name: str, sms: int, what: str = "gpc_sms") -> tuple[int, ...]:
    """SMs of each GPC that take clusters (``gpc_sms``) or share a port to L2 (``port_sms``): the
    measured card's, or eight that differ by at most a TPC."""
    plan = json.loads((resources.files("workloads.measured") / "h200_floorplan.json").read_text())
    measured = tuple(plan["meta"][what])
    if name.lower() in plan["meta"]["device"].lower() and sum(measured) == sms:
        return measured
    tpcs = max(1, sms // 2)
    return tuple(2 * (tpcs // GPCS + (n < tpcs % GPCS)) for n in range(GPCS))


def _port_halves() -> tuple[int, ...]:
    """The half of the card that each GPC's port to L2 lies on, of the measured card."""
    plan = json.loads((resources.files("workloads.measured") / "h200_floorplan.json").read_text())
    return tuple(plan["meta"]["port_halves"])


def sm_device(reference: str) -> Any:
    """The `SmDevice` of a device name or file; ConfigError where it has no ``sm_timing``."""
    from archsim.config.gpu import GpuDevice
    from archsim.models.gpu.sm.timing_launch import SmDevice

    device = load_device(reference)
    if not isinstance(device, GpuDevice) or device.sm_timing is None:
        raise ConfigError(
            f"--device must be a GPU with an sm_timing section, such as h200, not {reference}"
        )
    timing = device.sm_timing
    names = type(timing).model_fields
    return SmDevice(
        name=device.name,
        sms=int(device.sm_count),
        clock_hz=float(device.clock.boost_hz),
        threads=int(device.sm.threads_entries),
        ctas=int(device.sm.ctas_entries),
        registers=int(device.sm.registers_entries),
        shared_bytes=int(device.sm.shared_bytes),
        l1_bytes=L1_AND_SHARED_BYTES,
        l2_bytes=int(device.l2.capacity_bytes),
        constants={name: float(getattr(timing, name)) for name in names},
        gpc_sms=_gpcs(device.name, int(device.sm_count)),
        port_sms=_gpcs(device.name, int(device.sm_count), "port_sms"),
        port_halves=_port_halves(),
    )
