"""What cuBLAS chose: recorded nvjet kernels, and cuBLASLt's own rankings of its candidates.

The heuristic's first candidate is what PyTorch launches: for all 2,422 products of fp16 and bf16
whose kernels were recorded (``names``, ``choice``) and whose tile id is known, and for 97 % of fp8.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, prod
from pathlib import Path
from typing import Any

from archsim.mapping.gpu.names import parse_gemm
from archsim.validate.split import is_check
from archsim.validate.split import shape as shape_of

MEASURED = Path(__file__).parents[1] / "workloads" / "measured"
FILES = ("kernels", "operators", "structured", "names", "choice", "linear")
TIMED = ("cublaslt", "cublaslt_batched")
RANKED = ("rankings", "rankings_batched")
JUDGES = ("holdout", "judge")
TYPES = ("fp16", "bf16", "fp8")
CLUSTERS = {2: (1, 1), 3: (1, 2), 4: (1, 4), 5: (2, 1), 6: (2, 2), 7: (2, 4), 8: (4, 1), 9: (4, 2)}
"""cuBLASLt's cluster ids as (along m, along n)."""
SHARED = {128: 1, 256: 1, 384: 1, 512: 1, 64: 2, 192: 2, 320: 2}
"""How two warpgroups share a tile, by wgmma's M."""
_TILE = re.compile(r"nvjet_sm90_\w+?_(\d+)x(\d+)_\d+x\d+_")

Kernel = tuple[int, int, int, int, int, int, int]
"""Tile m, n, how it is shared, whether wgmma's M runs along m, cluster m, n, parts of K."""


@dataclass
class Record:
    """One product and the kernels that the library prefers for it, the best first.

    A candidate whose tile id is unknown is ``None``. ``us`` is the measured time of the first, with
    its reduction.
    """

    m: int
    n: int
    k: int
    batch: int
    dtype: str
    bias: bool
    kernels: list[Kernel | None]
    check: bool
    source: str
    us: float | None


def cases(name: str) -> list[dict[str, Any]]:
    """Return the cases of a measured set."""
    found: list[dict[str, Any]] = json.loads((MEASURED / f"h200_{name}.json").read_text())["cases"]
    return found


def records() -> Iterator[Record]:
    """Yield every recorded choice and every ranking."""
    for name in FILES:
        for case in cases(name):
            kernel = _recorded(case)
            if kernel is not None:
                yield _record(case, [kernel[0]], name, kernel[1])
    tiles = tile_ids()
    for name in RANKED:
        for case in cases(name):
            if case["dtype"] in TYPES:
                shape = {"op": "gemm", **{k: v for k, v in case.items() if k != "ranked"}}
                yield _record(shape, [_decoded(row, tiles) for row in case["ranked"]], name, None)
    for shape, ranked in asked(TYPES):
        yield _record(shape, [_decoded(row, tiles) for row in ranked], "heuristic", None)


RANKING_FIELDS = ("tile", "stages", "cluster", "split_k", "custom")
"""What a row of the sets ``RANKED`` says of a candidate."""


def asked(
    types: Iterable[str], names: Iterable[str] = RANKING_FIELDS
) -> Iterator[tuple[dict[str, Any], list[list[int]]]]:
    """Yield products of ``types`` and the fields ``names`` of the heuristic's candidates, the best
    first; shapes that a judging set holds are left out."""
    data = json.loads((MEASURED / "h200_heuristic.json").read_text())
    kernels, fields = data["meta"]["kernels"], data["meta"]["kernel_fields"]
    kept = [fields.index(name) for name in names]
    judged = {_text(case) for name in JUDGES for case in cases(name)}
    for op, dtype, b, m, n, k, ranked in data["cases"]:
        shape = {
            "op": op if isinstance(op, str) else "gemm",
            "m": m,
            "n": n,
            "k": k,
            "dtype": dtype,
        }
        if b > 1:
            shape["b"] = b
        if dtype in types and _text(shape) not in judged:
            yield shape, [[kernels[i][f] for f in kept] for i in ranked]


def _text(case: dict[str, Any]) -> str:
    return json.dumps(shape_of(case), sort_keys=True)


def _record(
    case: dict[str, Any], kernels: list[Kernel | None], source: str, us: float | None
) -> Record:
    return Record(
        case["m"], case["n"], case["k"], case.get("b", 1), case["dtype"], case["op"] == "linear",
        kernels, is_check(case), source, us,
    )  # fmt: skip


def _recorded(case: dict[str, Any]) -> tuple[Kernel, float] | None:
    if case["op"] not in ("gemm", "bmm", "linear") or case["dtype"] not in TYPES:
        return None
    launches = [k for k in case["kernels"] if "nvjet" in k["name"]]
    if len(launches) != 1 or case.get("fill", "random") != "random":
        return None
    found = parse_gemm(launches[0]["name"])
    if found is None:
        return None
    parts = 1
    if found.splits:
        down = ceil(ceil(case["m"] / found.tile_m) / found.cluster_m) * found.cluster_m
        across = ceil(ceil(case["n"] / found.tile_n) / found.cluster_n) * found.cluster_n
        parts = max(1, round(prod(launches[0]["grid"]) / (down * across)))
    kernel = (
        found.tile_m, found.tile_n, found.coop, int(found.m_side), found.cluster_m,
        found.cluster_n, parts,
    )  # fmt: skip
    return kernel, sum(k["dur_us"] for k in case["kernels"] if k["name"][:6] != "Memset")


def tile_ids() -> dict[int, tuple[int, int]]:
    """Return cuBLASLt's tile ids as (n, m), from timed candidates' names.

    Gaps between two tiles of one first side are filled where the sizes between just fit.
    """
    known: dict[int, tuple[int, int]] = {}
    for name in TIMED:
        for case in cases(name):
            for launch in case["kernels"]:
                if (hit := _TILE.search(launch["name"])) is not None:
                    known[case["tile"]] = int(hit[1]), int(hit[2])
    first = {_text(shape): ranked[0][0] for shape, ranked in asked(TYPES) if ranked}
    for name in ("names", "choice"):
        for case in cases(name):
            found = _recorded(case)
            if found is not None and (number := first.get(_text(case))) is not None:
                known.setdefault(number, (found[0][1], found[0][0]))
    for step in (8, 64):
        known.update(_between(known, step))
    return known


def _between(known: dict[int, tuple[int, int]], step: int) -> dict[int, tuple[int, int]]:
    """Return tile ids in gaps that sizes ``step`` apart just fill."""
    sizes, filled = set(known.values()), {}
    for low, high in pairwise(sorted(known)):
        (first, begin), (same, end) = known[low], known[high]
        between = [(first, y) for y in range(begin + step, end, step) if (first, y) not in sizes]
        if first == same and len(between) == high - low - 1:
            filled.update(zip(range(low + 1, high), between, strict=True))
    return filled


def _decoded(row: list[int], tiles: dict[int, tuple[int, int]]) -> Kernel | None:
    tile, _, cluster, parts, custom = row
    if tile not in tiles or cluster not in CLUSTERS:
        return None
    tn, tm = tiles[tile]
    m_side = int(custom % 2 == 0)
    shared = SHARED.get(tm if m_side else tn, 0) if custom >= 4 else 0
    return tm, tn, shared, m_side, *CLUSTERS[cluster], parts
