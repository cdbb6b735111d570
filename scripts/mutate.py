"""Mutation testing: how many seeded faults in the RTL do the ordinary tests notice?

Usage: scripts/mutate.py [--count 45] [--seed 1] [--blocks NAME ...] [--prove]. Resumable: results
lie in build/mutation/<block>/result.json and hold for the hardware, count and seed they were made
of; after a change of the tests alone delete them. Writes docs/mutation.md, not with --blocks.
Blocks of the libraries are judged by the traces of their unit tests, those of the matrix engine by
the engine's tests (mutate_engine.py).
"""

import argparse
import json
import struct
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/hdl"), str(ROOT / "scripts")]

import arith_units  # noqa: E402
import axi_units  # noqa: E402
import lib_units  # noqa: E402
import mutate_engine  # noqa: E402
from amaranth.back import rtlil  # noqa: E402
from mutation_kept import digest_of, kept  # noqa: E402
from unit_harness import QUICK, ports_of  # noqa: E402

from hdl.formal.mutants import build, equivalent, prepare  # noqa: E402

TARGET, FLOOR = 95.0, 85.0
UNITS = [u for m in (lib_units, axi_units, arith_units) for u in m.UNITS if u.block]


def chunks(value, bits):
    value &= (1 << bits) - 1
    return [(value >> (32 * n)) & 0xFFFFFFFF for n in range(-(-bits // 32))]


def pack(steps, ports):
    """One trace as words: inputs, then expected value and mask of each output."""
    words = []
    for x, y in steps:
        for name, (direction, bits) in ports.items():
            if direction == "in":
                words += chunks(x[name], bits)
        for name, (direction, bits) in ports.items():
            if direction == "out":
                want = y.get(name)
                words += chunks(want or 0, bits)
                words += chunks(0 if want is None else -1, bits)
    return struct.pack(f"<{len(words) + 1}I", len(words), *words)


def run_block(unit, folder, count, seed, digest):
    component = unit.make()
    mutants = prepare(component, folder, count, seed)
    build(mutants, sizes_of(component), folder)
    return judge(unit, folder, len(mutants), digest)


def sizes_of(component):
    """Flat port name -> (direction, bits), in the order of a trace."""
    return {n: (d, len(v)) for n, (d, v) in ports_of(component).items() if len(v)}


def judge(unit, folder, count, digest):
    """Run the ordinary tests' traces through every mutant and keep which ones survive."""
    ports = sizes_of(unit.make())
    (folder / "traces.bin").write_bytes(b"".join(pack(unit.trace(0, m), ports) for m in QUICK))
    done = subprocess.run(
        [folder / "simulate", "traces.bin", "0", str(count + 1)],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    cycles = dict(map(int, line.split()) for line in done.stdout.splitlines())
    if cycles[0] != -1:
        raise RuntimeError(f"the unmutated component differs at cycle {cycles[0]}")
    survivors = [m for m in range(1, count + 1) if cycles[m] == -1]
    result = {
        "unit": unit.name, "digest": digest, "mutants": count,
        "survivors": survivors, "equivalent": [],
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(result))
    return result


def prove(folder, result):
    """Look for proofs that survivors are equivalent, once for each."""
    mutants = (folder / "mutants.txt").read_text().splitlines()
    tried = set(result.setdefault("tried", []))
    for number in result["survivors"]:
        if number not in tried:
            if equivalent(mutants[number - 1], folder):
                result["equivalent"].append(number)
            result["tried"].append(number)
            (folder / "result.json").write_text(json.dumps(result))


def score(result):
    alive = max(1, result["mutants"] - len(result["equivalent"]))
    return 100 * (result["mutants"] - len(result["survivors"])) / alive


def table(results, seed, write):
    """Score of all ``results``; the page of docs is written if ``write``."""
    lines = [
        "# Mutation testing", "",
        f"`scripts/mutate.py` (seed {seed}): Yosys `mutate`, compiled simulations with a mutant",
        "selector, the ordinary tests as stimulus and judge. For a library block these are the",
        "traces of its unit tests in `tests/hdl` (one seed, two modes): a mutant is killed when an",
        "output that the tests check differs. Blocks of the matrix engine (units `os`, `ws` and",
        "`lanes`) stay inside their engine and are judged by `test_smallest_buffers` of",
        "`tests/cosim`: values, counters at full rate, registers, the interrupt, bounded waits.",
        "Mutants of clock pins are left out. Score: killed of the mutants not proven equivalent",
        "(miter and temporal induction from reset over all outputs, checked or not, for any input",
        "and any answer of the modules inside: what only the rest of the engine rules out lives).",
        "All blocks take about six CPU minutes without proofs; an attempt at one gets 30 s.",
        "",
        "| block | unit | mutants | killed | proven equivalent | left | score % |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    total = {"mutants": 0, "survivors": [], "equivalent": []}
    for name, r in sorted(results.items()):
        lines.append(row(name, r))
        total["mutants"] += r["mutants"]
        total["survivors"] += r["survivors"]
        total["equivalent"] += r["equivalent"]
    lines.append(row("**all**", {**total, "unit": ""}))
    blocks = {u.block for u in UNITS}
    blocks |= {b.name for engine in mutate_engine.BLOCKS.values() for b in engine}
    lines += ["", "Without a result: " + (", ".join(sorted(blocks - set(results))) or "none") + "."]
    low = sorted(name for name, r in results.items() if score(r) < FLOOR)
    lines.append(f"Below the floor of {FLOOR:g} %: " + (", ".join(low) or "none") + ".")
    untried = sorted(n for n, r in results.items() if set(r["survivors"]) - set(r.get("tried", [])))
    lines.append(f"Not all survivors tried by the prover: {', '.join(untried) or 'none'}.")
    if write:
        (ROOT / "docs/mutation.md").write_text("\n".join(lines) + "\n")
    return score(total)


def row(name, r):
    dead, same = r["mutants"] - len(r["survivors"]), len(r["equivalent"])
    left = len(r["survivors"]) - same
    return f"| {name} | {r['unit']} | {r['mutants']} | {dead} | {same} | {left} | {score(r):.1f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=45)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--blocks", nargs="*")
    parser.add_argument("--prove", action="store_true")
    options = parser.parse_args()
    results, broken = {}, []
    for unit in UNITS:
        if options.blocks and unit.block not in options.blocks:
            continue
        folder = ROOT / "build/mutation" / unit.block
        text = rtlil.convert(unit.make(), name="dut", emit_src=False)
        digest = digest_of(text, options.count, options.seed)
        result = kept(folder, digest)
        if result is None:
            try:
                result = run_block(unit, folder, options.count, options.seed, digest)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                broken.append(f"{unit.block}: {error}")
                print(broken[-1], flush=True)
                continue
        results[unit.block] = result
    base = ROOT / "build/mutation"
    for engine, blocks in mutate_engine.BLOCKS.items():
        wanted = [b.name for b in blocks if not options.blocks or b.name in options.blocks]
        if wanted:
            results |= mutate_engine.run_engine(engine, base, options.count, options.seed, wanted)
    for block, result in results.items():
        if options.prove:
            prove(base / block, result)
        print(f"{block}: {score(result):.1f} % of {result['mutants']}", flush=True)
    overall = table(results, options.seed, write=not options.blocks)
    low = [name for name, r in results.items() if score(r) < FLOOR]
    print(f"all: {overall:.1f} %; below {FLOOR}: {', '.join(low) or 'none'}")
    return int(overall < TARGET or bool(low) or bool(broken))


if __name__ == "__main__":
    raise SystemExit(main())
