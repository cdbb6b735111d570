# amaranth: UnusedElaboratable=no
"""The AXI and double-buffer checks find seeded bugs, and reach what they are about."""

import pytest
from amaranth.hdl import Mux

from hdl.formal.bus_contracts import (
    ControlStatusCheck,
    DoubleBufferCheck,
    ReaderCheck,
    WriterCheck,
)
from hdl.formal.sby import check
from hdl.lib.axi_control import ControlStatus
from hdl.lib.axi_lite import AxiLiteRegisters
from hdl.lib.axi_master import AxiReader, AxiWriter
from hdl.lib.sram import DoubleBuffer

SHAPE = {"address_bits": 13, "data_bits": 8, "count_bits": 4, "outstanding": 2, "max_burst": 2}


def broken(base, change, **shape):
    """An instance of ``base`` whose later assignments come from ``change(self, m)``."""

    class Broken(base):
        def elaborate(self, platform):
            m = super().elaborate(platform)
            change(self, m)
            return m

    return Broken(**shape)


def eager_reader(self, m):
    """Opens bursts that it has no room for."""
    m.d.comb += self.axi.arvalid.eq(self.splitter.o.valid)


def every_burst_ends(self, m):
    """Marks the end of each burst as the end of the transfer."""
    m.d.comb += self.o.payload.last.eq(self.axi.rlast)


def wide_reader(self, m):
    m.d.comb += self.axi.arsize.eq(1)


def lost_answer(self, m):
    """Takes a response while the answer before still waits."""
    m.d.comb += self.axi.bready.eq(1)


def endless(self, m):
    m.d.comb += self.axi.wlast.eq(self.beat == self.lengths.o.payload + 1)


def early_data(self, m):
    """Sends data before its burst's address."""
    m.d.comb += self.axi.wvalid.eq(self.d.valid)


def forgets_error(self, m):
    with m.If(self.axi.bvalid & self.axi.bready):
        m.d.sync += self.failed.eq(self.axi.bresp[1] & ~self.flags.o.payload)


def stuck_reader(self, m):
    m.d.sync += self.drain.eq(0)


def always_free(self, m):
    m.d.comb += self.free.eq(1)


def wrong_bank(self, m):
    m.d.comb += self.read_data.eq(0)


def never_latest(self, m):
    m.d.sync += self.latest.eq(0)


def never_written(self, m):
    m.d.sync += self.written.eq(0)


def deaf_to_strobes(self, m):
    chosen = self.registers.write & (self.registers.index == 0)
    m.d.sync += self.control[:32].eq(Mux(chosen, self.registers.data, self.control[:32]))


class Silent(AxiLiteRegisters):
    """Drops a response that was not taken at once."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.bus.bvalid):
            m.d.sync += self.bus.bvalid.eq(0)
        return m


class Rereading(AxiLiteRegisters):
    """Changes a word that waits to be read."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.sync += self.bus.rdata.eq(self.values[:32])
        return m


def registers(change=lambda self, m: None, inner=AxiLiteRegisters):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hdl.lib.axi_control.AxiLiteRegisters", inner)
        return ControlStatusCheck(broken(ControlStatus, change, controls=2, statuses=1))


def memory(change, ports):
    return DoubleBufferCheck(broken(DoubleBuffer, change, width=2, depth=2, ports=ports))


BUGS = {
    "reader opens too many": lambda: ReaderCheck(broken(AxiReader, eager_reader, **SHAPE)),
    "reader ends too often": lambda: ReaderCheck(broken(AxiReader, every_burst_ends, **SHAPE)),
    "reader's size": lambda: ReaderCheck(broken(AxiReader, wide_reader, **SHAPE)),
    "writer loses an answer": lambda: WriterCheck(broken(AxiWriter, lost_answer, **SHAPE)),
    "writer never ends": lambda: WriterCheck(broken(AxiWriter, endless, **SHAPE)),
    "writer's data first": lambda: WriterCheck(broken(AxiWriter, early_data, **SHAPE)),
    "writer forgets an error": lambda: WriterCheck(broken(AxiWriter, forgets_error, **SHAPE)),
    "buffer's reader stays": lambda: memory(stuck_reader, 2),
    "buffer always free": lambda: memory(always_free, 2),
    "buffer reads zero": lambda: memory(wrong_bank, 2),
    "bank of the last read": lambda: memory(never_latest, 1),
    "written never said": lambda: registers(never_written),
    "strobes ignored": lambda: registers(deaf_to_strobes),
    "response dropped": lambda: registers(inner=Silent),
    "word changes while it waits": lambda: registers(inner=Rereading),
}


QUICK = ("reader opens too many", "writer forgets an error", "bank of the last read",
         "strobes ignored")  # fmt: skip


@pytest.mark.parametrize(
    "bug", [pytest.param(b, marks=() if b in QUICK else pytest.mark.slow) for b in BUGS]
)
def test_a_seeded_bug_is_found(bug, tmp_path):
    top = BUGS[bug]()
    outcome = check(top, top.ports, "bmc", 12, tmp_path / "run")
    assert outcome.status == "FAIL", outcome.log[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda: ReaderCheck(AxiReader(**SHAPE)),
        lambda: WriterCheck(AxiWriter(**SHAPE)),
        registers,
        lambda: DoubleBufferCheck(DoubleBuffer(width=2, depth=2, ports=1)),
    ],
    ids=["reader", "writer", "registers", "double buffer"],
)
def test_the_corner_is_reached(make, tmp_path):
    top = make()
    assert check(top, top.ports, "cover", 14, tmp_path / "run").status == "PASS"
