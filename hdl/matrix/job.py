"""The job of a matrix engine: what its control registers hold."""

from __future__ import annotations

from amaranth.lib import data

from archsim.config.matrix import COUNT_BITS

JOB = data.StructLayout(
    {
        "k": COUNT_BITS,
        "groups": COUNT_BITS,
        "held": COUNT_BITS,
        "last_held": COUNT_BITS,
        "n_tiles": COUNT_BITS,
        "last_rows": COUNT_BITS,
        "stream_a": 1,
    }
)
"""``k``: inner dimension. ``groups``: groups of row tiles; ``held`` row tiles in each but the last
and ``last_held`` in that: a group's A stays in its buffer for all columns. ``n_tiles``: column
tiles. ``last_rows``: rows of the last row tile. ``stream_a``: nothing stays, A comes again with
every tile (``held`` is 1). All counts are 1 or more and stable from start to done.
"""
