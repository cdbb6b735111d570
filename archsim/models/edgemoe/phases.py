"""The controller's steps as the phases that answers are made of."""

from __future__ import annotations

from collections.abc import Sequence

from archsim.config.edgemoe_layout import ATTENTION, END, UNITS
from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.mapping.edgemoe import Phase
from archsim.mapping.edgemoe_steps import Step
from archsim.models.edgemoe.controller import Prediction
from archsim.models.edgemoe.timing import PhaseCycles


def as_phases(
    params: EdgeMoeParams, operators: int, steps: Sequence[Step], found: Prediction
) -> list[tuple[Phase, PhaseCycles]]:
    """Return a phase for each step; their totals add up to the list's cycles.

    ``latency`` is the time without a descriptor before a step, ``weights`` its wait for payload. An
    operator without a step of its own gets one cycle of the last step before it.
    """
    done = [step for step in steps if step[1]["opcode"] != END]
    last = {op: number for number, (op, _) in enumerate(done)}
    spare: dict[int, list[int]] = {}  # operators without a step, by the step that pays for them
    number = 0
    for op in range(operators):
        number = last.get(op, number)
        if op not in last:
            spare.setdefault(number, []).append(op)
    timed = []
    now = 0
    for number, (op, f) in enumerate(done):
        begin, end = found.spans[number]
        late, paid = found.late[number], spare.get(number, [])
        compute = end - begin - late
        cycles = PhaseCycles(
            start=float(begin), compute=float(compute - len(paid)), stream=0.0,
            weights=float(late), latency=float(begin - now), fill=0.0,
            bytes=float(found.bytes[number]),
        )  # fmt: skip
        timed.append((_phase(params, op, f, compute), cycles))
        one = PhaseCycles(float(end), 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        timed += [(Phase(op=each, unit="address", compute=1), one) for each in paid]
        now = end
    timed[-1] = (timed[-1][0], _longer(timed[-1][1], found.cycles - now))
    return timed


def _phase(params: EdgeMoeParams, op: int, f: dict[str, int], compute: int) -> Phase:
    narrow = f.get("rows", 0) * f.get("k", 0) * f.get("n_tiles", 0) * params.tile_out
    wide = 0
    if f["opcode"] == ATTENTION:
        wide = 2 * params.tokens**2 * params.dim
    return Phase(op=op, unit=UNITS[f["unit"]], compute=compute, macs16=narrow, macs32=wide)


def _longer(cycles: PhaseCycles, more: int) -> PhaseCycles:
    """Return ``cycles`` with ``more`` of latency: the end of the list."""
    return PhaseCycles(
        cycles.start, cycles.compute, cycles.stream, cycles.weights, cycles.latency + more,
        cycles.fill, cycles.bytes,
    )  # fmt: skip
