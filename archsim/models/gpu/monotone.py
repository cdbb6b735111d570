"""Self-check of every answer: the same kernels are not slower with faster memory or more SMs.

The two last variants of a device (``vector.variants``) have 1.25 times its memory bandwidth and
twice its SMs. With faster memory nothing may take longer. With more SMs nothing may take over
0.5 % longer, but for kernels that read their rows twice: more rows are then in flight between
their two passes and overflow L2, so that device memory may have to deliver the second pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from archsim.graph import OpSpec
from archsim.metrics.checks import TOLERANCE, check_monotone
from archsim.models.gpu.plan import QUEUE, Plan
from archsim.models.gpu.queue import AGAIN
from archsim.models.gpu.vector import FASTER, MORE_SMS


def check_resources(
    specs: Sequence[OpSpec], lowered: Sequence[Sequence[Plan]], times: Any, dev: Any
) -> None:
    """Raise ``CheckError`` that names the operator where more of a resource slows it down.

    ``times[variant, operator]`` are microseconds; ``dev`` is the device's own record.
    """
    nominal, more_sms, faster = times[0], times[-2], times[-1]
    for k in np.flatnonzero(faster > nominal * (1.0 + TOLERANCE)).tolist():
        what = f"{specs[k]} with more bandwidth"
        check_monotone(what, (1.0, FASTER), (float(nominal[k]), float(faster[k])))
    for k in np.flatnonzero(more_sms > nominal * (1.0 + TOLERANCE)).tolist():
        slack = _allowed_us(lowered[k], dev) / float(nominal[k])
        what = f"{specs[k]} with more SMs"
        check_monotone(what, (1.0, MORE_SMS), (float(nominal[k]), float(more_sms[k])), slack)


def _allowed_us(kernels: Sequence[Plan], dev: Any) -> float:
    """Time by which more SMs may slow down ``kernels``: the tail of loads, and second passes."""
    tails = len(kernels) * float(dev["memory_tail_us"])
    again = sum(p.params[AGAIN] for p in kernels if p.family == QUEUE)
    reached = min(float(dev["memory_read_fraction"]), float(dev["memory_write_fraction"]))
    return tails + again / (float(dev["memory_bandwidth_bytes_per_s"]) * reached) * 1e6
