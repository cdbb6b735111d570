"""The encoding engine compiled with Verilator: millions of positions against the reference."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.back import verilog
from numpy.typing import NDArray

from archsim.config.ngpc_params import NfpParams
from archsim.functional.ngpc import FixedGrid, stored_words
from archsim.models.ngpc.banks import count_cycles, words_of
from cosim.errors import CosimError, HangError
from cosim.verilated import verilator_path
from hdl.ngpc.engine import EncodingEngine

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
    level: int,
    positions: Array,
    table: Array,
    folder: Path,
    *,
    seed: int = 0,
    idle: int = 0,
    stall: int = 0,
) -> EngineRun:
    """Simulate raw ``positions`` ``[n, dims]`` at ``level`` with the raw ``table``.

    ``idle`` and ``stall``: percent of cycles without offer or ready. The model's cycles hold
    without both. The program is built below ``folder`` unless it is there.
    """
    engine = EncodingEngine(params, level)
    program = build(verilog.convert(engine, name=TOP), folder)
    words = stored_words(params, level, table)
    feature, dims = params.formats.feature_bits, params.grid.dims
    number = engine.number_bits
    loads = [word << number | address for address, word in enumerate(words)]
    shifts = [params.formats.position_bits * axis for axis in range(dims)]
    offers = [
        sum(int(x) << s for x, s in zip(row, shifts, strict=True)) for row in positions.tolist()
    ]
    rows = (
        _rows(loads, number + params.word_bits),
        _rows(offers, params.formats.position_bits * dims),
    )
    most = 200 * len(positions) + 10_000
    header = (len(words), len(positions), seed, idle, stall, most)
    raw, cycles = _execute(program, folder, rows, header, _size(feature * params.grid.features))
    found = _features(raw, feature, params.grid.features)
    columns = slice(level * params.grid.features, (level + 1) * params.grid.features)
    wanted = FixedGrid(params)(positions, table)[:, columns]
    cells, _ = FixedGrid(params).cells(params.grid.tables[level], positions)
    addresses = words_of(params.grid, params.grid.tables[level], cells)
    predicted, _ = count_cycles(addresses, params.banks, params.queue_depth)
    wrong = int((found != wanted).any(axis=1).sum())
    return EngineRun(len(positions), wrong, cycles, int(predicted) + engine.latency)


def build(text: str, folder: Path) -> Path:
    """Return the simulation of the Verilog ``text``."""
    identity = text + HARNESS.read_text()
    target = folder / hashlib.sha256(identity.encode()).hexdigest()[:20]
    program = target / "obj" / f"V{TOP}"
    if (target / "done").exists():
        return program
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    (target / "top.v").write_text(text)
    command = [
        str(verilator_path()), "--cc", "--exe", "--build", "-j", "2", "-O3", "-Wno-fatal",
        "-Wno-WIDTH", "--no-timing", "-CFLAGS", "-O2 -fno-strict-aliasing", "--top-module", TOP,
        "--Mdir", str(target / "obj"), str(target / "top.v"), str(HARNESS),
    ]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if k != "VERILATOR_ROOT"}
    environment["MAKEFLAGS"] = "-- CFG_CXXFLAGS_PCH_I=-include"
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise CosimError(f"verilator failed on {target / 'top.v'}: {done.stderr[-2000:]}")
    (target / "done").touch()
    return program


def _execute(
    program: Path, folder: Path, rows: tuple[bytes, bytes], header: tuple[int, ...], size: int
) -> tuple[Array, int]:
    """Run the program; return result rows as bytes ``[n, size]`` and the cycles."""
    source, target = folder / "job.bin", folder / "results.bin"
    source.write_bytes(np.array(header, "<u8").tobytes() + rows[0] + rows[1])
    done = subprocess.run([str(program), str(source), str(target)], check=False)
    if done.returncode == 3:
        raise HangError(f"the encoding engine gave no result for {header[5]} cycles")
    if done.returncode:
        raise CosimError(f"the simulation of {program} ended with code {done.returncode}")
    raw = target.read_bytes()
    cycles = int(np.frombuffer(raw, "<u8", 2)[1])
    return np.frombuffer(raw, np.uint8, offset=16).reshape(-1, size), cycles


def _size(bits: int) -> int:
    """Bytes of a Verilator port of ``bits``."""
    for size in (1, 2, 4, 8):
        if bits <= 8 * size:
            return size
    return 4 * -(-bits // 32)


def _rows(values: list[int], bits: int) -> bytes:
    size = _size(bits)
    return b"".join(value.to_bytes(size, "little") for value in values)


def _features(raw: Array, bits: int, count: int) -> Array:
    """Signed features ``[n, count]`` of packed rows."""
    unpacked = np.unpackbits(raw, axis=1, bitorder="little")[:, : bits * count]
    parts = unpacked.reshape(len(raw), count, bits).astype(np.int64)
    weights = 1 << np.arange(bits, dtype=np.int64)
    weights[-1] = -weights[-1]
    return parts @ weights
