"""The further classes of structured sweeps, and which cases do not stand for their class."""

from __future__ import annotations

from collections.abc import Callable

from archsim.graph import ops
from archsim.validate.case_fields import LARGEST, Case, choice, dimension, dtype


def _batchnorm(case: Case, where: str) -> ops.OpSpec:
    n, c, hw = (dimension(case, name, where) for name in ("n", "cin", "hw"))
    return ops.Elementwise(
        function="scale_shift", n=n * c * hw * hw, arity=2, broadcast=4 * c,
        dtype=dtype(case, where),
    )  # fmt: skip


def _layout(case: Case, where: str) -> str:
    return choice(case, "layout", where, ("nhwc", "nchw")) if "layout" in case else "nhwc"


def _maxpool(case: Case, where: str) -> ops.OpSpec:
    n, c, hw, r, stride = (
        dimension(case, name, where) for name in ("n", "cin", "hw", "r", "stride")
    )
    return ops.Pool2d(
        function="max", n=n, c=c, h=hw, w=hw, r=r, stride=stride, padding=r // 2,
        dtype=dtype(case, where), layout=_layout(case, where),
    )  # fmt: skip


def _avgpool(case: Case, where: str) -> ops.OpSpec:
    """Global average pooling, which PyTorch runs as a mean over the positions of an image."""
    n, c, hw = (dimension(case, name, where) for name in ("n", "cin", "hw"))
    return ops.Reduce(rows=n * c, cols=hw * hw, function="mean", dtype=dtype(case, where))


def _broadcast(function: str) -> Callable[[Case, str], ops.OpSpec]:
    def build(case: Case, where: str) -> ops.OpSpec:
        rows, cols = dimension(case, "rows", where), dimension(case, "cols", where)
        kind = dtype(case, where)
        return ops.Elementwise(
            function=function, n=rows * cols, arity=2, broadcast=rows, dtype=kind
        )

    return build


def _copied(*names: str, pattern: str, times: int = 1) -> Callable[[Case, str], ops.OpSpec]:
    def build(case: Case, where: str) -> ops.OpSpec:
        n = times
        for name in names:
            n *= dimension(case, name, where)
        return ops.Copy(n=n, pattern=pattern, dtype=dtype(case, where))

    return build


def _function(function: str) -> Callable[[Case, str], ops.OpSpec]:
    def build(case: Case, where: str) -> ops.OpSpec:
        n = dimension(case, "n", where)
        return ops.Elementwise(function=function, n=n, dtype=dtype(case, where))

    return build


SWEEP_BUILDERS: dict[str, Callable[[Case, str], ops.OpSpec]] = {
    "batchnorm": _batchnorm,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "row_add": _broadcast("add"),
    "row_scale": _broadcast("mul"),
    "permute": _copied("b", "s", "h", "d", pattern="strided"),
    "slice_copy": _copied("rows", "cols", pattern="strided"),
    "cat": _copied("rows", "cols", pattern="concat_aligned", times=2),
    "scale": _function("mul"),
    "square": _function("pow"),
    "relu_": _function("relu"),
}
"""Builders of the classes that only structured sweeps measure."""

UNSUPPORTED = {
    "fill": "no operator writes without reading",
    "nhwc_to_nchw": "layout conversions are priced inside convolutions only",
    "idle": "the board without work has no time to predict",
    "nchw_to_nhwc": "layout conversions are priced inside convolutions only",
}
"""Measured classes that no operator of a graph stands for, with the reason."""

TRANSFORM = "batch_norm_transform"
"""The kernel that is batch norm; eager PyTorch's cast and rsqrt beside it are operators."""


def left_out(case: Case, where: str = "case", warm: bool = False) -> str | None:
    """Return why ``case`` takes no part in the statistics of its class; ``None`` where it does.

    ``warm`` asks about its time in warm caches.
    """
    if case.get("op") in UNSUPPORTED:
        return UNSUPPORTED[case["op"]]
    if case.get("fill", "random") != "random":
        fill = choice(case, "fill", where, ("zeros", "random"))
        return f"operands are {fill}: the clock of random operands is lower"
    if case.get("locality", "random") not in ("random", "uniform"):
        known = ("random", "uniform", "sorted", "sequential", "same")
        return f"indices are {choice(case, 'locality', where, known)}, the class has random ones"
    if case.get("op") == "batchnorm" and case.get("layout") == "nchw":
        return "only the channels-last kernel is modelled"
    if warm and "us_warm" not in case:
        return "it was not measured in warm caches"
    if warm and case.get("op") == "batchnorm":
        return "its kernel was timed apart in cold caches only"
    return None


def own_us(case: Case) -> float | None:
    """Return the time of the kernel that is the class, where others were measured with it."""
    if case.get("op") != "batchnorm":
        return None
    kernels = case.get("kernels")
    found = [
        kernel.get("dur_us")
        for kernel in (kernels if isinstance(kernels, list) else [])
        if isinstance(kernel, dict) and TRANSFORM in str(kernel.get("name"))
    ]
    if len(found) != 1 or isinstance(found[0], bool) or not isinstance(found[0], int | float):
        return None
    return float(found[0]) if 0 < found[0] <= LARGEST else None
