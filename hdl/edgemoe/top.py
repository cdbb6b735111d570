"""The accelerator as an IP core: descriptors, weights and images over AXI4, AXI4-Lite control."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.edgemoe_layout import COUNTERS, STORE, Layout
from archsim.config.edgemoe_params import EdgeMoeParams
from hdl.edgemoe.datapath import Datapath
from hdl.edgemoe.fetch import ADDRESS_BITS, COUNT_BITS, Fetcher
from hdl.edgemoe.registers import CONTROLS, IDENTITY, REGISTERS
from hdl.edgemoe.sequence import Sequencer
from hdl.lib.axi_control import ControlStatus
from hdl.lib.axi_lite import axi_lite_signature
from hdl.lib.axi_master import AxiReader, AxiWriter, axi_read_signature, axi_write_signature

OUTSTANDING = 8
"""Bursts that may be on their way."""

MAX_BURST = 64
"""Beats."""


class EdgeMoeTop(wiring.Component):
    """Runs lists of descriptors (``archsim.config.edgemoe_layout``) from external memory.

    Ports: ``m_axi``, AXI4 with 64-bit addresses, ``8 * Layout.port_bytes`` data and identifier 0;
    ``s_axil``, ``hdl.edgemoe.registers``; ``interrupt`` (1, out): high from the end of a list to
    the next start, where enabled.
    """

    def __init__(self, params: EdgeMoeParams, *, verilog: bool = False) -> None:
        self.params = params
        self.layout = Layout(params)
        self.verilog = verilog
        self.control = ControlStatus(controls=CONTROLS, statuses=len(REGISTERS) - CONTROLS)
        width = 8 * self.layout.port_bytes
        read = axi_read_signature(ADDRESS_BITS, width)
        write = axi_write_signature(ADDRESS_BITS, width)
        identifiers = {"awid": Out(1), "arid": Out(1), "bid": In(1), "rid": In(1)}
        axi = dict(read.members) | dict(write.members) | identifiers
        bus = axi_lite_signature(self.control.registers.address_bits)
        super().__init__(
            {"m_axi": Out(wiring.Signature(axi)), "s_axil": In(bus), "interrupt": Out(1)}
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        sizes = {
            "address_bits": ADDRESS_BITS, "data_bits": 8 * self.layout.port_bytes,
            "count_bits": COUNT_BITS, "outstanding": OUTSTANDING, "max_burst": MAX_BURST,
        }  # fmt: skip
        m.submodules.reader = reader = AxiReader(**sizes)
        m.submodules.writer = writer = AxiWriter(**sizes)
        for manager in (reader, writer):
            for name, member in manager.axi.signature.members.items():
                inner, outer = getattr(manager.axi, name), getattr(self.m_axi, name)
                out = member.flow is wiring.Flow.Out
                m.d.comb += outer.eq(inner) if out else inner.eq(outer)
        m.submodules.fetcher = fetcher = Fetcher(self.layout)
        m.submodules.sequencer = sequencer = Sequencer(self.layout)
        m.submodules.datapath = datapath = Datapath(self.layout, verilog=self.verilog)
        connect(m, fetcher.request, reader.i)
        connect(m, reader.o, fetcher.data)
        connect(m, fetcher.payload, datapath.payload)
        connect(m, fetcher.step, sequencer.steps)
        connect(m, datapath.queued, sequencer.queued)
        if not self.params.techniques.expert_by_expert:
            connect(m, datapath.choice, fetcher.choice)
        self._steps(m, fetcher, sequencer, datapath)
        self._store(m, writer, sequencer, datapath)
        failed = fetcher.failed | (writer.o.valid & writer.o.payload)
        self._control(m, fetcher, sequencer, failed)
        return m

    def _steps(self, m: Module, fetcher: Fetcher, sequencer: Sequencer, datapath: Datapath) -> None:
        """Connect the sequencer with what it steers."""
        for name in ("rows", "tiles", "last_rows", "discard", "table_write", "table_index"):
            m.d.comb += getattr(datapath, name).eq(getattr(sequencer, name))
        for name in ("done", "discarded", "full", "pending", "waits", "computed"):
            m.d.comb += getattr(sequencer, name).eq(getattr(datapath, name))
        m.d.comb += [
            Value.cast(datapath.step).eq(Value.cast(sequencer.step)),
            datapath.start.eq(sequencer.run),
            fetcher.routed.eq(sequencer.routed), fetcher.gates.eq(sequencer.gates),
        ]  # fmt: skip

    def _store(
        self, m: Module, writer: AxiWriter, sequencer: Sequencer, datapath: Datapath
    ) -> None:
        """Ask for the transfer of a step that stores."""
        asked = Signal()
        with m.If(sequencer.run & ~sequencer.discard & (sequencer.step.opcode == STORE)):
            m.d.sync += asked.eq(1)
        with m.Elif(writer.i.ready):
            m.d.sync += asked.eq(0)
        m.d.comb += [
            writer.i.valid.eq(asked),
            writer.i.payload.address.eq(sequencer.step.address),
            writer.i.payload.beats.eq(sequencer.step.beats),
            writer.d.payload.eq(datapath.result.payload), writer.d.valid.eq(datapath.result.valid),
            datapath.result.ready.eq(writer.d.ready),
            writer.o.ready.eq(1), datapath.stored.eq(writer.o.valid),
        ]  # fmt: skip

    def _control(self, m: Module, fetcher: Fetcher, sequencer: Sequencer, failure: Value) -> None:
        m.submodules.control = control = self.control
        connect(m, flipped(self.s_axil), control.bus)
        words = [control.control.word_select(n, 32) for n in range(CONTROLS)]
        start, ended, failed, illegal = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            start.eq(control.written[0] & words[0][0] & ~sequencer.busy),
            fetcher.start.eq(start), fetcher.list.eq(Cat(words[1], words[2])),
            sequencer.start.eq(start),
            self.interrupt.eq(ended & words[0][1]),
        ]  # fmt: skip
        with m.If(start):
            m.d.sync += [ended.eq(0), failed.eq(0), illegal.eq(0)]
        with m.Else():
            with m.If(sequencer.ended):
                m.d.sync += [ended.eq(1), illegal.eq(sequencer.illegal)]
            with m.If(failure):
                m.d.sync += failed.eq(1)
        values: list[Value] = [
            Cat(sequencer.busy, ended, failed, illegal), Const(IDENTITY, 32),
            Const(int(self.params.digest[:8], 16), 32),
            *(sequencer.counters.word_select(n, 32) for n in range(len(COUNTERS))),
        ]  # fmt: skip
        for index, value in enumerate(values):
            m.d.comb += control.status.word_select(index, 32).eq(value)
