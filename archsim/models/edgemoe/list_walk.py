"""The walk through a list of descriptors: channel, payload FIFO and sequencer between two of them.

Runs interpreted or compiled (``archsim.engine.hot``); times between cycles are floats.
"""

from __future__ import annotations

from typing import NamedTuple

from archsim.config.edgemoe_layout import END, LINEAR, READ_AHEAD, STORE, TASK, UNITS
from archsim.engine.hot import Floats, Ints, Makers

AHEAD = 16
"""Descriptors that wait for their turn."""

GROUP = READ_AHEAD // 2
"""Descriptors that are read at once."""

ARRIVE = 3
"""From a descriptor's last beat until it is looked at."""

DECODE = 2
"""From there to the request for its payload, or to the sequencer."""

IN_FLIGHT = 480
"""Beats of a transfer that are still to come, about, when the next is asked for."""

DELIVER = 4
"""From a beat of payload to its word at the unit that waits for it."""

SKIP = 4
"""Cycles in which payload leaves that nobody wants: two beats on registers, then all others."""

QUEUED = 2
"""From a token's last choice to the end of the gate's step."""


class Steps(NamedTuple):
    """Descriptors by number: their fields, and cycles of their units as in ``StepCycles``.

    ``absent``: an expert without tokens; ``expert``: 1 for a first layer, 2 for a second.
    """

    opcode: Ints
    unit: Ints
    beats: Ints
    gate: Ints
    expert: Ints
    absent: Ints
    total: Ints
    bound: Ints
    first: Ints
    last: Ints
    compute: Ints


class Machine(NamedTuple):
    """Memory and sizes: cycles to a first beat, beats a cycle, cycles of a descriptor; bytes of
    payload on chip and of a beat; of gates: whether experts meet all their tokens at once, and
    tokens, choices of one and cycles of one."""

    latency: int
    beats_per_cycle: float
    descriptor: float
    capacity: int
    port_bytes: int
    by_expert: int
    tokens: int
    top_k: int
    token_cycles: int


class Fifo(NamedTuple):
    """Payload: intervals in which bytes left, bytes of each, and bytes left after it."""

    begin: Floats
    end: Floats
    size: Ints
    left: Ints


class Spans(NamedTuple):
    """For each step but tasks: start, end, cycles that its payload kept it, bytes it moved."""

    start: Ints
    end: Ints
    late: Ints
    bytes: Ints


class Totals(NamedTuple):
    """Cycles and least cycles by unit, and ``CYCLES`` to ``SPANS``."""

    units: Ints
    bounds: Ints
    all: Ints


CYCLES, FETCH, COMPUTE, WAITS, SPANS = range(5)

CHANNEL, ACCEPTS, FREE, DECODED, BEGIN, DONE = range(6)
"""Times: when the channel is free again, when the reader takes another transfer, when the fetcher
may take the next descriptor, when that at hand is decoded, and its payload begins and is there."""

NOW, LOADED, LEAVES, ARRIVED, TAKEN, CHOSEN, KNOWN = range(7)
"""When the sequencer is free; bytes of payload asked for; intervals in the FIFO; descriptors that
were asked for and taken; choices of the last gate that were taken, and when it is known."""


class Walk(NamedTuple):
    """The state between two descriptors."""

    machine: Machine
    fifo: Fifo
    arrivals: Floats
    times: Floats
    state: Ints
    spans: Spans
    totals: Totals


def begin(machine: Machine, make: Makers, steps: int) -> Walk:
    """Return the state before a list of ``steps`` descriptors."""
    real, whole = make.floats, make.integers
    return Walk(
        machine, Fifo(real(steps), real(steps), whole(steps), whole(steps)),
        real(steps + 4 * GROUP), real(6), whole(7),
        Spans(whole(steps), whole(steps), whole(steps), whole(steps)),
        Totals(whole(len(UNITS)), whole(len(UNITS)), whole(5)),
    )  # fmt: skip


def walk(steps: Steps, w: Walk) -> None:
    """Walk through the list."""
    times, state, totals = w.times, w.state, w.totals
    _group(w, 2.0)
    _group(w, 3.0)
    for number in range(len(steps.opcode)):
        taken = max(times[FREE], w.arrivals[state[TAKEN]] + ARRIVE)
        state[TAKEN] += 1
        if state[ARRIVED] - state[TAKEN] <= GROUP:
            _group(w, taken + 1)
        times[FREE] = times[DECODED] = taken + DECODE
        opcode, spans = steps.opcode[number], totals.all[SPANS]
        if opcode == TASK:
            continue
        if spans > AHEAD:  # room for one more
            times[DECODED] = max(times[DECODED], float(w.spans.end[spans - AHEAD - 1]))
        if opcode == END:
            break
        if steps.expert[number] and not w.machine.by_expert:
            _choose(w, steps.expert[number])
        asked = max(times[DECODED], times[ACCEPTS])
        left_out = 1 if steps.absent[number] and state[KNOWN] <= asked else 0
        _payload(w, 0 if left_out or opcode == STORE else steps.beats[number])
        _step(w, steps, number)
        if steps.gate[number]:
            state[KNOWN], state[CHOSEN] = state[NOW], 0
    start = max(state[NOW], round(times[DECODED] + 1))
    totals.all[CYCLES] = start + 1
    worked = 0
    for unit in range(len(totals.units)):
        worked += totals.units[unit]
    totals.all[FETCH] = start + 1 - worked


