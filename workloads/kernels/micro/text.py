"""PTX text of timed loops: what every micro-benchmark kernel runs.

A `Loop` holds the lines that are timed and what stands around them. Its text reads the clock, runs
``count`` rounds of the body, waits for the drain lines and reads the clock again; all of it twice,
so that the first pass is cold and the second has its code in the instruction caches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Loop:
    """Lines of PTX. Names in the text: ``%n`` rounds (u32), ``%data`` global address (u64),
    ``%smem`` shared address (u32), ``%arg`` free parameter (u32), ``%tid``, ``%lane`` (u32)."""

    body: Sequence[str]
    declare: Sequence[str] = ()
    setup: Sequence[str] = ()
    drain: Sequence[str] = ()
    sink: Sequence[str] = ()
    before: Sequence[str] = ("bar.sync 0;",)

    def text(self) -> str:
        """The PTX with results start0, stop0, start1, stop1 (u64), sink (u32) as $0..$4 and
        operands n, data, smem, arg as $5..$8."""
        once = [
            *self.before,
            "mov.u64 %start, %clock64;",
            "mov.u32 %i, %n;",
            "LOOP:",
            *self.body,
            "sub.u32 %i, %i, 1;",
            "setp.ne.u32 %more, %i, 0;",
            "@%more bra LOOP;",
            *self.drain,
            "mov.u64 %stop, %clock64;",
        ]
        lines = [
            "{",
            ".reg .pred %more, %again;",
            ".reg .b32 %i, %n, %smem, %arg, %tid, %lane, %pass, %sink;",
            ".reg .b64 %start, %stop, %data, %first, %last;",
            *self.declare,
            "mov.u32 %n, $5;",
            "mov.u64 %data, $6;",
            "mov.u32 %smem, $7;",
            "mov.u32 %arg, $8;",
            "mov.u32 %tid, %tid.x;",
            "mov.u32 %lane, %laneid;",
            "mov.u32 %sink, 0;",
            *self.setup,
            "mov.u32 %pass, 0;",
            "AGAIN:",
            *once,
            "setp.eq.u32 %again, %pass, 0;",
            "@%again mov.u64 %first, %start;",
            "@%again mov.u64 %last, %stop;",
            "add.u32 %pass, %pass, 1;",
            "@%again bra AGAIN;",
            *self.sink,
            "mov.u64 $0, %first;",
            "mov.u64 $1, %last;",
            "mov.u64 $2, %start;",
            "mov.u64 $3, %stop;",
            "mov.u32 $4, %sink;",
            "}",
        ]
        return "\n".join(_rename(line) for line in lines)


_SPECIAL = ("%clock", "%tid.x", "%laneid", "%cluster_", "%ctaid", "%nctaid", "%smid")


def _rename(line: str) -> str:
    """Our names start with ``%``, as PTX registers may; special registers stay as they are."""
    parts = line.split("%")
    out = [parts[0]]
    for part in parts[1:]:
        special = any(("%" + part).startswith(name) for name in _SPECIAL)
        out.append(("%" if special else "m_") + part)
    return "".join(out)


def registers(kind: str, name: str, count: int) -> str:
    """Declaration of ``name0`` to ``name<count - 1>``."""
    return f".reg .{kind} %{name}<{count}>;"


def braces(name: str, count: int, first: int = 0) -> str:
    """``{name0, name1, ...}`` as vector operands are written."""
    return "{" + ", ".join(f"%{name}{first + i}" for i in range(count)) + "}"
