"""Times the compiled simulation: ``rtl_speed.py DEVICE MxKxN``; one JSON object on the last line.

``build_s`` is CPU time of Verilator and the compiler, 0 when the simulation was kept; ``cpu_s``
that of the simulation process alone.
"""

import json
import resource
import sys
import tempfile
from pathlib import Path

from archsim.config import load_device
from archsim.mapping.array import plan
from archsim.mapping.array_layout import pack
from cosim import compiled
from cosim.compiled import Stimulus
from cosim.design import open_design
from cosim.operands import draw
from cosim.place import build_folder


def children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    params = load_device(sys.argv[1]).params
    m, k, n = map(int, sys.argv[2].split("x"))
    drawn = draw(params, m, k, n, 3)
    job = plan(params, m, n, k)
    work = [(job, pack(params, job, drawn.a, drawn.b, drawn.columns), Stimulus(seed=3))]
    design = open_design(params)
    began = children()
    program = compiled.build(design.verilog, build_folder() / "cosim")
    built = children()
    with tempfile.TemporaryDirectory() as scratch:
        (run,) = compiled.simulate(program, params, work, Path(scratch))
    spent = children() - built
    cycles = run.counters["cycles"]
    print(json.dumps({"cycles": cycles, "cpu_s": spent, "build_s": built - began}))


if __name__ == "__main__":
    main()
