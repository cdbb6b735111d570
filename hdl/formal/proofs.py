"""The list of proofs: component, property, method and depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from amaranth.hdl import Assert, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from hdl.arith.product import ECP5_MODEL
from hdl.formal.bus_contracts import (
    ControlStatusCheck,
    DoubleBufferCheck,
    ReaderCheck,
    WriterCheck,
)
from hdl.formal.contracts import ArbiterCheck, FifoState, QueueCheck, ReplayCheck, SplitterCheck
from hdl.formal.edgemoe import QueuesCheck, SequencerCheck
from hdl.formal.edgemoe_fetch import FetcherCheck, SkipCheck
from hdl.formal.edgemoe_handshakes import HandshakeCheck
from hdl.formal.edgemoe_transpose import TransposeCheck
from hdl.formal.product import ProductCheck
from hdl.lib.arbiter import StreamArbiter
from hdl.lib.axi_burst import BurstSplitter
from hdl.lib.axi_control import ControlStatus
from hdl.lib.axi_master import AxiReader, AxiWriter
from hdl.lib.axi_stream import AxiStreamReceiver, AxiStreamTransmitter, beat_layout
from hdl.lib.fifo import StreamFifo
from hdl.lib.narrow import Narrower
from hdl.lib.replay import ReplayBuffer
from hdl.lib.skid import SkidBuffer
from hdl.lib.small_fifo import SmallFifo
from hdl.lib.sram import DoubleBuffer
from hdl.lib.widen import Gearbox, Widener


class Top(Protocol):
    """An elaboratable with assertions and free ``ports``."""

    ports: list[Value]

    def elaborate(self, platform: object) -> Module:
        """Build the check."""


@dataclass(frozen=True)
class Proof:
    """``make`` returns a fresh top; ``quick`` ones run in every test run.

    ``models``: Verilog of the cells that the top instantiates.
    """

    name: str
    claim: str
    make: Callable[[], Top]
    mode: str
    depth: int
    quick: bool = False
    models: str = ""


class Chain(wiring.Component):
    """Two converters back to back: together they change nothing."""

    def __init__(self, first: wiring.Component, second: wiring.Component) -> None:
        self.first, self.second = first, second
        super().__init__({})

    def elaborate(self, _platform: object) -> Module:
        """Connect the two."""
        m = Module()
        m.submodules.first, m.submodules.second = self.first, self.second
        connect(m, self.first.o, self.second.i)
        return m


class AxiLink(wiring.Component):
    """A transmitter and a receiver of AXI4-Stream, joined; beats as plain words outside."""

    def __init__(self) -> None:
        self.transmitter = AxiStreamTransmitter(data_bits=8)
        self.receiver = AxiStreamReceiver(data_bits=8)
        word = stream.Signature(beat_layout(8).size)
        super().__init__({"i": In(word), "o": Out(word)})

    def elaborate(self, _platform: object) -> Module:
        """Connect the two."""
        m = Module()
        m.submodules.transmitter = first = self.transmitter
        m.submodules.receiver = last = self.receiver
        connect(m, first.axis, last.axis)
        m.d.comb += [
            Value.cast(first.i.payload).eq(self.i.payload), first.i.valid.eq(self.i.valid),
            self.i.ready.eq(first.i.ready), self.o.payload.eq(last.o.payload),
            self.o.valid.eq(last.o.valid), last.o.ready.eq(self.o.ready),
        ]  # fmt: skip
        return m


def axi_link() -> QueueCheck:
    """Both adapters of AXI4-Stream against a queue of four."""
    link = AxiLink()
    return QueueCheck(link, link.i, link.o, capacity=4, patience=2)


def skid() -> QueueCheck:
    """A skid buffer against a queue of two."""
    dut = SkidBuffer(width=4)

    def state(m: Module, words: Sequence[Signal], count: Signal) -> None:
        m.d.comb += Assert(count == dut.o.valid + dut.full)
        with m.If(dut.full):
            m.d.comb += [Assert(dut.o.valid), Assert(dut.spare == words[1])]

    return QueueCheck(dut, dut.i, dut.o, capacity=2, invariant=state)


def small_fifo(depth: int) -> QueueCheck:
    """A FIFO against a queue of its depth, with its memory's words equal to the queue's."""
    dut = SmallFifo(width=3, depth=depth)
    views = [dut.memory.read_port(domain="comb") for _ in range(depth)]

    def state(m: Module, words: Sequence[Signal], count: Signal) -> None:
        m.d.comb += [Assert(dut.level == count), Assert(dut.tail < depth)]
        m.d.comb += Assert(dut.head == (dut.tail + count) % depth)
        for n, view in enumerate(views):
            m.d.comb += view.addr.eq((dut.tail + n) % depth)
            with m.If(count > n):
                m.d.comb += Assert(view.data == words[n])

    return QueueCheck(dut, dut.i, dut.o, capacity=depth, invariant=state)


def stream_fifo(depth: int) -> QueueCheck:
    """A block-memory FIFO against a queue of its depth and two, with the same words in both."""
    dut = StreamFifo(width=2, depth=depth)
    state = FifoState(dut)
    check = QueueCheck(
        dut, dut.i, dut.o, capacity=depth + 2, patience=3,
        invariant=lambda m, words, count: state.holds(m, words, count, check.waited),
    )  # fmt: skip
    return check


def round_trip(width: int, beat: int) -> QueueCheck:
    """A narrower and a widener against a queue of two."""
    chain = Chain(Narrower(width=width, beat_bits=beat), Widener(width=width, beat_bits=beat))
    beats = -(-width // beat)
    return QueueCheck(chain, chain.first.i, chain.second.o, capacity=1, patience=beats)


def gears(one: int, other: int) -> QueueCheck:
    """Two gearboxes against a queue; words wait for the bits of those behind them."""
    chain = Chain(Gearbox(in_bits=one, out_bits=other), Gearbox(in_bits=other, out_bits=one))
    return QueueCheck(chain, chain.first.i, chain.second.o, capacity=8, patience=63)


def arbiter(policy: str, count: int) -> ArbiterCheck:
    """An arbiter against its contract."""
    return ArbiterCheck(StreamArbiter(width=2, count=count, policy=policy))


def splitter(beat_bytes: int, max_burst: int) -> SplitterCheck:
    """The burst splitter against the rules of AXI4."""
    return SplitterCheck(
        BurstSplitter(address_bits=16, count_bits=10, beat_bytes=beat_bytes, max_burst=max_burst)
    )


def replay(depth: int, words: bool) -> ReplayCheck:
    """A replay buffer against its list of live words."""
    return ReplayCheck(ReplayBuffer(width=2, depth=depth), words=words)


def manager(kind: type, check: type, beat_bytes: int, outstanding: int, max_burst: int) -> Top:
    """An AXI manager against a list of its open bursts."""
    dut = kind(
        address_bits=16, data_bits=8 * beat_bytes, count_bits=10, outstanding=outstanding,
        max_burst=max_burst,
    )  # fmt: skip
    top: Top = check(dut)
    return top


def double_buffer(depth: int, ports: int) -> DoubleBufferCheck:
    """A double-buffered memory against a list of banks."""
    return DoubleBufferCheck(DoubleBuffer(width=2, depth=depth, ports=ports))


def registers(controls: int, statuses: int) -> ControlStatusCheck:
    """Control and status registers against a list of words."""
    return ControlStatusCheck(ControlStatus(controls=controls, statuses=statuses))


ORDER = "equals a queue; output contract; bounded wait"
READS = "AXI4 rules; equals a list of open bursts; last, error, data of each beat"
WRITES = "AXI4 rules; equals a list of open bursts; wlast, data; one answer a transfer"
PROOFS = [
    Proof("SkidBuffer", ORDER, skid, "prove", 3, quick=True),
    Proof("AxiStreamTransmitter, AxiStreamReceiver", ORDER, axi_link, "bmc", 16, quick=True),
    *[
        Proof(f"SmallFifo depth {d}", ORDER, lambda d=d: small_fifo(d), "prove", 3, quick=d == 3)
        for d in (1, 2, 3, 4, 5)
    ],
    *[
        Proof(f"StreamFifo depth {d}", ORDER, lambda d=d: stream_fifo(d), "prove", 3, quick=d == 3)
        for d in (2, 3, 4)
    ],
    *[
        Proof(f"Narrower, Widener {w}/{b}", ORDER, lambda w=w, b=b: round_trip(w, b), "bmc", 24)
        for w, b in ((8, 4), (7, 3))
    ],
    Proof("Gearbox 3 to 5 to 3", "equals a queue", lambda: gears(3, 5), "bmc", 12),
    *[
        Proof(f"StreamArbiter {p} of {n}", "contract, one served, none starves" if p != "fixed"
              else "contract, one served", lambda p=p, n=n: arbiter(p, n), "prove", 3,
              quick=n == 2)
        for p in ("fixed", "round_robin") for n in (2, 3, 4)
    ],
    Proof("BurstSplitter 8 bytes, 256 beats", "4 KB rule, length, order, sum",
          lambda: splitter(8, 256), "prove", 3, quick=True),
    Proof("BurstSplitter 128 bytes, 16 beats", "4 KB rule, length, order, sum",
          lambda: splitter(128, 16), "prove", 3),
    *[
        Proof(f"ReplayBuffer control depth {d}", "room, available, soon",
              lambda d=d: replay(d, False), "prove", 3, quick=d == 3)
        for d in (2, 3, 5)
    ],
    *[
        Proof(f"ReplayBuffer depth {d}", "equals a list with a read position",
              lambda d=d: replay(d, True), "bmc", 10)
        for d in (2, 3)
    ],
    *[
        Proof(f"{kind.__name__} {8 * b} bits, {o} open bursts of {n}", claim,
              lambda k=kind, c=check, b=b, o=o, n=n: manager(k, c, b, o, n), "prove", 3,
              quick=o == 2)
        for kind, check, claim in ((AxiReader, ReaderCheck, READS),
                                   (AxiWriter, WriterCheck, WRITES))
        for b, o, n in ((1, 2, 4), (4, 1, 16), (8, 3, 256), (16, 4, 1))
    ],
    *[
        Proof(f"ControlStatus {c} and {s}", "AXI4-Lite rules; equals a list of words",
              lambda c=c, s=s: registers(c, s), "prove", 3, quick=c == 2)
        for c, s in ((1, 0), (2, 1), (4, 4))
    ],
    *[
        Proof(f"DoubleBuffer {p} port{'s' * (p - 1)}, depth {d}",
              "equals a list of banks; read data kept",
              lambda d=d, p=p: double_buffer(d, p), "prove", 3, quick=d == 3)
        for p in (1, 2) for d in (2, 3, 4)
    ],
    *[
        Proof(f"RegisteredProduct {a}x{b}", "MULT18X18D with its registers equals the inferred one",
              lambda a=a, b=b: ProductCheck(a, b), "prove", 3, quick=True, models=ECP5_MODEL)
        for a, b in ((8, 8), (16, 8), (16, 17), (18, 18))
    ],
    *[
        Proof(f"ExpertQueues of 3 tokens, 2 experts, emptied {n} times",
              "an expert's tokens in order, experts in order, output contract",
              lambda n=n: QueuesCheck(n), "prove", 3, quick=n == 2)
        for n in (1, 2)
    ],
    *[
        Proof(f"Transposer of {n} rows", "elements of a tile's rows in order; output contract",
              lambda n=n: TransposeCheck(n), "prove", 3, quick=n == 3)
        for n in (2, 3)
    ],
    Proof("Sequencer", "a step runs once and to its end; plans; experts without tokens left out",
          SequencerCheck, "prove", 3, quick=True),
    Proof("Fetcher", "steps in order with their payloads; beats go where they belong; ends",
          FetcherCheck, "bmc", 12),
    Proof("Fetcher's handshakes", "offers stay; beats go where they belong; descriptors never wait",
          HandshakeCheck, "prove", 3, quick=True),
    *[
        Proof(f"StreamFifo depth {d}, skipping", "equals a queue; skips what it says",
              lambda d=d: SkipCheck(d), "prove", 3, quick=d == 3)
        for d in (2, 3, 4)
    ],
]  # fmt: skip
