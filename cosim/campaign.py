"""The co-simulation campaign: the ViT-Base products and random designs, in resumable shards.

``python -m cosim.campaign [--shard I] [--minutes 30] [--workers 1]`` runs one shard (or all) and
prints the state of the whole. Each finished point is one line of a file below the build folder,
named after the hardware sources and the model's: another run goes on where one was stopped, and a
changed source starts anew. Shapes of one design run on one compiled simulation. ``--table FILE``
writes the results as Markdown.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import archsim
import hdl
from archsim.config import load_device
from archsim.config.matrix import FORMATS, MatrixParams
from archsim.mapping.array import plan
from archsim.models.array import engine_cycles
from cosim.compiled import Stimulus
from cosim.operands import draw
from cosim.place import build_folder
from cosim.runner import CosimCase, Gemm, run_operands

SHARDS = 8
DESIGNS = 200
ICARUS_CYCLES = 20_000
"""Longest case that Icarus runs, with every second design."""

VIT = ((197, 768, 2304), (197, 64, 197), (197, 197, 64), (197, 768, 768), (197, 768, 3072),
       (197, 3072, 768))  # fmt: skip
"""m, k, n of the products of a ViT-Base encoder layer, 197 tokens."""

_SOURCES = {
    hdl: ("lib/*.py", "arith/*.py", "matrix/*.py"),
    archsim: ("config/matrix.py", "numeric/*.py", "models/array/*.py", "mapping/array*.py",
              "functional/matrix.py"),
}  # fmt: skip
"""What the results depend on."""

TOLERANCE = 0.01
LISTED = 12


@dataclass(frozen=True)
class Point:
    """One design and the products that it runs, on one simulator, with its memory shared or not."""

    name: str
    params: MatrixParams
    gemms: tuple[Gemm, ...]
    simulator: str = "verilator"
    shared: bool = False


def points() -> list[Point]:
    """Return all points, always the same."""
    found = []
    for seed in range(DESIGNS):
        params, gemms = random_design(seed)
        found.append(Point(f"random {seed}", params, gemms))
        if seed % 8 in (1, 3):  # a design of each dataflow
            found.append(Point(f"random {seed} shared", params, gemms, shared=True))
        if seed % 2 == 0:
            short = (g for g in gemms if _cycles(params, g) <= ICARUS_CYCLES)
            found.append(Point(f"random {seed} icarus", params, tuple(short), "icarus"))
    found += [
        Point(f"vit {name} {'x'.join(map(str, gemm))}", load_device(name).params, (gemm,))
        for name in ("os_32x32_int8", "ws_32x32_int8")
        for gemm in VIT
    ]
    return found


def random_design(seed: int) -> tuple[MatrixParams, tuple[Gemm, ...]]:
    """Return a design of up to 8x8 and four products, sizes 1, primes and no multiples among them.

    Every second pair of seeds keeps weights in the array.
    """
    chance = random.Random(seed)
    rows, columns = chance.choice([1, 2, 3, 4, 5, 7, 8]), chance.choice([1, 2, 3, 4, 6, 7, 8])
    stays = seed % 4 >= 2
    engine_format = chance.choice(list(FORMATS))
    requantise = chance.random() < 0.7
    activations = ["none", "relu"] + ["gelu"] * (requantise and engine_format == "int8")
    params = MatrixParams(
        rows=rows, columns=columns, format=engine_format, requantise=requantise,
        dataflow="weight_stationary" if stays else "output_stationary",
        bias=chance.random() < 0.7, activation=chance.choice(activations),
        rounding=chance.choice(["floor", "half_up", "half_even", "half_away"]),
        a_depth=chance.choice([8, 32, 100, 512]), b_depth=chance.choice([8, 32, 100, 512]),
        out_depth=max(rows, chance.choice([8, 16, 40])),
        acc_depth=chance.choice([2, 5, 16, 33, 64]) if stays else 0,
        port_bytes=chance.choice([1, 2, 8, 16, 32]),
        multiplier=chance.choice(["generic", "ecp5"]),
    )  # fmt: skip
    sizes = [1, 2, 3, 5, 7, 8, 11, 13, 16, 23, 31, 40, 61, 97]
    gemms = tuple(tuple(chance.choice(sizes) for _ in range(3)) for _ in range(4))
    return params, gemms  # type: ignore[return-value]


def _cycles(params: MatrixParams, gemm: Gemm) -> int:
    m, k, n = gemm
    return engine_cycles(params, plan(params, m, n, k)).cycles


def run(
    shards: range = range(SHARDS), minutes: float = 30.0, workers: int = 1
) -> dict[str, list[dict[str, Any]]]:
    """Run what is left of ``shards``, begin none after ``minutes``; return all results by point.

    Points of one design and simulator share one compiled simulation, so they run one after another
    in one of the ``workers`` processes; designs that take longest come first.
    """
    file = state_file()
    done = results(file)
    left = [p for i, p in enumerate(points()) if i % SHARDS in shards and p.name not in done]
    until = time.time() + 60.0 * minutes
    file.parent.mkdir(parents=True, exist_ok=True)
    groups: dict[object, list[Point]] = {}
    for point in sorted(left, key=lambda p: not p.name.startswith("vit")):
        groups.setdefault((point.params, point.simulator), []).append(point)
    with ProcessPoolExecutor(workers) as pool, file.open("a") as out:
        for batch in as_completed([pool.submit(_batch, g, until) for g in groups.values()]):
            for name, cases in batch.result().items():
                done[name] = cases
                out.write(json.dumps({"point": name, "cases": cases}) + "\n")
                out.flush()
    return done


def _batch(batch: Sequence[Point], until: float) -> dict[str, list[dict[str, Any]]]:
    """Run points of one design until the time is over."""
    return {p.name: [_row(c) for c in simulate(p)] for p in batch if time.time() < until}


def simulate(point: Point) -> list[CosimCase]:
    """Run one point's products."""
    seed = int(hashlib.sha256(point.name.split(" icarus")[0].encode()).hexdigest()[:6], 16)
    drawn = [draw(point.params, m, k, n, seed) for m, k, n in point.gemms]
    stimulus = replace(Stimulus(seed=seed), shared=point.shared)
    return run_operands(point.params, drawn, point.simulator, stimulus) if drawn else []


