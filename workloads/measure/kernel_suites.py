"""The suites ``kernels`` and ``sm_micro``: Numba kernels as the instruction-level SM sees them."""

from __future__ import annotations

import importlib
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from workloads.measure.counts import Case
from workloads.measure.device import Nvml
from workloads.measure.store import Store
from workloads.measure.timing import FLUSH_BYTES, Timer

METHOD_KERNELS = (
    "Numba kernels as compiled by the pinned wheels; cold L2 (256 MiB read before each run) in "
    "`us`, warm in `us_warm`: CUPTI kernel durations, median of {repeats} runs each; sm_mhz is the "
    "median clock just before the runs"
)
METHOD_MICRO = (
    "each record's kernel, 256 MiB read before each of {repeats} runs; value: the median, from "
    "the clocks of the kernel's second pass (first pass where its code says so) or from events "
    "around it; sms: SM of each CTA where pairs of SMs matter"
)
REPEATS, BATCH = 10, 20
SEED = 20261126
KERNEL_SUITES = {
    "kernels": "workloads.kernels.suite", "kernels_judge": "workloads.kernels.judge",
    "kernels_fresh": "workloads.kernels.fresh", "hopper": "workloads.kernels.hopper",
}  # fmt: skip
_CATALOG = "workloads.kernels.micro.catalog"
_JUDGES = "workloads.kernels.micro.judge_records"
RECORD_LISTS = {
    "sm_micro": (_CATALOG, "records"), "sm_micro_judge": (_JUDGES, "judge_records"),
    "sm_micro_judge2": (_JUDGES, "second_judge_records"),
    "sm_micro_tma": (_CATALOG, "tma_records"), "sm_micro_atomics": (_CATALOG, "atomic_records"),
    "sm_micro_laws": ("workloads.kernels.micro.laws", "law_records"),
    "sm_micro_misses": ("workloads.kernels.micro.laws", "miss_records"),
    "sm_micro_turns": ("workloads.kernels.micro.turn_records", "turn_records"),
    "sm_micro_ports": ("workloads.kernels.micro.port_records", "port_records"),
    "sm_micro_paths": ("workloads.kernels.micro.path_records", "path_records"),
    "sm_micro_units": ("workloads.kernels.micro.path_records", "unit_records"),
    "sm_micro_streams": ("workloads.kernels.micro.stream_records", "stream_records"),
}  # fmt: skip


def cubin_folder() -> Path | None:
    """Folder of ready machine code, from the environment (see `workloads.kernels.machine_code`)."""
    named = os.environ.get("ARCHSIM_CUBINS")
    return Path(named) if named else None


def kernels(name: str, store: Store, nvml: Nvml, deadline: float) -> None:
    """Measure the cases of a kernel suite (`KERNEL_SUITES`) into ``store`` until ``deadline``."""
    cases = importlib.import_module(KERNEL_SUITES[name]).cases
    store.meta["method"] = METHOD_KERNELS.format(repeats=REPEATS)
    store.meta["seed"] = SEED
    timer = Timer(REPEATS, REPEATS)
    batch: list[Any] = []
    for case in cases(np.random.default_rng(SEED)):
        if time.monotonic() > deadline:
            store.meta["unmeasured"] = "budget"
            break
        batch.append(case)
        if len(batch) == BATCH:
            _measure_batch(store, timer, batch)
            batch = []
    _measure_batch(store, timer, batch)


def _measure_batch(store: Store, timer: Timer, batch: list[Any]) -> None:
    by_name = {case.name: case for case in batch}
    rows: list[Case] = [
        {"name": c.name, "grid": list(c.grid), "block": list(c.block)} for c in batch
    ]
    for row in timer.measure(rows, lambda row: launcher(by_name[row["name"]])):
        record = (row.pop("kernels", None) or [{}])[0]
        for column in ("span_us", "span_us_warm"):
            row.pop(column, None)
        store.add([{**row, "regs": record.get("regs"), "smem": record.get("smem")}])


