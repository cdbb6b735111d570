"""cocotb bench of ``matrix_top``: control by AXI4-Lite, streams with seeded idle and stalls.

Started by ``cosim.bench_runner`` with the jobs in the JSON file $BENCH_JOBS; writes what it saw to
$BENCH_RESULTS. Every wait is bounded.
"""

import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, ReadOnly, RisingEdge, Timer
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

JOBS = json.loads(Path(os.environ["BENCH_JOBS"]).read_text())


async def reset(dut):
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    for name in (
        "s_axis_tvalid",
        "s_axis_tlast",
        "m_axis_tready",
        "s_axil_awvalid",
        "s_axil_wvalid",
        "s_axil_arvalid",
    ):
        getattr(dut, name).value = 0
    dut.s_axis_tdata.value = 0
    dut.s_axil_bready.value = 1
    dut.s_axil_rready.value = 1
    dut.s_axil_wstrb.value = 15
    dut.rst.value = 1
    await ClockCycles(dut.clk, 4)
    await FallingEdge(dut.clk)
    dut.rst.value = 0


async def write(dut, address, value):
    dut.s_axil_awaddr.value = address
    dut.s_axil_wdata.value = value
    dut.s_axil_awvalid.value = 1
    dut.s_axil_wvalid.value = 1
    for _ in range(100):
        await Timer(1, "ns")
        taken = dut.s_axil_awready.value == 1
        await FallingEdge(dut.clk)
        if taken:
            dut.s_axil_awvalid.value = 0
            dut.s_axil_wvalid.value = 0
            return
    raise TimeoutError(f"AXI4-Lite write to {address:#x} was never accepted")


async def read(dut, address):
    dut.s_axil_araddr.value = address
    dut.s_axil_arvalid.value = 1
    await FallingEdge(dut.clk)
    dut.s_axil_arvalid.value = 0
    for _ in range(100):
        await Timer(1, "ns")
        if dut.s_axil_rvalid.value == 1:
            value = dut.s_axil_rdata.value.to_unsigned()
            await FallingEdge(dut.clk)
            return value
        await FallingEdge(dut.clk)
    raise TimeoutError(f"AXI4-Lite read of {address:#x} was never answered")


async def exchange(dut, job):
    """Feed and drain until every output beat came; inputs change at the falling edge."""
    dice = random.Random(job["seed"])
    beats = [int(text, 16) for text in job["beats"]]
    got = []
    last_at = 0
    sent = 0
    waited = 0
    offering = False
    while len(got) < job["beats_out"] and waited < job["wait_limit"]:
        ready = dice.randrange(100) >= job["stall"]
        if not offering:
            offering = sent < len(beats) and dice.randrange(100) >= job["idle"]
        dut.m_axis_tready.value = int(ready)
        dut.s_axis_tvalid.value = int(offering)
        if offering:
            dut.s_axis_tdata.value = beats[sent]
        await Timer(1, "ns")
        output = ready and dut.m_axis_tvalid.value == 1
        if output:
            got.append(f"{dut.m_axis_tdata.value.to_unsigned():x}")
            if dut.m_axis_tlast.value == 1 and not last_at:
                last_at = len(got)
        moved = output
        if offering and dut.s_axis_tready.value == 1:
            sent += 1
            offering = False
            moved = True
        waited = 0 if moved else waited + 1
        await FallingEdge(dut.clk)
    dut.s_axis_tvalid.value = 0
    dut.m_axis_tready.value = 0
    return {"beats": got, "sent": sent, "last_at": last_at}


@cocotb.test()
async def jobs(dut):
    await reset(dut)
    results = []
    for job in JOBS:
        for index, value in enumerate(job["registers"]):
            await write(dut, 0x10 + 4 * index, value)
        await write(dut, 0x00, 1)
        result = await exchange(dut, job)
        for _ in range(8):
            await FallingEdge(dut.clk)
        result["status"] = await read(dut, 0x04)
        result["parameters"] = await read(dut, 0x0C)
        result["counters"] = [await read(dut, 0x40 + 4 * i) for i in range(6)]
        results.append(result)
        Path(os.environ["BENCH_RESULTS"]).write_text(json.dumps(results))
        if len(result["beats"]) < job["beats_out"]:
            return


@cocotb.test(skip=os.environ.get("BENCH_AGENTS") != "1")
async def agents(dut):
    """The first job once more through independent AXI agents, with their own pauses."""
    await reset(dut)
    job = JOBS[0]
    width = len(dut.s_axis_tdata) // 8
    control = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
    source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.clk, dut.rst)
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.clk, dut.rst)
    dice = random.Random(job["seed"])
    source.set_pause_generator(dice.randrange(3) == 0 for _ in iter(int, 1))
    sink.set_pause_generator(dice.randrange(3) == 0 for _ in iter(int, 1))
    assert await control.read_dword(0x08) == 0x4D415431
    for index, value in enumerate(job["registers"]):
        await control.write_dword(0x10 + 4 * index, value)
    await control.write_dword(0x00, 1)
    data = b"".join(int(text, 16).to_bytes(width, "little") for text in job["beats"])
    await source.send(AxiStreamFrame(data))
    frame = await sink.recv()
    want = json.loads(Path(os.environ["BENCH_RESULTS"]).read_text())[0]["beats"]
    assert bytes(frame.tdata) == b"".join(int(t, 16).to_bytes(width, "little") for t in want)
    await RisingEdge(dut.clk)
    await ReadOnly()
