"""What cuDNN launches, over many more convolutions than can be timed: the suite ``conv_launches``.

The library's choice depends on the shape alone, so names and grids of one launch each are enough,
and several processes may share the GPU: the durations would mean nothing and are not kept. A row
has the place of its padding, dilation, layout and data type in ``meta.forms`` (no padding: half the
filter), that of its kernels in ``meta.launches``, which lists the names (places in ``meta.names``)
and how often each ran, and the grid of the first of them that computes.

``conv_types`` times fewer of the same shapes, one process alone; ``conv_judge`` is set aside.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from workloads.measure.conv_suite import (
    CHANNELS,
    MAX_BYTES,
    MAX_FLOPS,
    SIZES,
    holdout_suite,
    layer,
    suite,
    wide,
)
from workloads.measure.counts import Case, counted
from workloads.measure.device import Nvml
from workloads.measure.operators import build
from workloads.measure.random_suite import conv2d, log_int
from workloads.measure.store import Store
from workloads.measure.timing import NAME_CHARS, Timer, split, traced

BATCH, SPARE_CPUS, GRACE_S, KEPT_BYTES = 100, 3, 15.0, 4 << 30
FIELDS = ("n", "cin", "cout", "hw", "r", "stride", "groups", "form", "launch", "grid")
FORM = {"pad": None, "dilation": 1, "layout": "nhwc", "dtype": None}
AROUND = (
    "Memset", "init_device_workspace", "helper", "indices", "convertTensor", "AddPadding",
    "SliceC", "tensorTransform", "Transpose", "nchwToNhwc", "nhwcToNchw",
)  # fmt: skip
"""Parts of the names of launches around the kernel that computes; their grids are not kept."""
METHOD = (
    "one launch of each shape under CUPTI, uninitialised operands, {workers} processes at a time "
    "on one GPU; names and grids only, no times"
)
Maker = Callable[[random.Random], Case]


def _floats(rng: random.Random) -> Case:
    """A layer in tf32 (PyTorch's default for floats) or in fp32."""
    dtype = rng.choice(("tf32", "tf32", "tf32", "fp32"))
    size = {"n": rng.choice((1, 2, 4, 8, 16, 32, 64, 128)), "hw": rng.choice(SIZES)}
    return {**rng.choice((conv2d, layer))(rng), **size, "dtype": dtype}


def _halves(rng: random.Random) -> Case:
    """A layer in fp16 or bf16 at any of the usual image sides."""
    return {**layer(rng), "hw": rng.choice(SIZES), "dtype": rng.choice(("fp16", "fp16", "bf16"))}


def _pointwise(rng: random.Random) -> Case:
    """A 1x1 convolution, which may run as a matrix product."""
    cin, cout = (rng.choice((rng.choice(CHANNELS), log_int(rng, 8, 2048, 8))) for _ in range(2))
    return {
        "op": "conv2d", "n": 1 << rng.randrange(8), "cin": cin, "cout": cout,
        "hw": rng.choice(SIZES), "r": 1, "stride": rng.choice((1, 1, 1, 2)), "groups": 1,
        "dtype": rng.choice(("fp16", "fp16", "bf16", "tf32")),
    }  # fmt: skip


def _patches(rng: random.Random) -> Case:
    """Patches as a transformer, ConvNeXt or Swin takes them: the stride is the filter's side."""
    r = rng.choice((2, 2, 4, 4, 8, 14, 16, 32))
    cin = rng.choice(CHANNELS) if r == 2 else rng.choice((3, 3, 3, 1, 4, 16))
    hw = r * rng.choice((7, 8, 14, 16, 28) if r > 2 else (7, 14, 28, 56))
    layout = {"layout": "nchw"} if rng.random() < 0.6 else {}
    return {
        "op": "conv2d", "n": 1 << rng.randrange(8), "cin": cin, "cout": rng.choice(CHANNELS[3:]),
        "hw": hw, "r": r, "stride": r, "groups": 1,
        "dtype": rng.choice(("fp16", "bf16", "tf32")), **layout, "pad": 0,
    }  # fmt: skip


def _first(rng: random.Random) -> Case:
    """A network's first layer: few channels, a large image."""
    layout = {"layout": "nchw"} if rng.random() < 0.2 else {}
    return {
        "op": "conv2d", "n": 1 << rng.randrange(9), "cin": rng.choice((1, 3, 3, 3, 4, 8)),
        "cout": rng.choice((16, 24, 32, 32, 48, 64, 64, 96, 128)),
        "hw": rng.choice((28, 32, 64, 96, 112, 128, 160, 224, 224, 224, 256, 299, 384)),
        "r": rng.choice((3, 3, 5, 7, 7)), "stride": rng.choice((1, 2, 2)), "groups": 1,
        "dtype": rng.choice(("fp16", "fp16", "bf16", "tf32", "fp32")), **layout,
    }  # fmt: skip


def _dilated(rng: random.Random) -> Case:
    """A dilated layer, as for segmentation; padded to keep the image's size."""
    dilation = rng.choice((2, 2, 4, 6, 12))
    channels = {"cin": rng.choice(CHANNELS), "cout": rng.choice(CHANNELS)}
    if rng.random() < 0.2:
        channels = {"cin": channels["cin"], "cout": channels["cin"], "groups": channels["cin"]}
    return {
        "op": "conv2d", "n": 1 << rng.randrange(6), "groups": 1, **channels,
        "hw": rng.choice((14, 28, 32, 56, 64)), "r": 3, "stride": 1,
        "dtype": rng.choice(("fp16", "bf16", "tf32")), "pad": dilation, "dilation": dilation,
    }  # fmt: skip


def _groups(rng: random.Random) -> Case:
    """A grouped layer of any width a group, as often as not of equal widths."""
    groups = rng.choice((2, 2, 4, 4, 8, 16, 32, 64))
    each = [rng.choice((4, 8, 16, 24, 32, 48, 64, 72, 96, 128, 128, 160, 256)) for _ in range(2)]
    if rng.random() < 0.5:
        each[1] = each[0]
    size = {"n": rng.choice((1, 2, 4, 8, 16, 32, 64, 128)), "hw": rng.choice(SIZES)}
    layout = {"layout": "nchw"} if rng.random() < 0.1 else {}
    return {
        "op": "conv2d", "cin": groups * each[0], "cout": groups * each[1], **size,
        "r": rng.choice((1, 3, 3, 5, 7)), "stride": rng.choice((1, 1, 2)), "groups": groups,
        "dtype": rng.choice(("fp16", "fp16", "bf16", "tf32", "tf32", "fp32")), **layout,
    }  # fmt: skip


def _planes(rng: random.Random) -> Case:
    """A layer on channels-first images, PyTorch's own layout."""
    case = {**layer(rng), "n": 1 << rng.randrange(8), "hw": rng.choice(SIZES)}
    if rng.random() < 0.4:
        case |= {"cin": case["cout"], "groups": case["cout"], "r": rng.choice((3, 3, 5, 7))}
    dtype = rng.choice(("fp16", "fp16", "bf16", "tf32", "tf32", "fp32"))
    return {**case, "dtype": dtype, "layout": "nchw"}


FOCUS: dict[Maker, int] = {_groups: 45, _planes: 35, wide: 12, _floats: 8}
"""Shares of what ``MIX`` leaves thin."""
MIX: dict[Maker, tuple[int, int, int]] = {
    conv2d: (30, 8, 45), _halves: (14, 10, 10), _floats: (22, 34, 15), _pointwise: (8, 10, 5),
    wide: (16, 20, 15), _patches: (4, 8, 4), _first: (4, 7, 4), _dilated: (2, 3, 2),
}  # fmt: skip
"""Shares of every kind among launches, timed cases and the judge."""


def mixed(seed: int, count: int, column: int) -> list[Case]:
    """Return ``count`` different cases in the shares of a column of ``MIX``, in random order."""
    return _draw(seed, count, {maker: row[column] for maker, row in MIX.items()})


def _draw(seed: int, count: int, shares: dict[Maker, int]) -> list[Case]:
    rng, found = random.Random(seed), {}
    while len(found) < count:
        case = counted(rng.choices(list(shares), list(shares.values()))[0](rng))
        heavy = 8.0 if case["dtype"] == "fp32" else 1.0
        if heavy * case["flops"] <= MAX_FLOPS and case["bytes"] <= MAX_BYTES:
            found.setdefault(str(case), case)
    return list(found.values())


def judge_suite() -> list[Case]:
    """Fresh cases that judge a model of convolution; none is in another suite of convolutions."""
    known = {str(c) for c in (*suite(), *holdout_suite(), *types_suite())}
    return [case for case in mixed(52, 170, 2) if str(case) not in known]


def types_suite() -> list[Case]:
    """Cases to be timed, mostly what the suite ``conv`` has few of."""
    return mixed(53, 3600, 1)


def launch_cases(count: int = 120_000, focused: int = 30_000) -> list[Case]:
    """Shapes whose launches are recorded until the time is up, without those of the judge."""
    known = {str(case) for case in judge_suite()}
    shares = {maker: row[0] for maker, row in MIX.items()}
    cases = [*_draw(55, focused, FOCUS), *_draw(54, count, shares)]
    return [case for case in cases if str(case) not in known]


def launches(name: str, store: Store, nvml: Nvml, deadline: float) -> None:
    """Record what every shape launches, in as many processes as there are CPUs to spare."""
    workers = max((os.cpu_count() or 1) - SPARE_CPUS, 1)
    store.meta["method"] = METHOD.format(workers=workers)
    todo = launch_cases()
    context = multiprocessing.get_context("spawn")
    results: Any = context.Queue()
    left = deadline - time.monotonic()
    pool = [
        context.Process(target=_work, args=(todo, place, workers, left, results), daemon=True)
        for place in range(workers)
    ]
    for process in pool:
        process.start()
    rows = _gather(results, pool, deadline + GRACE_S)
    for process in pool:
        process.terminate()
    _write(store, [todo[place] for place, _ in rows], [found for _, found in rows])
    store.meta["unmeasured"] = len(todo) - len(rows)


Found = list[tuple[str, int, list[int] | None]]
"""What one case launched: name, how often, grid of the first."""


def _gather(results: Any, pool: Sequence[Any], end: float) -> list[tuple[int, Found]]:
    """Return what the processes found, by place of the case, until all are done or ``end``."""
    rows: list[tuple[int, Found]] = []
    done = 0
    while done < len(pool) and time.monotonic() < end:
        try:
            item = results.get(timeout=1.0)
        except queue.Empty:
            if not any(process.is_alive() for process in pool):
                break
            continue
        if item is None:
            done += 1
        else:
            rows += item
    return sorted(rows, key=lambda row: row[0])


def _work(todo: Sequence[Case], place: int, workers: int, left: float, results: Any) -> None:
    """Launch every ``workers``-th batch of ``todo``; put ``(place of the case, found)`` rows."""
    end, timer = time.monotonic() + left, Timer()
    torch = timer.torch
    del timer.flush
    for start in range(place * BATCH, len(todo), workers * BATCH):
        if time.monotonic() > end:
            break
        try:
            rows = enumerate(_batch(timer, todo[start : start + BATCH]), start)
        except RuntimeError:
            continue  # markers lost: the batch cannot be told apart
        results.put([(i, found) for i, found in rows if found])
        if torch.cuda.memory_reserved() > KEPT_BYTES:
            torch.cuda.empty_cache()
    results.put(None)


def _batch(timer: Timer, batch: Sequence[Case]) -> list[Found]:
    """Return what every case of ``batch`` launched; nothing where it could not run."""
    torch = timer.torch
    timer.segments = []
    failed: set[int] = set()
    with traced() as events:
        for place, case in enumerate(batch):
            try:
                launch = build({**case, "fill": "any"})
                timer.mark(place, "one", 0)
                launch()
            except RuntimeError:
                failed.add(place)
            timer.mark(-1, "setup", 0)
        torch.cuda.synchronize()
    runs = split(events, timer.segments)
    return [
        [] if place in failed else _found(runs.get((place, "one", 0), []))
        for place in range(len(batch))
    ]


def _found(run: Sequence[dict[str, Any]]) -> Found:
    names = Counter(event["name"][:NAME_CHARS] for event in run)
    grids: dict[str, list[int] | None] = {}
    for event in run:
        grids.setdefault(event["name"][:NAME_CHARS], event.get("args", {}).get("grid"))
    return [(name, count, grids[name]) for name, count in names.items()]


def _write(store: Store, cases: Sequence[Case], found: Sequence[Found]) -> None:
    names: dict[str, int] = {}
    forms: dict[tuple[Any, ...], int] = {}
    launched: dict[tuple[tuple[int, int], ...], int] = {}
    rows: list[Any] = []
    for case, kernels in zip(cases, found, strict=True):
        form = tuple(case.get(field, usual) for field, usual in FORM.items())
        key = tuple((names.setdefault(n, len(names)), count) for n, count, _ in kernels)
        grids = (grid for n, _, grid in kernels if not any(part in n for part in AROUND))
        places = forms.setdefault(form, len(forms)), launched.setdefault(key, len(launched))
        rows.append([*(case[field] for field in FIELDS[:7]), *places, next(grids, None)])
    store.meta |= {"fields": list(FIELDS), "form": list(FORM), "forms": list(forms)}
    store.meta |= {"names": list(names), "launches": list(launched)}
    store.cases = rows
