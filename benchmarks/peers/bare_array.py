"""Writes the Verilog of the bare PE array of a device: ``bare_array.py DEVICE.yaml FILE``.

The same PE, row and array modules as the engine's, and nothing around them.
"""

import sys
from pathlib import Path

from amaranth.back import verilog

from archsim.config import load_device
from archsim.config.array import ArrayDevice
from hdl.matrix.array import PE, ROW, SystolicArray, SystolicRow, make_pe


def main() -> None:
    device = load_device(sys.argv[1])
    if not isinstance(device, ArrayDevice):
        sys.exit(f"{sys.argv[1]} must be an array device")
    p = device.params
    parts = (
        (PE, make_pe(p, verilog=True)),
        (ROW, SystolicRow(p, verilog=True)),
        ("bare_array", SystolicArray(p, verilog=True)),
    )
    texts = [
        verilog.convert(part, name=name, emit_src=False, strip_internal_attrs=True)
        for name, part in parts
    ]
    Path(sys.argv[2]).write_text("\n".join(texts))


if __name__ == "__main__":
    main()
