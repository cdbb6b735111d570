"""AXI4 memory-mapped managers: transfers of any length read or written as bursts."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.numeric.check import integer
from hdl.lib.axi_burst import MAX_BURST, BurstSplitter, request_layout
from hdl.lib.small_fifo import SmallFifo

INCR = 1
CACHE = 0b0011  # normal, non-cacheable, bufferable


def address_members(prefix: str, address_bits: int) -> dict[str, wiring.Member]:
    """Return the members of an AXI4 address channel (``aw`` or ``ar``) without identifiers."""
    return {
        f"{prefix}addr": Out(address_bits), f"{prefix}len": Out(8), f"{prefix}size": Out(3),
        f"{prefix}burst": Out(2), f"{prefix}cache": Out(4), f"{prefix}prot": Out(3),
        f"{prefix}valid": Out(1), f"{prefix}ready": In(1),
    }  # fmt: skip


def axi_read_signature(address_bits: int, data_bits: int) -> wiring.Signature:
    """Return the read half of AXI4 as its manager sees it."""
    return wiring.Signature(
        address_members("ar", address_bits)
        | {
            "rdata": In(data_bits), "rresp": In(2), "rlast": In(1),
            "rvalid": In(1), "rready": Out(1),
        }
    )  # fmt: skip


def axi_write_signature(address_bits: int, data_bits: int) -> wiring.Signature:
    """Return the write half of AXI4 as its manager sees it."""
    return wiring.Signature(
        address_members("aw", address_bits)
        | {
            "wdata": Out(data_bits), "wstrb": Out(data_bits // 8), "wlast": Out(1),
            "wvalid": Out(1), "wready": In(1),
            "bresp": In(2), "bvalid": In(1), "bready": Out(1),
        }
    )  # fmt: skip


def read_layout(data_bits: int) -> data.StructLayout:
    """Return a beat read: ``data``, ``last`` of its transfer, ``error`` (SLVERR or DECERR)."""
    return data.StructLayout({"data": data_bits, "last": 1, "error": 1})


class _Manager(wiring.Component):
    """What both directions share: parameters and the splitter."""

    def __init__(
        self, ports: dict[str, wiring.Member], *, address_bits: int, data_bits: int,
        count_bits: int, outstanding: int, max_burst: int,
    ) -> None:  # fmt: skip
        if integer("data_bits", data_bits, 8, 1024) & (data_bits - 1):
            raise ValueError(f"data_bits must be a power of two, not {data_bits!r}")
        self.address_bits = address_bits
        self.data_bits = data_bits
        self.outstanding = integer("outstanding", outstanding, 1, 256)
        self.splitter = BurstSplitter(
            address_bits=address_bits, count_bits=count_bits, beat_bytes=data_bits // 8,
            max_burst=max_burst,
        )  # fmt: skip
        request = stream.Signature(request_layout(address_bits, count_bits))
        super().__init__({"i": In(request), **ports})

    def _address(self, m: Module, prefix: str, room: Signal) -> Signal:
        """Drive the address channel while there is ``room``; return its handshake."""
        m.submodules.splitter = splitter = self.splitter
        bus = {name: getattr(self.axi, prefix + name) for name in _NAMES}
        sent = Signal()
        m.d.comb += [
            splitter.i.payload.eq(self.i.payload),
            splitter.i.valid.eq(self.i.valid),
            self.i.ready.eq(splitter.i.ready),
            bus["addr"].eq(splitter.o.payload.address),
            bus["len"].eq(splitter.o.payload.length),
            bus["size"].eq(splitter.offset_bits),
            bus["burst"].eq(INCR),
            bus["cache"].eq(CACHE),
            bus["valid"].eq(splitter.o.valid & room),
            splitter.o.ready.eq(bus["ready"] & room),
            sent.eq(bus["valid"] & bus["ready"]),
        ]
        return sent


_NAMES = ("addr", "len", "size", "burst", "cache", "valid", "ready")


class AxiReader(_Manager):
    """Reads transfers as bursts, up to ``outstanding`` bursts ahead of their data.

    Data beats pass from ``axi`` to ``o`` in the same cycle; a stalled ``o`` stalls ``rready``.

    Parameters: ``address_bits`` (13 to 64), ``data_bits`` (8 to 1024, a power of two),
    ``count_bits`` (width of a transfer's beats), ``outstanding`` (1 to 256 bursts), ``max_burst``.

    Ports: ``i``, stream of ``request_layout``, in; ``o``, stream of ``read_layout``, out, ``last``
    on a transfer's last beat; ``axi``, AXI4 read channels, out.
    """

    def __init__(
        self, *, address_bits: int, data_bits: int, count_bits: int = 16, outstanding: int = 4,
        max_burst: int = MAX_BURST,
    ) -> None:  # fmt: skip
        ports = {
            "o": Out(stream.Signature(read_layout(data_bits))),
            "axi": Out(axi_read_signature(address_bits, data_bits)),
        }
        super().__init__(
            ports, address_bits=address_bits, data_bits=data_bits, count_bits=count_bits,
            outstanding=outstanding, max_burst=max_burst,
        )  # fmt: skip
        self.flags = SmallFifo(width=1, depth=outstanding)  # of each open burst: its last one

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.flags = flags = self.flags
        axi = self.axi
        m.d.comb += [
            flags.i.valid.eq(self._address(m, "ar", flags.i.ready)),
            flags.i.payload.eq(self.splitter.o.payload.last),
            flags.o.ready.eq(axi.rvalid & axi.rready & axi.rlast),
            axi.rready.eq(self.o.ready),
            self.o.valid.eq(axi.rvalid),
            self.o.payload.data.eq(axi.rdata),
            self.o.payload.error.eq(axi.rresp[1]),
            self.o.payload.last.eq(axi.rlast & flags.o.payload),
        ]
        return m


class AxiWriter(_Manager):
    """Writes transfers as bursts, up to ``outstanding`` bursts ahead of their responses.

    A burst's data follows its address by at least one cycle. One word on ``o`` says that a
    transfer is in memory, and whether one of its bursts failed.

    Parameters: as ``AxiReader``.

    Ports: ``i``, stream of ``request_layout``, in; ``d``, stream of ``data_bits``, in, the words
    of all transfers in order; ``o``, stream of 1 bit, out: 1 where a response was an error;
    ``axi``, AXI4 write channels, out.
    """

    def __init__(
        self, *, address_bits: int, data_bits: int, count_bits: int = 16, outstanding: int = 4,
        max_burst: int = MAX_BURST,
    ) -> None:  # fmt: skip
        ports = {
            "d": In(stream.Signature(data_bits)),
            "o": Out(stream.Signature(1)),
            "axi": Out(axi_write_signature(address_bits, data_bits)),
        }
        super().__init__(
            ports, address_bits=address_bits, data_bits=data_bits, count_bits=count_bits,
            outstanding=outstanding, max_burst=max_burst,
        )  # fmt: skip
        self.lengths = SmallFifo(width=8, depth=outstanding)  # of bursts with data to send
        self.flags = SmallFifo(width=1, depth=outstanding)  # of each open burst: its last one
        self.beat = Signal(8)  # of the burst whose data is sent
        self.failed = Signal()  # a burst of the transfer did

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.lengths = lengths = self.lengths
        m.submodules.flags = flags = self.flags
        # every burst in `lengths` is also in `flags`, so the room of `flags` is that of both
        sent = self._address(m, "aw", flags.i.ready)
        axi, beat, failed = self.axi, self.beat, self.failed
        m.d.comb += [
            Cat(lengths.i.valid, flags.i.valid).eq(Cat(sent, sent)),
            lengths.i.payload.eq(self.splitter.o.payload.length),
            flags.i.payload.eq(self.splitter.o.payload.last),
            axi.wdata.eq(self.d.payload),
            axi.wstrb.eq(~0),
            axi.wlast.eq(beat == lengths.o.payload),
            axi.wvalid.eq(self.d.valid & lengths.o.valid),
            self.d.ready.eq(axi.wready & lengths.o.valid),
            lengths.o.ready.eq(axi.wvalid & axi.wready & axi.wlast),
            axi.bready.eq(~self.o.valid | self.o.ready),
            flags.o.ready.eq(axi.bvalid & axi.bready),
        ]
        with m.If(axi.wvalid & axi.wready):
            m.d.sync += beat.eq(Mux(axi.wlast, 0, beat + 1))
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(axi.bvalid & axi.bready):
            m.d.sync += failed.eq(Mux(flags.o.payload, 0, failed | axi.bresp[1]))
            with m.If(flags.o.payload):
                m.d.sync += [self.o.valid.eq(1), self.o.payload.eq(failed | axi.bresp[1])]
        return m
