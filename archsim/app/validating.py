"""``archsim validate``: measured and published figures beside the models' predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from archsim.app.device_summary import device_summary
from archsim.app.output import write_json
from archsim.app.progress import spinner
from archsim.config import load_device
from archsim.errors import ConfigError
from archsim.validate.cases import Case

Files = Mapping[str, Path | None]


def validate_and_print(
    files: Files,
    device: str | None,
    kernels: str,
    json_file: Path | None,
    report: Path | None = None,
) -> int:
    """Print the comparison that exactly one of ``files`` asks for; 1 where a counted row misses."""
    given = [(kind, file) for kind, file in files.items() if file is not None]
    if len(given) != 1:
        options = ", ".join(f"--{kind}" for kind in files)
        raise ConfigError(f"validate must be given exactly one of {options}, not {len(given)}")
    if kernels not in ("predicted", "recorded"):
        raise ConfigError(f"--kernels must be predicted or recorded, not {kernels!r}")
    kind, file = given[0]
    if report is not None and kind != "measured":
        raise ConfigError(f"--report must be given with --measured, not with --{kind}")
    if kernels == "recorded" and kind != "measured":
        raise ConfigError(f"--kernels recorded must be given with --measured, not with --{kind}")
    verbs: dict[str, Callable[[Path, str | None, str], tuple[Any, Any, int]]] = {
        "measured": _measured, "models": _models, "sustained": _sustained,
        "published": _published,
    }  # fmt: skip
    with spinner(f"predicting {file.name}"):
        shown, data, code = verbs[kind](file, device, kernels)
    _print(shown)
    write_json(json_file, data)
    if report is not None:
        _write_page(report, file, device, data)
    return code


def _write_page(page: Path, file: Path, device: str | None, data: Mapping[str, Any]) -> None:
    """Write the HTML page of a validation: the scatter plot and the classes' errors."""
    from archsim.report.data import ReportData
    from archsim.report.html import write_report

    if page.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--report must be a .html file, not {page}")
    title = f"{file.name} on {device}: measured against predicted"
    shown = ReportData(
        title=title, minimize=(), axes=(), points=(), validation=data,
        device=device_summary(load_device(str(device))),
    )  # fmt: skip
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        write_report(page, shown)
    except OSError as error:
        raise ConfigError(
            f"--report: {page} must be a file that can be written ({error.strerror})"
        ) from None
    print(page)


def _print(shown: Any) -> None:
    from rich.console import Console

    Console().print(shown)


def _model(device: str | None) -> Any:
    from archsim.config.gpu import GpuDevice
    from archsim.models.gpu import GpuModel

    if device is None:
        raise ConfigError("validate needs --device, such as --device h200")
    loaded = load_device(device)
    if not isinstance(loaded, GpuDevice):
        raise ConfigError(f"--device must be a GPU, not {device!r}")
    return GpuModel(loaded)


def baseline(device: Any) -> Any:
    """Return the roofline of a GPU that predictions are compared with."""
    from archsim.validate import Roofline

    summary = device_summary(device)
    return Roofline(summary["peaks"], summary["bandwidth"], float(device.tensor.sparse_factor))


def _measured(file: Path, device: str | None, kernels: str) -> tuple[Any, Any, int]:
    from archsim.app.recorded_kernels import chooser
    from archsim.report.terminal_validate import render_validation
    from archsim.validate import load_dataset, validate_measured

    model = _model(device)
    choose = chooser(model.device) if kernels == "recorded" else None
    result = validate_measured(load_dataset(file), model.price, baseline(model.device), choose)
    return render_validation(result), result.to_dict(), 0


def _models(file: Path, device: str | None, kernels: str) -> tuple[Any, Any, int]:
    from archsim.app.measured_models import predictor
    from archsim.report.terminal_validate import render_models
    from archsim.validate import load_dataset, validate_models

    result = validate_models(load_dataset(file), predictor(_model(device)))
    return render_models(result), result.to_dict(), 0


def _sustained(file: Path, device: str | None, kernels: str) -> tuple[Any, Any, int]:
    from archsim.report.terminal_validate import render_sustained
    from archsim.validate import load_dataset, validate_sustained

    result = validate_sustained(load_dataset(file), steady_predictor(_model(device)))
    return render_sustained(result), result.to_dict(), 0


def steady_predictor(model: Any) -> Callable[[Case], tuple[float, float, float]]:
    """Return the function that predicts a steady state: µs, joules and MHz of the SM clock."""
    from archsim.validate import spec_from_case

    def predict(case: Case) -> tuple[float, float, float]:
        steady = model.sustain(spec_from_case(case), 0.0 if case.get("fill") == "zeros" else 1.0)
        return steady.us, steady.joules, steady.sm_clock_hz / 1e6

    return predict


def _published(file: Path, device: str | None, kernels: str) -> tuple[Any, Any, int]:
    from archsim.app.running import evaluate_run
    from archsim.report.terminal_validate import render_published
    from archsim.validate import validate_published
    from archsim.validate.feasible import feasible_ranges

    result = validate_published(file, evaluate_run)
    ranges = feasible_ranges(result.rows, evaluate_run, _constant)
    data = {**result.to_dict(), "calibrated": [found.to_dict() for found in ranges]}
    return render_published(result, ranges), data, result.exit_code


def _constant(run: Any, path: str) -> float | None:
    """The value at ``path`` of the device of a run, if there is one."""
    value: Any = load_device(str(run["device"]))
    for name in path.split("."):
        value = getattr(value, name, None)
    return value if value is None or isinstance(value, int) else float(value)
