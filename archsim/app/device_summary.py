"""What a report says of a device: its name, machine, peaks and memory bandwidth."""

from __future__ import annotations

from typing import Any

from archsim.config import Device


def device_summary(device: Device) -> dict[str, Any]:
    """Return the summary as plain data; peaks in operations per second, bandwidth in bytes/s."""
    from archsim.config.gpu import GpuDevice

    summary: dict[str, Any] = {
        "name": getattr(device, "title", getattr(device, "name", "")),
        "machine": getattr(device, "machine", ""),
    }
    if isinstance(device, GpuDevice):
        hz = float(device.clock.boost_hz) * float(device.sm_count)
        tensor = {name.removesuffix("_flop_per_clk"): float(rate) * hz
                  for name, rate in device.tensor if name.endswith("_flop_per_clk")}  # fmt: skip
        peaks = {name: rate for name, rate in tensor.items() if rate}
        peaks["fp32"] = float(device.sm.fp32_flop_per_clk) * hz
        summary["peaks"] = peaks
        summary["bandwidth"] = float(device.memory.bandwidth_bytes_per_s)
    return summary
