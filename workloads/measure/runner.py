"""Running suites: batches under a time budget, results written as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from archsim.errors import ConfigError
from workloads.measure import suites
from workloads.measure.counts import Case
from workloads.measure.device import METHOD, Nvml, provenance, require_gpu
from workloads.measure.operators import build
from workloads.measure.store import Store
from workloads.measure.timing import Timer

BATCH = 20
REPEATS = 10
HEAVY_FLOPS = 5e10  # heavy cases go last: each lowers the clock for a while


def main(names: Sequence[str], out: Path, budget_s: float = 600.0) -> list[Path]:
    """Measure the named suites on GPU 0 and write their datasets.

    ``out`` is the file for one suite, a folder receiving ``<suite>.json`` for several.
    ``budget_s`` seconds are shared evenly by the suites that are left; what is not measured by
    then is left out and ``meta.unmeasured`` says how many cases that is. Returns the files.
    Raises ConfigError for an unknown suite and NoGpuError where nothing can be measured.
    """
    known = {**dict.fromkeys(suites.OPERATOR_SUITES, _operators), **suites.OTHER_SUITES}
    for name in names:
        if name not in known:
            raise ConfigError(f"suite must be one of {', '.join(known)}, not {name}")
    torch, nvml = require_gpu(), Nvml()
    end, files = time.monotonic() + budget_s, []
    for left, name in zip(range(len(names), 0, -1), names, strict=True):
        path = out if len(names) == 1 else out / f"{name}.json"
        store = Store(path, provenance(torch, nvml))
        now = time.monotonic()
        known[name](name, store, nvml, now + (end - now) / left)
        store.write()
        files.append(path)
    return files


def _operators(name: str, store: Store, nvml: Nvml, deadline: float) -> None:
    cases, repeats = suites.OPERATOR_SUITES[name](), suites.REPEATS.get(name, REPEATS)
    store.meta["method"] = METHOD.format(repeats=repeats)
    if name.endswith(("judge", "holdout", "blind")):
        store.meta["purpose"] = "judge"  # archsim calibrate refuses it, validate splits it not
    if name not in suites.IN_ORDER:
        cases = sorted(cases, key=lambda case: case["flops"] > HEAVY_FLOPS)
    run_cases(store, cases, Timer(repeats, repeats), deadline)


def run_cases(
    store: Store,
    cases: Sequence[Case],
    timer: Timer,
    deadline: float,
    builder: Callable[[Case], Any] = build,
) -> None:
    """Measure ``cases`` in batches into ``store`` until ``deadline`` (time.monotonic)."""
    store.meta["unmeasured"] = len(cases)
    for batch in _chunks(cases, BATCH):
        if time.monotonic() > deadline:
            break
        store.meta["unmeasured"] -= len(batch)
        try:
            store.add(timer.measure(batch, builder))
        except RuntimeError as error:
            if not _alive(timer.torch):
                store.meta["aborted"] = f"the GPU context failed: {str(error)[:160]}"
                break
            store.add([_alone(timer, case, builder) for case in batch])


def _chunks(cases: Sequence[Case], size: int) -> Iterator[Sequence[Case]]:
    for start in range(0, len(cases), size):
        yield cases[start : start + size]


def _alive(torch: Any) -> bool:
    try:
        torch.cuda.synchronize()
    except RuntimeError:
        return False
    return True


def _alone(timer: Timer, case: Case, builder: Callable[[Case], Any]) -> Case:
    try:
        return timer.measure([case], builder)[0]
    except RuntimeError as error:
        return {**case, "error": f"{type(error).__name__}: {str(error)[:160]}"}
