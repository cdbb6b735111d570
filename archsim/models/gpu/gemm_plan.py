"""Where a tile kernel's plan keeps its numbers."""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.engine.jit import lean

M, N, K, BATCH = 0, 1, 2, 3
TM, TN, TK, STAGES = 4, 5, 6, 7
CM, CN = 8, 9  # cluster along m and n
SPLIT, CTAS, SLOTS = 10, 11, 12  # parts of K; CTAs launched; CTAs that fit one SM
ENGINE, TYPE = 13, 14
IN_BYTES, OUT_BYTES = 15, 16  # of one element
COOP, M_SIDE, WM, WN = 17, 18, 19, 20
ALIGN_A, ALIGN_B, ALIGN_OUT = 21, 22, 23  # largest power of two dividing the row stride in bytes
A_SHARE = 24  # bytes of A kept over dense bytes (2:4 sparse: 0.5 plus metadata)
A_BYTES = 25  # compulsory bytes of A where not m*k*in (implicit GEMM; A and bias), else 0
TAPS, CHUNK = 26, 27  # implicit GEMM: filter taps, channels of one; else 0
CROWD = COOP  # mma.sync engines: 1 where kernels on other streams run beside it
BIAS = WN  # wgmma engines: 1 where the epilogue adds a bias
SERIAL = COOP  # split-K reductions: 1 where one CTA after the other adds its part
"""Positions in ``Plan.params`` of families GEMM and SPARSE."""


@lean
def k_steps(p: Any) -> float:
    """Return the K steps of a whole product; an implicit GEMM starts one anew at every tap."""
    if p[TAPS] > 0.0:
        return float(p[TAPS] * ceil(p[CHUNK] / p[TK]))
    return float(ceil(p[K] / p[TK]))
