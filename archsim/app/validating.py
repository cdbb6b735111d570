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
from archsim.validate.cases import Case, Dataset
from archsim.validate.measured import CACHES

Files = Mapping[str, Path | None]


def validate_and_print(
    files: Files,
    device: str | None,
    kernels: str,
    json_file: Path | None,
    report: Path | None = None,
    caches: str = "cold",
) -> int:
    """Print the comparison that exactly one of ``files`` asks for; 1 where a counted row misses."""
    given = [(kind, file) for kind, file in files.items() if file is not None]
    if len(given) != 1:
        options = ", ".join(f"--{kind}" for kind in files)
        raise ConfigError(f"validate must be given exactly one of {options}, not {len(given)}")
    if kernels not in ("predicted", "recorded"):
        raise ConfigError(f"--kernels must be predicted or recorded, not {kernels!r}")
    if caches not in CACHES:
        raise ConfigError(f"--caches must be {' or '.join(CACHES)}, not {caches!r}")
    kind, file = given[0]
    if report is not None and kind != "measured":
        raise ConfigError(f"--report must be given with --measured, not with --{kind}")
    if kernels == "recorded" and kind != "measured":
        raise ConfigError(f"--kernels recorded must be given with --measured, not with --{kind}")
    if caches == "warm" and kind != "measured":
        raise ConfigError(f"--caches warm must be given with --measured, not with --{kind}")
    verbs: dict[str, Callable[[Path, str | None], tuple[Any, Any, int]]] = {
        "models": _models, "sustained": _sustained, "published": _published,
    }  # fmt: skip
    with spinner(f"predicting {file.name}"):
        if kind == "measured":
            shown, data, code = _measured(file, device, kernels, caches)
        else:
            shown, data, code = verbs[kind](file, device)
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


def _measured(file: Path, device: str | None, kernels: str, caches: str) -> tuple[Any, Any, int]:
    from archsim.report.terminal_validate import render_validation
    from archsim.validate import load_dataset
    from archsim.validate.goals import with_classes

    result = validated(_model(device), load_dataset(file), kernels == "recorded", caches)
    return render_validation(result), with_classes(result), 0


def validated(model: Any, dataset: Any, recorded: bool, caches: str) -> Any:
    """Return the ``Validation`` of ``dataset`` on a GPU's ``model``, caches as in ``CACHES``.

    ``recorded`` also prices the recorded kernels. The roofline stands beside cold caches only.
    """
    from archsim.app.recorded_kernels import chooser
    from archsim.validate import validate_measured

    if caches == "cold":
        choose = chooser(model.device) if recorded else None
        return validate_measured(dataset, model.price, baseline(model.device), choose)
    choose = chooser(model.device, model.left_in_l2) if recorded else None
    return validate_measured(
        dataset, lambda spec: model.price(spec, model.left_in_l2(spec)), None, choose, caches
    )


def _models(file: Path, device: str | None) -> tuple[Any, Any, int]:
    from archsim.app.measured_models import predictor
    from archsim.report.terminal_validate import render_models
    from archsim.validate import load_dataset, validate_models

    result = validate_models(load_dataset(file), predictor(_model(device)))
    return render_models(result), result.to_dict(), 0


def _sustained(file: Path, device: str | None) -> tuple[Any, Any, int]:
    from archsim.report.terminal_validate import render_sustained
    from archsim.validate import load_dataset, validate_sustained

    data = load_dataset(file)
    result = validate_sustained(data, steady_predictor(_model(device), host_times(data)))
    return render_sustained(result), result.to_dict(), 0


def host_times(dataset: Dataset) -> dict[str, float]:
    """Return the launch times of the host that ``dataset`` was measured on, where it says them."""
    from archsim.models.gpu.model import HOST_TIMES

    found = dataset.meta.get("host_us", {})
    where = f"{dataset.path}: meta.host_us"
    if not isinstance(found, Mapping):
        raise ConfigError(f"{where} must be an object, not {found!r}")
    for name, us in found.items():
        if name not in HOST_TIMES:
            raise ConfigError(f"{where} must have the names {', '.join(HOST_TIMES)}, not {name!r}")
        number = isinstance(us, int | float) and not isinstance(us, bool)
        if not number or not -1e6 < us < 1e6:
            raise ConfigError(f"{where}.{name} must be a number of microseconds, not {us!r}")
    return dict(found)


def steady_predictor(
    model: Any, host: Mapping[str, float] | None = None
) -> Callable[[Case], tuple[float, float, float]]:
    """Return the function that predicts a steady state: µs, joules and MHz of the SM clock.

    ``host`` are the launch times of the host that measured, where they are known.
    """
    from archsim.validate import spec_from_case

    def predict(case: Case) -> tuple[float, float, float]:
        entropy = 0.0 if case.get("fill") == "zeros" else 1.0
        steady = model.sustain(spec_from_case(case), entropy, host)
        return steady.us, steady.joules, steady.sm_clock_hz / 1e6

    return predict


def _published(file: Path, device: str | None) -> tuple[Any, Any, int]:
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
