"""What a report says of a device: its name, machine, peaks and memory bandwidth."""

from __future__ import annotations

from typing import Any

from archsim.config import Device


def device_summary(device: Device) -> dict[str, Any]:
    """Return the summary as plain data; peaks in operations per second, bandwidth in bytes/s.

    Machines without operators of their own have neither peaks nor bandwidth.
    """
    machine = getattr(device, "machine", "")
    roofs = _ROOFS.get(machine)
    return {
        "name": getattr(device, "title", getattr(device, "name", "")),
        "machine": machine,
        **(roofs(device) if roofs else {}),
    }


def _gpu(device: Any) -> dict[str, Any]:
    hz = float(device.clock.boost_hz) * float(device.sm_count)
    tensor = {name.removesuffix("_flop_per_clk"): float(rate) * hz
              for name, rate in device.tensor if name.endswith("_flop_per_clk")}  # fmt: skip
    peaks = {name: rate for name, rate in tensor.items() if rate}
    peaks["fp32"] = float(device.sm.fp32_flop_per_clk) * hz
    return {"peaks": peaks, "bandwidth": float(device.memory.bandwidth_bytes_per_s)}


def _array(device: Any) -> dict[str, Any]:
    """Streams in and out have the port's bandwidth each, unless they share it."""
    hz = float(device.clock.frequency_hz)
    streams = 1 if device.memory.shared else 2
    peaks = {
        "matrix engine": 2.0 * device.array.rows * device.array.columns * hz,
        "vector unit": float(device.vector.flop_per_clk) * hz,
    }
    return {"peaks": peaks, "bandwidth": streams * device.memory.bytes_per_cycle * hz}


def _edgemoe(device: Any) -> dict[str, Any]:
    hz = float(device.clock.frequency_hz)
    attention = device.attention.queries * device.attention.lanes
    peaks = {
        "linear unit": 2.0 * device.linear.tile_in * device.linear.tile_out * hz,
        "attention unit": (2.0 if device.attention.shared else 4.0) * attention * hz,
    }
    return {"peaks": peaks, "bandwidth": float(device.memory.bandwidth_bytes_per_s)}


_ROOFS = {"gpu": _gpu, "array": _array, "edgemoe": _edgemoe}
