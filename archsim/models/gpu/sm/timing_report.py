"""The timeline of a launch as trace events that Perfetto opens."""

from __future__ import annotations

from typing import Any

from archsim.models.gpu.sm.timing_launch import LaunchTiming


def trace_events(name: str, timing: LaunchTiming, first: int) -> list[dict[str, Any]]:
    """Complete events (clocks as microseconds): a process per case and SM, a row per warp slot.

    ``first`` keeps process numbers of several cases apart.
    """
    found: list[dict[str, Any]] = []
    base = 1000 + first
    names: set[int] = set()
    for sub, start, instruction, slot in timing.events:
        process = base + int(sub) // 4
        if process not in names:
            names.add(process)
            found.append({"ph": "M", "pid": process, "name": "process_name",
                          "args": {"name": f"{name}: SM {int(sub) // 4}"}})  # fmt: skip
        item = timing.instructions[int(instruction)]
        found.append({
            "ph": "X", "pid": process, "tid": int(slot), "ts": round(float(start), 2), "dur": 1,
            "name": item.opcode, "cat": timing.unit_names[int(instruction)],
            "args": {"address": hex(item.address), "line": item.line, "sub-core": int(sub) % 4},
        })  # fmt: skip
    return found
