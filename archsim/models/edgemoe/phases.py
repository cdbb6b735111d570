"""The controller's steps as the phases that answers are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from archsim.engine.hot import Hot, Ints
from archsim.models.edgemoe import list_walk
from archsim.models.edgemoe.list_walk import CYCLES, SPANS, Spans, Steps, Walk, walk
from archsim.models.edgemoe.sums import UNITS, Columns, Sums, Walked, add_up

ADDRESS = UNITS.index("address")


class Placed(NamedTuple):
    """``StepList.placed`` as columns."""

    op: Ints
    unit: Ints
    narrow: Ints
    wide: Ints
    starts: Ints
    spare: Ints


def spread(spans: Spans, totals: Ints, steps: Placed, walked: Walked, columns: Columns) -> int:
    """Write a phase for each step; their totals add up to the list's cycles. Return how many.

    ``latency`` is the time without a descriptor before a step, waits those for payload. An
    operator without a step of its own gets one cycle of the step that pays for it.
    """
    now = count = 0
    for number in range(totals[SPANS]):
        begin, end, late = spans.start[number], spans.end[number], spans.late[number]
        first, beyond = steps.starts[number], steps.starts[number + 1]
        walked.op[count], walked.phase[count] = steps.op[number], count
        walked.waits[count] = float(late)
        columns.unit[count] = steps.unit[number]
        columns.compute[count] = float(end - begin - late - (beyond - first))
        columns.latency[count] = float(begin - now)
        columns.bytes[count] = float(spans.bytes[number])
        columns.narrow[count], columns.wide[count] = steps.narrow[number], steps.wide[number]
        count += 1
        for place in range(first, beyond):
            walked.op[count], walked.phase[count] = steps.spare[place], count
            columns.unit[count], columns.compute[count] = ADDRESS, 1.0
            count += 1
        now = end
    columns.latency[count - 1] += totals[CYCLES] - now
    return count


def priced(
    fields: Steps, state: Walk, steps: Placed, walked: Walked, columns: Columns, operator_of: Ints,
    sums: Sums,
) -> int:  # fmt: skip
    """Walk through the list, write its phases and add them up; return how many there are."""
    walk(fields, state)
    count = spread(state.spans, state.totals.all, steps, walked, columns)
    add_up(walked, count, columns, operator_of, sums)
    return count


PRICED = Hot[Callable[..., int]](priced, walk, *list_walk.FUNCTIONS, spread, add_up)
