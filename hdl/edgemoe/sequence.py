"""Step after step: plans the linear unit's layers, fills the table of tokens, counts cycles."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_layout import COUNTERS, END, LINEAR, STORE, UNITS, Layout
from hdl.edgemoe.fetch import STEP
from hdl.edgemoe.queues import queued_layout

STATES = ("idle", "leave", "drain", "fill", "plan", "run", "work")


class Sequencer(wiring.Component):
    """Takes steps in order and runs each on the datapath.

    The first layer of an expert takes its tokens from the queues, the second one has the same; both
    are left out where the expert has none.

    Ports:

    * ``start`` (1, in): a list begins. ``ended`` (1, out, in one cycle): its end is reached;
      ``illegal`` (1, out): by an unknown opcode. ``busy`` (1, out).
    * ``steps``: stream of ``STEP``, in; ``step`` (out): the one at work.
    * ``queued``: stream of the queues, in; ``table_write``, ``table_index``: the datapath's.
    * ``rows``, ``tiles``, ``last_rows`` (16, out), ``run``, ``discard`` (1, out), ``done``,
      ``discarded``, ``full`` (1, in), ``pending``: the datapath's.
    * ``routed`` (a bit an expert, out), ``gates`` (4, out): see ``Fetcher``.
    * ``waits`` (1, in), ``computed`` (32, in): the datapath's.
    * ``counters`` (32 for each of ``COUNTERS``, out): cleared by ``start``.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        p = layout.params
        flags_in = ("start", "done", "discarded", "full", "waits")
        flags_out = ("ended", "illegal", "busy", "table_write", "run", "discard")
        super().__init__(
            {
                "steps": In(stream.Signature(STEP)),
                "step": Out(STEP),
                "queued": In(stream.Signature(queued_layout(p))),
                "table_index": Out(range(p.tokens)),
                "rows": Out(16),
                "tiles": Out(16),
                "last_rows": Out(16),
                "pending": In(p.experts),
                "routed": Out(p.experts),
                "gates": Out(4),
                "computed": In(32),
                "counters": Out(32 * len(COUNTERS)),
                **{name: In(1) for name in flags_in},
                **{name: Out(1) for name in flags_out},
            }
        )
        self.left = Signal(16)  # rows that are not planned yet
        self.known = Signal()  # the gate's last choice was in the cycle before
        self.state = {name: Signal(name=f"at_{name}") for name in STATES}

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        step = self.step
        m.d.comb += Value.cast(step).eq(Value.cast(self.steps.payload))
        has_tokens, left = Signal(), self.left
        m.d.comb += has_tokens.eq(self.routed.bit_select(step.expert, 1))
        plan = Signal()  # tiles are being counted
        with m.FSM() as fsm:
            with m.State("idle"), m.If(self.steps.valid):
                m.d.sync += [left.eq(step.rows), self.tiles.eq(1), self.table_index.eq(0)]
                with m.If(~step.scatter & ~step.gather):
                    m.d.sync += self.rows.eq(step.rows)
                with m.If((step.opcode == END) | (step.opcode > STORE)):
                    m.d.comb += [
                        self.ended.eq(1), self.illegal.eq(step.opcode != END),
                        self.steps.ready.eq(1),
                    ]  # fmt: skip
                with m.Elif((step.gather | step.scatter) & ~has_tokens):
                    m.next = "leave"
                with m.Elif(step.gather):
                    m.next = "fill"
                with m.Elif(step.scatter):  # the same tokens: planned before
                    m.d.sync += self.tiles.eq(self.tiles)
                    m.next = "run"
                with m.Elif(step.opcode == LINEAR):
                    m.next = "plan"
                with m.Else():
                    m.next = "run"
            with m.State("leave"):  # an expert without tokens
                m.d.comb += [self.run.eq(1), self.discard.eq(1)]
                m.next = "drain"
            with m.State("drain"):
                m.d.comb += self.discard.eq(1)
                with m.If(self.discarded):
                    m.d.comb += self.steps.ready.eq(1)
                    m.next = "idle"
            with m.State("fill"):
                m.d.comb += [self.queued.ready.eq(1), self.table_write.eq(self.queued.valid)]
                with m.If(self.queued.valid):
                    m.d.sync += [
                        self.table_index.eq(self.table_index + 1),
                        left.eq(self.table_index + 1), self.rows.eq(self.table_index + 1),
                    ]  # fmt: skip
                    with m.If(self.queued.payload.last):
                        m.next = "plan"
            with m.State("plan"):
                m.d.comb += plan.eq(left > self.layout.params.tile_rows)
                with m.If(plan):
                    m.d.sync += [
                        left.eq(left - self.layout.params.tile_rows), self.tiles.eq(self.tiles + 1),
                    ]  # fmt: skip
                with m.Else():
                    m.d.sync += self.last_rows.eq(left)
                    m.next = "run"
            with m.State("run"):
                m.d.comb += self.run.eq(1)
                m.next = "work"
            with m.State("work"), m.If(self.done):
                m.next = "drain"  # more payload than the step had to take
                with m.If(self.discarded):
                    m.d.comb += self.steps.ready.eq(1)
                    m.next = "idle"
        m.d.comb += [flag.eq(fsm.ongoing(name)) for name, flag in self.state.items()]
        self._routing(m)
        self._count(m, fsm.ongoing("work"), fsm.ongoing("idle") & ~self.steps.valid)
        return m

    def _routing(self, m: Module) -> None:
        """Keep which experts have tokens from a gate's last choice until the next one's."""
        m.d.sync += self.known.eq(self.full)
        with m.If(self.known):
            m.d.sync += [self.routed.eq(self.pending), self.gates.eq(self.gates + 1)]

    def _count(self, m: Module, works: Value, idle: Value) -> None:
        with m.If(self.start):
            m.d.sync += self.busy.eq(1)
        with m.Elif(self.ended):
            m.d.sync += self.busy.eq(0)
        active = self.busy & ~idle
        events: dict[str, Value] = {"cycles": self.busy, "fetch": self.busy & idle}
        for number, unit in enumerate(UNITS):
            events[unit] = active & (self.step.unit == number)
        events["weights"] = active & works & self.waits
        added = {"compute": Mux(works & self.done & (self.step.opcode == LINEAR), self.computed, 0)}
        for index, name in enumerate(COUNTERS):
            counter = Signal(32, name=f"count_{name}")
            with m.If(self.start):
                m.d.sync += counter.eq(0)
            with m.Elif(self.busy):
                m.d.sync += counter.eq(counter + added.get(name, events.get(name)))
            m.d.comb += self.counters.word_select(index, 32).eq(counter)
