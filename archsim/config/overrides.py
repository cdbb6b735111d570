"""``--set path=value``: overrides from the command line, read by the rules of the files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from archsim.config.suggest import near
from archsim.config.yaml_strict import Document, Scalar, parse_value, shorten, show
from archsim.errors import ConfigError

_PLACE = re.compile(r"^value(:\d+:\d+)?: ")
_TOP_LEVEL = ("device", "minimize", "constraints", "name", "execution")

Overrides = Mapping[str, Scalar] | Iterable[str]
"""Either ``path=value`` texts or values by path."""


@dataclass(frozen=True)
class Override:
    """One value to set: its dotted path, the value, and the text that errors begin with."""

    path: str
    value: Any
    origin: str

    def error(self, sentence: str) -> ConfigError:
        """Return the error ``--set path=value: sentence``."""
        return ConfigError(f"{self.origin}: {sentence}")


def parse_overrides(given: Overrides) -> list[Override]:
    """Return the overrides in order; a path given twice is an error."""
    if isinstance(given, str):
        raise TypeError(f"overrides must be a mapping or a list of texts, not {given!r}")
    if isinstance(given, Mapping):
        found = [Override(p, v, f"--set {p}={shorten(str(v))}") for p, v in given.items()]
    else:
        found = [_parse(text) for text in given]
    seen: set[str] = set()
    for item in found:
        plain = item.path.removesuffix(".value")
        if plain in seen:
            raise item.error(f"{shorten(item.path)} must be set once, not twice")
        seen.add(plain)
    return found


def _parse(text: str) -> Override:
    path, equals, value = text.partition("=")
    origin = f"--set {shorten(text)}"
    if not equals or not path.strip():
        raise ConfigError(f"{origin}: an override must be path=value, not {show(text)}")
    if not value.strip():
        raise ConfigError(f"{origin}: {shorten(path.strip())} must be given a value")
    try:
        return Override(path.strip(), parse_value(value, "value"), origin)
    except ConfigError as error:
        raise ConfigError(f"{origin}: {path.strip()}: {_PLACE.sub('', str(error))}") from None


def device_values(overrides: Iterable[Override]) -> dict[str, Override]:
    """Return the overrides of a device file by path; the prefix ``device.`` may be left out."""
    return {item.path.removeprefix("device."): item for item in overrides}


def apply_to_run(document: Document, overrides: Iterable[Override]) -> list[Override]:
    """Put top-level and ``workload.`` overrides into ``document``; return the ``device.`` ones."""
    rest: list[Override] = []
    swept = _swept(document.data.get("sweep"))
    for item in overrides:
        if item.path.removesuffix(".value") in swept:
            raise item.error(f"{item.path} must not be both swept and set")
        if item.path.startswith("device."):
            rest.append(item)
            continue
        head, _, choice = item.path.partition(".")
        if head == "workload" and choice:
            if isinstance(document.data.get("workload"), dict):
                document.data["workload"][choice] = item.value
                document.replaced["workload", choice] = item.origin
        elif item.path in _TOP_LEVEL:
            document.data[item.path] = item.value
            document.replaced[item.path,] = item.origin
        else:
            heads = [name for name in ("workload", *_TOP_LEVEL) if name != head]
            raise item.error(
                "a path must start with workload. or device., or be one of "
                f"{', '.join(_TOP_LEVEL)}, not {show(item.path)}{near(head, heads)}"
            )
    return rest


def _swept(sweep: Any) -> set[str]:
    """Return every path that a sweep of any mode names, valid or not."""
    if not isinstance(sweep, dict):
        return set()
    paths: set[str] = set()
    for key, value in sweep.items():
        rows = value if isinstance(value, list) and key == "list" else [value]
        inner = [row for row in rows if isinstance(row, dict) and key in ("grid", "zip", "list")]
        paths.update(p.removesuffix(".value") for row in inner for p in row)
        paths.add(key.removesuffix(".value"))
    return paths
