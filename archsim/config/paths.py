"""Where configuration files lie: shipped presets, and paths that a file or command line names."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import archsim
from archsim.config.constant import NAME_PATTERN
from archsim.config.suggest import hint
from archsim.config.yaml_strict import show
from archsim.errors import ConfigError

DEVICE_FOLDERS = ("devices", "array", "ngpc", "edgemoe")
_SUFFIXES = (".yaml", ".yml")


def configs_dir() -> Path:
    """Return the folder of shipped configurations: the checkout's, else the installed wheel's."""
    package = Path(archsim.__file__).resolve().parent
    checkout = package.parent / "configs"
    if (checkout / "devices").is_dir() and (package.parent / "pyproject.toml").is_file():
        return checkout
    return package / "_configs"


def device_files() -> dict[str, Path]:
    """Return the shipped device files by name, sorted.

    A name is the file's; where two folders share one, ``folder/file``, such as ``ngpc/small``.
    """
    files = [f for d in DEVICE_FOLDERS for f in (configs_dir() / d).glob("*.yaml")]
    count = Counter(file.stem for file in files)
    named = {f.stem if count[f.stem] == 1 else f"{f.parent.name}/{f.stem}": f for f in files}
    return dict(sorted(named.items()))


def run_files() -> dict[str, Path]:
    """Return the shipped run files by name: the quickstart, then the sweeps."""
    root = configs_dir()
    files = [*root.glob("*.yaml"), *sorted((root / "sweeps").glob("*.yaml"))]
    return {file.stem: file for file in files}


def find_device(reference: str, base: Path | None = None) -> Path:
    """Return the file of the device ``reference``: a shipped name, or a path ending in .yaml.

    A relative path is looked up in ``base`` (the run file's folder), then in the working folder.
    Errors: ``ConfigError`` without a place; the caller adds it.
    """
    if reference.endswith(_SUFFIXES):
        return _existing(reference, base, "device")
    known = device_files()
    if reference in known:
        return known[reference]
    near = hint(reference, known)
    raise ConfigError(f"device must be a known name or a .yaml file, not {show(reference)}{near}")


def find_onnx(reference: str, base: Path | None = None) -> Path:
    """Return the ONNX file ``reference``, relative to ``base`` or the working folder."""
    if not reference.endswith(".onnx"):
        raise ConfigError(f"workload.onnx must be a file ending in .onnx, not {show(reference)}")
    return _existing(reference, base, "workload.onnx")


def is_name(text: str) -> bool:
    """Return whether ``text`` is safe as the name of a file or folder."""
    return re.fullmatch(NAME_PATTERN.strip("^$"), text) is not None and ".." not in text


def _existing(reference: str, base: Path | None, field: str) -> Path:
    for folder in (base, Path()):
        if folder is None:
            continue
        path = folder / reference
        try:
            if path.is_file():
                return path
        except (OSError, ValueError):
            break
    raise ConfigError(f"{field} must be an existing file, not {show(reference)}")
