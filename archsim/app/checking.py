"""``archsim check``: validate a file and show what it resolves to, evaluating nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archsim.app.output import print_table, write_json
from archsim.app.running import Request, load
from archsim.app.workload import build_graph
from archsim.config import Constant, Device, RunFile, is_device_file, load_device
from archsim.config.digest import digest, plain
from archsim.config.paths import device_files, run_files
from archsim.graph import Graph

SHOWN_VALUES = 16


def check_and_print(
    file: Path, overrides: tuple[str, ...], device: str | None, json_file: Path | None
) -> None:
    """Print the resolved design of a run file, device file or ONNX model; presets go by name."""
    if not file.exists():
        file = {**device_files(), **run_files()}.get(str(file), file)
    if file.suffix.lower() != ".onnx" and is_device_file(file):
        loaded = load_device(file, overrides)
        _print_device(loaded)
        write_json(json_file, {"device": plain(loaded), "digest": digest(loaded)})
        return
    run = load(Request(file=file, device=device, overrides=overrides))
    graph = build_graph(run.workload.to_dict())
    _print_run(run, graph)
    facts = _graph_facts(graph)
    write_json(json_file, {"run": run.context(), "digest": run.digest, "graph": facts})


def _print_run(run: RunFile, graph: Graph) -> None:
    device = getattr(run.device, "title", getattr(run.device, "name", ""))
    swept = {p: _values(v) for p, v in run.sweep.axes.items()}
    rows: dict[str, Any] = {
        "name": run.name,
        "workload": ", ".join(f"{k}={v}" for k, v in run.workload.to_dict().items()),
        **_graph_facts(graph),
        "device": device,
        "points": run.sweep.count,
        **({"search": ", ".join(map(str, run.search.to_dict().values()))} if run.search else {}),
        **{f"sweep {path}": values for path, values in swept.items()},
        "minimize": ", ".join(run.minimize),
        **({"constraints": ", ".join(map(str, run.constraints))} if run.constraints else {}),
        "digest": run.digest,
    }
    print_table("Run", [{"what": k, "value": v} for k, v in rows.items()])
    _print_device(run.device)


def _values(values: Sequence[object]) -> str:
    """Return the values of an axis, those in the middle left out where they are many."""
    if len(values) <= SHOWN_VALUES:
        return ", ".join(map(str, values))
    return f"{values[0]}, {values[1]}, … {values[-1]} ({len(values)} values)"


def _graph_facts(graph: Graph) -> dict[str, Any]:
    return {
        "operators": len(graph.ops),
        "distinct operators": len(graph.counts),
        "parameters": graph.parameters,
        "MACs": graph.macs,
        "FLOPs": graph.flops,
    }


def _print_device(device: Device) -> None:
    print_table(
        f"Device {getattr(device, 'title', '')}",
        [_row(path, constant) for path, constant in device.constants()],
    )


def _row(path: str, constant: Constant) -> dict[str, str]:
    spread = f" ±{100 * constant.uncertainty:g} %" if constant.uncertainty else ""
    return {
        "constant": path,
        "value": f"{constant.value:g} {constant.unit}",
        "basis": constant.basis + spread,
        "source": constant.source,
    }
