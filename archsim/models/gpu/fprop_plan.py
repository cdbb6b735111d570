"""Where the plan of an implicit-GEMM convolution kernel keeps its numbers."""

from __future__ import annotations

PIXELS, FILTERS, DEPTH, TAPS, CHUNK = 0, 1, 2, 3, 4
"""Output pixels x filters over ``DEPTH`` = taps x ``CHUNK`` channels that a tile walks."""
A_BYTES, B_BYTES, ELEMENT = 5, 6, 7  # compulsory bytes of image and filters; of one element
TM, TN, TK, WM, WN, SLOTS = 8, 9, 10, 11, 12, 13
"""Tile, K step, warps along its sides (mma.sync), CTAs that fit one SM."""
ENGINE, CM, CN, CTAS, PARTS = 14, 15, 16, 17, 18
"""Family; cluster along pixels and filters; CTAs launched; parts of K."""
SEGMENT, PAIR, ALIGN, CROWD = 19, 20, 21, 22
"""1 where parts of K are added inside the kernel; where two warpgroups share a tile; largest
power of two that divides a pixel's bytes; kernels that run on streams, this one among them."""
PEAK_SHARE = 23
"""Useful share of the tile's operations: below 1 where groups share tiles."""
PACKED = 24
"""1 where one kernel computes all groups."""

XMMA, CUT, AMPERE, INDEXED, DIRECT, FFMA, FFMA_INDEXED = 0, 1, 2, 3, 4, 5, 6
"""Families (values of ``ENGINE``)."""
