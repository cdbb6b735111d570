"""Random convolutions for models of cuDNN's choice, and the kernels it would choose among.

``conv_choice`` has many more shapes of networks in one run each, for the choice alone.
The suites ``conv`` and ``conv_holdout`` hold shapes of vision networks (two thirds; sides as in
the suite ``operators``) and shapes from a wider space: any batch, odd channel counts, further
groupings, four data types, channels-first images. ``conv_engines`` lets cuDNN time every engine
that it has for a shape (``cudnn.benchmark``) and keeps all kernels of that search.
"""

from __future__ import annotations

import random
import time
from typing import Any

from workloads.measure.counts import Case, counted
from workloads.measure.device import Nvml
from workloads.measure.operators import build
from workloads.measure.random_suite import conv2d, log_int
from workloads.measure.store import Store
from workloads.measure.timing import NAME_CHARS, SETUP, Timer, split, traced

MAX_FLOPS, MAX_BYTES = 2e11, 1.2e9
SIZES = (7, 8, 14, 16, 24, 28, 32, 48, 56, 64, 96, 112, 128, 160, 224)
DTYPES = ("fp16", "fp16", "fp16", "fp16", "bf16", "bf16", "tf32", "tf32", "fp32")
METHOD = (
    "cudnn.benchmark with no limit: sequence is every kernel of cuDNN's search over its engines in "
    "order of start as [name index, us, grid]; each engine runs twice in a row (warm caches), and "
    "the one taken once more at the end; launches are [block, registers, shared memory] by name"
)


def wide(rng: random.Random) -> Case:
    """A convolution of any batch, channel count, grouping, layout and data type."""
    r, stride = rng.choice((1, 1, 3, 3, 3, 5, 7)), rng.choice((1, 1, 1, 2, 2, 4))
    cin, cout = (log_int(rng, 8, 2048, rng.choice((8, 8, 16, 32))) for _ in range(2))
    groups, kind = 1, rng.random()
    if kind < 0.12:
        cin = rng.choice((1, 3, 3, 3, 4, 6, 12, 20, 36))
    elif kind < 0.42:
        groups = rng.choice((2, 4, 8, 16, 32, 64))
        each = rng.choice((4, 8, 8, 12, 16, 16, 24, 32, 32, 48, 64, 96, 128))
        cin = cout = groups * each
        if rng.random() < 0.3:
            cout = groups * rng.choice((4, 8, 16, 32, 64))
    elif kind < 0.62:
        cin = cout = groups = log_int(rng, 16, 1536, 8)
        r = rng.choice((3, 3, 3, 5, 7))
    more = {"layout": "nchw"} if rng.random() < 0.15 else {}
    return {
        "op": "conv2d", "n": log_int(rng, 1, 256), "cin": cin, "cout": cout,
        "hw": rng.choice(SIZES), "r": r, "stride": stride, "groups": groups,
        "dtype": rng.choice(DTYPES), **more,
    }  # fmt: skip


def suite(seed: int = 41, networks: int = 2200, further: int = 1100) -> list[Case]:
    """Cases of both kinds, in random order."""
    rng = random.Random(seed)
    found: dict[str, Case] = {}
    for maker, count in ((conv2d, networks), (wide, further)):
        target = len(found) + count
        while len(found) < target:
            case = counted(maker(rng))
            if case["flops"] <= MAX_FLOPS and case["bytes"] <= MAX_BYTES:
                found[str(case)] = case
    cases = list(found.values())
    rng.shuffle(cases)
    return cases


def holdout_suite() -> list[Case]:
    """Fresh cases that judge a model of convolution."""
    fitted = {str(case) for case in suite()}
    return [c for c in suite(seed=42, networks=260, further=130) if str(c) not in fitted]


CHANNELS = (
    16, 24, 32, 48, 64, 96, 128, 144, 160, 192, 256, 320, 384, 512, 576, 640, 768, 960, 1024, 1280,
    1536, 2048,
)  # fmt: skip


def layer(rng: random.Random) -> Case:
    """A layer as networks have them: usual channel counts, any power of two as the batch."""
    cin, cout = rng.choices(CHANNELS, k=2)
    r, groups, kind = rng.choice((1, 3, 3, 3, 5, 7)), 1, rng.random()
    if kind < 0.1:
        cin = cout = groups = rng.choice(CHANNELS)
        r = max(r, 3)
    elif kind < 0.2:
        groups = rng.choice((2, 8, 16, 32))
        cin = cout = groups * rng.choice((4, 8, 16, 32, 64))
    return {
        "op": "conv2d", "n": 1 << rng.randrange(9), "cin": cin, "cout": cout,
        "hw": rng.choice((7, 14, 28, 56, 112)), "r": r, "stride": rng.choice((1, 1, 2)),
        "groups": groups, "dtype": "fp16",
    }  # fmt: skip


def choice_suite(seed: int = 44, networks: int = 14000, layers: int = 3500) -> list[Case]:
    """Shapes that have no matrix product for a kernel, without those of the other suites."""
    rng = random.Random(seed)
    known = {str(case) for case in (*suite(), *holdout_suite())}
    found: dict[str, Case] = {}
    for maker, count in ((conv2d, networks), (layer, layers)):
        target = len(found) + count
        while len(found) < target:
            case = counted(maker(rng))
            product = (case["groups"], case["r"], case["stride"]) == (1, 1, 1)
            small = case["flops"] <= MAX_FLOPS and case["bytes"] <= MAX_BYTES
            if small and not product and str(case) not in known:
                found[str(case)] = case
    cases = list(found.values())
    rng.shuffle(cases)
    return cases


def engine_cases() -> list[Case]:
    """The shapes whose engines are all timed."""
    return suite(seed=43, networks=140, further=60)


def engines(name: str, store: Store, nvml: Nvml, deadline: float) -> None:
    """Record, per shape, every kernel that cuDNN's own search runs; until ``deadline``."""
    import torch

    store.meta["method"], timer = METHOD, Timer()
    torch.backends.cudnn.benchmark, torch.backends.cudnn.benchmark_limit = True, 0
    names: dict[str, int] = {}
    launches: list[list[Any]] = []
    todo = engine_cases()
    for done, case in enumerate(todo):
        store.meta["unmeasured"] = len(todo) - done
        if time.monotonic() > deadline:
            break
        try:
            store.add([_searched(case, timer, names, launches)])
        except Exception as error:
            store.add([{**case, "error": f"{type(error).__name__}: {str(error)[:160]}"}])
        store.meta["names"], store.meta["launches"] = list(names), launches
    else:
        store.meta["unmeasured"] = 0
    torch.backends.cudnn.benchmark, torch.backends.cudnn.benchmark_limit = False, 10


def _searched(
    case: Case, timer: Timer, names: dict[str, int], launches: list[list[Any]]
) -> Case:  # fmt: skip
    """Return ``case`` with every kernel that its first call under ``cudnn.benchmark`` runs."""
    launch = build(case)
    timer.segments = []
    with traced() as events:
        timer.settle()
        timer.mark(0, "search", 0)
        launch()
        timer.torch.cuda.synchronize()
        timer.mark(*SETUP)
        timer.torch.cuda.synchronize()
    rows = []
    for event in split(events, timer.segments)[0, "search", 0]:
        args = event.get("args", {})
        title = event["name"][:NAME_CHARS]
        if title not in names:
            names[title] = len(names)
            fields = ("block", "registers per thread", "shared memory")
            launches.append([args.get(field) for field in fields])
        rows.append([names[title], round(float(event["dur"]), 3), args.get("grid")])
    return {**case, "sequence": rows}
