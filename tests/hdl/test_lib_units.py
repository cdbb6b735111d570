# amaranth: UnusedElaboratable=no
import pytest
from lib_units import UNITS
from unit_harness import QUICK, SLOW, mismatches

from hdl.lib.arbiter import StreamArbiter
from hdl.lib.axi_burst import BurstSplitter
from hdl.lib.small_fifo import SmallFifo
from hdl.lib.sram import DoubleBuffer
from hdl.lib.widen import Gearbox


@pytest.mark.parametrize("mode", QUICK + SLOW)
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit_follows_its_model(unit, mode):
    assert list(mismatches(unit.make(), unit.trace(0, mode))) == []


def test_a_wrong_expectation_is_noticed():
    unit = UNITS[0]
    steps = unit.trace(0, "full")
    steps[5][1]["o__payload"] ^= 1
    assert "cycle 5: o__payload" in next(mismatches(unit.make(), steps))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: SmallFifo(width=8, depth=0), "depth must be at least 1, not 0"),
        (lambda: Gearbox(in_bits=0, out_bits=1), "in_bits must be at least 1, not 0"),
        (lambda: StreamArbiter(width=1, count=2, policy="x"), "policy must be one of fixed"),
        (lambda: DoubleBuffer(width=1, depth=2, ports=3), "ports must be one of 1, 2, not 3"),
        (
            lambda: BurstSplitter(address_bits=16, count_bits=4, beat_bytes=3),
            "beat_bytes must be a power of two, not 3",
        ),
    ],
)
def test_refuses(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
