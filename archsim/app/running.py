"""``archsim run`` and ``archsim report``: from a run file to results, Pareto front and report."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archsim.app.details import KEPT, UNEXPLAINED, detail_of
from archsim.app.device_summary import device_summary
from archsim.app.evidence import MEASURED, RTL, keep, kept
from archsim.app.finished import (
    RUN,
    STORE,
    front_keys,
    history,
    read_json,
    read_run,
    results_file,
)
from archsim.app.output import write_json
from archsim.app.points import evaluate
from archsim.app.results import sampled
from archsim.app.timeline import copy_timeline, design_timeline, keep_timeline, kept_events
from archsim.app.vocabulary import vocabulary
from archsim.config import Design, RunFile, load_run
from archsim.config.constraint import from_plain
from archsim.config.load import run_from_document
from archsim.config.paths import run_files
from archsim.config.yaml_strict import parse_document
from archsim.errors import CheckError, ConfigError
from archsim.report.data import ReportData, best
from archsim.sweep.executor import ExecutorFactory, local_executor
from archsim.sweep.run import SweepSummary, run_sweep
from archsim.sweep.space import ABSENT, Space

EVALUATE = "archsim.app.points:evaluate"
METRICS = "archsim.app.points:metrics"
IDENTIFY = "archsim.app.points:identify"
FORGET = "archsim.app.points:forget"
REPORT = "report.html"
DETAILED = 40
"""Pareto points whose operators go into the report."""


@dataclass(frozen=True)
class Request:
    """What the command line asks ``run`` for."""

    file: Path
    device: str | None = None
    batch: int | None = None
    overrides: tuple[str, ...] = ()
    workers: int = 1
    cluster: str | None = None
    output: Path | None = None
    yes: bool = False


@dataclass(frozen=True)
class Outcome:
    """A finished run: its folder, what the sweep did, and what a report shows."""

    folder: Path
    summary: SweepSummary
    report: ReportData


def load(request: Request) -> RunFile:
    """Return the validated run of ``request``: a file, a preset's name, or an ONNX model."""
    if (preset := run_files().get(str(request.file))) and not request.file.exists():
        request = replace(request, file=preset)
    if request.file.suffix.lower() == ".onnx":
        return _onnx_run(request)
    if request.batch is not None:
        raise ConfigError("--batch is for ONNX models; use --set workload.batch=N with a run file")
    overrides = request.overrides
    if request.device is not None:
        overrides = (*overrides, f"device={request.device}")
    return load_run(request.file, overrides, vocabulary())


def run(request: Request) -> Outcome:
    """Run ``request`` and write its output folder."""
    return run_loaded(load(request), request)


def run_loaded(loaded: RunFile, request: Request) -> Outcome:
    """Run what was loaded for ``request`` and write its output folder."""
    loaded.confirm_size(request.yes)
    folder = request.output or Path("archsim-out") / loaded.name
    _prepare(folder)
    executor, workers = _executor(request)
    space = space_of(loaded)
    whole = min(space.size, loaded.search.budget if loaded.search else space.size) <= KEPT
    with _progress() as progress:
        summary = run_sweep(
            space, loaded.context(),
            evaluate=EVALUATE if whole else METRICS, identify=IDENTIFY, forget=FORGET,
            store_path=folder / STORE, workers=workers, executor=executor, progress=progress,
            minimize=loaded.minimize, constraints=loaded.constraints, search=loaded.search,
            output=folder,
        )  # fmt: skip
    _describe(folder, loaded)
    data = report_data(folder)
    top = best(data.points, data.minimize, data.constraints)
    made = design_timeline(loaded.context(), top["overrides"]) if top is not None else None
    keep_timeline(folder, made)
    data = replace(data, timeline=kept_events(folder))
    _write_report(folder, data)
    return Outcome(folder, summary, data)


