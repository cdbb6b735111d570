"""The suite ``models``: whole networks, eager and as a CUDA graph, every kernel in launch order."""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Iterator
from typing import Any

from workloads.measure.counts import Case
from workloads.measure.device import Nvml
from workloads.measure.operators import Launch
from workloads.measure.store import Store
from workloads.measure.timing import NAME_CHARS, SETUP, Timer, span_us, split, total_us, traced

Runs = list[list[dict[str, Any]]]

RUNS, REPLAYS, CAPTURES = 5, 20, 5
BUSY_CYCLES = 2_000_000  # a spin of ~1 ms: longer than the host takes to launch a graph
METHOD = (
    "eager inference with random weights, warm caches: kernel_sum_us is the median of {runs} runs "
    "of the summed CUPTI kernel durations; graph_us the median of {replays} CUDA-graph replays, of "
    "{captures} captures the median one (graph_us_min, graph_us_max: the extreme ones); "
    "graph_queued_us the same where the GPU is still busy when the host launches the graph, "
    "graph_host_us the host's time of that launch; "
    "graph_sum_us and graph_span_us from CUPTI over replays; sequence is every kernel in order of "
    "start as [name index, us (median over the runs), grid, threads a block, us in the graph]"
)
CONVOLUTIONAL = ("resnet", "mobilenet", "convnext")
NETWORKS = ("resnet18", "resnet50", "mobilenetv2_100", "convnext_tiny")
TRANSFORMERS = (
    "vit_base_patch16_224", "deit_tiny_patch16_224", "vit_small_patch16_224",
    "vit_large_patch16_224", "deit_small_patch16_224", "deit_base_patch16_224",
    "swin_tiny_patch4_window7_224",
)  # fmt: skip
LLAMAS: dict[str, tuple[int, int, int, int]] = {
    "llama32_3b_2layers": (3072, 8192, 24, 8),
    "llama2_70b_2layers": (8192, 28672, 64, 8),
    "llama2_7b_2layers": (4096, 11008, 32, 32),
    "llama3_8b_2layers": (4096, 14336, 32, 8),
    "llama32_1b_2layers": (2048, 8192, 32, 8),
    "llama2_13b_2layers": (5120, 13824, 40, 40),
}  # hidden, intermediate, heads, key-value heads
LLAMA_SIZES = {
    "llama2_7b_2layers": ((1, 512), (4, 2048), (1, 128), (1, 2048), (8, 512), (16, 1)),
    "llama3_8b_2layers": ((1, 512), (1, 2048), (4, 1024), (1, 1)),
    "llama32_1b_2layers": ((1, 512), (4, 1024)),
    "llama2_13b_2layers": ((1, 512), (2, 1024)),
}


JUDGE_IMAGES = (
    ("vit_base_patch16_224", 2), ("vit_base_patch16_224", 16), ("vit_base_patch32_224", 1),
    ("deit_base_patch16_224", 4), ("deit_tiny_patch16_224", 32), ("vit_large_patch16_224", 16),
    ("swin_small_patch4_window7_224", 4), ("convnext_small", 4), ("resnet34", 4), ("resnet50", 2),
    ("resnet50", 32), ("resnet101", 16), ("mobilenetv2_100", 32),
)  # fmt: skip
JUDGE_LLAMAS = (
    ("llama2_7b_2layers", 1, 1), ("llama2_7b_2layers", 2, 256), ("llama3_8b_2layers", 8, 1),
    ("llama3_8b_2layers", 2, 1024), ("llama32_1b_2layers", 1, 1), ("llama32_1b_2layers", 8, 256),
    ("llama2_13b_2layers", 4, 1), ("llama3_8b_2layers", 1, 64),
)  # fmt: skip


