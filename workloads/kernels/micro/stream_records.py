"""Records of loads and stores in streams: width, warps, the order of warps, stores in flight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Record = dict[str, Any]
LOADS = ("l1_u32", "l1_vec2", "l1_vec4", "shared_u32", "shared_vec2", "shared")
OWN = ("shared", "shared_vec2", "shared_vec4", "l1_own", "l1_own_vec2", "l2_own", "l2_own_vec2")


def stream_records() -> Iterator[Record]:
    """What the suite ``sm_micro_streams`` measures."""
    for what in LOADS:
        for threads in (32, 64, 96, 128, 160, 192, 256, 512, 768, 1024):
            yield {"bench": "bandwidth", "what": what, "threads": threads, "ends": 1}
    for what in OWN:
        yield {"bench": "latency", "what": what}
    for space in ("shared", "l1"):
        for width in (4, 8, 16):
            for warps in (1, 2, 3, 4):
                for count in (1, 2, 4, 8):
                    yield {"bench": "load_pattern", "loads": [[width, "unit", count]],
                           "warps": warps, "space": space}  # fmt: skip
    for what in ("l1_write_u32", "l2_write", "shared_write", "shared_write_u32"):
        for threads in (32, 128, 256, 512, 1024):
            yield {"bench": "bandwidth", "what": what, "threads": threads, "ctas": 1}
    for what in ("l1_write_u32", "l2_write"):  # how many stores an SM takes before it waits
        for threads in (32, 256, 1024):
            for rounds in (1, 2, 3, 4, 6, 8, 16):
                yield {"bench": "bandwidth", "what": what, "threads": threads, "ctas": 1,
                       "rounds": rounds}  # fmt: skip
    for what in ("l2_write", "dram_write"):
        for ctas in (2, 4, 8, 16, 33, 66, 132, 264):
            yield {"bench": "bandwidth", "what": what, "ctas": ctas}
