"""Reads the output folder of a finished run: what ran, results, front, history."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from archsim.errors import ConfigError

STORE = "store.sqlite"
RUN = "run.json"
RESULTS = "results.json"


def history(folder: Path) -> list[tuple[int, float]]:
    """How the hypervolume grew, as ``search.csv`` lists it."""
    file = folder / "search.csv"
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines)
            return [(int(row["points"]), float(row["hypervolume"])) for row in rows]
    except FileNotFoundError:
        raise _unfinished(file) from None
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        raise ConfigError(f"{file} must be the table a run writes; run it again") from None


def read_run(folder: Path) -> dict[str, Any]:
    """What ran in ``folder``."""
    return read_json(folder / RUN, ("title", "minimize", "axes", "device_summary", "context"))


def results_file(folder: Path) -> Path:
    """The file of the answers in ``folder``."""
    file = folder / RESULTS
    if not file.is_file():
        raise _unfinished(file)
    return file


def read_json(file: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    """The mapping in ``file``, which must hold ``keys``."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise _unfinished(file) from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} must be readable JSON ({error})") from None
    if not isinstance(data, dict) or not set(keys) <= set(data):
        raise ConfigError(f"{file} must hold {', '.join(keys)} as a run writes them; run it again")
    return data


def _unfinished(file: Path) -> ConfigError:
    return ConfigError(
        f"{file.parent} must be the output folder of a finished run, but it has no {file.name}"
    )


def front_keys(folder: Path) -> list[str]:
    """The keys of the Pareto front, as ``pareto.csv`` lists them."""
    file = folder / "pareto.csv"
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            table = csv.DictReader(lines)
            if "key" not in (table.fieldnames or ()):
                raise ValueError
            return [row["key"] for row in table]
    except FileNotFoundError:
        raise _unfinished(file) from None
    except (OSError, ValueError, KeyError, csv.Error):
        raise ConfigError(f"{file} must be the table a run writes; run it again") from None
