"""Co-simulation of the whole neural field processor: loaded, started and read as software does."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_params import NfpParams
from archsim.functional.ngpc import FixedNetwork, engine_words, weight_words
from archsim.functional.ngpc.network import FixedData
from archsim.models.ngpc.rtl_cycles import job_cycles
from cosim.compiled import Stimulus
from cosim.design import open_design
from cosim.errors import CosimError, HangError
from cosim.place import build_folder
from cosim.verilated import verilate
from hdl.ngpc.emit import TOP
from hdl.ngpc.processor import engine_latency, engine_levels
from hdl.ngpc.registers import COUNTERS, registers
from hdl.ngpc.top import bus_bits, sample_bits

Array = NDArray[Any]

HARNESS = Path(__file__).with_suffix(".cpp")
CHUNK = 1 << 18
"""Samples of a job: bounds the memory for any number of them."""


@dataclass(frozen=True)
class JobRun:
    """What a job gave: raw outputs ``[n, outputs]``, cycles from the first sample taken to the last
    result, and the counters by name."""

    outputs: Array
    cycles: int
    counters: dict[str, int]


class ProcessorBench:
    """The compiled processor of ``params`` with a network's data in its memories."""

    def __init__(
        self, params: NfpParams, data: FixedData, stimulus: Stimulus, folder: Path | None = None
    ) -> None:
        design = open_design(params, folder)
        self.params = params
        self.stimulus = stimulus
        self.digest = design.manifest.design_digest
        self.program = verilate(design.verilog, TOP, HARNESS.read_text(), build_folder() / "cosim")
        self.in_bits = bus_bits(sample_bits(params))
        self.out_bits = bus_bits(params.outputs * params.formats.activation_bits)
        self.offsets = {r.name: r.offset for r in registers(params)}
        self._setup = self._loading(data)

    def run(self, positions: Array, directions: Array | None = None) -> JobRun:
        """Run raw samples through the processor, ``CHUNK`` a job."""
        parts = [
            self._job(
                positions[at : at + CHUNK],
                None if directions is None else directions[at : at + CHUNK],
            )
            for at in range(0, len(positions), CHUNK)
        ]  # fmt: skip
        outputs = np.concatenate([part.outputs for part in parts])
        counters = {name: sum(p.counters[name] for p in parts) for name in COUNTERS}
        return JobRun(outputs, sum(part.cycles for part in parts), counters)

    def _loading(self, data: FixedData) -> bytes:
        """The operations that fill the memories and set the shifts."""
        p = self.params
        shifts = [shift for perceptron in data.shifts for shift in perceptron]
        parts = [self._write(f"shift_{n}", shift) for n, shift in enumerate(shifts)]
        if p.directions:
            point = 2 * p.formats.direction_fraction_bits + 2
            parts.append(self._write("term_shift", point - data.fractions[1][0]))
        words = [engine_words(p, engine_levels(p, e), data.table) for e in range(p.engines)]
        loads = [(part, p.word_bits) for part in words]
        loads.append((weight_words(p, data.weights), p.mlp_columns * p.formats.weight_bits))
        for target, (part, bits) in enumerate(loads, 1):
            parts += [self._write("address", 0), self._write("target", target)]
            beats = -(-bits // self.in_bits)
            rows = b"".join(w.to_bytes(beats * self.in_bits // 8, "little") for w in part)
            parts.append(self._stream(beats * len(part), 0, self._padded(rows)))
        parts.append(self._write("target", 0))
        return b"".join(parts)

    def _job(self, positions: Array, directions: Array | None) -> JobRun:
        count, s = len(positions), self.stimulus
        beats = pack_samples(self.params, positions, directions, self.in_bits)
        job = [self._write("samples", count), self._write("control", 1)]
        job.append(self._stream(count, count, self._padded(beats), s.seed, s.idle, s.stall))
        job += [_operation(1, self.offsets[f"{name}_cycles"]) for name in COUNTERS]
        job.append(_operation(1, self.offsets["status"]))
        with tempfile.TemporaryDirectory() as scratch:
            source, target = Path(scratch) / "operations.bin", Path(scratch) / "results.bin"
            source.write_bytes(self._setup + b"".join(job))
            done = subprocess.run([str(self.program), str(source), str(target)], check=False)
            if done.returncode:
                raise CosimError(
                    f"the simulation of {self.program} ended with code {done.returncode}"
                )
            return self._results(target.read_bytes(), count)

    def _results(self, raw: bytes, count: int) -> JobRun:
        """Results of the loads (facts only), then of the job."""
        at = 32 * (self.params.engines + 1)
        size = _port_bytes(self.out_bits)
        facts = [int(x) for x in np.frombuffer(raw[at : at + 32], "<u8")]
        if len(facts) < 4 or facts[1] < count:
            raise HangError(f"the processor hung: {facts[1] if facts else 0} of {count} results")
        if facts[2] != count:
            raise CosimError(f"tlast must come with result {count} alone, not {facts[2]}")
        at += 32
        rows = np.frombuffer(raw, np.uint8, count * size, at).reshape(count, size)
        at += count * size
        *counted, status = (int(x) for x in np.frombuffer(raw[at:], "<u8"))
        counters = dict(zip(COUNTERS, counted, strict=True))
        if status != 2 or counters["cycles"] != sum(counted) - counters["cycles"]:
            raise CosimError(f"a finished job must have status 2 and counters that add up, "
                             f"not {status} and {counters}")  # fmt: skip
        bits = self.params.formats.activation_bits
        return JobRun(unpack_numbers(rows, bits, self.params.outputs), facts[3] + 1, counters)

    def _write(self, name: str, value: int) -> bytes:
        return _operation(0, self.offsets[name], value)

    def _stream(
        self, beats: int, results: int, data: bytes, seed: int = 0, idle: int = 0, stall: int = 0
    ) -> bytes:
        return _operation(2, beats, results, seed, idle, stall) + data

    def _padded(self, beats: bytes) -> bytes:
        """Beats as the simulator's port has them."""
        size, port = self.in_bits // 8, _port_bytes(self.in_bits)
        rows = np.frombuffer(beats, np.uint8).reshape(-1, size)
        return np.pad(rows, ((0, 0), (0, port - size))).tobytes()


@dataclass(frozen=True)
class ProcessorCase:
    """A job on the RTL beside reference and model."""

    name: str
    samples: int
    rtl_cycles: int
    model_cycles: int
    bound_cycles: int
    mismatches: int
    counters: dict[str, int]
    seed: int
    design_digest: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def check(
    bench: ProcessorBench, name: str, expected: Array, positions: Array, directions: Array | None
) -> ProcessorCase:
    """Run raw samples and compare every output with ``expected`` ``[n, outputs]``."""
    found = bench.run(positions, directions)
    predicted = job_cycles(bench.params, positions, engine_latency(bench.params))
    return ProcessorCase(
        name=name, samples=len(positions), rtl_cycles=found.cycles, model_cycles=predicted.cycles,
        bound_cycles=predicted.bound, mismatches=int((found.outputs != expected).any(axis=1).sum()),
        counters=found.counters, seed=bench.stimulus.seed, design_digest=bench.digest,
    )  # fmt: skip


class RtlNetwork(FixedNetwork):
    """The network as the processor's RTL computes it; ``samples`` and ``cycles`` so far."""

    def __init__(self, bench: ProcessorBench) -> None:
        super().__init__(bench.params)
        self.bench = bench
        self.samples = 0
        self.cycles = 0

    def raw(self, data: FixedData, positions: Array, directions: Array | None = None) -> Array:
        """Return raw outputs ``[n, outputs]``; ``data`` is what the bench was loaded with."""
        if not len(positions):
            return np.zeros((0, self.params.outputs), np.int64)
        found = self.bench.run(positions, directions)
        self.samples += len(positions)
        self.cycles += found.cycles
        return found.outputs


def pack_samples(params: NfpParams, positions: Array, directions: Array | None, bits: int) -> bytes:
    """Return beats of ``bits`` (a multiple of 32): positions, then the direction, lowest first."""
    f = params.formats
    columns = [(positions[:, axis], f.position_bits) for axis in range(params.grid.dims)]
    if params.directions:
        if directions is None:
            raise ValueError("directions must be given for this network, not None")
        columns += [(directions[:, axis], f.direction_bits) for axis in range(3)]
    words = np.zeros((len(positions), bits // 32), np.uint64)
    at = 0
    for values, width in columns:
        raw = values.astype(np.int64).astype(np.uint64) & np.uint64((1 << width) - 1)
        word, shift = divmod(at, 32)
        moved = raw << np.uint64(shift)  # at most 31 + 32 bits
        words[:, word] |= moved & np.uint64(0xFFFFFFFF)
        if shift + width > 32:
            words[:, word + 1] |= moved >> np.uint64(32)
        at += width
    return words.astype("<u4").tobytes()


def unpack_numbers(rows: Array, bits: int, count: int) -> Array:
    """Return signed numbers int64 ``[n, count]`` packed in bytes ``[n, size]``."""
    unpacked = np.unpackbits(rows, axis=1, bitorder="little")[:, : bits * count]
    parts = unpacked.reshape(len(rows), count, bits).astype(np.int64)
    weights = 1 << np.arange(bits, dtype=np.int64)
    weights[-1] = -weights[-1]
    return np.asarray(parts @ weights)


def _operation(*numbers: int) -> bytes:
    return np.array([*numbers, *[0] * (6 - len(numbers))], "<u8").tobytes()


def _port_bytes(bits: int) -> int:
    """Bytes of a Verilator port of ``bits``."""
    return next((size for size in (4, 8) if bits <= 8 * size), 4 * -(-bits // 32))
