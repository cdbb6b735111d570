"""Generated folders: reproducible, described by their manifest, usable without archsim."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from archsim.config import load_device
from archsim.functional import MatrixEngine
from archsim.mapping.array import plan
from archsim.mapping.array_layout import pack, unpack
from cosim.operands import draw
from hdl.generate import generate
from hdl.manifest import Manifest
from hdl.matrix.emit import emit_core
from hdl.matrix.memory_top import MOVER_REGISTERS
from hdl.matrix.registers import JOB_REGISTERS, REGISTERS
from hdl.verilog import ports

DEVICES = ("os_4x4_int8", "os_8x8_gelu", "ws_4x4_int8", "ws_8x8_w16a32")


@pytest.fixture(scope="module", params=DEVICES)
def generated(request, tmp_path_factory):
    device = load_device(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    return device, folder, generate(device, folder)


def test_same_device_same_bytes(generated, tmp_path):
    device, folder, manifest = generated
    assert generate(device, tmp_path) == manifest
    for name in manifest.files:
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_manifest_describes_the_folder(generated):
    device, folder, manifest = generated
    assert Manifest.read(folder / "manifest.json") == replace(
        manifest, params=Manifest.read(folder / "manifest.json").params
    )
    found = {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}
    assert found == set(manifest.files)
    widths = {port["name"]: port["width"] for port in manifest.ports}
    assert widths["s_axis_tdata"] == widths["m_axis_tdata"] == 8 * device.params.port_bytes
    assert widths["clk"] == widths["rst"] == widths["interrupt"] == 1
    assert manifest.counters["cycles_cycles"] == 0x40


def test_tops_of_more_ports_than_pins_have_a_harness(generated):
    _, folder, manifest = generated
    small = sum(port["width"] for port in manifest.ports) <= 365
    assert (folder / "ecp5/harness_matrix_top.v").exists() is not small
    text = (folder / "ecp5/harness_matrix_memory_top.v").read_text()
    memory = ports((folder / "top_memory.v").read_text(), "matrix_memory_top")
    buses = {"input": "i", "output": "o"}
    for port in memory:
        if port["name"] not in ("clk", "rst"):
            bus, width = buses[port["direction"]], port["width"]
            assert re.search(rf"\.{port['name']}\({bus}\[\d+\+:{width}\]\)", text), port


def test_workload_and_clock_do_not_change_the_digest():
    base = load_device("os_4x4_int8")
    other = load_device("os_4x4_int8", ["device.clock.frequency_hz=2e8"])
    assert base.params == other.params


@pytest.mark.parametrize("name", ["os_4x4_int8", "ws_4x4_int8"])
def test_verilog_grows_with_distinct_modules_not_with_elements(name):
    base = load_device(name).params
    lines = {n: emit_core(replace(base, rows=n, columns=n)).count("\n") for n in (4, 8, 16)}
    assert lines[16] < 4 * lines[4]
    text = emit_core(base)
    for module in ("matrix_pe", "matrix_row", "matrix_lane", "matrix_memory"):
        assert text.count(f"module {module}") == 1


@pytest.mark.parametrize("bench", ["testbench", "testbench_memory"])
def test_plain_verilog_testbenches_pass(generated, bench, require_system, tmp_path):
    require_system("iverilog")
    _, folder, _ = generated
    names = (f"sim/{bench}.v", "sim/ecp5_models.v", "top_memory.v", "top.v")
    sources = [str(folder / name) for name in names[: 2 if bench == "testbench" else 3]]
    sources.append(str(folder / "top.v"))
    program = str(tmp_path / "tb")
    subprocess.run([shutil.which("iverilog"), "-g2005", "-o", program, *sources], check=True)
    done = subprocess.run(["vvp", program], capture_output=True, text=True, check=True, timeout=60)
    assert "PASS" in done.stdout.splitlines()


def driver_of(folder):
    spec = importlib.util.spec_from_file_location("driver", folder / "software" / "driver.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Device:
    """What the driver talks to: registers, and the functional model behind the stream."""

    def __init__(self, params, operands):
        self.params = params
        self.operands = operands
        self.values = {0x08: 0x4D415431, 0x0C: int(params.digest[:8], 16)}

    def read(self, offset):
        return self.values.get(offset, 0)

    def write(self, offset, value):
        self.values[offset] = value

    def transfer(self, beats, count):
        o, p = self.operands, self.params
        job = plan(p, o.a.shape[0], o.b.shape[1], o.a.shape[1])
        for r in REGISTERS:
            if r.access == "rw":
                place = JOB_REGISTERS.index(r)
                assert self.values[r.offset] == job.registers[place], r.name
        assert self.values[0] == 1
        assert np.array_equal(beats, pack(p, job, o.a, o.b, o.columns))
        rng = np.random.default_rng(0)
        self.answer = rng.integers(0, 256, (count, p.port_bytes), dtype=np.uint8)
        self.job = job
        return self.answer


@pytest.mark.parametrize("shape", [(1, 1, 1), (13, 17, 11), (9, 3000, 10), (40, 300, 21)])
def test_driver_speaks_the_engine_s_layout(generated, shape):
    device, folder, _ = generated
    driver = driver_of(folder)
    operands = draw(device.params, *shape, 3)
    fake = Device(device.params, operands)
    engine = driver.Engine(fake, fake)
    c = operands.columns
    out = engine.product(operands.a, operands.b, c.bias, c.multiplier, c.shift)
    assert np.array_equal(out, unpack(device.params, fake.job, fake.answer))
    assert out.shape == MatrixEngine(device.params)(operands.a, operands.b, c).shape
    assert set(engine.counters()) == {r.name for r in REGISTERS if r.name.endswith("_cycles")}


def test_driver_refuses_another_engine(generated):
    device, folder, _ = generated
    fake = Device(device.params, None)
    fake.values[0x0C] ^= 1
    with pytest.raises(RuntimeError, match="must have parameters"):
        driver_of(folder).Engine(fake, fake)


class Mover:
    """Registers of the mover, and a memory: the results appear when the control bit is written."""

    def __init__(self, device):
        self.device, self.values, self.arrays = device, {}, []

    def allocate(self, shape, dtype):
        class Buffer(np.ndarray):
            device_address = (1 << 32) + 4096 * len(self.arrays)

        self.arrays.append(np.zeros(shape, dtype=dtype).view(Buffer))
        return self.arrays[-1]

    def read(self, offset):
        return self.values.get(offset, 0)

    def write(self, offset, value):
        self.values[offset] = value
        if offset == 0:
            source, target = self.arrays
            assert self.values[0x04] == 0 and self.values[0x08] == 1
            assert (self.values[0x0C], self.values[0x18]) == (len(source), len(target))
            target[:] = self.device.transfer(np.array(source), len(target))
            self.values[0x1C] = 1


def test_driver_moves_through_memory(generated):
    device, folder, _ = generated
    driver = driver_of(folder)
    operands = draw(device.params, 13, 17, 11, 3)
    fake = Device(device.params, operands)
    mover = Mover(fake)
    engine = driver.Engine(fake, driver.MemoryStream(fake, mover, mover.allocate))
    c = operands.columns
    out = engine.product(operands.a, operands.b, c.bias, c.multiplier, c.shift)
    assert np.array_equal(out, unpack(device.params, fake.job, fake.answer))


@pytest.mark.parametrize(
    ("file", "module"),
    [("component.xml", "matrix_top"), ("memory_component.xml", "matrix_memory_top")],
)
def test_ip_xact_names_every_port_bus_and_register(generated, file, module):
    _, folder, _ = generated
    space = "{http://www.accellera.org/XMLSchema/IPXACT/1685-2014}"
    root = ElementTree.parse(folder / "ip" / file).getroot()
    text = (folder / "top.v").read_text() + (folder / "top_memory.v").read_text()
    named = {
        (
            p.findtext(f"{space}name"),
            int(p.findtext(f".//{space}left") or 0) + 1,
            f"{p.findtext(f'.//{space}direction')}put",
        )
        for p in root.iter(f"{space}port")
    }
    assert named == {(p["name"], p["width"], p["direction"]) for p in ports(text, module)}
    mapped = [
        p.findtext(f".//{space}physicalPort/{space}name") for p in root.iter(f"{space}portMap")
    ]
    assert len(mapped) == len(set(mapped)) == len(named) - 3  # clk, rst, interrupt
    registers = [r.findtext(f"{space}name") for r in root.iter(f"{space}register")]
    wanted = [r.name for r in REGISTERS]
    if module == "matrix_memory_top":
        wanted += [r.name for r in MOVER_REGISTERS]
    assert registers == wanted


def test_headers_and_table_name_every_register(generated):
    _, folder, _ = generated
    header = (folder / "software" / "matrix_engine.h").read_text()
    python = (folder / "software" / "registers.py").read_text()
    table = (folder / "software" / "registers.md").read_text()
    for prefix, registers in (("", REGISTERS), ("MOVER_", MOVER_REGISTERS)):
        for register in registers:
            name = f"{prefix}{register.name.upper()}"
            assert f"#define MATRIX_{name} 0x{register.offset:02X}u" in header
            assert f"\n{name} = 0x{register.offset:02X} " in python
            assert f"| 0x{register.offset:02X} | {register.name} |" in table
