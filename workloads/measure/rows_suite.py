"""The suite ``rows``: what ``structured`` has too few of to tell laws of rows apart.

Transposes with one short side, where few CTAs or few pages take part, and layer norms by columns,
where the last step of a row is full, empty or parted.
"""

from __future__ import annotations

from collections.abc import Iterator

from workloads.measure.counts import Case, counted

SHORT = (16, 24, 32, 48, 56, 72, 80, 96, 112, 128, 160, 192, 256)
LONG = (1024, 2048, 4096, 6144, 8192, 12288)
NORM_COLS = (
    640, 900, 1024, 1300, 1548, 1600, 1700, 1800, 1920, 2048, 2052, 2304, 2600, 3080, 3300, 3584,
    3600, 3840, 4096, 4104, 4400, 4700, 5120, 5600, 6144, 6700, 7168, 8192,
)  # fmt: skip
NORM_ROWS = (16, 132, 256, 512, 1056)


def transposes() -> Iterator[Case]:
    """One side short, either way round, in two sizes of element."""
    for dtype in ("fp16", "fp32"):
        for short in SHORT:
            for long in LONG:
                yield {"op": "transpose", "rows": short, "cols": long, "dtype": dtype}
        for short in SHORT[::3]:
            for long in LONG[::2]:
                yield {"op": "transpose", "rows": long, "cols": short, "dtype": dtype}


def norms() -> Iterator[Case]:
    """Columns by rows, in two sizes of element."""
    for dtype in ("fp16", "fp32"):
        for cols in NORM_COLS:
            for rows in NORM_ROWS:
                yield {"op": "layernorm", "rows": rows, "cols": cols, "dtype": dtype}


def suite() -> list[Case]:
    """All of them, with their operations and bytes."""
    return [counted(case) for case in (*transposes(), *norms())]
