"""Predicted micro-benchmarks beside what an H200 took, and lists that cannot be predicted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archsim.app import microbench
from archsim.app.microbench import predict
from archsim.app.sm_device import sm_device
from archsim.cli import main
from archsim.errors import ConfigError


@pytest.fixture(scope="module")
def device() -> Any:
    return sm_device("h200")


@pytest.mark.parametrize(
    ("record", "value", "tolerance"),
    [
        ({"bench": "latency", "what": "fp32_fma"}, 4.064, 0.02),
        ({"bench": "latency", "what": "l1"}, 36.02, 0.03),
        ({"bench": "latency", "what": "shared", "ways": 8}, 37.17, 0.02),
        ({"bench": "latency", "what": "int64_mad"}, 16.17, 0.03),
        ({"bench": "dpx_latency", "instr": "viaddmax_s16x2_relu"}, 4.07, 0.02),
        ({"bench": "dsmem_latency", "cluster": 16, "sm_from": 51, "sm_to": 64}, 195, 0.12),
        ({"bench": "dpx_throughput", "instr": "viaddmax_s32"}, 56.58, 0.04),
        ({"bench": "dpx_throughput", "instr": "vibmax_s32"}, 18.68, 0.04),
        ({"bench": "dsmem_throughput", "pattern": "broadcast", "cluster": 4, "ilp": 1}, 2.39, 0.06),
        ({"bench": "tma_throughput", "box": [64, 64], "depth": 4}, 66.78, 0.06),
        ({"bench": "tma_throughput", "box": [256, 16], "depth": 4}, 48.62, 0.06),
        ({"bench": "tma_latency", "box": [32, 32]}, 351.5, 0.06),
        ({"bench": "load_pattern", "loads": [[16, "uniform", 2]], "warps": 16}, 1 / 2.01, 0.03),
        # a sub-core's registers take 64 bytes a clock: one warp gets half of what an SM has
        ({"bench": "load_pattern", "loads": [[16, "unit", 8]], "warps": 1}, 0.1135, 0.03),
        ({"bench": "bandwidth", "what": "shared_u32", "threads": 768}, 123.07, 0.03),
        ({"bench": "bandwidth", "what": "l1_u32", "threads": 384}, 117.62, 0.03),
        ({"bench": "bandwidth", "what": "l2_write", "threads": 256, "ctas": 1}, 32.04, 0.02),
        ({"bench": "latency", "what": "l1", "bytes": 160 << 10}, 32.64, 0.03),
        ({"bench": "tile_product", "tile": 16, "ctas": 132, "parts": "abf"}, 194.9, 0.03),
        # 212: the law gives the oldest CTA more of the pipe than an H200 does
        ({"bench": "tile_product", "tile": 16, "ctas": 528, "parts": "abf"}, 238.5, 0.13),
        # an upper half waits 9 clocks where the compiler's stall count says 4 to 6
        ({"bench": "latency", "what": "int32_mul_hi"}, 9.04, 0.01),
        ({"bench": "latency", "what": "hi_lo"}, 6.52, 0.01),
        ({"bench": "rate", "what": "int32_mad_hi", "warps": 1, "ilp": 4}, 5.204, 0.02),
        ({"bench": "rate", "what": "mufu_rcp", "warps": 32, "ilp": 4}, 29.33, 0.03),
        ({"bench": "latency", "what": "match_any", "different": 4}, 61.0, 0.01),
        ({"bench": "rate", "what": "match_any", "different": 2, "warps": 16, "ilp": 1}, 8.0, 0.02),
        ({"bench": "latency", "what": "match_all", "different": 32}, 17.02, 0.01),
        ({"bench": "code", "instructions": 1792, "pass": "warm"}, 1822, 0.01),
        ({"bench": "code", "instructions": 3584, "pass": "warm"}, 7920, 0.02),
        ({"bench": "code", "instructions": 9216, "pass": "warm"}, 51640, 0.02),
        ({"bench": "cluster_barrier", "cluster": 8, "warps": 16}, 462.0, 0.03),
        (
            {
                "bench": "wgmma_latency",
                "operands": "rs",
                "instr": "wgmma.mma_async.sp.sync.aligned.m64n64k64.f32.e4m3.e4m3",
            },
            37.7,
            0.03,
        ),
    ],
)
def test_micro_benchmarks_are_near_the_measured(
    device: Any, record: dict[str, Any], value: float, tolerance: float
) -> None:
    assert predict(record, device)["predicted"] == pytest.approx(value, rel=tolerance)


def test_a_bad_list_is_one_sentence(tmp_path: Path, device: Any) -> None:
    file = tmp_path / "l.json"
    for text in ("{}", "[1]", "[{}]", '[{"bench": "latency", "what": "x"}]', "no"):
        file.write_text(text)
        assert main(["microbench", str(file)]) == 2


GOOD = {"bench": "latency", "what": "fp32_fma"}


def test_a_wrong_record_is_found_before_the_first_is_predicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(microbench, "predict", lambda record, model: pytest.fail("predicted"))
    file = tmp_path / "l.json"
    file.write_text(json.dumps([GOOD, {"bench": "latency", "what": "x"}]))
    assert main(["microbench", str(file)]) == 2
    assert "record 1:" in capsys.readouterr().err


def test_what_is_predicted_is_kept_when_a_later_record_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(record: dict[str, Any], model: Any) -> dict[str, Any]:
        if record != GOOD:
            raise KeyboardInterrupt
        return {**record, "predicted": 4.0, "unit": "clk"}

    monkeypatch.setattr(microbench, "predict", stop)
    file, out = tmp_path / "l.json", tmp_path / "o.json"
    file.write_text(json.dumps([GOOD, {"bench": "latency", "what": "int32_mad"}]))
    with pytest.raises(KeyboardInterrupt):
        microbench.microbench_and_print(file, "h200", out)
    assert json.loads(out.read_text()) == [{**GOOD, "predicted": 4.0, "unit": "clk"}]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"bench": "wgmma_latency", "instr": "x", "operands": "xx"}, "operands must be one of ss"),
        ({"bench": "wgmma_throughput", "instr": "x", "data": "ones"}, "data must be one of zero"),
        ({"bench": "dsmem_throughput", "cluster": 2, "pattern": "star"}, "pattern must be one of"),
        ({"bench": "dsmem_throughput", "cluster": 32}, "cluster must be 1 to 16"),
        ({"bench": "rate", "what": "fp32_fma", "warps": 33}, "at most 1024 threads, not 1056"),
        ({"bench": "rate", "what": "fp32_fma", "warps": 0}, "block must be"),
        ({"bench": "latency", "what": []}, "fields must have values of their kind"),
        ({"bench": "latency", "what": "l1", "bytes": 1000}, "bytes must be at least 4096"),
        ({"bench": "latency", "what": "shared", "ways": 0}, "ways must be at least 1"),
        ({"bench": "bandwidth", "what": "shared", "threads": 33}, "threads must be whole warps"),
        ({"bench": "atomic_rate", "what": "shared_add", "lanes": 40}, "lanes must be from 1 to 32"),
        ({"bench": "atomic_rate", "what": "shared_add", "group": 3}, "group must be a power of"),
        ({"bench": "cp_async_latency", "bytes": 16, "lanes": 0}, "lanes must be from 1 to 32"),
        ({"bench": "code", "instructions": 0, "pass": "warm"}, "instructions must be from 1"),
        ({"bench": "code", "instructions": 7, "pass": "warm"}, "instructions must be a multiple"),
        ({"bench": "code", "instructions": 128, "pass": "luke"}, "pass must be cold or warm"),
        ({"bench": "latency", "what": "match_any", "different": 0}, "different must be from 1"),
        ({"bench": "latency", "what": "fp32_fma", "different": 4}, "different needs a chain"),
        ({"bench": "l2_port", "on": [0, 0]}, "on must name SMs, each once"),
        ({"bench": "l2_port", "on": []}, "on must name SMs, each once"),
        ({"bench": "bandwidth", "what": "l2", "ctas": 0}, "ctas must be at least 1"),
        ({"bench": "bandwidth", "what": "dram", "stride": 0}, "stride must be at least 1"),
        ({"bench": "bandwidth", "what": "l2", "rounds": 0}, "rounds must be at least 1"),
        ({"bench": "bandwidth", "what": "dram", "bytes": 10**8}, "bytes must be a power of two"),
        ({"bench": "bandwidth", "what": "dram", "ctas": 5000}, "ctas must leave each 65536"),
    ],
)
def test_a_value_that_no_record_can_have_is_one_sentence(
    record: dict[str, Any], words: str, device: Any
) -> None:
    with pytest.raises(ConfigError, match=words):
        predict(record, device)


def test_a_wrong_instruction_names_its_record_and_no_temporary_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "l.json"
    wrong = "mma.sync.aligned.m16n8k99.row.col.f32.f16.f16.f32"
    file.write_text(json.dumps([{"bench": "mma_latency", "instr": wrong, "warps": 1, "ilp": 1}]))
    assert main(["microbench", str(file)]) == 2
    told = capsys.readouterr().err
    assert "record 0: kernel micro does not compile" in told and "m16n8k99" in told
    assert ".ptx" not in told and "tmp" not in told.split("record 0")[1] and told.count("\n") == 1


BROKEN = """
from numba import cuda
import numpy as np

@cuda.jit
def broken(x):
    x[0] = absent(x[1])

@cuda.jit
def sound(x):
    x[cuda.grid(1)] = 1

def cases(rng):
    yield "first", broken, 1, 32, (np.ones(32),)
    yield "second", sound, 1, 32, (np.ones(32),)
"""


def test_of_several_cases_the_one_that_does_not_compile_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "broken.py", tmp_path / "o.json"
    file.write_text(BROKEN)
    assert main(["kernel", str(file), "--json", str(out)]) == 2
    told = capsys.readouterr().err
    assert "first: kernel broken does not compile" in told and "'absent' is not defined" in told
    first, second = json.loads(out.read_text())["cases"]
    assert "error" in first and second["us"] > 0


def test_a_device_without_timing_is_refused() -> None:
    with pytest.raises(ConfigError, match="sm_timing"):
        sm_device("a100_sxm")
