"""The memory port: when beats of the input stream arrive, and what leaving results take away."""

from __future__ import annotations

from bisect import bisect_left

from archsim.models.array import latency


class Port:
    """One beat of input a cycle; a ``shared`` port gives results the cycle they leave in."""

    def __init__(self, shared: bool) -> None:
        self.shared = shared
        self.ahead = False  # the next beat of the stream is behind the port already
        self._starts: list[int] = []  # cycles taken, as disjoint runs in order
        self._ends: list[int] = []

    def take(self, first: int, last: int) -> None:
        """Results leave in the cycles ``first`` to ``last``, all after those of calls before.

        The buffers see the gap ``LOAD`` cycles later: registers stand between.
        """
        if not self.shared:
            return
        first, last = first + latency.LOAD, last + latency.LOAD
        if self._ends and self._ends[-1] >= first - 1:
            self._ends[-1] = max(last, self._ends[-1])
        else:
            self._starts.append(first)
            self._ends.append(last)

    def after(self, time: int, beats: int, ahead: bool = False) -> int:
        """Return the cycle of the last of ``beats`` beats that all come after cycle ``time``.

        ``ahead``: the first of them was read before, while the beat in front of it waited.
        """
        if not self._starts or not beats:
            return time + beats
        if ahead:
            return self.after(time + 1, beats - 1)
        end = time + beats
        index = bisect_left(self._ends, time + 1)
        while index < len(self._starts) and self._starts[index] <= end:
            end += self._ends[index] - max(self._starts[index], time + 1) + 1
            index += 1
        return end

    def next(self, time: int, beats: int, gate: int = 0) -> int:
        """Return ``after`` for the next beats of the stream, the last not before ``gate``.

        While that one waits the skid buffer behind the port reads one more.
        """
        end = self.after(time, beats, self.ahead)
        if beats:
            self.ahead = gate > end
        return max(end, gate)
