"""Any design with an AXI4 manager, AXI4-Lite control and an interrupt, in a compiled simulation."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.errors import CosimError, HangError
from cosim.verilated import verilate
from hdl.verilog import ports

TEMPLATE = Path(__file__).with_name("axi_harness.cpp.in")

FAULTS = {
    1: "a burst crossed a 4096-byte boundary",
    2: "a burst left the memory",
    3: "wlast was not on a burst's last beat",
    4: "an address or a word changed while it was offered",
    5: "a burst had beats of another size or was not aligned to them",
}
"""What the memory finds wrong with the design's bus."""


@dataclass(frozen=True)
class MemoryAgent:
    """How the memory behaves, from ``seed``.

    ``pause``: percent of cycles in which a channel is not ready, or offers nothing. A burst's first
    beat, and a write's answer, come ``latency`` cycles after its address (a range, drawn for each).
    ``beats_per_cycle``: at most so many beats are read. ``wait_limit``: cycles without any transfer
    after which the design counts as hung.
    """

    seed: int = 0
    pause: int = 0
    latency: tuple[int, int] = (64, 64)
    beats_per_cycle: float = 1.0
    wait_limit: int = 1_000_000


@dataclass(frozen=True)
class AxiRun:
    """What came of a run: registers asked for, memory, cycles to the interrupt, beats moved."""

    registers: tuple[int, ...]
    memory: bytes
    cycles: int
    read_beats: int
    write_beats: int


def build(verilog: str, top: str, folder: Path) -> Path:
    """Return the simulation of ``top``, built below ``folder`` unless it is there."""
    widths = {port["name"]: int(port["width"]) for port in ports(verilog, top)}
    text = TEMPLATE.read_text().replace("@TOP@", top)
    return verilate(verilog, top, text.replace("@BYTES@", str(widths["m_axi_wdata"] // 8)), folder)


def run(
    program: Path,
    memory: bytes,
    writes: Sequence[tuple[int, int]],
    asked: Sequence[int],
    agent: MemoryAgent,
) -> AxiRun:
    """Write registers (the last one starts), wait for the interrupt, then read registers ``asked``.

    Raises ``HangError`` where the interrupt does not come, ``CosimError`` for a bus fault.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "run.bin", Path(scratch) / "results.bin"
        rate = round(1000 * agent.beats_per_cycle)
        with source.open("wb") as out:
            facts = [agent.seed, agent.pause, *agent.latency, rate, agent.wait_limit]
            np.array(facts, dtype="<u4").tofile(out)
            np.array([len(memory), len(writes), len(asked)], dtype="<u8").tofile(out)
            out.write(memory)
            np.array([x for pair in writes for x in pair], dtype="<u4").tofile(out)
            np.array(asked, dtype="<u4").tofile(out)
        done = subprocess.run([str(program), str(source), str(target)], check=False)
        if done.returncode:
            raise CosimError(f"the simulation of {program} ended with code {done.returncode}")
        raw = target.read_bytes()
    hung, fault, cycles, reads, written, size = (
        int(x) for x in np.frombuffer(raw, dtype="<u8", count=6)
    )
    found = np.frombuffer(raw, dtype="<u4", count=len(asked), offset=48)
    if fault:
        raise CosimError(f"the design broke AXI4: {FAULTS[fault]}")
    if hung:
        raise HangError(f"the design hung: no transfer for {agent.wait_limit} cycles")
    return AxiRun(
        tuple(int(x) for x in found), raw[48 + 4 * len(asked) :][:size], cycles, reads, written
    )
