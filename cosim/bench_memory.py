"""cocotb bench of ``matrix_memory_top`` against cocotbext-axi's memory and AXI4-Lite manager.

$BENCH_JOBS: one job as JSON (registers, beats in hex, beats_out, expected in hex, seed).
"""

import itertools
import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiRam

JOB = json.loads(Path(os.environ["BENCH_JOBS"]).read_text())
SOURCE, TARGET = 0x1FC0, 0x80F40  # bursts must stop at pages
SIZE = 1 << 20


def pauses(seed, percent):
    dice = random.Random(seed)
    return (dice.randrange(100) < percent for _ in itertools.repeat(None))


@cocotb.test()
async def product(dut):
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    ram = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=SIZE)
    control = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
    mover = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil_mover"), dut.clk, dut.rst)
    channels = (
        ram.read_if.ar_channel, ram.read_if.r_channel, ram.write_if.aw_channel,
        ram.write_if.w_channel, ram.write_if.b_channel,
    )  # fmt: skip
    for index, channel in enumerate(channels):
        channel.set_pause_generator(pauses(JOB["seed"] + index, JOB["pause"]))
    dut.rst.value = 1
    await ClockCycles(dut.clk, 4)
    dut.rst.value = 0
    await ClockCycles(dut.clk, 2)
    width = len(dut.m_axi_wdata) // 8
    ram.write(SOURCE, bytes.fromhex("".join(JOB["beats"])))
    guard = bytes(range(64))
    ram.write(TARGET - 64, guard)
    ram.write(TARGET + JOB["beats_out"] * width, guard)
    for index, value in enumerate(JOB["registers"]):
        await control.write_dword(0x10 + 4 * index, value)
    values = (0, SOURCE, 0, len(JOB["beats"]), TARGET, 0, JOB["beats_out"])
    for index, value in enumerate(values):
        await mover.write_dword(4 * index, value)
    await control.write_dword(0x00, 1)
    await mover.write_dword(0x00, 1)
    for _ in range(2000):
        await ClockCycles(dut.clk, 20)
        if await mover.read_dword(0x1C):
            break
    assert await mover.read_dword(0x1C) == 1
    assert await control.read_dword(0x04) == 2
    found = ram.read(TARGET, JOB["beats_out"] * width)
    assert found == bytes.fromhex("".join(JOB["expected"]))
    assert ram.read(TARGET - 64, 64) == ram.read(TARGET + len(found), 64) == guard
