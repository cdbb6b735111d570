"""The committed synthesis counts of Edge-MoE designs, part by part and whole.

``archsim synth DEVICE --target xcup --parts --record`` adds a row of parts, without ``--parts`` one
of the whole design. Yosys puts memories of 4,096 words and more into URAM, which an XCZU9EG lacks:
``without_uram`` of a row are ``lut`` and ``bram`` of its deep memories mapped alone without URAM
(``hdl.matrix``'s module ``matrix_memory``, same flow), added to the sums of the parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.models.fpga.counts import keep, load

FILE = Path(__file__).with_name("counts.json")
USUAL = EdgeMoeParams()


def rows(file: Path = FILE) -> list[dict[str, Any]]:
    """Return the rows: ``params`` beside the usual ones, ``target``, ``parts`` or ``whole``."""
    return load(file)


def params_of(row: Mapping[str, Any]) -> EdgeMoeParams:
    """Return the parameters of a row."""
    return EdgeMoeParams(**row["params"])


def record(params: EdgeMoeParams, found: Mapping[str, Any], file: Path = FILE) -> Path:
    """Add ``found`` (``target``, ``tool_versions``, and ``parts`` or ``whole``) as a row.

    A row of the same design, target and kind is replaced. ``ValueError`` for other number formats
    or a technique that is off: the model has no counts of those.
    """
    if (params.formats, params.techniques) != (USUAL.formats, USUAL.techniques):
        raise ValueError("formats and techniques must be the usual ones for counts that are kept")
    usual = asdict(USUAL)
    chosen = {key: x for key, x in asdict(params).items() if x != usual[key]}
    row = {"params": chosen, **found}
    kind = "parts" if "parts" in found else "whole"

    def same(old: Mapping[str, Any]) -> bool:
        alike = kind in old and old["target"] == row["target"]
        return alike and params_of(old) == params

    return keep(row, same, file)
