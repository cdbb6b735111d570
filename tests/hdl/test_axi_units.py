# amaranth: UnusedElaboratable=no
import pytest
from axi_units import COUNT, UNITS, bursts_of
from unit_harness import QUICK, SLOW, mismatches

from hdl.lib.axi_master import AxiReader, AxiWriter
from hdl.lib.axi_stream import AxiStreamTransmitter

BY_NAME = {unit.name: unit for unit in UNITS}


@pytest.mark.parametrize("mode", QUICK + SLOW)
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit_follows_its_model(unit, mode):
    assert list(mismatches(unit.make(), unit.trace(0, mode))) == []


@pytest.mark.parametrize(
    ("name", "valid", "ready", "share"),
    [
        ("axi_reader_128_2_16", "o__valid", "o__ready", 0.95),
        ("axi_writer_128_2_16", "axi__wvalid", "axi__wready", 0.9),
        ("axi_stream_in_16", "o__valid", "o__ready", 0.99),
        ("axi_stream_out_16", "axis__tvalid", "axis__tready", 0.99),
        ("control_status_3_2", "bus__rvalid", "bus__rready", 0.49),
    ],
)
def test_full_rate_is_sustained(name, valid, ready, share):
    # the traces are what the components do, cycle by cycle: see the test above
    steps = BY_NAME[name].trace(0, "full")
    moved = sum((y | x)[valid] and (x | y)[ready] for x, y in steps)
    assert moved >= share * len(steps)


@pytest.mark.parametrize("kind", ["reader", "writer"])
def test_traces_reach_the_corners(kind):
    steps = BY_NAME[f"axi_{kind}_32_4_256"].trace(0, "mixed")
    ends = [y["o__payload"] for _, y in steps if y["o__valid"]]
    shift = 0 if kind == "writer" else 33
    assert {word >> shift & 1 for word in ends} == {0, 1}  # with and without an error
    channel = "axi__ar" if kind == "reader" else "axi__aw"
    starts = [y[channel + "addr"] for _, y in steps if y[channel + "valid"]]
    assert any(address % 4096 == 0 for address in starts)
    assert len(set(starts)) > 10


def test_walked_bursts():
    request = 4088 | 5 << 16
    assert list(bursts_of(request, 4, 2)) == [[4088, 2, 0], [4096, 2, 0], [4104, 1, 1]]
    assert not bursts_of(123, 4, 2)
    assert sum(beats for _, beats, _ in bursts_of(-1 & ((1 << 16 + COUNT) - 1), 8, 256)) == 4095


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: AxiReader(address_bits=32, data_bits=24),
            "data_bits must be a power of two, not 24",
        ),
        (
            lambda: AxiWriter(address_bits=32, data_bits=32, outstanding=0),
            "outstanding must be 1 to 256, not 0",
        ),
        (lambda: AxiStreamTransmitter(data_bits=12), "data_bits must be a multiple of 8, not 12"),
    ],
)
def test_refuses(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
