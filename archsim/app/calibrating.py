"""``archsim calibrate``: from a dataset or a paper's figures to a new device file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archsim.app.progress import spinner
from archsim.calibrate.fit import Calibration
from archsim.config import load_device
from archsim.config.gpu import GpuDevice
from archsim.errors import ConfigError


@dataclass(frozen=True)
class Options:
    """What the command line asks ``calibrate`` for."""

    data: Path
    device: str
    output: Path
    constants: tuple[str, ...] = ()
    most: int = 24


def calibrate(options: Options) -> Calibration:
    """Fit, write ``options.output`` and return the ``archsim.calibrate.Calibration``."""
    from archsim.app.observations import from_dataset, from_published
    from archsim.calibrate import Problem, candidates, fit, screen
    from archsim.calibrate.device_file import calibrated, name_of, write_device
    from archsim.validate import load_dataset

    name = _output_name(options, name_of(options.output))
    device = load_device(options.device)
    if not isinstance(device, GpuDevice):
        raise ConfigError(f"--device must be a GPU, not {options.device!r}")
    if options.data.suffix.lower() in (".yaml", ".yml"):
        observations, date = from_published(options.data, device.name), ""
    else:
        dataset = load_dataset(options.data)
        observations, date = from_dataset(dataset), str(dataset.meta.get("date", ""))
    with spinner(f"fitting {device.name} to {len(observations)} measured times"):
        problem = Problem(device, observations)
        paths, _ = screen(problem, candidates(device, options.constants), options.most)
        if not paths:
            raise ConfigError(
                f"{options.data}: cases must determine at least one constant of {device.name}, "
                "not none"
            )
        result = fit(problem, paths)
    source = f"{options.data.name}{f' of {date}' if date else ''}, fit half, archsim calibrate: "
    source += "robust least squares on log time"
    data = calibrated(device, result.constants, name, source)
    try:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        write_device(options.output, data, f"{device.title}, fitted by archsim calibrate")
    except OSError as error:
        raise ConfigError(
            f"--output: {options.output} must be a file that can be written ({error.strerror})"
        ) from None
    load_device(str(options.output))
    return result


def _output_name(options: Options, name: str | None) -> str:
    if options.output.suffix.lower() not in (".yaml", ".yml") or name is None:
        raise ConfigError(
            f"--output must be a .yaml file whose stem can name a device, not {options.output}"
        )
    if options.output.exists() and options.output.resolve() == _resolved(options.device):
        raise ConfigError(f"--output must be another file than --device, not {options.output}")
    return name


def _resolved(device: str) -> Path | None:
    from archsim.config.paths import find_device

    try:
        return find_device(device).resolve()
    except ConfigError:
        return None