BLIND_IMAGES = (
    ("resnet18", 32), ("resnet50", 16), ("resnet101", 1), ("resnet152", 8),
    ("mobilenetv2_100", 4), ("convnext_small", 1), ("convnext_base", 8),
    ("swin_small_patch4_window7_224", 16), ("swin_base_patch4_window7_224", 1),
    ("vit_large_patch16_224", 4), ("vit_base_patch32_224", 32), ("vit_small_patch16_224", 32),
    ("deit_tiny_patch16_224", 2), ("deit_base_patch16_224", 24),
)  # fmt: skip
BLIND_LLAMAS = (
    ("llama2_7b_2layers", 1, 1024), ("llama2_7b_2layers", 32, 1), ("llama2_13b_2layers", 1, 1),
    ("llama3_8b_2layers", 16, 1), ("llama3_8b_2layers", 4, 128), ("llama32_1b_2layers", 4, 1),
    ("llama32_1b_2layers", 1, 128), ("llama32_3b_2layers", 1, 1), ("llama32_3b_2layers", 2, 256),
    ("llama2_70b_2layers", 1, 512),
)  # fmt: skip
REPEATED_IMAGES = (
    ("convnext_tiny", 1), ("resnet34", 4), ("deit_tiny_patch16_224", 1), ("resnet18", 1),
    ("resnet50", 1), ("deit_tiny_patch16_224", 8), ("swin_tiny_patch4_window7_224", 1),
    ("mobilenetv2_100", 1),
)  # fmt: skip
REPEATED_LLAMAS = (
    ("llama2_7b_2layers", 16, 1), ("llama32_1b_2layers", 1, 1), ("llama3_8b_2layers", 1, 1),
    ("llama3_8b_2layers", 1, 64),
)  # fmt: skip
OTHERS = {
    "models_judge": (JUDGE_IMAGES, JUDGE_LLAMAS),
    "models_blind": (BLIND_IMAGES, BLIND_LLAMAS),
    "models_repeat": (REPEATED_IMAGES, REPEATED_LLAMAS),
}
"""Images, then language models, of the suites that judge: two of models and sizes that no constant
was fitted to, and small models of the other suites again, for the spread of the measurement."""


def judge_cases(name: str = "models_judge") -> Iterator[Case]:
    """The models of a judging suite."""
    images, llamas = OTHERS[name]
    for model, batch in images:
        yield _image_case(model, batch)
    for model, batch, seq in llamas:
        yield _llama_case(model, batch, seq)


def cases() -> Iterator[Case]:
    """The models, the shipped dataset's first."""
    shipped = (("vit_base_patch16_224", 1), ("vit_base_patch16_224", 32), ("resnet50", 1),
               ("resnet50", 64), ("deit_tiny_patch16_224", 8))  # fmt: skip
    for name, batch in shipped:
        yield _image_case(name, batch)
    for name, sizes in LLAMA_SIZES.items():
        for batch, seq in sizes:
            yield _llama_case(name, batch, seq)
    for batch in (1, 8, 64):
        for name in (*NETWORKS, *TRANSFORMERS):
            if (name, batch) not in shipped:
                yield _image_case(name, batch)


def _llama_case(name: str, batch: int, seq: int) -> Case:
    hidden, inner, heads, kv_heads = LLAMAS[name]
    return {
        "model": name, "hidden": hidden, "intermediate": inner, "heads": heads,
        "kv_heads": kv_heads, "layers": 2, "batch": batch, "seq": seq, "dtype": "bf16",
    }  # fmt: skip


def _image_case(name: str, batch: int) -> Case:
    layout = "nhwc" if name.startswith(CONVOLUTIONAL) else "nchw"
    return {"model": name, "batch": batch, "dtype": "fp16", "layout": layout}


def build(case: Case, torch: Any) -> tuple[Launch, int]:
    """The call that runs the model once, and its number of parameters."""
    with torch.device("cuda"):
        if "seq" in case:
            model, inputs = _llama(case, torch)
        else:
            model, inputs = _image_model(case, torch)
    model = model.eval().requires_grad_(False)
    return (lambda: model(**inputs)), sum(p.numel() for p in model.parameters())


def _image_model(case: Case, torch: Any) -> tuple[Any, dict[str, Any]]:
    timm = importlib.import_module("timm")
    model = timm.create_model(case["model"], pretrained=False).half()
    x = torch.randn(case["batch"], 3, 224, 224, dtype=torch.float16)
    if case["layout"] == "nhwc":
        model = model.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    return model, {"x": x}


def _llama(case: Case, torch: Any) -> tuple[Any, dict[str, Any]]:
    transformers = importlib.import_module("transformers")
    config = transformers.LlamaConfig(
        hidden_size=case["hidden"], intermediate_size=case["intermediate"],
        num_attention_heads=case["heads"], num_key_value_heads=case["kv_heads"],
        num_hidden_layers=case["layers"],
    )  # fmt: skip
    model = transformers.LlamaModel(config).to(torch.bfloat16)
    ids = torch.randint(0, config.vocab_size, (case["batch"], case["seq"]))
    return model, {"input_ids": ids, "use_cache": False}


