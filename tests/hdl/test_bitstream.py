"""The ECP5 recipe of a generated folder, run as its user would: it ends in a bitstream."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from archsim.config import load_device
from hdl.generate import generate

TOOLS = Path(sys.executable).parent
SMALL = ("array.rows=2", "array.columns=2", "memory.bytes_per_cycle=2")
IDCODE = bytes.fromhex("41113043")
"""JTAG identity of an LFE5U-85F (Lattice FPGA-TN-02039, table of IDCODEs)."""


def tables(config: Path) -> set[tuple[str, str]]:
    """Return tile and contents of every look-up table, those full of ones left out: the default."""
    found = set()
    for block in config.read_text().split("\n\n"):
        tile, *lines = block.strip().splitlines() or [""]
        words = (line for line in lines if re.match(r"word: SLICE.\.K\d\.INIT \d*0", line))
        found |= {(tile, word) for word in words}
    return found


def build(folder: Path, *top: str) -> Path:
    """Run the recipe in a generated ``folder``; return where its outputs are."""
    path = f"{TOOLS}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["sh", "ecp5/build.sh", *top], cwd=folder, env={**os.environ, "PATH": path}, check=True
    )
    return folder / "ecp5" / "out"


@pytest.mark.slow
def test_a_top_of_too_many_ports_is_placed_in_a_harness(tmp_path):
    generate(load_device("os_4x4_int8", [f"device.{setting}" for setting in SMALL]), tmp_path)
    out = build(tmp_path, "matrix_memory_top")
    used = json.loads((out / "matrix_memory_top.report.json").read_text())["utilization"]
    assert used["TRELLIS_IO"]["used"] == 4
    assert used["TRELLIS_FF"]["used"] > 2000
    assert (out / "matrix_memory_top.bit").exists()


@pytest.mark.slow
def test_the_recipe_ends_in_a_bitstream_of_the_design(tmp_path):
    settings = [f"device.{setting}" for setting in (*SMALL, "multiplier=ecp5")]
    device = load_device("os_4x4_int8", settings)
    generate(device, tmp_path)
    out = build(tmp_path)
    bits = (out / "matrix_top.bit").read_bytes()
    assert b"LFE5U-85F" in bits[:200] and IDCODE in bits[:400]
    report = json.loads((out / "matrix_top.report.json").read_text())
    assert report["utilization"]["MULT18X18D"]["used"] == 2 * 2 + 2 * 2  # elements, limbs of lanes
    assert all(clock["achieved"] > 40 for clock in report["fmax"].values())
    command = [TOOLS / "yowasp-ecpunpack", "--input", "ecp5/out/matrix_top.bit"]
    subprocess.run([*command, "--textcfg", "unpacked.config"], cwd=tmp_path, check=True)
    placed, read = tables(out / "matrix_top.config"), tables(tmp_path / "unpacked.config")
    assert len(placed) > 1000
    assert placed == read
