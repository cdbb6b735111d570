"""Engines whose buffers are as small as may be, and products that count far.

Shared by the engine's tests and by the mutants of its blocks (``scripts/mutate_engine.py``).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from archsim.config.matrix import MatrixParams
from archsim.functional import ColumnParams, MatrixEngine
from archsim.mapping.array import plan
from archsim.mapping.array_layout import pack, unpack
from archsim.models.array import engine_cycles
from cosim.compiled import Stimulus
from cosim.operands import draw

_SMALL = {"a_depth": 12, "b_depth": 20, "out_depth": 8, "port_bytes": 4}
ENGINES = {
    "os": MatrixParams(rows=4, columns=4, requantise=False, **_SMALL),
    "ws": MatrixParams(
        rows=4, columns=4, requantise=False, dataflow="weight_stationary", acc_depth=8, **_SMALL
    ),
    "lanes": MatrixParams(rows=2, columns=2, rounding="half_even", **_SMALL),
}
"""Full sums show every bit of the array; the lanes have an engine of their own."""

SHAPES = [(1, 1, 1), (4, 16, 4), (13, 17, 11), (9, 30, 29), (2, 90, 3), (40, 8, 8), (61, 2, 9),
          (23, 3, 13), (3, 1, 120), (1, 40, 30), (14, 5, 9), (22, 9, 30), (10, 7, 21),
          (3, 9, 60), (5, 6, 50), (6, 5, 70), (7, 3, 40)]  # fmt: skip
LONG = [(33000, 1, 1), (4300, 8, 3), (5, 8, 4300), (3, 1300, 2), (8300, 3, 2), (21, 9, 67),
        (90, 1, 50)]  # fmt: skip
LANES = [(6, 300, 60), (5, 9, 90), (9, 60, 40)]
"""Products with many columns, each with its own scale and any shift."""
PRESSED = [(30, 0), (0, 40), (60, 70)]
"""Percent of cycles in which the input offers nothing, and in which the output takes nothing."""


class Judge:
    """Products on one engine, under one stimulus, and what must come back."""

    def __init__(
        self, params: MatrixParams, shapes: list[tuple[int, int, int]], stimulus: Stimulus
    ) -> None:
        self.params, self.work, self.wanted = params, [], []
        self.full = not (stimulus.idle or stimulus.stall)
        for number, (m, k, n) in enumerate(shapes):
            operands, job = draw(params, m, k, n, stimulus.seed + number), plan(params, m, n, k)
            if shapes is LANES:
                operands = replace(operands, columns=any_scale(operands.columns, n, number))
            beats = pack(params, job, operands.a, operands.b, operands.columns)
            self.work.append((job, beats, stimulus))
            exact = MatrixEngine(params)(operands.a, operands.b, operands.columns)
            self.wanted.append((exact, engine_cycles(params, job)))

    def complaint(self, runs) -> str:
        """Return what is wrong with the simulated ``runs`` of ``work``, "" where nothing is."""
        for (job, _, _), run, (values, model) in zip(self.work, runs, self.wanted, strict=True):
            name = f"{job.m}x{job.k}x{job.n}"
            if not (unpack(self.params, job, run.beats) == values).all():
                return f"{name}: wrong values"
            counters = {counter: getattr(model, counter) for counter in run.counters}
            if self.full and run.counters != counters:
                return f"{name}: counters {run.counters}, not {counters}"
            if run.counters["cycles"] < model.cycles:
                return f"{name}: {run.counters['cycles']} cycles, fewer than {model.cycles}"
            if sum(list(run.counters.values())[1:]) != run.counters["cycles"]:
                return f"{name}: counters do not add up to the cycles"
        return ""


def any_scale(columns: ColumnParams, count: int, seed: int) -> ColumnParams:
    """Return parameters whose scales and shifts take their whole range."""
    rng = np.random.default_rng(seed)
    scale, shift = rng.integers(0, 1 << 15, count), rng.integers(0, 48, count)
    return ColumnParams(columns.bias, scale, shift)


def judges(params: MatrixParams, limit: int) -> list[Judge]:
    """Return all judges of an engine, the quick ones first; a handshake may take ``limit``."""
    pressed = [Stimulus(5, idle, stall, wait_limit=limit) for idle, stall in PRESSED]
    full = Stimulus(seed=3, wait_limit=limit)
    return [
        Judge(params, SHAPES, full), *(Judge(params, SHAPES, s) for s in reversed(pressed)),
        Judge(params, LANES if params.requantise else LONG, full),
    ]  # fmt: skip