def launcher(case: Any) -> Callable[[], None]:
    """A function that queues ``case`` once; its arguments are copied to the device first."""
    from numba import typeof

    from workloads.kernels.machine_code import cubin
    from workloads.kernels.ptx import Module

    options = case.options
    if _synchronises_grid(case.kernel):
        return _numba_launcher(case)
    size, cluster = options.get("dynamic_smem_bytes", 0), options.get("cluster", 1)
    signature = tuple(typeof(arg) for arg in case.args)
    data, entry = cubin(case.kernel, signature, options.get("arch", "sm_90"), cubin_folder())
    module = Module(data, entry)
    module.allow(size, cluster)
    kept, flat = place(case.args)

    def launch() -> None:
        module.launch(case.grid, case.block, flat, cluster=cluster, dynamic_smem_bytes=size)

    launch.kept = kept  # type: ignore[attr-defined]
    return launch


def _synchronises_grid(kernel: Any) -> bool:
    """Whether a kernel needs the driver's barrier of a grid, which Numba's launcher links."""
    return "this_grid" in kernel.py_func.__code__.co_names


def _numba_launcher(case: Any) -> Callable[[], None]:
    from numba import cuda

    args = [cuda.to_device(a) if isinstance(a, np.ndarray) else a for a in case.args]

    def launch() -> None:
        case.kernel[case.grid, case.block](*args)

    return launch


