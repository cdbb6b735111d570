"""The suite ``heuristic``: what cuBLASLt's heuristic answers for tens of thousands of products.

Nothing runs on the GPU but the library's start, so processes ask side by side. Every kernel
configuration stands once, in the dataset's ``meta.kernels``.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor

from workloads.measure.counts import Case
from workloads.measure.cublaslt import Library, Problem
from workloads.measure.cublaslt_shapes import heuristic_shapes
from workloads.measure.device import Nvml
from workloads.measure.store import Store

METHOD = (
    "cublasLtMatmulAlgoGetHeuristic as PyTorch calls it (workspace 32 MiB, none for int8): one row "
    "of `fields` a product, its best candidates as indices into `kernels`, rows of `kernel_fields`"
)
FIELDS = ("op", "dtype", "b", "m", "n", "k", "ranked")
KERNEL_FIELDS = (
    "algo", "tile", "stages", "cluster", "split_k", "custom", "reduction", "inner", "swizzle",
)  # fmt: skip
PLACES, GROUP, MOST_WORKERS = 4, 512, 14
UNSPLIT_WORKSPACE = ("int8",)
"""Types whose products PyTorch gives no workspace."""

Ranked = tuple[list[object], list[tuple[int, ...]]]


def ask(shapes: tuple[Case, ...]) -> list[Ranked]:
    """Return each product's row without its ranking, and the configurations of its best kernels."""
    import torch

    library = _library(torch)
    found: list[Ranked] = []
    for shape in shapes:
        try:
            problem = Problem(library, shape, torch)
            workspace = 0 if shape["dtype"] in UNSPLIT_WORKSPACE else None
            offered = problem.candidates(workspace)[:PLACES]
        except RuntimeError:  # the library has no kernel for it
            continue
        configurations = [problem.attributes(result) for result in offered]
        head = [shape.get(field, 1) for field in FIELDS[:-1]]
        found.append((head, [tuple(c[f] for f in KERNEL_FIELDS) for c in configurations]))
    return found


_kept: list[Library] = []


def _library(torch: object) -> Library:
    """Return this process's handle."""
    if not _kept:
        _kept.append(Library(torch))
    return _kept[0]


def suite(name: str, store: Store, nvml: Nvml, deadline: float) -> None:
    """Ask about every shape into ``store`` until ``deadline``."""
    import torch

    kernels: dict[tuple[int, ...], int] = {}
    store.meta.update(
        method=METHOD, cublaslt=Library(torch).version(), fields=FIELDS, kernel_fields=KERNEL_FIELDS
    )
    todo = tuple(heuristic_shapes())
    groups = [todo[i : i + GROUP] for i in range(0, len(todo), GROUP)]
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        for answers in pool.map(ask, groups):
            for head, ranked in answers:
                places = [kernels.setdefault(k, len(kernels)) for k in ranked]
                store.cases.append([*head, places])
            if time.monotonic() > deadline:
                pool.shutdown(cancel_futures=True)
                break
    store.meta["kernels"] = list(kernels)
