"""``archsim validate``: measured and published figures beside the models' predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from archsim.app.output import write_json
from archsim.config import load_device
from archsim.errors import ConfigError

Files = Mapping[str, Path | None]


def validate_and_print(
    files: Files, device: str | None, kernels: str, json_file: Path | None
) -> int:
    """Print the comparison that exactly one of ``files`` asks for; 1 where a counted row misses."""
    given = [(kind, file) for kind, file in files.items() if file is not None]
    if len(given) != 1:
        options = ", ".join(f"--{kind}" for kind in files)
        raise ConfigError(f"validate must be given exactly one of {options}, not {len(given)}")
    if kernels not in ("predicted", "recorded"):
        raise ConfigError(f"--kernels must be predicted or recorded, not {kernels!r}")
    kind, file = given[0]
    verbs: dict[str, Callable[[Path, str | None, str], tuple[Any, Any, int]]] = {
        "measured": _measured, "models": _models, "sustained": _sustained,
        "published": _published,
    }  # fmt: skip
    shown, data, code = verbs[kind](file, device, kernels)
    _print(shown)
    write_json(json_file, data)
    return code


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
