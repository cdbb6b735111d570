"""The timeline of a launch's sample: issue slots, units and warps of every simulated SM.

A clock is shown as a nanosecond: at 2 GHz it is half of one, which trace-event files cannot say.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from archsim.metrics.timeline import Slice, Timeline
from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.timing_launch import LaunchTiming

_US = 1e-3  # microseconds of the file for a clock
SUB, AT, PC, SLOT, REASON, IDLE, NEXT, UNIT, BUSY, FREE, LSU, _, L2, _, HBM, _ = range(16)
SHARED = (("load-store pipe", LSU), ("port to L2", L2), ("device memory", HBM))
ISSUE = "issue"


def timelines(name: str, timing: LaunchTiming) -> list[Timeline]:
    """Return a timeline for each simulated SM.

    The issue track of each sub-core tiles the time from the launch to the end of the sample, or to
    the last event that was kept.
    """
    events = timing.events
    if not len(events):
        return []
    whole = len(events) == timing.warp_instructions
    end = timing.sampled_clocks if whole else float(events[-1, AT])
    end = max(end, float(events[:, NEXT].max())) if whole else end
    return [
        _of_sm(name, timing, events[events[:, SUB] // 4 == sm], int(sm), end)
        for sm in np.unique(events[:, SUB] // 4)
    ]


def _of_sm(
    name: str, timing: LaunchTiming, events: NDArray[np.float64], sm: int, end: float
) -> Timeline:
    slices: list[Slice] = []
    tracks: list[str] = []
    groups = []
    for sub in range(4):
        mine = events[events[:, SUB] % 4 == sub]
        issue = f"sub-core {sub}: {ISSUE}"
        slices += _issue(issue, timing, mine, end)
        units = list(_units(f"sub-core {sub}", timing, mine, end))
        slices += units
        tracks += [issue, *dict.fromkeys(piece.track for piece in units)]
        groups.append((issue,))
    for track, column in SHARED:
        pieces = list(_shared(track, column, timing, events, end))
        slices += pieces
        tracks += [track] if pieces else []
    warps = list(_warps(timing, events, end))
    slices += warps
    tracks += dict.fromkeys(piece.track for piece in warps)
    title = f"{name}: SM {sm} (a clock is shown as a nanosecond)"
    return Timeline(title, end * _US, tracks, slices, groups)


def _issue(
    track: str, timing: LaunchTiming, events: NDArray[np.float64], end: float
) -> Iterator[Slice]:
    """What the sub-core issues, and why it issues nothing in between."""
    done = 0.0
    for row in events:
        at, after = float(row[AT]), min(float(row[NEXT]), end)
        if at > done:
            reason = tt.REASONS[int(row[REASON])]
            yield Slice(track, reason, done * _US, at * _US, reason)
        if after > at:
            item = timing.instructions[int(row[PC])]
            args = {"address": hex(item.address), "line": item.line or 0, "slot": int(row[SLOT])}
            yield Slice(track, item.opcode, at * _US, after * _US, "", args)
        done = max(after, at)
    if end > done:
        empty = tt.REASONS[tt.EMPTY]
        yield Slice(track, empty, done * _US, end * _US, empty)


def _units(
    head: str, timing: LaunchTiming, events: NDArray[np.float64], end: float
) -> Iterator[Slice]:
    """How long each unit is busy with an instruction."""
    for row in events:
        start, until = float(row[BUSY]), min(float(row[FREE]), end)
        if until > start and int(row[UNIT]) not in (tt.NONE, tt.MIO):
            track = f"{head}: {tt.UNIT_NAMES[int(row[UNIT])]}"
            name = timing.instructions[int(row[PC])].opcode
            yield Slice(track, name, start * _US, until * _US)


def _shared(
    track: str, column: int, timing: LaunchTiming, events: NDArray[np.float64], end: float
) -> Iterator[Slice]:
    """How long a queue that all warps share is busy with what an instruction put into it."""
    done = 0.0
    for row in events:
        start, until = max(float(row[column]), done), min(float(row[column + 1]), end)
        if until > start:
            done = until
            name = timing.instructions[int(row[PC])].opcode
            yield Slice(track, name, start * _US, until * _US)


def _warps(timing: LaunchTiming, events: NDArray[np.float64], end: float) -> Iterator[Slice]:
    """Each warp's instructions, from their issue to that of the next one."""
    for slot in np.unique(events[:, SLOT]):
        mine = events[events[:, SLOT] == slot]
        for row, after in zip(mine, [*mine[1:, AT], end], strict=True):
            item = timing.instructions[int(row[PC])]
            at = float(row[AT])
            until = min(at + 1.0, end) if item.opcode.startswith("EXIT") else float(after)
            args = {"line": item.line or 0}
            yield Slice(f"warp slot {int(slot)}", item.opcode, at * _US, until * _US, "", args)
