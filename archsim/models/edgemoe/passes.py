"""Cycles of the attention's two passes where the softmax sums come after their row's maximum.

Then a row's end stops the first pass for a loop over its numbers, and the second pass follows as
the sums come: both are walked through, a word of scores (a key and head) after another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from archsim.config.edgemoe_params import EdgeMoeParams

SUM, MIX, WEIGHT = 3, 3, 7
"""Registers from a chunk to its score, from a weight to its sum, and from a score to its weight."""

CALL = 8
"""Cycles of an exponential in the loop."""

ROW = 7
"""From the end of that loop to the sum's reciprocal."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """A slot's query and the key of a step, with whether it is its first and its last."""

    slot: int
    query: int
    first: bool
    last: bool


def meetings(params: EdgeMoeParams) -> Iterator[list[Meeting]]:
    """Return for each step of a pass which queries meet its key, by slot."""
    n, p = params.tokens, params.queries
    if not params.techniques.reordered_attention:
        for block in range(0, n, p):
            for key in range(n):
                for slot in range(min(p, n - block)):
                    yield [Meeting(slot, block + slot, key == 0, key == n - 1)]
        return
    full, extra = divmod(n + p - 1, p)
    for step in range(full * n + extra):
        met = []
        for slot in range(p):
            block = (step - slot) // n
            query = block * p + slot
            if step >= slot and query < n:
                at = step - block * n - slot
                met.append(Meeting(slot, query, at == 0, at == n - 1))
        yield met


@lru_cache(maxsize=64)
def passes(params: EdgeMoeParams) -> tuple[int, int]:
    """Return the cycles of the last softmax sum and of the last word of the second pass.

    The first words of queries and keys enter in cycle 0.
    """
    p = params
    of_head, chunks = p.head_dim // p.lanes, p.dim // p.lanes
    sums: dict[tuple[int, int], int] = {}
    shift, free = 0, 0
    ends = [-1, -1]  # when the words before have left for the softmax
    order = list(meetings(p))
    for step, met in enumerate(order):
        valid = {m.slot: m for m in met}
        for head in range(p.heads):
            base = step * chunks + (head + 1) * of_head - 1 + SUM
            entered = max(base + shift, ends[-2] + 1)
            shift = entered - base
            now = max(entered, ends[-1])
            for slot in range(p.queries):
                now += 1
                found = valid.get(slot)
                if found is None:
                    continue
                now = max(now, free)
                free = now + 1
                if found.last:
                    sums[found.query, head] = now + p.tokens * CALL + ROW
                    free = sums[found.query, head] + 1
            ends.append(now)
    return max(sums.values()), _second(p, order, sums)


def _second(p: EdgeMoeParams, order: list[list[Meeting]], sums: dict[tuple[int, int], int]) -> int:
    """Return when the last weighted sum leaves; ``sums``: when each softmax sum is there."""
    of_head = p.head_dim // p.lanes
    now = mixed = -of_head
    for met in order:
        valid = {m.slot: m for m in met}
        for head in range(p.heads):
            for slot in range(p.queries):
                now += 1
                if slot in valid:
                    now = max(now, sums[valid[slot].query, head] + 1)
            mixed = max(mixed + of_head, now + WEIGHT + 1)
    return mixed + of_head - 1 + MIX