def _row(case: CosimCase) -> dict[str, Any]:
    keys = ("name", "rtl_cycles", "model_cycles", "bound_cycles", "mismatches")
    row = {key: getattr(case, key) for key in keys}
    return {**row, "counters_equal": case.counters == case.model_counters}


def state_file() -> Path:
    """Return the file of results of these sources of hardware, model and reference."""
    digest = hashlib.sha256()
    for package, patterns in _SOURCES.items():
        for pattern in patterns:
            for source in sorted(Path(str(package.__file__)).parent.glob(pattern)):
                digest.update(source.read_bytes())
    return build_folder() / "campaign" / f"{digest.hexdigest()[:16]}.jsonl"


def results(file: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the results in ``file`` by point; a line cut off by a kill does not count."""
    found = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        found[entry["point"]] = entry["cases"]
    return found


def wrong(case: dict[str, Any]) -> bool:
    """Whether a case has a wrong bit, too many or few cycles, or fewer than the bound."""
    off = error(case) > TOLERANCE
    return bool(case["mismatches"]) or off or case["rtl_cycles"] < case["bound_cycles"]


def summary(done: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Yield lines that say how far the campaign is and what it found."""
    total = points()
    yield f"{len(done)} of {len(total)} points"
    for title, marker in (("ViT-Base", "vit"), ("random, Icarus", "icarus"),
                          ("random, shared memory", "shared"), ("random", "random")):  # fmt: skip
        mine = {name: cases for name, cases in done.items() if marker in name}
        if marker == "random":
            mine = {n: c for n, c in mine.items() if "icarus" not in n and "shared" not in n}
        cases = [case for group in mine.values() for case in group]
        if not cases:
            continue
        worst = max(map(error, cases))
        yield (
            f"{title}: {len(mine)} points, {len(cases)} products, "
            f"{sum(c['rtl_cycles'] for c in cases)} RTL cycles, "
            f"{sum(c['mismatches'] for c in cases)} wrong values, worst cycle error "
            f"{100 * worst:.3f} %, {sum(c['counters_equal'] for c in cases)} with equal counters"
        )
    yield from (f"WRONG {name}: {case}" for name, g in done.items() for case in g if wrong(case))


def table(done: dict[str, list[dict[str, Any]]]) -> str:
    """Return the results as Markdown."""
    known = [p for p in points() if p.name in done]
    groups = {
        "ViT-Base layer's six products, both 32x32 engines": [p for p in known if "vit" in p.name],
        "random designs": [p for p in known if p.simulator == "verilator" and not p.shared],
        "random designs, one memory port": [p for p in known if p.shared],
        "random designs, Icarus": [p for p in known if p.simulator == "icarus"],
    }
    groups["random designs"] = [p for p in groups["random designs"] if "vit" not in p.name]
    heads = ["points", "designs", "products", "RTL cycles", "wrong values", "below the bound"]
    heads += ["worst cycle error %", "beyond 1 %", "all counters equal"]
    lines = ["| cases | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for title, group in groups.items():
        cases = [case for p in group for case in done[p.name]]
        if cases:
            designs = len({p.params for p in group})
            cells = [len(group), designs, len(cases), f"{sum(c['rtl_cycles'] for c in cases):,}"]
            cells += [sum(c["mismatches"] for c in cases)]
            cells += [sum(c["rtl_cycles"] < c["bound_cycles"] for c in cases)]
            cells += [f"{100 * max(map(error, cases)):.3f}"]
            cells += [sum(error(c) > TOLERANCE for c in cases)]
            cells += [sum(c["counters_equal"] for c in cases)]
            lines.append(f"| {title} | " + " | ".join(map(str, cells)) + " |")
    lines += [
        "",
        "| engine, m x k x n | fold bound | model | RTL | RTL above bound % |",
        "|---" * 5 + "|",
    ]
    for p in groups["ViT-Base layer's six products, both 32x32 engines"]:
        (c,) = done[p.name]
        above = 100 * (c["rtl_cycles"] / c["bound_cycles"] - 1)
        cells = [c["bound_cycles"], c["model_cycles"], c["rtl_cycles"]]
        cells = [f"{n:,}" for n in cells]
        lines.append(
            f"| {p.name.removeprefix('vit ')} | " + " | ".join(cells) + f" | {above:.2f} |"
        )
    lines += ["", "Cases whose counters are not all the model's, the furthest first:", ""]
    off = [(error(c), n, c) for n, cs in done.items() for c in cs if not c["counters_equal"]]
    for far, name, c in sorted(off, key=lambda entry: (-entry[0], entry[1]))[:LISTED]:
        both = f"model {c['model_cycles']:,}, RTL {c['rtl_cycles']:,} cycles"
        lines.append(f"- {name}, {c['name']}: {both} ({100 * far:.2f} %)")
    return "\n".join(lines) + "\n"


def error(case: dict[str, Any]) -> float:
    """Return the model's relative error in cycles."""
    return float(abs(case["model_cycles"] / case["rtl_cycles"] - 1))


def main() -> int:
    """Run; 1 where a case is wrong, 2 where the time was not enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shard", type=int, choices=range(SHARDS))
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    shards = range(SHARDS) if options.shard is None else range(options.shard, options.shard + 1)
    done = run(shards, options.minutes, max(1, options.workers))
    print("\n".join(summary(done)))
    if options.table is not None:
        options.table.write_text(table(done))
    if any(wrong(case) for cases in done.values() for case in cases):
        return 1
    left = [p for i, p in enumerate(points()) if i % SHARDS in shards and p.name not in done]
    return 2 if left else 0


if __name__ == "__main__":
    raise SystemExit(main())
