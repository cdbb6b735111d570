"""The matrix engine as a bus manager: operands read from memory, results written to it."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.matrix import MatrixParams
from hdl.lib.axi_control import ControlStatus
from hdl.lib.axi_lite import axi_lite_signature
from hdl.lib.axi_master import AxiReader, AxiWriter, axi_read_signature, axi_write_signature
from hdl.lib.modules import place
from hdl.matrix.registers import Register
from hdl.matrix.top import ADDRESS_BITS, MatrixTop, top_signature

MEMORY_ADDRESS_BITS = 64
COUNT_BITS = 32

_MOVER = (
    ("control", "rw", "bit 0 written 1: read and write (after the engine's start)"),
    ("source_low", "rw", "address of the operands, bits 31 to 0, whole beats"),
    ("source_high", "rw", "address of the operands, bits 63 to 32"),
    ("source_beats", "rw", "beats to read"),
    ("target_low", "rw", "address of the results, bits 31 to 0, whole beats"),
    ("target_high", "rw", "address of the results, bits 63 to 32"),
    ("target_beats", "rw", "beats to write"),
    ("status", "ro", "bit 0: all results are in memory; bit 1: a read or write failed"),
)
MOVER_REGISTERS = tuple(
    Register(name, 4 * i, access, text) for i, (name, access, text) in enumerate(_MOVER)
)
"""Registers of ``s_axil_mover``."""

CONTROLS = 7
MOVER_ADDRESS_BITS = 5


def memory_top_signature(params: MatrixParams) -> wiring.Signature:
    """Return the ports of the top."""
    width = 8 * params.port_bytes
    read = axi_read_signature(MEMORY_ADDRESS_BITS, width)
    write = axi_write_signature(MEMORY_ADDRESS_BITS, width)
    identifiers = {"awid": Out(1), "arid": Out(1), "bid": In(1), "rid": In(1)}
    return wiring.Signature(
        {
            "m_axi": Out(wiring.Signature(dict(read.members) | dict(write.members) | identifiers)),
            "s_axil": In(axi_lite_signature(ADDRESS_BITS)),
            "s_axil_mover": In(axi_lite_signature(MOVER_ADDRESS_BITS)),
            "interrupt": Out(1),
        }
    )


class MatrixMemoryTop(wiring.Component):
    """``MatrixTop`` whose streams come from and go to memory through one AXI4 manager.

    Ports: ``m_axi``, AXI4 with 64-bit addresses, ``8 * port_bytes`` data and identifier 0;
    ``s_axil``, the engine's registers; ``s_axil_mover``, ``MOVER_REGISTERS``; ``interrupt``, the
    engine's.

    ``engine`` names the Verilog module of ``MatrixTop``, which is placed as an instance.
    """

    def __init__(self, params: MatrixParams, *, engine: str) -> None:
        self.params = params
        self.engine = engine
        self.control = ControlStatus(controls=CONTROLS, statuses=1)
        super().__init__(memory_top_signature(params))

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p = self.params
        width = 8 * p.port_bytes
        sizes = {"address_bits": MEMORY_ADDRESS_BITS, "data_bits": width, "count_bits": COUNT_BITS}
        m.submodules.reader = reader = AxiReader(**sizes)
        m.submodules.writer = writer = AxiWriter(**sizes)
        for manager in (reader, writer):
            for name, member in manager.axi.signature.members.items():
                inner, outer = getattr(manager.axi, name), getattr(self.m_axi, name)
                out = member.flow is wiring.Flow.Out
                m.d.comb += outer.eq(inner) if out else inner.eq(outer)
        self._engine(m, reader, writer)
        self._control(m, reader, writer)
        return m

    def _engine(self, m: Module, reader: AxiReader, writer: AxiWriter) -> None:
        """Place the engine between the two managers."""
        ports = {}
        for prefix, member in top_signature(self.params).members.items():
            if member.is_port:
                ports[prefix] = member
                continue
            for name, inner in member.signature.members.items():
                ports[f"{prefix}_{name}"] = inner
        engine = place(m, "engine", lambda: MatrixTop(self.params), wiring.Signature(ports),
                       self.engine)  # fmt: skip
        m.d.comb += [
            engine.s_axis_tdata.eq(reader.o.payload.data),
            engine.s_axis_tvalid.eq(reader.o.valid),
            engine.s_axis_tlast.eq(0),
            reader.o.ready.eq(engine.s_axis_tready),
            writer.d.payload.eq(engine.m_axis_tdata),
            writer.d.valid.eq(engine.m_axis_tvalid),
            engine.m_axis_tready.eq(writer.d.ready),
            self.interrupt.eq(engine.interrupt),
        ]
        for name, member in axi_lite_signature(ADDRESS_BITS).members.items():
            inner, outer = getattr(engine, f"s_axil_{name}"), getattr(self.s_axil, name)
            out = member.flow is wiring.Flow.Out  # as the manager sees it
            m.d.comb += inner.eq(outer) if out else outer.eq(inner)

    def _control(self, m: Module, reader: AxiReader, writer: AxiWriter) -> None:
        m.submodules.control = control = self.control
        connect(m, flipped(self.s_axil_mover), control.bus)
        words = [control.control.word_select(i, 32) for i in range(CONTROLS)]
        start = Signal()
        done = Signal()
        failed = Signal()
        m.d.comb += [start.eq(control.written[0] & words[0][0]), writer.o.ready.eq(1)]
        for manager, first in ((reader, 1), (writer, 4)):
            m.d.comb += [
                manager.i.payload.address.eq(Cat(words[first], words[first + 1])),
                manager.i.payload.beats.eq(words[first + 2]),
            ]
            with m.If(start):
                m.d.sync += manager.i.valid.eq(1)
            with m.Elif(manager.i.ready):
                m.d.sync += manager.i.valid.eq(0)
        with m.If(start):
            m.d.sync += [done.eq(0), failed.eq(0)]
        with m.Else():
            with m.If(writer.o.valid):
                m.d.sync += done.eq(1)
            with m.If(
                (writer.o.valid & writer.o.payload)
                | (reader.o.valid & reader.o.ready & reader.o.payload.error)
            ):
                m.d.sync += failed.eq(1)
        m.d.comb += control.status.eq(Cat(done, failed))
