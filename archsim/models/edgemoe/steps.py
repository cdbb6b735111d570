"""Cycles of the controller's steps, with what they need on chip, from the structure of the RTL.

``hdl.edgemoe`` and these formulas are compared in co-simulation, step by step and for whole
encoders. Cycles run from the one in which the sequencer takes a step until it takes the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from archsim.config.edgemoe_layout import ELEMENT_BITS, Layout
from archsim.config.edgemoe_params import EdgeMoeParams, engine_params
from archsim.mapping.array import plan
from archsim.models.array.timing import engine_cycles
from archsim.models.edgemoe.list_walk import QUEUED
from archsim.models.edgemoe.passes import CALL, MIX, ROW, SUM, WEIGHT, passes

TAKE = 2
"""Taking a step, and starting its units (cycle 0 of the unit)."""

READ = 2
"""From a unit's start to the first word from a scratchpad."""

LOADER = 2
"""From the engine's start to the first word that it takes."""

EPILOGUE = 8
"""Behind the engine: GELU or as long, product with the score, sum."""

SOFTMAX = 13
"""From a row's last number to its sum's reciprocal."""

ERF_CALL = 31
"""Of GELU by the error function, an element."""

RECURRENCE = 3
NORM_STATISTICS, NORM_OUTPUT = 12, 7


_kept = lru_cache(maxsize=2048)
"""Remembers answers: a point asks for some 40, a sweep must not fill the memory with them."""


@dataclass(frozen=True, slots=True)
class StepCycles:
    """``total`` cycles of a step whose payload is on chip; it takes its payload between cycles
    ``first`` and ``last`` of it. ``bound``: no unit of this size takes fewer; ``compute``: cycles
    in which the engine takes operands.
    """

    total: int
    bound: int
    first: int = 0
    last: int = 0
    compute: int = 0