def suite(name: str, store: Store, nvml: Nvml, deadline: float) -> None:
    """Measure every model into ``store`` until ``deadline``.

    The suite ``models_tuned`` lets cuDNN time its candidates (``cudnn.benchmark``), vision only;
    the suites of ``OTHERS`` judge.
    """
    import torch

    torch.backends.cudnn.benchmark = name == "models_tuned"
    store.meta["method"] = METHOD.format(runs=RUNS, replays=REPLAYS, captures=CAPTURES)
    store.meta["cudnn_benchmark"] = torch.backends.cudnn.benchmark
    for package in ("timm", "transformers"):
        store.meta[package] = importlib.import_module(package).__version__
    timer = Timer(RUNS, RUNS)
    if name in OTHERS:
        store.meta["purpose"], todo = "judge", list(judge_cases(name))
    else:
        todo = [case for case in cases() if "layout" in case or name == "models"]
    for done, case in enumerate(todo):
        store.meta["unmeasured"] = len(todo) - done
        if time.monotonic() > deadline:
            return
        try:
            with torch.inference_mode():
                store.add([measure(case, timer, torch)])
        except Exception as error:
            store.add([{**case, "error": f"{type(error).__name__}: {str(error)[:160]}"}])
    store.meta["unmeasured"] = 0


def measure(case: Case, timer: Timer, torch: Any) -> Case:
    """One model's sums, graph times and kernel sequence."""
    launch, params = build(case, torch)
    for _ in range(3):
        launch()
    eager, clock = _runs(timer, launch, RUNS)
    found, replays = _graph(timer, launch, torch)
    names: dict[str, int] = {}
    return {
        **case,
        "params": params,
        "kernel_sum_us": round(statistics.median(total_us(run) for run in eager), 3),
        "kernels": len(eager[0]),
        **found,
        "sm_mhz": clock,
        "sequence": _sequence(eager, replays, names),
        "names": list(names),
    }


def _graph(timer: Timer, launch: Launch, torch: Any) -> tuple[Case, Runs]:
    """Times of the captured graph and the events of its replays; none where capture fails."""
    times: list[float] = []
    try:
        for _ in range(CAPTURES):
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                launch()
            times.append(replay_us(torch, graph, REPLAYS))
        queued_us = replay_us(torch, graph, REPLAYS, BUSY_CYCLES)
    except RuntimeError as error:
        return {"graph_error": str(error).splitlines()[0][:160]}, []
    replays, _ = _runs(timer, graph.replay, RUNS)
    return {
        "graph_us": round(statistics.median(times), 3),
        "graph_us_min": round(min(times), 3),
        "graph_us_max": round(max(times), 3),
        "graph_queued_us": round(queued_us, 3),
        "graph_host_us": round(_host_us(torch, graph, REPLAYS), 3),
        "graph_sum_us": round(statistics.median(total_us(run) for run in replays), 3),
        "graph_span_us": round(statistics.median(span_us(run) for run in replays), 3),
    }, replays


def _runs(timer: Timer, launch: Launch, count: int) -> tuple[Runs, int]:
    """Device events of ``count`` runs, and the SM clock before them."""
    timer.segments = []
    with traced() as events:
        timer.settle()
        for run in range(count):
            timer.mark(0, "run", run)
            launch()
        timer.mark(*SETUP)
        timer.torch.cuda.synchronize()
    runs = split(events, timer.segments)
    clock = round(statistics.median(timer.clocks(events)[0, "run"]))
    return [runs[0, "run", run] for run in range(count)], clock


def replay_us(torch: Any, graph: Any, count: int, busy_cycles: int = 0) -> float:
    """Median time of a graph replay by events, in microseconds.

    With ``busy_cycles`` a kernel that spins so long runs before, so that the GPU need not wait for
    the host.
    """
    graph.replay()
    torch.cuda.synchronize()
    times: list[float] = []
    for _ in range(count):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        if busy_cycles:
            torch.cuda._sleep(busy_cycles)
        start.record()
        graph.replay()
        stop.record()
        stop.synchronize()
        times.append(1e3 * start.elapsed_time(stop))
    return statistics.median(times)


def _host_us(torch: Any, graph: Any, count: int) -> float:
    """Median time that the host takes to launch a graph on an idle GPU, in microseconds."""
    times: list[float] = []
    for _ in range(count):
        torch.cuda.synchronize()
        start = time.perf_counter()
        graph.replay()
        times.append(1e6 * (time.perf_counter() - start))
    return statistics.median(times)


def _sequence(eager: Runs, replays: Runs, names: dict[str, int]) -> list[list[Any]]:
    """Every kernel as [name index, us, grid, threads a block, us in the graph or None]."""
    same = [run for run in eager if len(run) == len(eager[0])]
    in_graph = [run for run in replays if len(run) == len(eager[0])]
    rows = []
    for i, event in enumerate(same[0]):
        args, block = event.get("args", {}), event.get("args", {}).get("block")
        graph_us = statistics.median(float(run[i]["dur"]) for run in in_graph) if in_graph else None
        rows.append([
            names.setdefault(event["name"][:NAME_CHARS], len(names)),
            round(statistics.median(float(run[i]["dur"]) for run in same), 3),
            args.get("grid"),
            block and block[0] * block[1] * block[2],
            graph_us and round(graph_us, 3),
        ])  # fmt: skip
    return rows
