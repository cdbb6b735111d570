"""Writes the Verilog of the bare PE array of a device: ``bare_array.py DEVICE.yaml FILE``.

The same PE, row and array modules as the engine's, and nothing around them.
"""

import sys
from pathlib import Path

from archsim.config import load_device
from archsim.config.array import ArrayDevice
from hdl.matrix.array import PE, ROW, SystolicArray, SystolicRow, make_pe
from hdl.verilog import convert_all


def main() -> None:
    device = load_device(sys.argv[1])
    if not isinstance(device, ArrayDevice):
        sys.exit(f"{sys.argv[1]} must be an array device")
    p = device.params
    parts = (
        (make_pe(p, verilog=True), PE),
        (SystolicRow(p, verilog=True), ROW),
        (SystolicArray(p, info_bits=2, verilog=True), "bare_array"),
    )
    Path(sys.argv[2]).write_text("\n".join(convert_all(parts).values()))


if __name__ == "__main__":
    main()
