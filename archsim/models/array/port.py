"""The memory port: when beats of the input stream arrive, and what leaving results take away.

Functions of ports, buffers and walks run interpreted or compiled (``archsim.engine.hot``).
"""

from __future__ import annotations

from typing import NamedTuple

from archsim.engine.hot import Ints
from archsim.models.array import latency

SHARED, AHEAD, RUNS = range(3)
"""Whether results leave through it too; whether the stream's next beat is behind the port already;
how many runs of cycles were taken."""


class Port(NamedTuple):
    """One beat of input a cycle; a shared port gives results the cycle they leave in."""

    state: Ints
    starts: Ints  # cycles taken, as disjoint runs in order
    ends: Ints


def take(port: Port, first: int, last: int) -> None:
    """Results leave in the cycles ``first`` to ``last``, all after those of calls before.

    The buffers see the gap ``LOAD`` cycles later: registers stand between.
    """
    if not port.state[SHARED]:
        return
    runs = port.state[RUNS]
    if runs and port.ends[runs - 1] >= first + latency.LOAD - 1:
        port.ends[runs - 1] = max(last + latency.LOAD, port.ends[runs - 1])
    else:
        port.starts[runs] = first + latency.LOAD
        port.ends[runs] = last + latency.LOAD
        port.state[RUNS] = runs + 1


def after(port: Port, time: int, beats: int, ahead: int) -> int:
    """Return the cycle of the last of ``beats`` beats that all come after cycle ``time``.

    ``ahead``: the first of them was read before, while the beat in front of it waited.
    """
    runs = port.state[RUNS]
    if not runs or not beats:
        return time + beats
    if ahead:
        time += 1
        beats -= 1
        if not beats:
            return time
    end = time + beats
    low, high = 0, runs  # the first run that ends after ``time``
    while low < high:
        middle = (low + high) // 2
        if port.ends[middle] < time + 1:
            low = middle + 1
        else:
            high = middle
    while low < runs and port.starts[low] <= end:
        end += port.ends[low] - max(port.starts[low], time + 1) + 1
        low += 1
    return end


def following(port: Port, time: int, beats: int, gate: int) -> int:
    """Return ``after`` for the next beats of the stream, the last not before ``gate``.

    While that one waits the skid buffer behind the port reads one more.
    """
    end = after(port, time, beats, port.state[AHEAD])
    if beats:
        port.state[AHEAD] = 1 if gate > end else 0
    return max(end, gate)


FUNCTIONS = (take, after, following)
