"""Self-checks: an answer that cannot be true is an error that names the operator.

Every operator result of every machine passes ``check_operator`` before anybody sees it: finite,
at or above its analytical bounds, reasons that tile the time, operations and bytes conserved.
``check_point`` does the same for a whole answer; ``check_monotone`` compares answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NoReturn

from archsim.errors import CheckError
from archsim.metrics.result import KernelResult, OperatorResult, PointResult

TOLERANCE = 1e-9
"""Relative error allowed where numbers are added in another order."""


def check_operator(
    op: OperatorResult, *, cold: bool = False, compulsory_bytes: float | None = None
) -> None:
    """Raise ``CheckError`` unless ``op`` can be true.

    ``cold`` says that no input lay in a cache; then its kernels move at least
    ``compulsory_bytes`` of device memory, which is only checked where given.
    """
    us = done = moved = 0.0
    for kernel in op.kernels:
        _check_kernel(op.name, kernel)
        us += kernel.us
        done += kernel.flops
        moved += kernel.hbm_bytes
    # sentences are put together for an answer that fails alone: every point passes here
    if not op.kernels:
        _fail(op.name, "launch at least one kernel", "none")
    if not _near(us, op.us):
        _fail(op.name, f"take the time of its kernels, {us!r} us", op.us)
    if not (math.isfinite(op.energy_j) and op.energy_j >= 0):
        _fail(op.name, "use energy", op.energy_j)
    if not (op.low_us <= op.us * (1 + TOLERANCE) and op.us <= op.high_us * (1 + TOLERANCE)):
        _fail(op.name, f"lie in its range {op.low_us!r} to {op.high_us!r} us", op.us)
    if not done >= op.flops * (1 - TOLERANCE):
        _fail(op.name, f"do all of {op.flops} operations", done)
    if cold and compulsory_bytes is not None and not moved >= compulsory_bytes * (1 - TOLERANCE):
        _fail(op.name, f"move at least {compulsory_bytes} B of device memory", moved)


def _check_kernel(operator: str, kernel: KernelResult) -> None:
    """Check one kernel's terms and bounds."""
    total = 0.0
    for term in kernel.terms_us:
        if not 0.0 <= term < math.inf:
            _fail(f"{operator}: {kernel.name}", "have finite terms from 0", term)
        total += term
    us = kernel.us
    if not us > 0.0:
        _fail(f"{operator}: {kernel.name}", "take time", us)
    if not _near(total, us):
        _fail(f"{operator}: {kernel.name}", f"take the sum of its terms, {total!r} us", us)
    for resource, bound in kernel.bound_us.items():
        if not us >= bound * (1 - TOLERANCE):
            rule = f"take at least the {resource} bound of {bound!r} us"
            _fail(f"{operator}: {kernel.name}", rule, us)
    if not (kernel.hbm_bytes >= 0 and kernel.l2_bytes >= 0):
        _fail(f"{operator}: {kernel.name}", "move bytes", kernel.hbm_bytes)


def check_point(point: PointResult) -> None:
    """Raise ``CheckError`` unless every metric is finite and every operator can be true."""
    for name, value in point.metrics.items():
        if not (math.isfinite(value) and value >= 0):
            _fail(f"metric {name}", "be finite", value)
    for op in point.operators:
        check_operator(op)
        if not op.count >= 1:
            _fail(op.name, "occur", op.count)


def check_monotone(
    what: str, values: Sequence[float], answers_us: Sequence[float], slack: float = 0.0
) -> None:
    """Raise ``CheckError`` where more of a resource makes the answer slower.

    Parameters
    ----------
    what : the resource, for the message
    values : amounts of the resource, ascending
    answers_us : the time at each amount
    slack : relative rise allowed between neighbours (the wave rule of ``sm_count``: a CTA more
        or less on the fullest SM can shift a kernel choice by this much)

    """
    for i in range(1, len(values)):
        if not answers_us[i] <= answers_us[i - 1] * (1 + slack + TOLERANCE):
            _fail(
                what, f"not slow down from {values[i - 1]:g} to {values[i]:g}",
                f"{answers_us[i - 1]!r} us to {answers_us[i]!r} us",
            )  # fmt: skip


def _near(a: float, b: float) -> bool:
    return abs(a - b) <= TOLERANCE * max(abs(a), abs(b))


def _fail(who: str, rule: str, value: object) -> NoReturn:
    shown = repr(value) if isinstance(value, float) else value
    raise CheckError(f"self-check: {who} must {rule}, not {shown}")