def run_and_print(request: Request, json_file: Path | None, timeline: Path | None = None) -> None:
    """Run, print the summary, and write JSON and the best design's timeline where asked for.

    Raises ``CheckError`` where a point failed a self-check, ``ConfigError`` where all failed.
    """
    outcome = run(request)
    _print(outcome.report, outcome.folder, outcome.summary)
    if json_file is not None:  # all points in memory, so only where asked for
        write_json(json_file, _as_json(outcome.folder))
    if timeline is not None:
        copy_timeline(outcome.folder, timeline)
    summary = outcome.summary
    for failure in summary.by_class:
        if failure.error == CheckError.__name__:
            count = f"{failure.points} of {summary.points} points"
            raise CheckError(f"{count} failed a self-check, such as: {failure.reason}")
    if summary.points and summary.failed == summary.points:
        raise ConfigError(f"every point failed: {summary.failures[0].reason}")


def report_and_print(
    folder: Path, json_file: Path | None, rtl: Path | None = None, measured: Path | None = None
) -> None:
    """Write the report of a finished run again, with further evidence, and print its summary."""
    read_run(folder)
    for kind, file in ((RTL, rtl), (MEASURED, measured)):
        if file is not None:
            keep(folder, kind, file)
    data = report_data(folder)
    _write_report(folder, data)
    _print(data, folder)
    if json_file is not None:
        write_json(json_file, _as_json(folder))


