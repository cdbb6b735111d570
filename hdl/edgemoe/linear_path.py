"""The linear unit's side of the datapath: operands, rows of results, gate and queues."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory

from archsim.config.edgemoe_layout import LINEAR, Layout
from hdl.edgemoe.addresses import RowWalk, entry_layout
from hdl.edgemoe.feed import LinearFeed
from hdl.edgemoe.gate import Gate
from hdl.edgemoe.payload import Payload
from hdl.edgemoe.queues import ExpertQueues, TokenQueue
from hdl.edgemoe.scratchpad import Scratchpad
from hdl.edgemoe.separate import SeparateLinear, kind_of
from hdl.edgemoe.transpose import Transposer
from hdl.edgemoe.units import LinearJobs
from hdl.lib.small_fifo import SmallFifo

Write = tuple[Value, Value, int, Value]
"""Whether a word is written now, its address, its granules, and the word."""


class LinearPath(wiring.Component):
    """What ``Datapath`` has for steps of the linear unit; the ports are the datapath's."""

    layout: Layout
    verilog: bool
    queues: ExpertQueues | TokenQueue
    memories: list[Scratchpad]
    source: Payload
    writes: list[list[Write]]
    """Of each memory its writers."""

    def starts(self, opcode: int) -> Value:
        """Return whether a step of ``opcode`` starts now."""
        return self.start & ~self.discard & (self.step.opcode == opcode)

    def running(self, opcode: int) -> Value:
        """Return whether the step is one of ``opcode``."""
        return self.step.opcode == opcode

    def _linear(self, m: Module) -> None:
        layout, p, step = self.layout, self.layout.params, self.step
        m.submodules.linear = linear = self._linear_unit(m)
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
        if layout.packed > 1:
            m.d.comb += feed.wide_weight.eq(step.wide_weight)
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

    def _linear_unit(self, m: Module) -> LinearJobs | SeparateLinear:
        p = self.layout.params
        if p.techniques.unified_linear:
            return LinearJobs(p, verilog=self.verilog)
        unit = SeparateLinear(p, verilog=self.verilog)
        m.d.comb += unit.kind.eq(kind_of(m, self.step))
        return unit

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

    def _old(self, m: Module, linear: LinearJobs | SeparateLinear) -> RowWalk:
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

    def _rows(self, m: Module, linear: LinearJobs | SeparateLinear, walk: RowWalk) -> None:
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

    def _gate(self, m: Module, linear: LinearJobs | SeparateLinear) -> Value:
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
            self.pending.eq(queues.pending),
            self.full.eq(queues.i.valid & queues.i.ready & x.last),
        ]  # fmt: skip
        if not p.techniques.expert_by_expert:
            self._choices(m)
        with m.If(gate.i.valid & gate.i.ready):
            m.d.sync += expert.eq(Mux(last, 0, expert + 1))
        with m.If(gate.o.valid & gate.o.ready & choice.last):
            m.d.sync += token.eq(Mux(token == p.tokens - 1, 0, token + 1))
        queued = Signal()
        m.d.sync += queued.eq(self.full)
        with m.If(queued):
            m.d.comb += self.done.eq(1)
        return gate.i.ready & last

    def _choices(self, m: Module) -> None:
        """Tell the fetcher what the gate chose, token by token."""
        p, queues = self.layout.params, self.queues
        m.submodules.choices = choices = SmallFifo(
            width=len(queues.i.payload.expert), depth=p.tokens * p.top_k
        )
        m.d.comb += [
            choices.i.payload.eq(queues.i.payload.expert),
            choices.i.valid.eq(queues.i.valid & queues.i.ready),
            self.choice.payload.eq(choices.o.payload), self.choice.valid.eq(choices.o.valid),
            choices.o.ready.eq(self.choice.ready),
        ]  # fmt: skip
