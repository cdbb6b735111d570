"""What a synthesis run found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import inf
from statistics import median
from typing import Any

from archsim.errors import ArchsimError

RESOURCES = ("lut", "ff", "dsp", "bram", "uram")


class SynthError(ArchsimError):
    """A synthesis tool is missing, failed, or the design does not fit."""


@dataclass(frozen=True)
class SynthResult:
    """Resources, and post-route Fmax of each seed where the target is placed and routed.

    ``bram`` is a multiple of 0.5 on Xilinx parts, where half a block can be used. ``fmax_mhz`` has
    one entry for each of ``seeds`` (empty without place and route); ``unrouted_seeds`` are those
    given up at the time limit. ``critical_path`` has the slowest path's
    stages of the median seed. ``cells`` are Yosys' cells by type. ``notes`` say what the counts
    leave out.
    """

    design: str
    top: str
    target: str
    part: str
    verilog_digest: str
    lut: int
    ff: int
    dsp: int
    bram: float
    uram: int
    fmax_mhz: tuple[float, ...]
    seeds: tuple[int, ...]
    unrouted_seeds: tuple[int, ...]
    critical_path: tuple[str, ...]
    cells: dict[str, int]
    capacity: dict[str, int]
    tool_versions: dict[str, str]
    notes: tuple[str, ...]

    @property
    def median_fmax_mhz(self) -> float | None:
        """Median over the seeds, an unrouted one being slower than any other.

        None without place and route, and where the median is an unrouted seed.
        """
        if not self.fmax_mhz:
            return None
        found = median((*self.fmax_mhz, *[-inf] * len(self.unrouted_seeds)))
        return None if found == -inf else found

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        data = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}
        return {**data, "median_fmax_mhz": self.median_fmax_mhz}