def evaluate_run(described: Path | Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer (``PointResult.to_dict``) of a run of one point, a file or plain data.

    Plain data with ``bench`` is a micro-benchmark with its ``device``; its one metric is
    ``predicted``.
    """
    if not isinstance(described, Path) and "bench" in described:
        from archsim.app.microbench import predict
        from archsim.app.sm_device import sm_device

        record = {key: value for key, value in described.items() if key != "device"}
        found = predict(record, sm_device(str(described.get("device"))))
        return {"metrics": {"predicted": found["predicted"]}, "operators": []}
    if isinstance(described, Path):
        loaded = load_run(described, (), vocabulary())
    else:
        loaded = load_data(dict(described), Request(file=Path("run.yaml")))
    if loaded.sweep.count != 1:
        raise ConfigError(f"the run must have one point, not {loaded.sweep.count}")
    (values,) = loaded.sweep.points()
    return evaluate(loaded.context(), values)


def space_of(loaded: RunFile) -> Space:
    """Return the sweep's points by index."""
    sweep = loaded.sweep
    if sweep.mode == "list":
        columns = {p: [row.get(p, ABSENT) for row in sweep.rows] for p in sweep.axes}
        return Space("list", columns)
    return Space(sweep.mode, sweep.axes)


def report_data(folder: Path) -> ReportData:
    """Collect what a report shows from a finished run's output folder."""
    described = read_run(folder)
    search = described.get("search", "")
    front = front_keys(folder)
    limits = from_plain(described.get("constraints", {}))
    sample = sampled(
        results_file(folder), set(front), described["minimize"], limits, described["axes"]
    )
    points = [_shown(point) for point in sample.points]
    wanted = dict.fromkeys(front[:DETAILED])
    if (top := best(points, described["minimize"], limits)) is not None:
        wanted[top["key"]] = None
    overrides = {p["key"]: p["overrides"] for p in points if p["key"] in wanted}
    context = described["context"]
    looked = {p["key"]: detail_of(folder, context, p) for p in points if p["key"] in wanted}
    design = Design.from_context(context)
    details = {
        key: {**detail, "device": device_summary(design.point(overrides[key]).device)}
        for key, detail in looked.items()
        if detail is not None
    }
    return ReportData(
        title=described["title"], minimize=described["minimize"], constraints=limits,
        axes=described["axes"],
        points=points, designs=sample.designs, pareto=front, details=details,
        device=described["device_summary"], config=context,
        left_out=sample.left_out, reasons=sample.reasons,
        search=search, history=history(folder) if search else (), timeline=kept_events(folder),
        rtl=kept(folder, RTL), validation=kept(folder, MEASURED),
        unexplained=UNEXPLAINED if top is not None and top["key"] not in details else "",
    )  # fmt: skip


def _onnx_run(request: Request) -> RunFile:
    if request.device is None:
        raise ConfigError(f"{request.file}: an ONNX model needs --device, such as --device h200")
    workload: dict[str, Any] = {"onnx": str(request.file.absolute())}
    if request.batch is not None:
        workload["batch"] = request.batch
    name = _ascii_name(request.file.stem)
    return load_data({"name": name, "workload": workload, "device": request.device}, request)


def _ascii_name(stem: str) -> str:
    """A run's name from any file name."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", stem).lstrip("_-")[:100] or "model"


def load_data(data: dict[str, Any], request: Request) -> RunFile:
    """Return the validated run of plain ``data``, relative to the working folder."""
    document = parse_document(json.dumps(data), str(request.file))
    return run_from_document(document, Path("run.yaml"), request.overrides, vocabulary())


def _prepare(folder: Path) -> None:
    """Make the output folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _describe(folder: Path, loaded: RunFile) -> None:
    """Write down what ran, once its results stand: a run that is refused changes nothing."""
    described = {
        "title": loaded.name,
        "minimize": list(loaded.minimize),
        "constraints": {c.metric: c.to_dict() for c in loaded.constraints},
        "axes": list(loaded.sweep.axes),
        "search": _search_text(loaded),
        "device_summary": device_summary(loaded.device),
        "context": loaded.context(),
    }
    text = json.dumps(described, indent=1, sort_keys=True) + "\n"
    try:
        (folder / RUN).write_text(text, encoding="utf-8")
    except OSError as error:
        raise _unwritable(folder, error) from None


def _executor(request: Request) -> tuple[ExecutorFactory, int]:
    """Who evaluates, and how many of them."""
    if request.cluster is None:
        return local_executor, request.workers
    if request.workers != 1:
        raise ConfigError("--workers counts local processes: leave it out with --cluster")
    from archsim.sweep.cluster import cluster  # only clusters need Dask

    return cluster(request.cluster)


def _search_text(loaded: RunFile) -> str:
    """Say who chose the points, and among how many."""
    search, count = loaded.search, loaded.sweep.count
    if search is None:
        return ""
    seen = min(search.budget, count)
    share = 100 * seen / count
    seeded = "" if search.method == "grid" else f" (seed {search.seed})"
    return (
        f"search: {search.method}{seeded} looked at {seen} of {count:,} combinations"
        f" ({share:.3g} %)"
    )


def _unwritable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"--output: {folder} must be a folder that can be written ({error.strerror})"
    )


def _shown(point: dict[str, Any]) -> dict[str, Any]:
    """A stored point in the report's words."""
    status = "done" if point["status"] == "ok" else "failed"
    return {**point, "status": status, "error": point["reason"]}


def _write_report(folder: Path, data: ReportData) -> None:
    from archsim.report.html import write_report

    write_report(folder / REPORT, data)


def _print(data: ReportData, folder: Path, summary: SweepSummary | None = None) -> None:
    from rich.console import Console

    from archsim.report.terminal import render_run

    console = Console()
    console.print(render_run(data, folder / REPORT, console.width))
    if summary is not None and summary.reused:
        text = f"{summary.reused:,} of {summary.points:,} points were in {folder / STORE} already"
        console.print(text, soft_wrap=True)


def _as_json(folder: Path) -> dict[str, Any]:
    described = read_run(folder)
    results = read_json(results_file(folder), ("points",))
    return {
        "run": described["context"],
        "minimize": described["minimize"],
        "constraints": described.get("constraints", {}),
        **results,
    }


def _progress() -> Any:
    from archsim.app.progress import progress_bar

    return progress_bar()
