"""``archsim microbench``: predicted latency and throughput of single instructions and paths.

Each record becomes the kernel that measures it, which is executed and timed like any other; the
value follows from the clocks that the kernel reads. Full-GPU rates are of one simulated SM with its
share of L2 and HBM.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from archsim.app.output import print_table, write_json
from archsim.app.progress import spinner
from archsim.app.sm_device import sm_device
from archsim.errors import ArchsimError, ConfigError

# Footprints that decide nothing in the simulator, which has no pages: smaller ones run sooner.
_SMALLER = {"global": 16 << 20, "dram": 128 << 20, "dram_write": 128 << 20}
_STEADY = ("dram", "dram_write")  # long enough on the GPU that start and end do not count
_MEASURED_ONLY = ("l2_map", "placement", "progress", "residency", "turns")
"""What needs a card: places of CTAs on it, and notes of clocks or addresses of their own."""
_WHOLE_WORDS = 80 << 20
"""SMs that share L2 or device memory are not alike: all of them run up to this much data."""
WGMMA_ROUNDS = 16
_CHOICES = {
    ("wgmma", "operands"): ("ss", "rs"),
    ("wgmma", "data"): ("zero", "random"),
    ("dsmem_throughput", "pattern"): ("ring", "pair", "broadcast"),
}
"""What fields may say, by the start of the bench's name."""


def microbench_and_print(file: Path, device: str, json_file: Path | None) -> None:
    """Predict every record of ``file`` on ``device``; ``json_file`` holds those that are done.

    All records are checked before the first is predicted.
    """
    model, rows, records = sm_device(device), [], read_list(file)
    for number, item in enumerate(records):
        with _naming(file, number):
            _checked(item)
    for number, item in enumerate(records):
        title = f"record {number + 1} of {len(records)} (a first run compiles the simulator)"
        with spinner(title), _naming(file, number):
            rows.append(predict(item, model))
        write_json(json_file, rows)
    shown = [
        {"bench": r["bench"], "of": str(r.get("instr", r.get("what", r.get("pattern", "")))),
         "predicted": r["predicted"], "unit": r["unit"]} for r in rows
    ]  # fmt: skip
    print_table(f"micro-benchmarks on {model.name}", shown)
    write_json(json_file, rows)


@contextmanager
def _naming(file: Path, number: int) -> Iterator[None]:
    """Name the record in the sentence of what is wrong with it."""
    try:
        yield
    except ArchsimError as error:
        raise ConfigError(f"{file}: record {number}: {error}") from error


def read_list(file: Path) -> list[dict[str, Any]]:
    """The records of a JSON file; ConfigError where it is not a list of mappings."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file} must be a file that can be read ({error.strerror})") from error
    except ValueError as error:
        raise ConfigError(f"{file} must be JSON: {error}") from error
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise ConfigError(f"{file} must hold a list of records")
    return data


def _checked(record: dict[str, Any], **more: Any) -> Any:
    """The `Bench` of a record that can be predicted, None for a pair of SMs; else ConfigError."""
    from workloads.kernels.micro import build

    bench_name, pairs = record.get("bench"), ("sm_from" in record, "sm_to" in record)
    if bench_name == "dsmem_latency" and any(pairs):
        _pair(record)
        return None
    if bench_name in _MEASURED_ONLY:
        raise ConfigError(f"bench must be one that is predicted, not {bench_name!r}")
    for (start, key), known in _CHOICES.items():
        if str(bench_name).startswith(start) and record.get(key, known[0]) not in known:
            raise ConfigError(f"{key} must be one of {', '.join(known)}, not {record[key]!r}")
    try:
        small = {"bytes": _SMALLER[record["what"]]} if record.get("what") in _SMALLER else {}
        return build({**small, **record, **more})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"fields must have values of their kind: {error}") from error


def predict(record: dict[str, Any], model: Any) -> dict[str, Any]:
    """The record with ``predicted`` and ``unit``."""
    bench = _checked(record)
    if bench is None:
        return {**record, "predicted": _pair(record), "unit": "clk"}
    ports = None
    if record["bench"] == "l2_port":
        ports = _ports(record["on"])
        bench = _checked(record, on=list(range(len(ports))), by="ctaid")
    try:
        value = _simulate(bench, model, ports)
    except ValueError as error:  # a launch that no SM can take
        raise ConfigError(str(error)) from error
    if record.get("what") in _STEADY and record["bench"] == "bandwidth":
        twice = int(record.get("bytes", _SMALLER[record["what"]])) * 2
        longer = _checked(record, bytes=twice)
        rounds = longer.rounds - bench.rounds  # what the rest of a longer run takes
        value = rounds / (longer.rounds / _simulate(longer, model) - bench.rounds / value)
    if record["bench"] == "wgmma_throughput":
        value *= model.constants["wgmma_clock_hz"] / model.clock_hz
    return {**record, "predicted": round(value, 4), "unit": bench.unit}


def _floorplan() -> tuple[dict[str, Any], dict[Any, list[Any]]]:
    """What was measured of the card, and the row of each SM."""
    from importlib import resources

    text = (resources.files("workloads.measured") / "h200_floorplan.json").read_text()
    plan = json.loads(text)
    return plan["meta"], {row[0]: row for row in plan["sms"]}


def _ports(sms: list[int]) -> Any:
    """The port to L2 of each SM."""
    meta, rows = _floorplan()
    for sm in sms:
        if sm not in rows:
            raise ConfigError(f"on must name SMs of the floorplan, not {sm!r}")
    return np.array([meta["port_groups"][rows[sm][2]] for sm in sms], np.int64)


def _pair(record: dict[str, Any]) -> float:
    """Latency between two SMs from the card's measured floorplan."""
    meta, rows = _floorplan()
    ends = (record.get("sm_from"), record.get("sm_to"))
    for sm in ends:
        if not isinstance(sm, int) or sm not in rows:
            raise ConfigError(f"sm_from and sm_to must be SMs of the floorplan, not {sm!r}")
    base = float(meta["base_cycles"])
    return base + float(rows[ends[0]][3]) + float(rows[ends[1]][4])


