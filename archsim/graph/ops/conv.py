"""Convolution and pooling over images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from archsim.graph.ops.base import OpSpec, size_bytes


def _extent(size: int, window: int, stride: int, padding: int, extra: int, ceil: bool) -> int:
    """Output positions of a window along one axis of ``size``."""
    span = size + 2 * padding + extra - window
    return (-(-span // stride) if ceil else span // stride) + 1


@dataclass(frozen=True, kw_only=True)
class Conv2d(OpSpec):
    """2-D convolution; ``groups == cin`` is depthwise.

    ``padding`` is the same on all four sides; ``padding_w`` and ``stride_w`` differ for the
    width where given; ``extra_h`` and ``extra_w`` are further rows and columns of padding at
    the end (TensorFlow's "same"). A 1-D convolution has ``h == r == 1``.
    """

    kind: ClassVar[str] = "conv2d"
    n: int
    cin: int
    cout: int
    h: int
    w: int
    r: int
    s: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    bias: bool = False
    layout: str = "nhwc"
    dtype: str = "fp16"
    dilation: int = 1
    stride_w: int | None = None
    padding_w: int | None = None
    extra_h: int = 0
    extra_w: int = 0
    _may_be_zero: ClassVar[frozenset[str]] = frozenset(
        {"padding", "padding_w", "extra_h", "extra_w"}
    )
    _options: ClassVar[Mapping[str, tuple[str | None, ...]]] = {"layout": ("nhwc", "nchw")}

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("cin", "cout"):
            if getattr(self, name) % self.groups:
                raise ValueError(
                    f"conv2d.{name} must be a multiple of groups ({self.groups}), "
                    f"not {getattr(self, name)!r}"
                )
        if self.p < 1 or self.q < 1:
            raise ValueError(
                f"conv2d filter must fit the padded input of {self.h} x {self.w}, "
                f"not {self.r} x {self.s}"
            )

    @property
    def p(self) -> int:
        """Output height."""
        window = self.dilation * (self.r - 1) + 1
        return _extent(self.h, window, self.stride, self.padding, self.extra_h, False)

    @property
    def q(self) -> int:
        """Output width."""
        window = self.dilation * (self.s - 1) + 1
        stride = self.stride if self.stride_w is None else self.stride_w
        padding = self.padding if self.padding_w is None else self.padding_w
        return _extent(self.w, window, stride, padding, self.extra_w, False)

    @property
    def macs(self) -> int:
        """Products including those with padding, as the field counts them."""
        return self.n * self.p * self.q * self.cout * (self.cin // self.groups) * self.r * self.s

    @property
    def bytes_read(self) -> int:
        """Input, filter and bias."""
        return size_bytes(self.dtype, self.n * self.cin * self.h * self.w + self.parameters)

    @property
    def bytes_written(self) -> int:
        """The output."""
        return size_bytes(self.dtype, self.n * self.cout * self.p * self.q)

    @property
    def parameters(self) -> int:
        """Filter and bias."""
        return self.cout * (self.cin // self.groups) * self.r * self.s + self.cout * self.bias


@dataclass(frozen=True, kw_only=True)
class Pool2d(OpSpec):
    """Maximum or average pooling (``function``: max, mean).

    The window is ``r`` x ``s`` (square where ``s`` is not given); ``ceil`` counts a last,
    partly filled window. Fields for the width default to those for the height. ``layout`` is how
    images lie in memory: channels last (nhwc) or first.
    """

    kind: ClassVar[str] = "pool2d"
    function: str
    n: int
    c: int
    h: int
    w: int
    r: int
    stride: int
    padding: int = 0
    dtype: str = "fp16"
    s: int | None = None
    stride_w: int | None = None
    padding_w: int | None = None
    extra_h: int = 0
    extra_w: int = 0
    ceil: bool = False
    layout: str = "nhwc"
    _may_be_zero: ClassVar[frozenset[str]] = frozenset(
        {"padding", "padding_w", "extra_h", "extra_w"}
    )
    _options: ClassVar[Mapping[str, tuple[str | None, ...]]] = {
        "function": ("max", "mean"), "layout": ("nhwc", "nchw"),
    }  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.p < 1 or self.q < 1:
            raise ValueError(
                f"pool2d window must fit the padded input of {self.h} x {self.w}, "
                f"not {self.r} x {self.window_w}"
            )

    @property
    def window_w(self) -> int:
        """The window's width."""
        return self.r if self.s is None else self.s

    @property
    def p(self) -> int:
        """Output height."""
        return _extent(self.h, self.r, self.stride, self.padding, self.extra_h, self.ceil)

    @property
    def q(self) -> int:
        """Output width."""
        stride = self.stride if self.stride_w is None else self.stride_w
        padding = self.padding if self.padding_w is None else self.padding_w
        return _extent(self.w, self.window_w, stride, padding, self.extra_w, self.ceil)

    @property
    def outputs(self) -> int:
        """Number of output elements."""
        return self.n * self.c * self.p * self.q

    @property
    def flops(self) -> int:
        """One operation per window element."""
        return self.outputs * self.r * self.window_w

    @property
    def bytes_read(self) -> int:
        """The input."""
        return size_bytes(self.dtype, self.n * self.c * self.h * self.w)

    @property
    def bytes_written(self) -> int:
        """The output."""
        return size_bytes(self.dtype, self.outputs)
