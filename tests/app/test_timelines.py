"""`--timeline` of every machine, as a user asks for it: Perfetto's rules, tiling, the answer."""

import json

import pytest
from trace_rules import check_tiled, check_trace

from archsim.cli import main

RUNS = {
    "gpu": (
        "workload: {model: vit_base_patch16_224, batch: 1, dtype: fp16}\ndevice: h200\n",
        (["operators"], ["kernels", "between kernels"],
         ["between kernels", "launch", "compute", "shared", "l2", "hbm", "exposed"]),
    ),
    "eager": (
        "workload: {op: gemm, m: 64, n: 64, k: 64, dtype: fp16}\ndevice: h200\nexecution: eager\n",
        (["operators"], ["kernels", "between kernels"]),
    ),
    "array": (
        "workload: {op: bmm, b: 12, m: 197, n: 197, k: 64, dtype: int8}\ndevice: os_16x16_int8\n",
        (["operators"], ["matrix engine", "vector unit"], ["compute", "hbm", "exposed"]),
    ),
    "edgemoe": (
        "workload: {model: m3vit}\ndevice: edgemoe_fast\n",
        (["operators"],),
    ),
    "ngpc": (
        "workload: {model: nerf_frame, pixels: 207360}\ndevice: paper_64\n"
        "sweep: {device.cluster.batches: [8]}\n",
        (["tables from L2", "cluster", "cluster waits"],),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_the_timeline_tiles_the_latency(name, tmp_path, capsys):
    text, groups = RUNS[name]
    (tmp_path / "run.yaml").write_text(text + "minimize: [latency_us]\n")
    out, line = tmp_path / "out", tmp_path / "deep" / "t.json"
    words = ["run", str(tmp_path / "run.yaml"), "--output", str(out), "--timeline", str(line)]
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(line)
    (point,) = json.loads((out / "results.json").read_text())["points"]
    found = check_trace(line)
    for group in groups:
        check_tiled(found, group, round(1000 * point["metrics"]["latency_us"]))
    if name == "edgemoe":  # whatever is no operator is a unit or what it waits for
        end = max(pieces[-1][1] for pieces in found.values())
        check_tiled(found, {track for _, track in found} - {"operators"}, end)
    before = line.read_bytes()
    assert main(words) == 0  # resumed: the same bytes
    assert line.read_bytes() == before == (out / "timeline.json").read_bytes()


def test_the_best_design_is_the_one_shown(tmp_path):
    text = RUNS["array"][0] + "sweep: {device.memory.bytes_per_cycle: [8, 64, 16]}\n"
    (tmp_path / "run.yaml").write_text(text + "minimize: [latency_us]\n")
    out = tmp_path / "out"
    assert main(["run", str(tmp_path / "run.yaml"), "--output", str(out)]) == 0
    points = json.loads((out / "results.json").read_text())["points"]
    least = min(p["metrics"]["latency_us"] for p in points)
    assert len({p["metrics"]["latency_us"] for p in points}) > 1
    check_tiled(check_trace(out / "timeline.json"), ["operators"], round(1000 * least))


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, capsys):
    (tmp_path / "run.yaml").write_text(RUNS["array"][0] + "minimize: [latency_us]\n")
    words = ["run", str(tmp_path / "run.yaml"), "--output", str(tmp_path / "out")]
    assert main([*words, "--timeline", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("archsim: --timeline: ")
