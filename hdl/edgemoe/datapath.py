"""Units, scratchpads and what connects them: everything between a step's start and its end."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_layout import (
    ATTENTION,
    ELEMENT_BITS,
    LOAD,
    NORM,
    PIXELS,
    STORE,
    Layout,
)
from hdl.edgemoe.addresses import PixelWalk, PlainKeys, RunWalk
from hdl.edgemoe.fetch import STEP, choice_members
from hdl.edgemoe.linear_path import LinearPath
from hdl.edgemoe.mix import AttentionMix
from hdl.edgemoe.norm import LayerNorm
from hdl.edgemoe.payload import Payload
from hdl.edgemoe.queues import make_queues
from hdl.edgemoe.scores import AttentionScores, score_layout
from hdl.edgemoe.scratchpad import Scratchpad
from hdl.edgemoe.walk import steps
from hdl.lib.fifo import StreamFifo
from hdl.lib.widen import Gearbox


class Datapath(LinearPath):
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
    * ``choice`` (without expert by expert): stream of the experts that the gate chose, out.
    * ``waits`` (1, out): the linear unit lacks weights. ``computed`` (32, out): cycles in which its
      engine took operands since its last start.
    """

    def __init__(self, layout: Layout, *, verilog: bool = False) -> None:
        self.layout = layout
        self.verilog = verilog
        self.queues = make_queues(layout.params, passes=1)
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
                **choice_members(layout.params, Out),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic: memories, then each opcode's path between them."""
        m = Module()
        self.writes = [[], [], []]
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

    def _walk(
        self, m: Module, name: str, opcode: int, base: Value, *, step: int, count: int,
        period: int | None = None,
    ) -> RunWalk:  # fmt: skip
        walk = RunWalk(self.layout, step=step, count=count, period=period)
        return self._started(m, name, opcode, base, walk)

    def _started(self, m: Module, name: str, opcode: int, base: Value, walk: RunWalk) -> RunWalk:
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
        if p.techniques.reordered_attention:
            key = self._walk(m, "key", ATTENTION, places["k"], **cyclic)
            value = self._walk(m, "value", ATTENTION, places["v"], **cyclic)
        else:
            key, value = (
                self._started(m, name, ATTENTION, places[name[0]], PlainKeys(layout, step=step))
                for name in ("key", "value")
            )
        out = self._walk(m, "mix_out", ATTENTION, self.step.target, step=step, count=all_tokens)
        owner = self.running(ATTENTION)
        for memory, walk, unit in (
            (0, query, scores.query), (1, key, scores.key), (2, value, mix.value),
        ):  # fmt: skip
            self._reads(m, memory, owner, walk, unit)
        bits = len(Value.cast(scores.o.payload))
        met = 1 if p.techniques.reordered_attention else p.queries
        depth = (met * p.tokens + p.queries) * p.heads + 32  # until a query's last sum is there
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