def supply(layout: Layout, bits: int, words: int) -> tuple[int, int]:
    """Return after how many cycles the first and the last of ``words`` words of ``bits`` come."""
    word = 8 * layout.port_bytes
    if bits == word:
        return 1, words
    first = 1 + -(-bits // word)
    return first, max(first + words - 1, 1 + -(-words * bits // word))


@_kept
def norm(params: EdgeMoeParams) -> StepCycles:
    """Scales and offsets, then token by token."""
    layout = Layout(params)
    lanes = layout.norm_lanes
    words = params.dim // lanes
    _, scales = supply(layout, 2 * lanes * params.formats.norm.bits, words)
    entered = read = 0
    ends: list[int] = []
    for token in range(params.tokens):
        if token >= 2:  # a bank is free in the cycle after its last read
            entered = max(entered, ends[token - 2] + 1)
        entered += words
        read = max(read, entered - 1 + NORM_STATISTICS) + words
        ends.append(read - 1)
    total = TAKE + scales + 1 + ends[-1] + NORM_OUTPUT
    return StepCycles(total, params.tokens * words, TAKE, TAKE + scales)


@_kept
def attention(params: EdgeMoeParams) -> StepCycles:
    """Both passes: the second follows the first by the keys that a query meets before its sum."""
    p = params
    of_head, chunks = p.head_dim // p.lanes, p.dim // p.lanes
    reordered = p.techniques.reordered_attention
    full, extra = divmod(p.tokens + p.queries - 1, p.queries)
    steps = full * p.tokens + extra if reordered else p.tokens**2
    bound = p.tokens * p.tokens // (p.queries if reordered else 1) * chunks
    if not p.techniques.single_pass_softmax:
        return StepCycles(TAKE + READ + passes(p)[1], bound)
    last_key = (p.tokens - 1) * (1 if reordered else p.queries)  # of the first query
    first_sum = READ + last_key * chunks + of_head - 1 + SUM + 1 + SOFTMAX + 1
    first_weights = first_sum + p.queries - 1 + WEIGHT + 1
    total = TAKE + first_weights + steps * chunks - 1 + MIX
    return StepCycles(total, bound)


@_kept
def linear(
    params: EdgeMoeParams, rows: int, k: int, outputs: int, gelu: bool = False, wide: bool = False
) -> StepCycles:
    """A layer of ``rows`` tokens that lie in a scratchpad, its weights in the FIFO.

    ``wide``: weights of 16 bits, whatever the others have.
    """
    layout, p = Layout(params), params
    engine = engine_params(p)
    job = plan(engine, rows, outputs, k)
    found = engine_cycles(engine, job)
    words = layout.layer_words(k, job.n_tiles, wide)
    first, _ = supply(layout, 16 * p.tile_out, words)
    begin = max(0, p.tile_rows - 3, first - LOADER)  # operands come so much later than a stream's
    ends = found.cycles + EPILOGUE + begin
    if gelu and not p.techniques.gelu_table:
        ends += serial(p, rows, k, outputs) - found.cycles
    ahead = TAKE + job.m_tiles
    # the last column tile's weights have come when its first row tile is issued
    last = ends - EPILOGUE - _drain(p) - job.m_tiles * k + 1
    width = 8 * layout.port_bytes
    paced = LOADER + begin + -(-words * 16 * p.tile_out // width)  # weights come no faster
    if paced > last:
        ends += paced - last
        last = paced
    bound = found.bound
    return StepCycles(ahead + ends, bound, ahead, ahead + max(last, first), bound)


def serial(params: EdgeMoeParams, rows: int, k: int, outputs: int) -> int:
    """Return when the engine's last row has been through GELU by the error function."""
    p = params
    engine = engine_params(p)
    each = p.tile_out * ERF_CALL + 2
    tile = min(rows, p.tile_rows)
    first = engine_cycles(engine, plan(engine, tile, p.tile_out, k)).cycles - (tile - 1)
    last = engine_cycles(engine, plan(engine, rows, outputs, k)).cycles
    return max(last + each, first + rows * -(-outputs // p.tile_out) * each) - 1


def _drain(params: EdgeMoeParams) -> int:
    """Cycles from a layer's last operands to its last row behind the engine."""
    return 2 + params.tile_rows + params.tile_out - 2 + 4 + 2 + 3 + params.tile_rows - 1


@_kept
def gate(params: EdgeMoeParams) -> StepCycles:
    """Logits by the linear unit, then softmax and ranking, a logit in three cycles."""
    p = params
    layer = linear(p, p.tokens, p.dim, p.tile_out)
    tiles = -(-p.tokens // p.tile_rows)
    leave: list[int] = []  # rows at the engine's output
    for tile in range(tiles):
        rows = min(p.tokens, (tile + 1) * p.tile_rows)
        last = linear(p, rows, p.dim, p.tile_out).total - 1 + tiles - tile - 1 - EPILOGUE
        leave += range(last - (rows - tile * p.tile_rows) + 1, last + 1)
    every = token_cycles(p)
    logits = (p.experts - 1) * (RECURRENCE if p.techniques.single_pass_softmax else 1)
    last_row = _stalled(leave, every, logits)
    summed = SOFTMAX if p.techniques.single_pass_softmax else p.experts * CALL + ROW
    scores = logits + summed + 1 + p.top_k - 1 + WEIGHT
    total = last_row + scores + QUEUED
    bound = p.tokens * every
    return StepCycles(total, bound, layer.first, layer.last, layer.compute)


def token_cycles(params: EdgeMoeParams) -> int:
    """Return the cycles from one token's logits to the next's: its softmax must keep up."""
    e = params.experts
    return e * RECURRENCE if params.techniques.single_pass_softmax else e + e * CALL + ROW


def _stalled(ready: list[int], interval: int, stands: int) -> int:
    """Return when the last row begins to leave the epilogue, a rigid pipeline.

    Row n may enter in cycle ``ready[n]``. Rows begin to leave ``interval`` cycles apart or more,
    and stand ``stands`` cycles at the output, where nothing moves.
    """
    stages = [False] * EPILOGUE
    at, now, started, leaves = 0, ready[0], ready[0] - interval, -1
    while at < len(ready) or any(stages):
        if stages[-1] and leaves < now:
            started = max(now, started + interval)
            leaves = started + stands
        if not stages[-1] or now == leaves:
            enters = at < len(ready) and ready[at] <= now
            stages = [enters, *stages[:-1]]
            at += enters
        now += 1
    return started


@_kept
def load(params: EdgeMoeParams) -> StepCycles:
    """Tokens from external memory."""
    layout = Layout(params)
    bits = layout.granule * ELEMENT_BITS
    words = params.tokens * layout.token
    _, last = supply(layout, bits, words)
    return StepCycles(TAKE + last, words, TAKE, TAKE + last)


@_kept
def pixels(params: EdgeMoeParams) -> StepCycles:
    """Pixels from external memory."""
    layout = Layout(params)
    runs = params.patches * params.patch_pixels // layout.pixel_run
    _, last = supply(layout, 8 * layout.pixel_run, runs)
    return StepCycles(TAKE + last, runs, TAKE, TAKE + last)
