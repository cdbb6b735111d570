"""The timing of the instruction-level SM: laws, tiling, sampling, verbs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import cuda
from trace_rules import check_tiled, check_trace

from archsim.app.kernel_cases import kernel_cases
from archsim.app.sm_device import sm_device
from archsim.cli import main
from archsim.errors import ConfigError
from archsim.frontend import load_numba
from archsim.models.gpu.sm import timing_access, timing_sample, timing_shared, timing_table
from archsim.models.gpu.sm.timing_launch import time_launch

ROW = np.arange(32, dtype=np.int64)
ALL = 0xFFFFFFFF


@cuda.jit
def scale(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = 2.0 * x[i]


@pytest.fixture(scope="module")
def device() -> Any:
    return sm_device("h200")


def run(device: Any, n: int, block: int = 128, **more: Any) -> Any:
    x = np.ones(n)
    return time_launch(scale, -(-n // block), block, (x, np.zeros(n)), device, **more)


def wavefronts(size: int, row: Any) -> int:
    scratch = np.zeros((4, 160), np.int64)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_fullest_bank", "_paired"):
            patch.setattr(timing_shared, name, getattr(timing_shared, name).py_func)
        return int(timing_shared.shared_passes.py_func(row, ALL, size, scratch))


@pytest.mark.parametrize(
    ("stride", "size", "passes"),
    [(4, 4, 1), (8, 4, 2), (128, 4, 32), (12, 4, 1), (0, 4, 1), (8, 8, 2), (16, 16, 4), (0, 8, 1),
     (0, 16, 2)],
)  # fmt: skip
def test_shared_wavefronts_follow_the_banks(stride: int, size: int, passes: int) -> None:
    assert wavefronts(size, ROW * stride) == passes


@pytest.mark.parametrize(
    ("size", "lanes", "passes"),
    [(8, ROW // 16 * 64, 1), (8, ROW // 16 * 128, 2), (8, ROW % 16 * 8, 2), (8, ROW // 2 * 8, 1),
     (16, ROW // 16 * 64, 2), (16, ROW % 16 * 16, 4), (16, ROW % 8 * 16, 4), (16, ROW // 8 * 16, 2),
     (16, ROW // 2 * 16, 2)],
)  # fmt: skip
def test_wide_shared_loads_join_where_neighbours_agree(size: int, lanes: Any, passes: int) -> None:
    """Clocks a load of an H200 (`load_pattern` of h200_sm_micro_ports.json), 16 warps."""
    assert wavefronts(size, lanes) == passes


def coalesce(row: Any, mask: int, size: int) -> tuple[int, int, list[int]]:
    sectors, cover = np.empty(512, np.int64), np.empty(512, np.int64)
    found, lines = timing_access.coalesce.py_func(row, mask, size, sectors, cover)
    return found, lines, cover[:found].tolist()


@pytest.mark.parametrize(
    ("stride", "size", "count", "lines"),
    [(4, 4, 4, 1), (8, 8, 8, 2), (32, 4, 32, 8), (128, 4, 32, 32), (0, 4, 1, 1), (16, 16, 16, 4)],
)
def test_coalescing_counts_sectors_and_lines(
    stride: int, size: int, count: int, lines: int
) -> None:
    assert coalesce(4096 + ROW * stride, ALL, size)[:2] == (count, lines)


def test_masked_lanes_touch_nothing() -> None:
    assert coalesce(ROW * 128, 0b101, 4)[:2] == (2, 2)


def test_whole_sectors_are_told_from_parts() -> None:
    assert coalesce(ROW * 4, ALL, 4)[2] == [32] * 4
    assert coalesce(ROW * 4, 0xFFFF, 4)[2] == [32, 32]
    assert coalesce(ROW * 8, ALL, 4)[2] == [16] * 8


def test_reasons_tile_the_clocks(device: Any) -> None:
    found = run(device, 1 << 14)
    assert sum(found.reasons.values()) == pytest.approx(1.0)
    assert all(share >= 0 for share in found.reasons.values())
    assert 0 < found.reasons["issued"] < 1


def test_same_launch_same_cycles(device: Any) -> None:
    assert run(device, 1 << 12).cycles == run(device, 1 << 12).cycles


def test_more_work_takes_longer_and_stays_above_its_bound(device: Any) -> None:
    times = [run(device, n).us for n in (1 << 12, 1 << 16, 1 << 20)]
    assert times == sorted(times)
    assert times[-1] > 8 * (1 << 20) / 4.8e6  # the input at the peak of device memory


def test_the_sample_is_near_the_whole(device: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(device, 1 << 12).sampled_ctas == 32  # a small launch is simulated whole
    monkeypatch.setattr(timing_sample, "EXACT", 0)
    sampled, exact = run(device, 1 << 16), run(device, 1 << 16, exact=True)
    assert exact.sampled_ctas == exact.grid_ctas > sampled.sampled_ctas
    assert sampled.us == pytest.approx(exact.us, rel=0.15)


@cuda.jit
def spin(rounds, y):
    i = cuda.grid(1)
    v = y[i]
    for _ in range(rounds[i]):
        v = v * 1.5 + 1.0
    y[i] = v


def test_a_launch_of_uneven_ctas_is_simulated_whole(
    device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing_sample, "EXACT", 0)
    rounds = np.tile(np.arange(16, dtype=np.int32) * 4, 2560)  # CTAs alike
    even = time_launch(spin, 640, 64, (rounds, np.ones(rounds.size)), device)
    rounds = np.repeat(np.random.default_rng(1).integers(10, 90, 640).astype(np.int32), 64)
    rounds[64 * 57] = 20_000
    long = time_launch(spin, 640, 64, (rounds, np.ones(rounds.size)), device)
    assert even.sampled_ctas < even.grid_ctas and long.sampled_ctas == long.grid_ctas
    assert long.cycles > even.cycles + 20_000 * 4


@cuda.jit
def look_up(index, table, y):
    i = cuda.grid(1)
    words = cuda.local.array(32, np.int32)
    for k in range(32):
        words[k] = table[k]
    total = 0
    for k in range(64):
        total += words[(index[i] + k) & 31]
    y[i] = total


def test_lanes_at_other_words_of_local_memory_take_turns(device: Any) -> None:
    table, times = np.arange(32, dtype=np.int32), []
    for index in (np.zeros(2048, np.int32), np.arange(2048, dtype=np.int32)):
        times.append(time_launch(look_up, 2, 1024, (index, table, np.zeros(2048)), device).us)
    assert times[1] > 2 * times[0]


@cuda.jit
def bump(index, y):
    i = cuda.grid(1)
    cuda.atomic.add(y, index[i], np.float32(1))


def test_float_atomics_of_one_word_take_turns(device: Any) -> None:
    times = []
    for index in (np.zeros(4096, np.int32), np.arange(4096, dtype=np.int32)):
        args = (index, np.zeros(4096, np.float32))
        times.append(time_launch(bump, 32, 128, args, device).cycles)
    assert times[0] > times[1] + 4096 * 3


def test_intervals_follow_the_operands_of_matrix_instructions(device: Any) -> None:
    from workloads.kernels.micro import build
    from workloads.kernels.micro.kernel import SIGNATURE, timed

    found = {}
    for n, operands in ((8, "ss"), (8, "rs"), (256, "ss"), (256, "rs")):
        instr = f"wgmma.mma_async.sync.aligned.m64n{n}k16.f32.f16.f16"
        bench = build({"bench": "wgmma_latency", "instr": instr, "operands": operands})
        kernel = load_numba(timed(bench.loop), SIGNATURE, bench.arch)
        rows = timing_table.table(kernel, device.constants)
        row = rows[rows[:, timing_table.KIND] == timing_table.WGMMA][0]
        found[n, operands] = (row[timing_table.INTERVAL], row[timing_table.PORT])
    assert found[8, "ss"][1] > found[8, "rs"][1] > found[8, "rs"][0]  # the way in decides
    assert found[256, "ss"][0] == found[256, "rs"][0] > found[256, "ss"][1]  # the product does


MODULE = """
import numpy as np
from numba import cuda

