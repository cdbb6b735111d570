"""The kernels around the networks of a frame, unfused: what one thread costs, and what bounds it.

The kernels are ``workloads.kernels.ngpc_passes`` and ``ngpc_tracing``: records of 32-bit words a
ray, written word by word. Times were measured on an H100 over whole frames
(``workloads/measured/h100_neural_passes.json``); other GPUs follow by what bounds a kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MEASURED_ON = "h100_sxm"


@dataclass(frozen=True)
class RestKernel:
    """One kernel.

    ``words``: 32-bit words that a thread reads, and as many that it writes. ``ns``: a thread in a
    full launch on ``MEASURED_ON``. ``bound``: memory (records beyond L2, partly written sectors) or
    issue (instructions: sixteen threads a sample, a random generator's skips).
    """

    words: int
    ns: float
    bound: Literal["memory", "issue"] = "memory"


REST_KERNELS = {
    "march_rays": RestKernel(8, 0.1090),
    "march_compact": RestKernel(14, 0.1493),
    "march_inputs": RestKernel(7, 0.1169),
    "march_density": RestKernel(4, 0.02227),
    "march_composite": RestKernel(8, 0.06829),
    "march_shade": RestKernel(10, 0.04384),
    "trace_rays": RestKernel(5, 0.04077),
    "trace_compact": RestKernel(9, 0.05948),
    "trace_step": RestKernel(6, 0.02471),
    "trace_offsets": RestKernel(6, 0.01661),
    "trace_normals": RestKernel(4, 0.01828),
    "trace_shade": RestKernel(8, 0.02320),
    "track_rays": RestKernel(6, 0.1092, "issue"),
    "track_step": RestKernel(13, 0.1466, "issue"),
    "cut_outputs": RestKernel(5, 0.05728, "issue"),
    "image_rays": RestKernel(1, 0.006173),
    "image_truth": RestKernel(3, 0.01383),
    "image_shade": RestKernel(5, 0.01792),
    "accumulate": RestKernel(6, 0.02656),
    "tonemap": RestKernel(4, 0.02457),
}
