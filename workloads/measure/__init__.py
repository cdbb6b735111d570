"""The measuring half of the loop: suites that turn any NVIDIA GPU into a dataset.

``main`` is what ``archsim measure`` calls. PyTorch is imported only when something is measured.
"""

from workloads.measure.device import NoGpuError
from workloads.measure.runner import main
from workloads.measure.suites import names

__all__ = ["NoGpuError", "main", "names"]
