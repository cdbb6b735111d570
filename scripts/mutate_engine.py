"""Mutants of hdl.matrix, judged as the engine's ordinary tests judge the engine.

A mutant dies when a value, a counter at full rate, the last beat, a register or the interrupt is
not what the reference and the cycle model say, or when a handshake hangs: the products and stimuli
of ``test_smallest_buffers`` on the compiled simulation with a mutant selector.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/cosim"), str(ROOT / "scripts")]

import tight  # noqa: E402
from amaranth.back import rtlil  # noqa: E402
from mutation_kept import digest_of, kept  # noqa: E402

from cosim.compiled import HARNESS, simulate  # noqa: E402
from cosim.errors import CosimError  # noqa: E402
from cosim.verilated import verilate  # noqa: E402
from hdl.formal.engine_mutants import TOP, Block, combine, prepare, split  # noqa: E402
from hdl.matrix.top import MatrixTop  # noqa: E402

BLOCKS = {
    "os": (
        Block("os_loader", "engine.loader"), Block("os_issuer", "engine.issuer"),
        Block("os_array", "engine.array"), Block("os_pe", "engine.array.row_1.pe_2"),
        Block("os_engine", "engine", False), Block("control", "", False),
    ),
    "ws": (
        Block("ws_loader", "engine.loader"), Block("ws_issuer", "engine.issuer"),
        Block("ws_array", "engine.array"), Block("ws_pe", "engine.array.row_1.pe_2"),
        Block("accumulator", "engine.accumulator"), Block("ws_engine", "engine", False),
    ),
    "lanes": (Block("lane", "engine.lane_0"),),
}  # fmt: skip
"""Blocks under mutation, by the engine of ``tight.ENGINES`` that they are part of."""

WAIT_LIMIT = 3000


def passes(judges, program, mutant):
    """Whether the tests see nothing wrong with mutant number ``mutant``; 0 is the engine."""
    os.environ["ARCHSIM_MUTANT"] = str(mutant)
    with tempfile.TemporaryDirectory() as scratch:
        for judge in judges:
            try:
                runs = simulate(program, judge.params, judge.work, Path(scratch))
            except CosimError:
                return False
            if judge.complaint(runs):
                return False
    return True


def with_selector(harness):
    """The harness of the ordinary tests, with the selector's input set from the environment."""
    before, after = "    top->rst = 1;\n", '    top->mutsel = atoi(getenv("ARCHSIM_MUTANT"));\n'
    if harness.count(before) != 1:
        raise RuntimeError(f"{HARNESS} must reset the engine once")
    return harness.replace(before, after + before)


def run_engine(name, base, count, seed, wanted=()):
    """Judge the blocks of one engine that have no result in ``base``; return results by block."""
    blocks = [b for b in BLOCKS[name] if not wanted or b.name in wanted]
    text = rtlil.convert(MatrixTop(tight.ENGINES[name]), name=TOP, emit_src=False)
    digest = digest_of(text, count, seed)
    results = {b.name: kept(base / b.name, digest) for b in blocks}
    left = [b for b in blocks if results[b.name] is None]
    if left:
        engine = base / f"engine_{name}"
        judges = tight.judges(tight.ENGINES[name], WAIT_LIMIT)
        split(tight.ENGINES[name], BLOCKS[name], engine)
        mutants = {b: prepare(b, engine, base / b.name, count, seed) for b in left}
        verilog, _ = combine(mutants, engine)
        program = verilate(verilog, "matrix_top", with_selector(HARNESS.read_text()), engine)
        if not passes(judges, program, 0):
            raise RuntimeError(f"{name}: the unmutated engine does not pass")
        first = 1
        for block, lines in mutants.items():
            alive = [n for n in range(len(lines)) if passes(judges, program, first + n)]
            first += len(lines)
            result = {
                "unit": f"{name} {block.path or 'top'}", "digest": digest, "mutants": len(lines),
                "survivors": [n + 1 for n in alive], "equivalent": [],
            }  # fmt: skip
            results[block.name] = result
            (base / block.name / "result.json").write_text(json.dumps(result))
            print(block.name, len(lines) - len(alive), "of", len(lines), "killed", flush=True)
    return results


if __name__ == "__main__":
    for engine_name in sys.argv[1:] or BLOCKS:
        run_engine(engine_name, ROOT / "build/mutation", 45, 1)