def _simulate(bench: Any, model: Any, ports: Any = None) -> float:
    """Run the bench's kernel through the simulator and read its value off the clocks."""
    from archsim.frontend import load_numba
    from archsim.models.gpu.sm.timing_launch import time_launch
    from workloads.kernels.micro.kernel import COLUMNS, SIGNATURE, timed

    rounds = min(bench.rounds, WGMMA_ROUNDS) if bench.arch == "sm_90a" else bench.rounds
    kernel = load_numba(timed(bench.loop), SIGNATURE, bench.arch)
    ctas = 1 if "alone" in bench.extra else bench.ctas  # SMs that never meet are all alike
    whole = ctas > 1 and bench.cluster == 1
    if whole and ctas > model.sms:
        ctas = ctas // model.sms * model.sms
    data = np.zeros(bench.words, np.uint32)
    clocks = np.zeros((bench.warps, len(COLUMNS)), np.int64)
    if bench.fill is not None:
        bench.fill(data, _address_of_data(kernel, clocks, data, rounds, bench.arg))
    if "tensor" in bench.extra:
        _write_map(bench.extra["tensor"], data, kernel, clocks, rounds, bench.arg)
    found = time_launch(
        kernel, (ctas,), (bench.threads,), (clocks, data, rounds, bench.arg), model,
        cluster=bench.cluster, dynamic_smem_bytes=bench.smem_bytes,
        exact=bench.unit == "B/clk" or (bench.value_in_time and bench.words <= _WHOLE_WORDS),
        ports=ports,
    )  # fmt: skip
    table = _clock_table(found.clocks, -(-bench.threads // 32))
    scale = rounds / bench.rounds
    if bench.value_in_time:  # the rounds left out take what the second pass took
        one = (table[:, 3].max() - table[:, 2].min()) / model.clock_hz * 1e6
        return float(bench.value(table, found.us + 2 * one * (1 / scale - 1)))
    if rounds != bench.rounds:
        table = table.astype(float)
        table[:, 2] = table[:, 3] - (table[:, 3] - table[:, 2]) / scale
    value = float(bench.value(table, found.us))
    if bench.unit == "TB/s":  # of all SMs that hold a CTA, of which one cluster was simulated
        value *= bench.cluster * model.cluster_slots(bench.cluster) / len(found.ctas)
    return value


def _write_map(tensor: Any, data: Any, kernel: Any, clocks: Any, rounds: int, arg: int) -> None:
    """The simulator's tensor map before the tensor in ``data``."""
    from archsim.models.gpu.sm.memory import TensorMap, encode_map
    from workloads.kernels.micro.boxes import MAP_BYTES

    address = _address_of_data(kernel, clocks, data, rounds, arg) + MAP_BYTES
    data[:32] = encode_map(TensorMap(tensor.view(data), tensor.box), address).view(np.uint32)


def _address_of_data(kernel: Any, *args: Any) -> int:
    """Where the simulator puts the second argument."""
    from archsim.models.gpu.sm import state
    from archsim.models.gpu.sm.memory import lay_out

    laid = lay_out(kernel, args)
    return int(state.DEVICE_BASE + next(a.place for a in laid.allocations if a.argument == 1))


def _clock_table(clocks: Any, warps: int) -> Any:
    """Clock reads as the kernel's table: start and stop of both passes of every warp."""
    rows = []
    for cta in np.unique(clocks[:, 2]):
        for warp in range(warps):
            times = clocks[(clocks[:, 2] == cta) & (clocks[:, 0] == warp), 1]
            if len(times) >= 4:
                rows.append([*times[:2], *times[-2:], cta, 0])
    return np.array(rows)
