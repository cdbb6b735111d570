"""The perceptron engine compiled with Verilator, on the perceptrons that a real GPU computed.

``python -m cosim.ngpc_perceptron [NAME]...`` runs all 65,536 samples of each recorded perceptron
and compares the digest of every result with the GPU's.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.back import verilog
from numpy.typing import NDArray

from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_params import SHIFT_BITS, NfpParams, padded
from archsim.functional.ngpc import weight_words
from archsim.models.ngpc.rtl_cycles import perceptron_cycles
from cosim.ngpc import unpack_numbers
from cosim.ngpc_engine import execute, harness, port_size
from cosim.place import build_folder
from cosim.verilated import verilate
from hdl.lib.memory import VERILOG
from hdl.ngpc.lane import MODULE as LANE
from hdl.ngpc.perceptron import PE, PerceptronEngine, make_lane, make_pe
from hdl.verilog import convert_all
from workloads.kernels.ngpc_golden import KEPT, MLPS, digest, draw_mlp

Array = NDArray[Any]

TOP = "perceptron_engine"
ARRAYS = {
    "nerf_density": (1, 64, 4), "nerf_color": (4, 64, 16), "volume": (1, 64, 4),
    "narrow": (5, 16, 8),
}  # fmt: skip
"""Rows, columns and lanes of the engine that computes each recorded perceptron."""


@dataclass(frozen=True)
class PerceptronRun:
    """What the engine did: ``wrong`` samples (-1: some, by the digest), and its cycles.

    ``rtl_cycles`` are those from the first beat taken to the last result.
    """

    name: str
    samples: int
    wrong: int
    rtl_cycles: int
    model_cycles: int


def params_of(name: str) -> NfpParams:
    """Return a processor whose perceptron is the recorded one ``name``, all padded outputs."""
    mlp = replace(MLPS[name], outputs=padded(MLPS[name].outputs))
    rows, columns, lanes = ARRAYS[name]
    levels = mlp.inputs // 2
    return NfpParams(
        grid=GridParams(levels=levels, log2_entries=6, base=3, growth=1.0), mlps=(mlp,), banks=1,
        levels_per_engine=levels, mlp_rows=rows, mlp_columns=columns, mlp_lanes=lanes,
    )  # fmt: skip


def run_golden(
    name: str, samples: int = KEPT, folder: Path | None = None, *, seed: int = 0, idle: int = 0,
    stall: int = 0, spoil: bool = False,
) -> PerceptronRun:  # fmt: skip
    """Run the first ``samples`` of the recorded perceptron ``name`` through the RTL.

    Up to ``KEPT`` they are compared with the recorded results one by one, all of them by the
    digest. ``spoil`` changes a bit of a weight. The model's cycles hold without waiting outside.
    """
    params = params_of(name)
    x, weights, shifts = draw_mlp(name)
    if spoil:
        weights[0][0, 0] ^= 1 << 10
    found, cycles = _simulate(params, x[:samples], weights, shifts, (seed, idle, stall), folder)
    golden = files("cosim").joinpath("golden")
    if samples == len(x):
        recorded = json.loads(golden.joinpath("ngpc.json").read_text())["cases"][f"mlp_{name}"]
        wrong = 0 if digest(found) == recorded["sha256"] else -1
    elif samples <= KEPT:
        with np.load(BytesIO(golden.joinpath("ngpc.npz").read_bytes())) as stored:
            wanted = stored[f"mlp_{name}"][:samples].astype(np.int64)
        wrong = int((found != wanted).any(axis=1).sum())
    else:
        raise ValueError(f"samples must be at most {KEPT}, or all {len(x)}, not {samples}")
    return PerceptronRun(name, samples, wrong, cycles, perceptron_cycles(params, samples))


def _simulate(
    params: NfpParams, x: Array, weights: list[Array], shifts: tuple[int, ...],
    stimulus: tuple[int, int, int], folder: Path | None,
) -> tuple[Array, int]:  # fmt: skip
    """Return the RTL's results int64 ``[n, outputs]`` of raw ``x`` ``[n, inputs]``, and cycles."""
    engine = PerceptronEngine(params, verilog=True)
    parts = [(make_pe(params, verilog=True), PE), (make_lane(params), LANE)]
    text = "\n".join((VERILOG, *convert_all(parts).values(), verilog.convert(engine, name=TOP)))
    place = folder or build_folder() / "cosim"
    program = verilate(text, TOP, harness(TOP, started=True), place)
    bits = params.formats.activation_bits
    width = params.outputs * bits
    words = weight_words(params, [weights])
    number = (engine.plan.weight_words - 1).bit_length()
    size = port_size(number + params.mlp_columns * params.formats.weight_bits)
    loads = b"".join((w << number | at).to_bytes(size, "little") for at, w in enumerate(words))
    beats = np.ascontiguousarray(x.astype("<i2").reshape(-1, 2))  # two features a level's turn
    packed = sum(shift << (SHIFT_BITS * layer) for layer, shift in enumerate(shifts))
    most = 40 * perceptron_cycles(params, len(x)) + 10_000
    header = (len(words), len(beats), len(x), *stimulus, most, packed)
    raw, cycles = execute(program, place, (loads, beats.tobytes()), header, port_size(width))
    return unpack_numbers(raw, bits, params.outputs), cycles


def main() -> None:
    """Run whole recorded perceptrons."""
    for name in sys.argv[1:] or MLPS:
        print(run_golden(name, len(draw_mlp(name)[0])), flush=True)


if __name__ == "__main__":
    main()
