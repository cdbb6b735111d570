"""Reading and writing the constants of a device file while a calibration or derivation runs."""

from __future__ import annotations

from pathlib import Path

from device_text import Entry, group_lines

from archsim.config.gpu import GpuDevice
from archsim.config.yaml_strict import read_document

HEADER = (
    "# yaml-language-server: $schema=../schemas/gpu.json\n"
    "# {title}. Kernel constants: scripts/calibrate_*.py and scripts/derive_devices.py.\n"
)


def read(path: Path) -> Entry:
    """Return the file's data as plain dictionaries."""
    return dict(read_document(path).data)


def write(path: Path, data: Entry) -> None:
    """Write ``data`` in the order of the schema."""
    lines = group_lines(GpuDevice, data)
    path.write_text(HEADER.format(title=data["title"]) + "\n".join(lines) + "\n", encoding="utf-8")