def place(args: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
    """(tensors that hold the arrays, flat arguments)."""
    import torch

    from workloads.kernels.ptx import flat_array

    kept, flat = [], []
    for arg in args:
        if isinstance(arg, np.ndarray):
            tensor = torch.from_numpy(np.ascontiguousarray(arg).view(np.uint8)).cuda()
            kept.append(tensor)
            flat += flat_array(tensor.data_ptr(), arg.shape, arg.strides, arg.itemsize)
        else:
            known = isinstance(arg, np.generic)
            flat.append(
                arg if known else np.int64(arg) if isinstance(arg, int) else np.float64(arg)
            )
    return kept, flat


def sm_micro(name: str, store: Store, nvml: Nvml, deadline: float) -> None:
    """Measure the records of a list (`RECORD_LISTS`) into ``store`` until ``deadline``."""
    import torch

    repeats = 3
    store.meta["method"] = METHOD_MICRO.format(repeats=repeats)
    flush = torch.zeros(FLUSH_BYTES // 4, device="cuda")
    todo = _records(name)
    for done, record in enumerate(todo):
        store.meta["unmeasured"] = len(todo) - done
        if time.monotonic() > deadline:
            return
        try:
            store.add([{**record, **_micro(record, flush, repeats, torch)}])
        except Exception as error:
            store.add([{**record, "error": f"{type(error).__name__}: {str(error)[:160]}"}])
            if not _context_alive(torch):
                store.meta["aborted"] = f"the GPU context failed at {record}"
                return
    store.meta["unmeasured"] = 0


def _records(name: str) -> list[dict[str, Any]]:
    module, function = RECORD_LISTS[name]
    return list(getattr(importlib.import_module(module), function)())


def _context_alive(torch: Any) -> bool:
    try:
        torch.cuda.synchronize()
    except RuntimeError:
        return False
    return True


def _micro(record: dict[str, Any], flush: Any, repeats: int, torch: Any) -> dict[str, Any]:
    """Value, unit and duration of one record; SM numbers and pairs where clusters run."""
    from workloads.kernels.machine_code import cubin
    from workloads.kernels.micro import build
    from workloads.kernels.micro.kernel import COLUMNS, SIGNATURE, timed
    from workloads.kernels.ptx import Module, flat_array

    bench = build(record)
    data, entry = cubin(
        timed(bench.loop), SIGNATURE, bench.arch, cubin_folder(), key=bench.loop.text()
    )
    module = Module(data, entry)
    module.allow(bench.smem_bytes, bench.cluster)
    clocks = torch.zeros((bench.warps, len(COLUMNS)), dtype=torch.int64, device="cuda")
    words = torch.zeros(bench.words, dtype=torch.int32, device="cuda")
    if bench.fill is not None:
        host = np.zeros(bench.words, np.uint32)
        bench.fill(host, words.data_ptr())
        words.copy_(torch.from_numpy(host.view(np.int32)))
    if "tensor" in bench.extra:
        encoded = np.frombuffer(tensor_map(bench.extra["tensor"], words.data_ptr()), np.int32)
        words[: len(encoded)] = torch.from_numpy(encoded.copy()).cuda()
    args = [
        *flat_array(clocks.data_ptr(), clocks.shape, (8 * len(COLUMNS), 8), 8),
        *flat_array(words.data_ptr(), (bench.words,), (4,), 4),
        np.int64(bench.rounds), np.int64(bench.arg),
    ]  # fmt: skip
    values, times, table = [], [], None
    for _ in range(repeats):
        flush.sum()
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        module.launch((bench.ctas,), (bench.threads,), args, cluster=bench.cluster,
                      dynamic_smem_bytes=bench.smem_bytes)  # fmt: skip
        stop.record()
        torch.cuda.synchronize()
        times.append(1e3 * start.elapsed_time(stop))
        table = clocks.cpu().numpy()
        values.append(bench.value(table, times[-1]))
    found: dict[str, Any] = {
        "value": round(statistics.median(values), 4), "unit": bench.unit,
        "low": round(min(values), 4), "high": round(max(values), 4),
        "us": round(statistics.median(times), 2),
    }  # fmt: skip
    return {**found, **_details(record, bench, table, words)}


def tensor_map(tensor: Any, address: int) -> bytes:
    """The driver's map of a `boxes.Tensor` whose map stands at ``address``."""
    from cuda.bindings import driver

    from workloads.kernels.micro.boxes import MAP_BYTES

    u32, u64, none = driver.cuuint32_t, driver.cuuint64_t, "_NONE"
    answer, made = driver.cuTensorMapEncodeTiled(
        driver.CUtensorMapDataType.CU_TENSOR_MAP_DATA_TYPE_FLOAT32, len(tensor.box),
        address + MAP_BYTES, [u64(n) for n in reversed(tensor.shape)],
        [u64(n) for n in reversed(tensor.strides[:-1])], [u32(n) for n in reversed(tensor.box)],
        [u32(1)] * len(tensor.box),
        getattr(driver.CUtensorMapInterleave, "CU_TENSOR_MAP_INTERLEAVE" + none),
        getattr(driver.CUtensorMapSwizzle, "CU_TENSOR_MAP_SWIZZLE" + none),
        getattr(driver.CUtensorMapL2promotion, "CU_TENSOR_MAP_L2_PROMOTION" + none),
        getattr(driver.CUtensorMapFloatOOBfill, "CU_TENSOR_MAP_FLOAT_OOB_FILL" + none),
    )  # fmt: skip
    if int(answer) != 0:
        raise RuntimeError(f"the driver answered {answer} to cuTensorMapEncodeTiled")
    return b"".join(int(word).to_bytes(8, "little") for word in made.opaque)


def _details(record: dict[str, Any], bench: Any, table: Any, words: Any) -> dict[str, Any]:
    """Pairs of SMs of a DSMEM chase; the ends of warps; the L2 map."""
    from workloads.kernels.micro.cluster import pairs

    if record["bench"] == "dsmem_latency":
        found = pairs(table, bench.cluster, int(record["shift"]))
        return {"pairs": [[a, b, round(clk, 2)] for (a, b), clk in found]}
    if "ends" in record:  # when each warp of the first CTA starts and stops
        first = table[: bench.threads // 32, 2:4]
        return {"starts": (first[:, 0] - first[:, 0].min()).tolist(),
                "stops": (first[:, 1] - first[:, 0].min()).tolist()}  # fmt: skip
    if record["bench"] == "dsmem_atomic" and record.get("resident", 1) > 1:
        return {"sms": table[:: bench.threads // 32, 4][:64].tolist()}
    if "read" in bench.extra:
        return bench.extra["read"](table, words.cpu().numpy().view(np.uint32))
    return {}


def compile_all(folder: Path, kernels: str = "kernels", micro: str = "sm_micro") -> int:
    """Write the machine code of two suites into ``folder``; returns the number of files."""
    from numba import typeof

    from workloads.kernels.machine_code import cubin
    from workloads.kernels.micro import build
    from workloads.kernels.micro.kernel import SIGNATURE, timed

    seen: set[Any] = set()
    for case in importlib.import_module(KERNEL_SUITES[kernels]).cases(np.random.default_rng(SEED)):
        signature = tuple(typeof(arg) for arg in case.args)
        if (case.kernel, signature) not in seen and not _synchronises_grid(case.kernel):
            seen.add((case.kernel, signature))
            cubin(case.kernel, signature, case.options.get("arch", "sm_90"), folder)
    for record in _records(micro):
        bench = build(record)
        key = (bench.loop.text(), bench.arch)
        if key not in seen:
            seen.add(key)
            cubin(timed(bench.loop), SIGNATURE, bench.arch, folder, key=key[0])
    return len(seen)
