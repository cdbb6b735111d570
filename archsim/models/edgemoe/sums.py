"""What the phases of a workload take together: by operator and unit, by operator, and all.

Runs interpreted or compiled (``archsim.engine.hot``). Numbers are added in the phases' order.
"""

from __future__ import annotations

from typing import NamedTuple

from archsim.engine.hot import Floats, Ints, Makers

UNITS = (
    "embed", "norm", "linear", "attention", "gate", "expert", "output", "scores", "mix", "gelu",
    "add", "zero", "address",
)  # fmt: skip
"""Units of phases; the first ones are those of the controller's counters."""

SLOTS = len(UNITS)
LINEAR = (UNITS.index("linear"), UNITS.index("expert"))

CYCLES, WAITS, MOVED, LINEAR_CYCLES = range(4)


class Columns(NamedTuple):
    """Phases by number: their unit, cycles but those of waiting for weights, bytes, products."""

    unit: Ints
    compute: Floats
    stream: Floats
    latency: Floats
    fill: Floats
    bytes: Floats
    narrow: Ints
    wide: Ints


class Walked(NamedTuple):
    """Phases as they ran: operator, number in ``Columns``, cycles of waiting for weights."""

    op: Ints
    phase: Ints
    waits: Floats


class Sums(NamedTuple):
    """Sums by operator and unit (``operator * SLOTS + unit``), operator, and all.

    ``memory`` is streams and waits. ``seen``: at which phase a unit first worked for an operator,
    from 1. ``whole``: cycles, waits and bytes of all, cycles of the linear units; ``linear``: their
    products.
    """

    latency: Floats
    compute: Floats
    memory: Floats
    fill: Floats
    bytes: Floats
    narrow: Ints
    wide: Ints
    seen: Ints
    total: Floats
    whole: Floats
    linear: Ints


def empty(make: Makers, operators: int) -> Sums:
    """Return sums of nothing."""
    slots, real, whole = operators * SLOTS, make.floats, make.integers
    return Sums(
        real(slots), real(slots), real(slots), real(slots), real(slots), whole(slots),
        whole(slots), whole(slots), real(operators), real(4), whole(1),
    )  # fmt: skip


def add_up(walked: Walked, count: int, columns: Columns, operator_of: Ints, sums: Sums) -> None:
    """Add the first ``count`` phases to ``sums``; ``operator_of`` gives an op's operator."""
    for number in range(count):
        phase, waits = walked.phase[number], walked.waits[number]
        operator, unit = operator_of[walked.op[number]], columns.unit[phase]
        slot = operator * SLOTS + unit
        compute, stream = columns.compute[phase], columns.stream[phase]
        latency, fill = columns.latency[phase], columns.fill[phase]
        total = compute + stream + waits + latency + fill
        sums.latency[slot] += latency
        sums.compute[slot] += compute
        sums.memory[slot] += stream + waits
        sums.fill[slot] += fill
        sums.bytes[slot] += columns.bytes[phase]
        sums.narrow[slot] += columns.narrow[phase]
        sums.wide[slot] += columns.wide[phase]
        if not sums.seen[slot]:
            sums.seen[slot] = number + 1
        sums.total[operator] += total
        sums.whole[CYCLES] += total
        sums.whole[WAITS] += waits
        sums.whole[MOVED] += columns.bytes[phase]
        if unit in LINEAR:
            sums.whole[LINEAR_CYCLES] += total
            sums.linear[0] += columns.narrow[phase]
