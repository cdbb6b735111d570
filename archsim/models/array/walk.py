"""What a walk through a job starts from and what it finds."""

from __future__ import annotations

from typing import NamedTuple

NOW, INPUT, OUTPUT, DRAINED, BEATS = range(5)
"""The last issue; stalls by reason; beats read so far."""


class Work(NamedTuple):
    """A job's and an engine's numbers: those of ``Job`` and ``MatrixParams`` by the same names."""

    rows: int
    k: int
    groups: int
    held: int
    last_held: int
    n_tiles: int
    last_rows: int
    stream_a: int
    group_rows: int
    depth: int
    a_beats: int
    b_beats: int
    b_depth: int
    min_interval_cycles: int
