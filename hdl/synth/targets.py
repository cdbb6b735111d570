"""The parts that designs are synthesised for, and what the numbers on each of them mean."""

from __future__ import annotations

from dataclasses import dataclass

TOPS = ("core", "axi")
"""``core``: array, buffers and control; ``axi``: that with its AXI4-Stream and AXI4-Lite ports."""


@dataclass(frozen=True)
class Target:
    """A part: how Yosys maps to it, what it holds, and the limits of the counts.

    ``place``: arguments of nextpnr-ecp5; empty where no open tool places and routes the part.
    ``capacity``: what the part holds, by resource. ``notes``: printed with every result.
    """

    name: str
    part: str
    command: str
    capacity: dict[str, int]
    place: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


_XILINX = (
    "counts of Yosys before any packing, no placement: no Fmax; LUT and FF counts are usually "
    "above Vivado's, which shares LUTs between functions and packs registers into blocks",
)

TARGETS = {
    "ecp5-85f": Target(
        name="ecp5-85f",
        part="LFE5U-85F-6 CABGA756",
        command="synth_ecp5",
        capacity={"lut": 83640, "ff": 83640, "dsp": 156, "bram": 208, "uram": 0},
        place=("--85k", "--speed", "6", "--package", "CABGA756"),
        notes=(
            "Fmax is post route between registers: the ports end in a shift register harness, so "
            "no pad is in a path; the counts are those of the design without the harness",
            "lut counts 4-input LUTs, 2 for a carry cell and 6 for a 16x4 distributed memory; "
            "bram counts 18 Kbit blocks",
        ),
    ),
    "xcup": Target(
        name="xcup",
        part="UltraScale+, capacity of a ZCU102's XCZU9EG",
        command="synth_xilinx -family xcup -noiopad -uram -flatten",
        capacity={"lut": 274080, "ff": 548160, "dsp": 2520, "bram": 912, "uram": 0},
        notes=(
            *_XILINX,
            "Yosys leaves pipeline registers outside DSP48E2 blocks: ff is too high by them",
            "bram counts 36 Kbit blocks; uram counts 288 Kbit blocks, which this part lacks but "
            "others of the family have",
        ),
    ),
    "zu9eg": Target(
        name="zu9eg",
        part="XCZU9EG of a ZCU102",
        command="synth_xilinx -family xcup -noiopad -flatten",
        capacity={"lut": 274080, "ff": 548160, "dsp": 2520, "bram": 912, "uram": 0},
        notes=(
            *_XILINX,
            "Yosys leaves pipeline registers outside DSP48E2 blocks: ff is too high by them",
            "bram counts 36 Kbit blocks",
        ),
    ),
    "xc7": Target(
        name="xc7",
        part="7 series, capacity of a ZC706's XC7Z045",
        command="synth_xilinx -family xc7 -noiopad -flatten",
        capacity={"lut": 218600, "ff": 437200, "dsp": 900, "bram": 545, "uram": 0},
        notes=(*_XILINX, "bram counts 36 Kbit blocks"),
    ),
}
