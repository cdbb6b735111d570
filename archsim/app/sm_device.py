"""From a device file to what the timing of the instruction-level SM needs."""

from __future__ import annotations

from typing import Any

from archsim.config import load_device
from archsim.errors import ConfigError

L1_AND_SHARED_BYTES = 256 << 10  # NVIDIA H100 whitepaper: L1 and shared memory of one SM together


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
        constants={name: float(getattr(timing, name)) for name in names},
    )
