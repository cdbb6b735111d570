"""The table of machines: which class validates a device file, imported when first needed."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from archsim.config.device import Device

_MACHINES: dict[str, str] = {
    "gpu": "archsim.config.gpu:GpuDevice",
    "array": "archsim.config.array:ArrayDevice",
    "ngpc": "archsim.config.ngpc:NgpcDevice",
    "edgemoe": "archsim.config.edgemoe:EdgeMoeDevice",
}


def register_machine(name: str, target: str) -> None:
    """Let ``machine: name`` files be validated by the ``Device`` class at ``module:Class``."""
    _MACHINES[name] = target


def machine_names() -> tuple[str, ...]:
    """Return the machines whose schema is installed."""
    return tuple(n for n, target in _MACHINES.items() if find_spec(target.partition(":")[0]))


def machine_class(name: str) -> type[Device]:
    """Return the device class of the machine ``name``; ``KeyError`` where there is none."""
    module, _, cls = _MACHINES[name].partition(":")
    found = getattr(import_module(module), cls)
    if not (isinstance(found, type) and issubclass(found, Device)):
        raise TypeError(f"{module}.{cls} must be a subclass of archsim.config.device.Device")
    return found
