"""Cross-field checks of device files: what no single field can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archsim.config.constant import Constant, rule_error

if TYPE_CHECKING:
    from archsim.config.gpu import GpuDevice

COMPUTE_CAPABILITIES: dict[str, tuple[str, ...]] = {
    "volta": ("7.0", "7.2"),
    "turing": ("7.5",),
    "ampere": ("8.0", "8.6", "8.7"),
    "ada": ("8.9",),
    "hopper": ("9.0",),
}
"""CUDA C++ Programming Guide, compute capabilities by architecture."""


def check_gpu(device: GpuDevice) -> None:
    """Raise where two fields of a GPU contradict each other."""
    capabilities = COMPUTE_CAPABILITIES[device.architecture]
    if device.compute_capability not in capabilities:
        rule = f"{' or '.join(capabilities)} for the {device.architecture} architecture"
        raise rule_error(rule, device.compute_capability, "compute_capability")
    clock, sm, l2, memory, power = device.clock, device.sm, device.l2, device.memory, device.power
    at_least(clock.boost_hz, clock.base_hz, "clock.boost_hz", "clock.base_hz")
    at_least(l2.far_hit_cycles, l2.hit_cycles, "l2.far_hit_cycles", "l2.hit_cycles")
    at_least(memory.capacity_bytes, l2.capacity_bytes, "memory.capacity_bytes", "l2.capacity_bytes")
    at_least(power.limit_w, power.idle_w, "power.limit_w", "power.idle_w")
    at_least(l2.capacity_bytes, sm.shared_bytes, "l2.capacity_bytes", "sm.shared_bytes")


def at_least(larger: Constant, smaller: Constant, path: str, other: str) -> None:
    """Raise an error about ``path`` unless ``larger`` is at least ``smaller``."""
    if larger.value < smaller.value:
        rule = f"at least {other} ({smaller.value:g} {smaller.unit})"
        raise rule_error(rule, larger.value, f"{path}.value")
