"""The datasets taken with the suites: provenance, finite times, honest clocks."""

from __future__ import annotations

import json
from importlib import resources

import pytest

FILES = (
    "operators", "holdout", "structured", "reference", "choice", "names", "cublaslt", "micro",
    "models_full", "models_tuned", "sustained_more", "rankings", "judge", "linear", "models_judge",
    "cublaslt_batched", "rankings_batched", "micro_more", "conv_types", "conv_launches",
    "conv_judge", "heuristic", "rows", "sustained_judge",
)  # fmt: skip
TIMED = (
    "operators", "holdout", "structured", "reference", "choice", "names", "cublaslt", "judge",
    "linear", "cublaslt_batched", "conv_judge", "rows",
)  # fmt: skip


H100 = ("blind", "models_blind", "models_repeat", "sustained", "sustained_again")


def load(name: str, device: str = "h200") -> dict:
    file = resources.files("workloads.measured") / f"{device}_{name}.json"
    return json.loads(file.read_text())


@pytest.mark.parametrize("name", H100)
def test_sets_named_after_a_card_come_from_it(name: str) -> None:
    meta = load(name, "h100")["meta"]
    assert "H100" in meta["device"]
    assert meta["method"]
    assert meta.get("unmeasured") == 0


def test_graphs_were_captured_and_replayed_several_times() -> None:
    for model in load("models_repeat", "h100")["cases"]:
        assert model["graph_us_min"] <= model["graph_us"] <= model["graph_us_max"]
        assert model["graph_queued_us"] > 0
        assert model["graph_host_us"] > 0


@pytest.mark.parametrize("name", FILES)
def test_provenance_is_complete(name: str) -> None:
    meta = load(name)["meta"]
    for field in ("device", "driver", "torch", "cuda", "date", "method", "power_limit_w"):
        assert meta[field], field
    assert meta["sms"] == 132


INT8 = {
    (15, 24): "64x64_128x6", (18, 21): "128x64_128x3", (18, 24): "128x64_128x6",
    (20, 23): "128x128_128x5", (23, 21): "128x256_128x3",
}  # fmt: skip
"""CUTLASS kernels by cuBLASLt's tile and stages ids."""


def test_the_heuristics_first_candidate_is_the_kernel_that_ran() -> None:
    data = load("heuristic")
    fields, kernels = data["meta"]["kernel_fields"], data["meta"]["kernels"]
    ids = [(k[fields.index("tile")], k[fields.index("stages")]) for k in kernels]
    asked = {tuple(c[3:6]): ids[c[6][0]] for c in data["cases"] if c[1] == "int8" and c[6]}
    cases = [c for c in load("names")["cases"] if c["op"] == "gemm" and c["dtype"] == "int8"]
    assert len(cases) > 70
    for case in cases:
        wanted = INT8[asked[case["m"], case["n"], case["k"]]]
        assert f"_{wanted}_" in case["kernels"][-1]["name"]


@pytest.mark.parametrize("name", TIMED)
def test_times_are_ordered_and_kernels_add_up(name: str) -> None:
    for case in load(name)["cases"]:
        assert "error" not in case
        assert 0 < case["us_min"] <= case["us"] <= case["us_max"]
        assert case["kernels"]
        total = sum(kernel["dur_us"] for kernel in case["kernels"])
        assert case["us_min"] - 0.01 <= total <= case["us_max"] + 0.01


def test_recorded_launches_name_a_kernel_each() -> None:
    data = load("conv_launches")
    meta, rows = data["meta"], data["cases"]
    places = [meta["fields"].index(name) for name in ("form", "launch")]
    assert {row[places[0]] for row in rows} <= set(range(len(meta["forms"])))
    for launch in {row[places[1]] for row in rows}:
        assert all(meta["names"][name] and count > 0 for name, count in meta["launches"][launch])


def test_clock_had_settled_before_the_cases() -> None:
    clocks = sorted(c["sm_mhz"] for c in load("operators")["cases"])
    assert clocks[len(clocks) // 100] > 1900


def test_graph_sequences_match_their_sums() -> None:
    for model in load("models_full")["cases"]:
        assert len(model["sequence"]) == model["kernels"]
        total = sum(row[1] for row in model["sequence"])
        assert total == pytest.approx(model["kernel_sum_us"], rel=0.05)


@pytest.mark.parametrize("name", ["sustained_more", "sustained_judge"])
def test_sustained_power_respects_the_limit(name: str) -> None:
    data = load(name)
    assert all(c["watts"] < 1.02 * data["meta"]["power_limit_w"] for c in data["cases"])
