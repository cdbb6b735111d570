# amaranth: UnusedElaboratable=no
import pytest

from hdl.arith.product import ECP5_MODEL
from hdl.edgemoe.fetch import Fetcher
from hdl.edgemoe.queues import ExpertQueues
from hdl.edgemoe.sequence import Sequencer
from hdl.edgemoe.transpose import Transposer
from hdl.formal import edgemoe, edgemoe_fetch, edgemoe_handshakes
from hdl.formal import edgemoe_transpose as transposing
from hdl.formal.contracts import ArbiterCheck, QueueCheck, ReplayCheck, SplitterCheck
from hdl.formal.product import ProductCheck
from hdl.formal.proofs import PROOFS
from hdl.formal.sby import check
from hdl.lib.arbiter import StreamArbiter
from hdl.lib.axi_burst import BurstSplitter
from hdl.lib.fifo import StreamFifo
from hdl.lib.replay import ReplayBuffer
from hdl.lib.skid import SkidBuffer


@pytest.mark.parametrize(
    "proof",
    [pytest.param(p, marks=() if p.quick else pytest.mark.slow, id=p.name) for p in PROOFS],
)
def test_proof_holds(proof, tmp_path):
    top = proof.make()
    outcome = check(top, top.ports, proof.mode, proof.depth, tmp_path / "run", models=proof.models)
    assert outcome.status == "PASS", outcome.log[-2000:]


class ChangingSkid(SkidBuffer):
    """Damages the word that waited behind a stalled output."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.full & self.o.ready):
            m.d.sync += self.o.payload.eq(~self.spare)
        return m


class LosingSkid(SkidBuffer):
    """Takes a word that it has no place for."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.i.ready.eq(1)
        return m


class HastyArbiter(StreamArbiter):
    """Forgets its choice while the output waits."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.sync += self.locked.eq(0)
        return m


class ForgetfulReplay(ReplayBuffer):
    """Rewinds to the word after the oldest."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.rewound):
            m.d.sync += self.ahead.eq(self.level - 1)
        return m


class StaleReplay(ReplayBuffer):
    """Frees a word without moving on."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.sync += self.oldest.eq(self.oldest)
        return m


def queue_of(dut):
    return QueueCheck(dut, dut.i, dut.o, capacity=2)


def test_an_unchanged_buffer_passes(tmp_path):
    top = queue_of(SkidBuffer(width=2))
    assert check(top, top.ports, "bmc", 8, tmp_path / "run").status == "PASS"


@pytest.mark.parametrize(
    "make",
    [
        lambda: queue_of(ChangingSkid(width=2)),
        lambda: queue_of(LosingSkid(width=2)),
        lambda: ArbiterCheck(HastyArbiter(width=2, count=2, policy="fixed")),
        lambda: ReplayCheck(ForgetfulReplay(width=2, depth=2), words=False),
        lambda: ReplayCheck(StaleReplay(width=2, depth=2), words=True),
    ],
    ids=["changes", "loses", "hasty", "forgets", "stays"],
)
def test_a_seeded_bug_is_found(make, tmp_path):
    top = make()
    outcome = check(top, top.ports, "bmc", 8, tmp_path / "run")
    assert outcome.status == "FAIL", outcome.log[-2000:]


class GreedyFifo(StreamFifo):
    """Skips a word more than it says."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.gone == 1):
            m.d.sync += self.tail.eq(self.tail)
        return m


class OpenQueues(ExpertQueues):
    """Takes tokens while it is emptied."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.i.ready.eq(1)
        return m


class HastyTransposer(Transposer):
    """Moves rows on while the last element of those before waits."""

    def _shift(self, m):
        super()._shift(m)
        m.d.comb += self.moves.eq(self.full & (self.kept <= 1))


class ImpatientSequencer(Sequencer):
    """Takes a step whose payload is not all used."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.state["work"] & self.done):
            m.d.comb += self.steps.ready.eq(1)
        return m


class MixedUpFetcher(Fetcher):
    """Notes a payload's transfer as a group of descriptors."""

    def _request(self, m, kinds, kind, address, beats, also=None):
        super()._request(m, kinds, 0, address, beats, also)


@pytest.mark.parametrize(
    ("module", "name", "wrong", "make"),
    [
        (edgemoe_handshakes, "Fetcher", MixedUpFetcher, edgemoe_handshakes.HandshakeCheck),
        (edgemoe_fetch, "StreamFifo", GreedyFifo, lambda: edgemoe_fetch.SkipCheck(3)),
        (edgemoe, "ExpertQueues", OpenQueues, lambda: edgemoe.QueuesCheck(2)),
        (transposing, "Transposer", HastyTransposer, lambda: transposing.TransposeCheck(3)),
        (edgemoe, "Sequencer", ImpatientSequencer, edgemoe.SequencerCheck),
    ],
    ids=["mixed-up", "greedy", "open", "hasty", "impatient"],
)
def test_a_seeded_bug_of_the_controller_is_found(
    module, name, wrong, make, tmp_path, monkeypatch
):  # fmt: skip
    monkeypatch.setattr(module, name, wrong)
    top = make()
    outcome = check(top, top.ports, "bmc", 12, tmp_path / "run")
    assert outcome.status == "FAIL", outcome.log[-2000:]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("if (CE1) b <=", "b <="), ("p <= a * b", "p <= a * b + (a == 77)")],
    ids=["loads", "sums"],
)
def test_a_multiplier_that_differs_is_found(right, wrong, tmp_path):
    top = ProductCheck(8, 8)
    assert right in ECP5_MODEL
    model = ECP5_MODEL.replace(right, wrong)
    outcome = check(top, top.ports, "bmc", 5, tmp_path / "run", models=model)
    assert outcome.status == "FAIL", outcome.log[-2000:]


def test_a_burst_over_a_page_is_found(tmp_path):
    dut = BurstSplitter(address_bits=16, count_bits=10, beat_bytes=8, max_burst=256)
    top = SplitterCheck(dut)
    dut.beat_bytes = 16  # the logic now believes in pages of 256 beats of 16 bytes
    assert check(top, top.ports, "bmc", 6, tmp_path / "run").status == "FAIL"


def test_a_full_queue_is_reached(tmp_path):
    top = queue_of(SkidBuffer(width=2))
    assert check(top, top.ports, "cover", 8, tmp_path / "run").status == "PASS"
