"""Mutants of hdl.matrix, judged as the engine's ordinary tests judge the engine.

A mutant dies when a value, a counter at full rate, the last beat, a register or the interrupt is
not what the reference and the cycle model say, or when a handshake hangs: the shapes and stimuli
of tests/cosim/test_engine.py, on the compiled simulation with a mutant selector.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/cosim")]

from test_engine import PRESSED, SHAPES  # noqa: E402

from archsim.config import load_device  # noqa: E402
from archsim.functional import MatrixEngine  # noqa: E402
from archsim.mapping.array import plan  # noqa: E402
from archsim.mapping.array_layout import pack, unpack  # noqa: E402
from archsim.models.array import engine_cycles  # noqa: E402
from cosim.compiled import HARNESS, Stimulus, simulate  # noqa: E402
from cosim.errors import CosimError  # noqa: E402
from cosim.operands import draw  # noqa: E402
from cosim.verilated import verilate  # noqa: E402
from hdl.formal.engine_mutants import Block, combine, prepare, split  # noqa: E402

ENGINES = {
    "os_4x4_int8": (
        Block("os_loader", "engine.loader"), Block("os_issuer", "engine.issuer"),
        Block("os_array", "engine.array"), Block("os_pe", "engine.array.row_1.pe_2"),
        Block("lane", "engine.lane_1"), Block("os_engine", "engine", False),
        Block("control", "", False),
    ),
    "ws_4x4_int8": (
        Block("ws_loader", "engine.loader"), Block("ws_issuer", "engine.issuer"),
        Block("ws_array", "engine.array"), Block("ws_pe", "engine.array.row_1.pe_2"),
        Block("accumulator", "engine.accumulator"), Block("ws_engine", "engine", False),
    ),
}  # fmt: skip
WAIT_LIMIT = 3000


class Judge:
    """The products of the ordinary tests on one engine, and what must come back."""

    def __init__(self, device):
        self.params = load_device(device).params
        self.work, self.wanted = [], []
        stimuli = [Stimulus(seed=3, wait_limit=WAIT_LIMIT)]
        stimuli += [Stimulus(5, idle, stall, wait_limit=WAIT_LIMIT) for idle, stall in PRESSED]
        for stimulus in stimuli:
            for shape in SHAPES:
                self._add(shape, stimulus)

    def _add(self, shape, stimulus):
        p = self.params
        m, k, n = shape
        operands, job = draw(p, m, k, n, stimulus.seed), plan(p, m, n, k)
        columns = operands.columns
        self.work.append((job, pack(p, job, operands.a, operands.b, columns), stimulus))
        model = engine_cycles(p, job)
        full = not (stimulus.idle or stimulus.stall)
        self.wanted.append((MatrixEngine(p)(operands.a, operands.b, columns), model, full))

    def passes(self, program, mutant):
        """Whether the tests see nothing wrong with mutant number ``mutant``; 0 is the engine."""
        os.environ["ARCHSIM_MUTANT"] = str(mutant)
        with tempfile.TemporaryDirectory() as scratch:
            try:
                runs = simulate(program, self.params, self.work, Path(scratch))
            except CosimError:
                return False
        for (job, _, _), run, (values, model, full) in zip(
            self.work, runs, self.wanted, strict=True
        ):
            if not (unpack(self.params, job, run.beats) == values).all():
                return False
            counters = {name: getattr(model, name) for name in run.counters}
            if full and run.counters != counters:
                return False
            if run.counters["cycles"] < model.cycles:
                return False
        return True


def with_selector(harness):
    """The harness of the ordinary tests, with the selector's input set from the environment."""
    before, after = "    top->rst = 1;\n", "    top->mutsel = atoi(getenv(\"ARCHSIM_MUTANT\"));\n"
    if harness.count(before) != 1:
        raise RuntimeError(f"{HARNESS} must reset the engine once")
    return harness.replace(before, after + before)


def run_engine(device, base, count, seed):
    """Judge the blocks of one engine that have no result in ``base``; return results by block."""
    blocks = [b for b in ENGINES[device] if not (base / b.name / "result.json").exists()]
    if blocks:
        engine = base / device
        judge = Judge(device)
        split(judge.params, ENGINES[device], engine)
        mutants = {b: prepare(b, engine, base / b.name, count, seed) for b in blocks}
        verilog, _ = combine(mutants, engine)
        program = verilate(verilog, "matrix_top", with_selector(HARNESS.read_text()), engine)
        if not judge.passes(program, 0):
            raise RuntimeError(f"{device}: the unmutated engine does not pass")
        first = 1
        for block, lines in mutants.items():
            numbers = range(1, len(lines) + 1)
            alive = [n for n in numbers if judge.passes(program, first + n - 1)]
            first += len(lines)
            result = {
                "unit": f"{device} {block.path or 'top'}", "mutants": len(lines),
                "survivors": alive, "equivalent": [],
                "tried": [] if block.alone else list(numbers),
            }  # fmt: skip
            (base / block.name / "result.json").write_text(json.dumps(result))
            print(block.name, len(lines) - len(alive), "of", len(lines), "killed", flush=True)
    files = {b.name: base / b.name / "result.json" for b in ENGINES[device]}
    return {name: json.loads(file.read_text()) for name, file in files.items()}


if __name__ == "__main__":
    for name in ENGINES:
        run_engine(name, ROOT / "build/mutation", 45, 1)