def _group(w: Walk, asked: float) -> None:
    """Descriptors are asked for at ``asked``; note when they come."""
    channel = max(w.times[CHANNEL], asked + w.machine.latency)
    arrived = w.state[ARRIVED]
    for place in range(GROUP):
        w.arrivals[arrived + place] = channel + (place + 1) * w.machine.descriptor
    w.state[ARRIVED] = arrived + GROUP
    w.times[CHANNEL] = channel + GROUP * w.machine.descriptor


def _choose(w: Walk, layer: int) -> None:
    """A layer's payload is found when the gate has chosen the token's expert."""
    m, times, state = w.machine, w.times, w.state
    if layer == 1:
        behind = m.tokens - 1 - state[CHOSEN] // m.top_k  # tokens that the gate had still to do
        found = state[KNOWN] - QUEUED - behind * m.token_cycles
        times[DECODED] = max(times[DECODED], float(found))
        state[CHOSEN] += 1
    times[DECODED] += 1


def _payload(w: Walk, beats: int) -> None:
    """Note when a step's payload of ``beats`` begins to arrive, and when all of it has."""
    m, times, state = w.machine, w.times, w.state
    if not beats:
        times[FREE] = times[DECODED] + 1
        times[BEGIN] = times[DONE] = times[DECODED]
        return
    times[DECODED] = max(times[DECODED], times[ACCEPTS])
    times[FREE] = times[DECODED] + 1
    begin = max(times[CHANNEL], times[DECODED] + m.latency)
    state[LOADED] += beats * m.port_bytes
    end = begin + beats / m.beats_per_cycle
    left = min(beats, IN_FLIGHT)
    room = _room(w, state[LOADED] - m.capacity - left * m.port_bytes)
    times[ACCEPTS] = max(end - left / m.beats_per_cycle, room)
    times[CHANNEL] = max(end, _room(w, state[LOADED] - m.capacity))
    times[BEGIN], times[DONE] = begin + DELIVER, times[CHANNEL] + DELIVER


def _room(w: Walk, leaves: int) -> float:
    """Return when ``leaves`` bytes have left the FIFO."""
    fifo, low, high = w.fifo, 0, w.state[LEAVES]
    while low < high:
        middle = (low + high) // 2
        if fifo.left[middle] < leaves:
            low = middle + 1
        else:
            high = middle
    if leaves <= 0 or low == w.state[LEAVES]:
        return 0.0
    begin, size = fifo.begin[low], fifo.size[low]
    before = fifo.left[low] - size
    return begin + (fifo.end[low] - begin) * (leaves - before) / size


def _leave(w: Walk, begin: float, end: float, size: int) -> None:
    """Note that ``size`` bytes leave the FIFO between these cycles."""
    fifo, number = w.fifo, w.state[LEAVES]
    fifo.begin[number], fifo.end[number], fifo.size[number] = begin, end, size
    fifo.left[number] = (fifo.left[number - 1] if number else 0) + size
    w.state[LEAVES] = number + 1


def _step(w: Walk, steps: Steps, number: int) -> None:
    """Run a step."""
    times, state, totals = w.times, w.state, w.totals
    begin, end = times[BEGIN], times[DONE]
    start = max(state[NOW], round(times[DECODED] + 1))
    unit, beats = steps.unit[number], steps.beats[number]
    size, waited = beats * w.machine.port_bytes, 0
    if steps.absent[number]:
        words = beats if end > begin else 0
        now = max(start + 3 + min(words, SKIP), round(end) if words else 0)
        _leave(w, float(start), float(now), size if words else 0)
    elif steps.opcode[number] == STORE:
        now = start + steps.total[number]
        totals.bounds[unit] += beats
    else:
        first, last = start + steps.first[number], start + steps.last[number]
        late = max(0.0, begin - first, end - last) if size else 0.0
        waited = round(late)
        now = start + steps.total[number] + waited
        totals.all[WAITS] += waited if steps.opcode[number] == LINEAR else 0
        totals.bounds[unit] += steps.bound[number]
        totals.all[COMPUTE] += steps.compute[number]
        _leave(w, float(first), last + late, size)
    totals.units[unit] += now - start
    place = totals.all[SPANS]
    w.spans.start[place], w.spans.end[place], w.spans.late[place] = start, now, waited
    w.spans.bytes[place] = size if end > begin else 0
    totals.all[SPANS] = place + 1
    state[NOW] = now


FUNCTIONS = (_group, _choose, _payload, _room, _leave, _step)
