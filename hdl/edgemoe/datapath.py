"""Units, scratchpads and what connects them: everything between a step's start and its end."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_layout import (
    ATTENTION,
    ELEMENT_BITS,
    LINEAR,
    LOAD,
    NORM,
    PIXELS,
    STORE,
    Layout,
)
from hdl.edgemoe.addresses import PixelWalk, RowWalk, RunWalk, entry_layout
from hdl.edgemoe.feed import LinearFeed
from hdl.edgemoe.fetch import STEP
from hdl.edgemoe.gate import Gate
from hdl.edgemoe.mix import AttentionMix
from hdl.edgemoe.norm import LayerNorm
from hdl.edgemoe.payload import Payload
from hdl.edgemoe.queues import ExpertQueues
from hdl.edgemoe.scores import AttentionScores, score_layout
from hdl.edgemoe.scratchpad import Scratchpad
from hdl.edgemoe.transpose import Transposer
from hdl.edgemoe.units import LinearJobs
from hdl.edgemoe.walk import steps
from hdl.lib.fifo import StreamFifo
from hdl.lib.small_fifo import SmallFifo
from hdl.lib.widen import Gearbox

Write = tuple[Value, Value, int, Value]
"""Whether a word is written now, its address, its granules, and the word."""


class Datapath(wiring.Component):
    """One step at a time: its units move data between scratchpads, payload and results.

    Ports:

    * ``step`` (``STEP``, in), ``rows``, ``tiles``, ``last_rows`` (16, in; the linear unit's):
      stable from ``start`` (1, in) until ``done`` (1, out, in one cycle).
    * ``payload``: stream of beats, in. ``discard`` (1, in): no unit starts, and the step's payload
      is thrown away; ``discarded`` (1, out) when it was.
    * ``queued``: stream of the queues, out; ``table_write`` (1, in): the token on it is entered
      as number ``table_index``.
    * ``full`` (1, out): all tokens have been queued. ``pending``: the queues' experts with tokens.
    * ``result``: stream of beats that ``STORE`` reads, out; ``stored`` (1, in): they are in memory.
    * ``waits`` (1, out): the linear unit lacks weights. ``computed`` (32, out): cycles in which its
      engine took operands since its last start.
    """

    def __init__(self, layout: Layout, *, verilog: bool = False) -> None:
        self.layout = layout
        self.verilog = verilog
        self.queues = ExpertQueues(layout.params, passes=1)
        beat = 8 * layout.port_bytes
        super().__init__(
            {
                "step": In(STEP),
                "rows": In(16),
                "tiles": In(16),
                "last_rows": In(16),
                "start": In(1),
                "done": Out(1),
                "payload": In(stream.Signature(beat)),
                "discard": In(1),
                "discarded": Out(1),
                "queued": Out(stream.Signature(self.queues.o.payload.shape())),
                "table_write": In(1),
                "table_index": In(range(layout.params.tokens)),
                "full": Out(1),
                "pending": Out(layout.params.experts),
                "result": Out(stream.Signature(beat)),
                "stored": In(1),
                "waits": Out(1),
                "computed": Out(32),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic: memories, then each opcode's path between them."""
        m = Module()
        self.writes: list[list[Write]] = [[], [], []]
        self.memories = [
            Scratchpad(self.layout, depth, verilog=self.verilog) for depth in self.layout.depths
        ]
        m.submodules += self.memories
        m.submodules.source = self.source = Payload(self.layout, verilog=self.verilog)
        m.d.comb += [
            self.source.i.payload.eq(self.payload.payload),
            self.source.i.valid.eq(self.payload.valid),
            self.payload.ready.eq(self.source.i.ready),
            self.source.start.eq(self.start),
            self.source.beats.eq(Mux(self.step.loaded, self.step.beats, 0)),
            self.source.opcode.eq(self.step.opcode),
            self.source.discard.eq(self.discard),
            self.discarded.eq(self.source.done),
        ]
        self._loads(m)
        self._norm(m)
        self._attention(m)
        self._linear(m)
        self._store(m)
        self._write(m)
        return m

    def starts(self, opcode: int) -> Value:
        """Return whether a step of ``opcode`` starts now."""
        return self.start & ~self.discard & (self.step.opcode == opcode)

    def running(self, opcode: int) -> Value:
        """Return whether the step is one of ``opcode``."""
        return self.step.opcode == opcode

    def _walk(
        self, m: Module, name: str, opcode: int, base: Value, *, step: int, count: int,
        period: int | None = None,
    ) -> RunWalk:  # fmt: skip
        walk = RunWalk(self.layout, step=step, count=count, period=period)
        m.submodules[f"{name}_walk"] = walk
        m.d.comb += [walk.start.eq(self.starts(opcode)), walk.base.eq(base)]
        return walk

    def _reads(self, m: Module, memory: int, owner: Value, walk: RunWalk, to: Value) -> None:
        """Let ``walk`` read ``memory`` while ``owner``; the words go to the stream ``to``."""
        pad = self.memories[memory]
        with m.If(owner):
            m.d.comb += [
                pad.i.payload.eq(walk.o.payload), pad.i.valid.eq(walk.o.valid),
                walk.o.ready.eq(pad.i.ready),
                to.payload.eq(pad.o.payload), to.valid.eq(pad.o.valid), pad.o.ready.eq(to.ready),
            ]  # fmt: skip

    def _results(self, m: Module, unit: Value, walk: RunWalk, memory: int, granules: int) -> None:
        """Write the words of the stream ``unit`` where ``walk`` says; the last ends the step."""
        both = unit.valid & walk.o.valid
        m.d.comb += [unit.ready.eq(walk.o.valid), walk.o.ready.eq(unit.valid)]
        self.writes[memory].append((both, walk.o.payload, granules, unit.payload))
        with m.If(both & walk.last):
            m.d.comb += self.done.eq(1)

    def _loads(self, m: Module) -> None:
        """Tokens and pixels from external memory."""
        layout, p = self.layout, self.layout.params
        walk = self._walk(m, "load", LOAD, self.step.target, step=1, count=p.tokens * layout.token)
        self._results(m, self.source.tokens, walk, 0, 1)
        m.submodules.pixel_walk = pixels = PixelWalk(layout)
        m.d.comb += [pixels.start.eq(self.starts(PIXELS)), pixels.base.eq(self.step.target)]
        run = self.source.pixels
        wide = stream.Signature(layout.pixel_run * ELEMENT_BITS).create(path=("pixels",))
        m.d.comb += [wide.valid.eq(run.valid), run.ready.eq(wide.ready)]
        for n in range(layout.pixel_run):
            pixel = run.payload.word_select(n, 8) << layout.pixel_shift
            m.d.comb += wide.payload.word_select(n, ELEMENT_BITS).eq(pixel)
        self._results(m, wide, pixels, 1, layout.pixel_run // layout.granule)

    def _norm(self, m: Module) -> None:
        layout, p = self.layout, self.layout.params
        lanes = layout.norm_lanes
        words, count = p.dim // lanes, p.tokens * (p.dim // lanes)
        step = lanes // layout.granule
        m.submodules.norm = norm = LayerNorm(p, lanes=lanes)
        walk = self._walk(m, "norm_in", NORM, self.step.source, step=step, count=count)
        out = self._walk(m, "norm_out", NORM, self.step.target, step=step, count=count)
        word = stream.Signature(layout.width * ELEMENT_BITS).create(path=("norm_word",))
        left = Signal(range(words + 1))  # scales and offsets that are not there yet
        scales = self.source.scales
        m.d.comb += [
            norm.w.payload.eq(scales.payload), norm.w.valid.eq(scales.valid & (left != 0)),
            scales.ready.eq(left != 0),
            norm.i.payload.eq(word.payload), norm.i.valid.eq(word.valid & (left == 0)),
            word.ready.eq(norm.i.ready & (left == 0)),
        ]  # fmt: skip
        with m.If(self.starts(NORM)):
            m.d.sync += left.eq(words)
        with m.Elif(norm.w.valid):
            m.d.sync += left.eq(left - 1)
        self._reads(m, 0, self.running(NORM), walk, word)
        self._results(m, norm.o, out, 1, step)

    def _attention(self, m: Module) -> None:
        """Both passes at once, the second behind by the time that softmax sums take."""
        layout, p = self.layout, self.layout.params
        m.submodules.scores = scores = AttentionScores(p)
        m.submodules.mix = mix = AttentionMix(p)
        chunks, all_tokens = p.dim // p.lanes, p.tokens * (p.dim // p.lanes)
        step = p.lanes // layout.granule
        places = {name: Value.cast(layout.regions[name][1]) for name in ("q", "k", "v")}
        cyclic = {"step": step, "count": steps(p) * chunks, "period": all_tokens}
        query = self._walk(m, "query", ATTENTION, places["q"], step=step, count=all_tokens)
        key = self._walk(m, "key", ATTENTION, places["k"], **cyclic)
        value = self._walk(m, "value", ATTENTION, places["v"], **cyclic)
        out = self._walk(m, "mix_out", ATTENTION, self.step.target, step=step, count=all_tokens)
        owner = self.running(ATTENTION)
        for memory, walk, unit in (
            (0, query, scores.query), (1, key, scores.key), (2, value, mix.value),
        ):  # fmt: skip
            self._reads(m, memory, owner, walk, unit)
        bits = len(Value.cast(scores.o.payload))
        depth = (p.tokens + p.queries) * p.heads + 32  # until a query's last sum is there
        m.submodules.kept_scores = kept = StreamFifo(width=bits, depth=depth, verilog=self.verilog)
        m.d.comb += [
            kept.i.payload.eq(Value.cast(scores.o.payload)), kept.i.valid.eq(scores.o.valid),
            scores.o.ready.eq(kept.i.ready),
            mix.scores.payload.eq(data.View(score_layout(p), kept.o.payload)),
            mix.scores.valid.eq(kept.o.valid), kept.o.ready.eq(mix.scores.ready),
            Value.cast(mix.sums.payload).eq(Value.cast(scores.sums.payload)),
            mix.sums.valid.eq(scores.sums.valid), scores.sums.ready.eq(mix.sums.ready),
        ]  # fmt: skip
        self._results(m, mix.o, out, 1, step)

    def _linear(self, m: Module) -> None:
        layout, p, step = self.layout, self.layout.params, self.step
        m.submodules.linear = linear = LinearJobs(p, verilog=self.verilog)
        m.submodules.feed = feed = LinearFeed(p)
        m.submodules.transposer = operands = Transposer(layout)
        m.submodules.result_rows = rows = RowWalk(layout)
        starts = self.starts(LINEAR)
        job = linear.job.payload
        m.d.comb += [
            linear.job.valid.eq(starts),
            job.gelu.eq(step.gelu), job.weigh.eq(step.add), job.job.k.eq(step.k),
            job.job.groups.eq(1), job.job.held.eq(self.tiles), job.job.last_held.eq(self.tiles),
            job.job.n_tiles.eq(step.n_tiles), job.job.last_rows.eq(self.last_rows),
            feed.start.eq(starts), feed.tiles.eq(self.tiles), feed.columns.eq(step.n_tiles),
            feed.k.eq(step.k), feed.wide_bias.eq(step.wide_bias),
            feed.w.payload.eq(self.source.weights.payload),
            feed.w.valid.eq(self.source.weights.valid),
            self.source.weights.ready.eq(feed.w.ready),
            feed.a.payload.eq(operands.o.payload), feed.a.valid.eq(operands.o.valid),
            operands.o.ready.eq(feed.a.ready),
            linear.i.payload.eq(feed.o.payload), linear.i.valid.eq(feed.o.valid),
            feed.o.ready.eq(linear.i.ready),
            operands.start.eq(starts), operands.rows.eq(self.rows), operands.k.eq(step.k),
            operands.base.eq(step.source), operands.stride.eq(step.source_stride),
            operands.gather.eq(step.gather),
            self.waits.eq(self.running(LINEAR) & feed.waits),
            self.computed.eq(linear.counters.word_select(1, 32)),
        ]  # fmt: skip
        pad = self.memories[1]
        with m.If(self.running(LINEAR)):
            m.d.comb += [
                pad.i.payload.eq(operands.address.payload), pad.i.valid.eq(operands.address.valid),
                operands.address.ready.eq(pad.i.ready),
                operands.word.payload.eq(pad.o.payload), operands.word.valid.eq(pad.o.valid),
                pad.o.ready.eq(operands.word.ready),
            ]  # fmt: skip
        old = self._old(m, linear)
        self._table(m, (operands, rows, old))
        self._rows(m, linear, rows)
        for walk in (rows, old):
            m.d.comb += [
                walk.rows.eq(self.rows), walk.columns.eq(step.n_tiles),
                walk.base.eq(step.target), walk.stride.eq(step.target_stride),
                walk.scatter.eq(step.scatter),
            ]  # fmt: skip

    def _table(self, m: Module, users: tuple[Transposer | RowWalk, ...]) -> None:
        """The tokens of the expert at work with their scores."""
        shape = entry_layout(self.layout)
        x = self.queues.o.payload
        m.submodules.table = table = Memory(shape=shape, depth=self.layout.params.tokens, init=[])
        write = table.write_port()
        m.d.comb += [
            write.en.eq(self.table_write), write.addr.eq(self.table_index),
            Value.cast(write.data).eq(Cat(x.token, x.score)),
        ]  # fmt: skip
        for user in users:
            read = table.read_port(domain="comb")
            m.d.comb += [
                read.addr.eq(user.index),
                Value.cast(user.entry).eq(Value.cast(read.data)),
            ]

    def _old(self, m: Module, linear: LinearJobs) -> RowWalk:
        """Read what a layer adds to, its score beside it."""
        m.submodules.old_rows = walk = RowWalk(self.layout)
        pad = self.memories[0]
        m.submodules.scores_of = scores = SmallFifo(width=len(walk.o.payload.score), depth=4)
        owner = self.running(LINEAR)
        bits = len(linear.old.payload)
        m.d.comb += [
            walk.start.eq(self.starts(LINEAR) & self.step.add),
            scores.i.payload.eq(walk.o.payload.score),
            linear.score.payload.eq(scores.o.payload), linear.score.valid.eq(scores.o.valid),
            scores.o.ready.eq(linear.score.ready),
        ]  # fmt: skip
        with m.If(owner):
            m.d.comb += [
                pad.i.payload.eq(walk.o.payload.address),
                pad.i.valid.eq(walk.o.valid & scores.i.ready),
                walk.o.ready.eq(pad.i.ready & scores.i.ready),
                scores.i.valid.eq(walk.o.valid & pad.i.ready),
                linear.old.payload.eq(pad.o.payload[:bits]), linear.old.valid.eq(pad.o.valid),
                pad.o.ready.eq(linear.old.ready),
            ]  # fmt: skip
        return walk

    def _rows(self, m: Module, linear: LinearJobs, walk: RowWalk) -> None:
        """Rows of results go to a scratchpad, or to the gate."""
        step, granules = self.step, self.layout.params.tile_out // self.layout.granule
        to_gate = self._gate(m, linear)
        stores = Signal()
        o = walk.o.payload
        m.d.comb += [
            walk.start.eq(self.starts(LINEAR) & ~step.gate),
            stores.eq(linear.o.valid & walk.o.valid), walk.o.ready.eq(linear.o.valid),
            linear.o.ready.eq(Mux(step.gate, to_gate, walk.o.valid)),
        ]  # fmt: skip
        for memory in range(3):
            here = stores & (step.memory == memory)
            self.writes[memory].append((here, o.address, granules, linear.o.payload))
        with m.If(stores & o.last):
            m.d.comb += self.done.eq(1)

    def _gate(self, m: Module, linear: LinearJobs) -> Value:
        """Give the gate a row's logits one by one, and the queues its choices."""
        p = self.layout.params
        m.submodules.gate = gate = Gate(p)
        m.submodules.queues = queues = self.queues
        expert, token = Signal(range(max(2, p.experts))), Signal(range(max(2, p.tokens)))
        last, asked = Signal(), Signal()
        bits = p.formats.activation.bits
        choice, x = gate.o.payload, queues.i.payload
        m.d.comb += [
            asked.eq(self.running(LINEAR) & self.step.gate),
            last.eq(expert == p.experts - 1),
            gate.i.valid.eq(asked & linear.o.valid),
            gate.i.payload.value.eq(linear.o.payload.word_select(expert, bits)),
            gate.i.payload.last.eq(last),
            x.expert.eq(choice.expert), x.token.eq(token), x.score.eq(choice.score),
            x.last.eq(choice.last & (token == p.tokens - 1)),
            queues.i.valid.eq(gate.o.valid), gate.o.ready.eq(queues.i.ready),
            self.queued.payload.eq(queues.o.payload), self.queued.valid.eq(queues.o.valid),
            queues.o.ready.eq(self.queued.ready),
            self.pending.eq(Cat(length != 0 for length in queues.lengths)),
            self.full.eq(queues.i.valid & queues.i.ready & x.last),
        ]  # fmt: skip
        with m.If(gate.i.valid & gate.i.ready):
            m.d.sync += expert.eq(Mux(last, 0, expert + 1))
        with m.If(gate.o.valid & gate.o.ready & choice.last):
            m.d.sync += token.eq(Mux(token == p.tokens - 1, 0, token + 1))
        queued = Signal()
        m.d.sync += queued.eq(self.full)
        with m.If(queued):
            m.d.comb += self.done.eq(1)
        return gate.i.ready & last

    def _store(self, m: Module) -> None:
        layout = self.layout
        count = layout.params.tokens * layout.token
        walk = self._walk(m, "store", STORE, self.step.source, step=1, count=count)
        bits, beat = layout.granule * ELEMENT_BITS, 8 * layout.port_bytes
        m.submodules.store_box = box = Gearbox(in_bits=bits, out_bits=beat)
        word = stream.Signature(layout.width * ELEMENT_BITS).create(path=("store_word",))
        m.d.comb += [
            box.i.payload.eq(word.payload), box.i.valid.eq(word.valid), word.ready.eq(box.i.ready),
            self.result.payload.eq(box.o.payload), self.result.valid.eq(box.o.valid),
            box.o.ready.eq(self.result.ready),
        ]  # fmt: skip
        self._reads(m, 0, self.running(STORE), walk, word)
        with m.If(self.running(STORE) & self.stored):
            m.d.comb += self.done.eq(1)

    def _write(self, m: Module) -> None:
        """Connect each scratchpad's write port; at most one of its writers is active."""
        for pad, writers in zip(self.memories, self.writes, strict=True):
            for valid, address, granules, word in writers:
                with m.If(valid):
                    m.d.comb += [
                        pad.write.eq(1), pad.write_address.eq(address),
                        pad.write_count.eq(granules), pad.write_data.eq(word),
                    ]  # fmt: skip