@cuda.jit
def double(x):
    i = cuda.grid(1)
    if i < x.size:
        x[i] = 2 * x[i]

def check(args):
    np.testing.assert_array_equal(args[0], {want})

def cases(rng):
    yield "small", double, 2, 64, (np.ones(100),), {{"expect": check}}
"""


def _check_timeline(file: Path) -> None:
    """Every issue slot of every sub-core is explained; units are busy with what was issued."""
    found = check_trace(file)
    issue = {key: pieces for key, pieces in found.items() if key[1].endswith(": issue")}
    assert len(issue) % 4 == 0 and issue
    end = max(pieces[-1][1] for pieces in issue.values())
    for process, track in issue:
        check_tiled(found, [track], end, process)
    for (process, track), pieces in found.items():
        if track.startswith("sub-core") and (process, track) not in issue:
            core = issue[process, f"{track.split(':')[0]}: issue"]
            assert {name for *_, name in pieces} <= {name for *_, name in core}
    tracks = {track for _, track in found}
    assert {"load-store pipe", "port to L2", "device memory"} <= tracks
    assert any(track.startswith("warp slot") for track in tracks)


def test_the_verb_answers_and_checks(tmp_path: Path) -> None:
    file, out, line = tmp_path / "k.py", tmp_path / "o.json", tmp_path / "t.json"
    file.write_text(MODULE.format(want=2.0))
    options = ["--json", str(out), "--timeline", str(line), "--check"]
    assert main(["kernel", f"{file}::small", *options]) == 0
    case = json.loads(out.read_text())["cases"][0]
    assert case["name"] == "small" and case["check"] == "ok"
    assert case["us"] == pytest.approx(case["cycles"] / 1980, rel=1e-3)
    _check_timeline(line)
    file.write_text(MODULE.format(want=3.0))
    assert main(["kernel", str(file), "--check"]) == 1


JITTED = "from numba import cuda\nf = cuda.jit(lambda: 0)\ndef cases(rng): yield 'a', f, {}, ()"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "define cases"),
        ("1 / 0", "import without an error"),
        ("def cases(rng): yield 1", "case 0 must be"),
        ("def cases(rng): yield 'a', None, 1, 1, (), {'speed': 1}", "option 'speed'"),
        ("def cases(rng): yield 'a', len, 1, 1, ()", "case a: kernel must be a @cuda.jit function"),
        (JITTED.format("1.5, 1"), "case a: grid must be whole numbers, not 1.5"),
        (JITTED.format("1, 'x'"), "case a: block must be whole numbers, not 'x'"),
    ],
)
def test_a_bad_module_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(ConfigError, match=words):
        list(kernel_cases(str(tmp_path / "bad.py")))


def test_a_case_alone_names_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "k.py"
    file.write_text(MODULE.format(want=2.0).replace("2, 64", "2, 2048"))
    assert main(["kernel", str(file)]) == 2
    told = capsys.readouterr().err
    assert "k.py: small: block must have at most 1024 threads, not 2048" in told
