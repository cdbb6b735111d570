"""What a report may show beside a run: co-simulated cases, and predictions against measurements.

Both are what other verbs write as JSON; a copy lies in the run's folder, so that the report can be
written again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archsim.errors import ConfigError

RTL = "rtl.json"
MEASURED = "measured.json"
_CASE = {
    RTL: {"name", "rtl_cycles", "model_cycles", "bound_cycles", "mismatches"},
    MEASURED: {"op", "measured_us", "predicted_us"},
}
_WRITER = {RTL: "archsim cosim or loop with --json", MEASURED: "archsim validate --measured --json"}
_OPTION = {RTL: "--rtl", MEASURED: "--measured"}


def keep(folder: Path, kind: str, file: Path) -> None:
    """Keep ``file`` as the run's evidence of ``kind`` (``RTL`` or ``MEASURED``).

    Raises ``ConfigError`` where it is not what the verbs write.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{_OPTION[kind]}: {file} must be readable JSON ({error})") from None
    cases = data.get("cases") if isinstance(data, dict) else None
    good = isinstance(cases, list) and bool(cases)
    if not good or not all(isinstance(c, dict) and set(c) >= _CASE[kind] for c in cases or ()):
        raise ConfigError(f"{_OPTION[kind]}: {file} must be what {_WRITER[kind]} writes")
    kept = {**data, "source": str(data.get("source") or file.name)}
    (folder / kind).write_text(json.dumps(kept, sort_keys=True) + "\n", encoding="utf-8")


def kept(folder: Path, kind: str) -> dict[str, Any] | None:
    """Return the evidence of ``kind`` in ``folder``, None where there is none."""
    file = folder / kind
    try:
        data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} must be readable JSON ({error})") from None
    return data
