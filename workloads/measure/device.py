"""What the measured device is and how it runs now: provenance, clocks, power, energy."""

from __future__ import annotations

import datetime
import importlib
from typing import Any

from archsim.errors import ArchsimError

METHOD = (
    "cold L2 (256 MiB read before each run) in `us`, warm L2 (the same launch just before) in "
    "`us_warm`; summed CUPTI kernel durations, median of {repeats} runs each; kernels of the cold "
    "run nearest to the median; every case starts from a settled SM clock; sm_mhz is the median "
    "clock just before the runs, from a kernel that spins for a known number of cycles"
)


class NoGpuError(ArchsimError):
    """Measuring was asked for where PyTorch, the driver or the GPU is missing."""


def require_gpu() -> Any:
    """The torch module; raises NoGpuError, in one sentence, where measuring cannot work."""
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        raise NoGpuError(
            "measuring must have PyTorch with CUDA, but the module torch cannot be imported"
        ) from None
    if torch.version.cuda is None:
        raise NoGpuError(
            f"measuring must have PyTorch with CUDA, but torch {torch.__version__} has none"
        )
    if not torch.cuda.is_available():
        raise NoGpuError("measuring must have an NVIDIA GPU and its driver, but CUDA finds none")
    return torch


class Nvml:
    """The few NVML readings the suites need; every reading is None where NVML is missing."""

    def __init__(self, index: int = 0) -> None:
        try:
            self._nvml: Any = importlib.import_module("pynvml")
            self._nvml.nvmlInit()
            self._gpu = self._nvml.nvmlDeviceGetHandleByIndex(index)
        except Exception:
            self._nvml = None

    def _read(self, call: str, *args: Any) -> Any:
        if self._nvml is None:
            return None
        try:
            return getattr(self._nvml, call)(self._gpu, *args)
        except self._nvml.NVMLError:
            return None

    def sm_mhz(self) -> int | None:
        """SM clock now in MHz."""
        mhz: int | None = self._read("nvmlDeviceGetClockInfo", 1)
        return mhz

    def watts(self) -> float | None:
        """Board power now in watts (the driver's running average)."""
        milliwatts = self._read("nvmlDeviceGetPowerUsage")
        return None if milliwatts is None else milliwatts / 1e3

    def joules(self) -> float | None:
        """Energy counter since the driver was loaded, in joules."""
        millijoules = self._read("nvmlDeviceGetTotalEnergyConsumption")
        return None if millijoules is None else millijoules / 1e3

    def celsius(self) -> int | None:
        """GPU temperature."""
        degrees: int | None = self._read("nvmlDeviceGetTemperature", 0)
        return degrees

    def throttle_reasons(self) -> int | None:
        """Bit mask of the clock event reasons (4: power cap, 0x20 and 0x40: thermal)."""
        reasons: int | None = self._read("nvmlDeviceGetCurrentClocksThrottleReasons")
        return reasons

    def describe(self) -> dict[str, Any]:
        """Driver, maximum clocks and power limit."""
        if self._nvml is None:
            return {"driver": None}
        limit = self._read("nvmlDeviceGetEnforcedPowerLimit")
        return {
            "driver": str(self._nvml.nvmlSystemGetDriverVersion()),
            "sm_mhz_max": self._read("nvmlDeviceGetMaxClockInfo", 1),
            "mem_mhz_max": self._read("nvmlDeviceGetMaxClockInfo", 2),
            "power_limit_w": None if limit is None else limit / 1e3,
        }


def provenance(torch: Any, nvml: Nvml) -> dict[str, Any]:
    """The dataset's ``meta``: device, versions, limits and date (UTC)."""
    prop = torch.cuda.get_device_properties(0)
    return {
        "device": prop.name,
        "sms": prop.multi_processor_count,
        "mem": prop.total_memory,
        "l2": prop.L2_cache_size,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        **nvml.describe(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
    }
