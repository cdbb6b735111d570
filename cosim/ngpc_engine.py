"""The encoding engine compiled with Verilator: millions of positions against the reference."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.back import verilog
from numpy.typing import NDArray

from archsim.config.ngpc_params import NfpParams
from archsim.functional.ngpc import FixedGrid, engine_words
from archsim.models.ngpc.banks import count_cycles, words_of
from archsim.models.ngpc.rtl_cycles import encoded_at
from cosim.errors import CosimError, HangError
from cosim.ngpc import pack_samples, unpack_numbers
from cosim.verilated import verilate
from hdl.lib.memory import VERILOG
from hdl.ngpc.engine import EncodingEngine
from hdl.ngpc.serial import SerialEngine
from hdl.ngpc.top import bus_bits

Array = NDArray[Any]

TOP = "encoding_engine"
HARNESS = Path(__file__).with_suffix(".cpp")


@dataclass(frozen=True)
class EngineRun:
    """What one level's engine did: wrong results, its cycles, and the model's.

    ``rtl_cycles`` are those from the first position taken to the last result.
    """

    samples: int
    mismatches: int
    rtl_cycles: int
    model_cycles: int

    @property
    def samples_per_cycle(self) -> float:
        """Throughput."""
        return self.samples / self.rtl_cycles


def run_engine(
    params: NfpParams,
    level: int | None,
    positions: Array,
    table: Array,
    folder: Path,
    *,
    seed: int = 0,
    idle: int = 0,
    stall: int = 0,
) -> EngineRun:
    """Simulate raw ``positions`` ``[n, dims]`` at ``level`` with the raw ``table``.

    Without a ``level`` all of them take turns on an engine with one bank; with one and one bank the
    level has such an engine alone. ``idle`` and ``stall``: percent of cycles without offer or
    ready. The model's cycles hold without both. The program is built below ``folder`` unless it is
    there.
    """
    found, cycles = simulate(params, level, positions, table, folder, (seed, idle, stall))
    grid = params.grid
    wanted = FixedGrid(params)(positions, table)
    if level is not None:
        wanted = wanted[:, level * grid.features : (level + 1) * grid.features]
    wrong = int((found != wanted).any(axis=1).sum())
    return EngineRun(len(positions), wrong, cycles, predicted(params, level, positions))


def predicted(params: NfpParams, level: int | None, positions: Array) -> int:
    """Return the model's cycles of ``run_engine``, without waiting outside."""
    if level is None:
        serial = replace(params, banks=1, levels_per_engine=params.grid.levels)
        # a position is taken at its last level's turn
        turns = params.grid.levels - 1
        return int(encoded_at(serial, positions)[-1]) + SerialEngine.latency_of(params) - turns
    cells, _ = FixedGrid(params).cells(params.grid.tables[level], positions)
    if params.banks == 1:
        words = params.grid.corners // 2 * (len(cells) + int((cells[:, 0] & 1).sum()))
        return words + SerialEngine.latency_of(params)
    addresses = words_of(params.grid, params.grid.tables[level], cells)
    cycles, _ = count_cycles(addresses, params.banks, params.queue_depth)
    return int(cycles) + EncodingEngine.latency_of(params)


def simulate(
    params: NfpParams, level: int | None, positions: Array, table: Array, folder: Path,
    stimulus: tuple[int, int, int] = (0, 0, 0),
) -> tuple[Array, int]:  # fmt: skip
    """Return the features of the RTL and its cycles; ``stimulus``: seed, idle, stall."""
    levels = range(params.grid.levels) if level is None else (level,)
    engine: EncodingEngine | SerialEngine
    if level is None or params.banks == 1:
        engine = SerialEngine(params, levels, verilog=True)
    else:
        engine = EncodingEngine(params, level, verilog=True)
    text = f"{VERILOG}\n{verilog.convert(engine, name=TOP)}"
    program = verilate(text, TOP, harness(TOP), folder)
    words = engine_words(params, levels, table)
    number = engine.number_bits
    load_bits = number + params.word_bits
    loads = b"".join(
        (word << number | address).to_bytes(port_size(load_bits), "little")
        for address, word in enumerate(words)
    )
    bits = params.formats.position_bits * params.grid.dims
    flat = replace(params, mlps=params.mlps[:1])
    offers = pack_samples(flat, positions, None, bus_bits(bits))
    if bits <= 64:
        offers = np.frombuffer(offers, "<u4").reshape(len(positions), -1)
        offers = np.pad(offers, ((0, 0), (0, port_size(bits) // 4 - offers.shape[1]))).tobytes()
    most = 200 * len(positions) * len(levels) + 10_000
    header = (len(words), len(positions), len(positions) * len(levels), *stimulus, most, 0)
    features = params.grid.features
    size = port_size(params.formats.feature_bits * features)
    raw, cycles = execute(program, folder, (loads, offers), header, size)
    numbers = unpack_numbers(raw, params.formats.feature_bits, features)
    return numbers.reshape(len(positions), -1), cycles


def harness(top: str, *, started: bool = False) -> str:
    """Return the program around the engine ``top``; ``started``: it has jobs that begin."""
    lines = [f"#define TOP V{top}", f'#define TOP_HEADER "V{top}.h"']
    return "\n".join([*lines, *["#define STARTED"] * started, HARNESS.read_text()])


def execute(
    program: Path, folder: Path, rows: tuple[bytes, bytes], header: tuple[int, ...], size: int
) -> tuple[Array, int]:
    """Run the program on words and beats; return result rows as bytes ``[n, size]`` and the cycles.

    ``header``: words, beats, results, seed, idle, stall, most cycles, shifts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        source, target = Path(scratch) / "job.bin", Path(scratch) / "results.bin"
        source.write_bytes(np.array(header, "<u8").tobytes() + rows[0] + rows[1])
        done = subprocess.run([str(program), str(source), str(target)], check=False)
        if done.returncode == 3:
            raise HangError(f"the engine gave no result within {header[6]} cycles")
        if done.returncode:
            raise CosimError(f"the simulation of {program} ended with code {done.returncode}")
        raw = target.read_bytes()
    cycles = int(np.frombuffer(raw, "<u8", 2)[1])
    return np.frombuffer(raw, np.uint8, offset=16).reshape(-1, size), cycles


def port_size(bits: int) -> int:
    """Bytes of a Verilator port of ``bits``."""
    return next((size for size in (1, 2, 4, 8) if bits <= 8 * size), 4 * -(-bits // 32))
