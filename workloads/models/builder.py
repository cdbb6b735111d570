"""A helper that makes graphs layer by layer, with PyTorch's names and shapes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from archsim.graph import Graph, Op, OpSpec, Tensor
from archsim.graph.ops import (
    Attention,
    BatchedGemm,
    Conv2d,
    Copy,
    Elementwise,
    Embedding,
    Gemm,
    LayerNorm,
    Pool2d,
    Reduce,
    RmsNorm,
    elements,
)

Shape = tuple[int, ...]


class GraphBuilder:
    """Collects operators and tensors; each layer method returns the tensor it makes.

    ``dtype`` is the data type of matrix products. With fp8 and int8 everything else is bf16 and
    fp16, and the operand of a product is cast once, by an operator of its own; ``quantise="all"``
    keeps every tensor in ``dtype``, as integer-only accelerators do. ``framework`` is
    ``fused`` or ``eager``: eager launches separate kernels where PyTorch does (the bias of a
    convolution, batch norm, RMSNorm, rotary embedding, tanh-GELU).
    Inside ``with scope("blocks.0")`` names get that prefix.
    """

    def __init__(
        self,
        name: str,
        dtype: str = "fp16",
        framework: str = "fused",
        quantise: str = "products",
    ) -> None:
        self.name = name
        self.matrix_dtype = dtype
        wider = {"fp8": "bf16", "int8": "fp16"} if quantise == "products" else {}
        self.dtype = wider.get(dtype, dtype)
        self._requantise = dtype in ("fp8", "int8", "int16", "int32")
        self.eager = framework == "eager"
        self._ops: list[Op] = []
        self._tensors: dict[str, Tensor] = {}
        self._quantised: dict[str, Tensor] = {}
        self.prefix = ""
        self._names: dict[str, int] = {}

    def graph(self, **meta: object) -> Graph:
        """Return what was collected."""
        return Graph(self.name, tuple(self._ops), tuple(self._tensors.values()), meta)

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Prefix the names of everything made inside with ``name``."""
        outer, self.prefix = self.prefix, f"{self.prefix}{name}."
        try:
            yield
        finally:
            self.prefix = outer

    def _unique(self, name: str) -> str:
        full = self.prefix + name
        count = self._names.get(full, 0)
        self._names[full] = count + 1
        return f"{full}_{count + 1}" if count else full

    def input(self, name: str, shape: Shape, dtype: str | None = None) -> Tensor:
        """A tensor that the graph is given."""
        return self._add(Tensor(name, shape, dtype or self.dtype))

    def parameter(self, name: str, *shape: int, dtype: str | None = None) -> Tensor:
        """A trained tensor of the current scope."""
        return self._add(Tensor(self.prefix + name, shape, dtype or self.dtype, parameter=True))

    def buffer(self, name: str, *shape: int) -> Tensor:
        """A constant tensor of the current scope that is not trained (running statistics)."""
        return self._add(Tensor(self.prefix + name, shape, self.dtype))

    def _add(self, tensor: Tensor) -> Tensor:
        if tensor.name in self._tensors:
            raise ValueError(f"tensor name must be unique, not {tensor.name!r} twice")
        self._tensors[tensor.name] = tensor
        return tensor

    def emit(
        self, name: str, spec: OpSpec, inputs: tuple[Tensor, ...], shape: Shape, dtype: str = "",
        in_place: bool = False,
    ) -> Tensor:  # fmt: skip
        """Append one operator that makes a tensor of ``shape``, in its first input's memory."""
        name = self._unique(name)
        out = self._add(Tensor(f"{name}:out", shape, dtype or self.dtype))
        names = tuple(t.name for t in inputs)
        self._ops.append(Op(name, spec, names, (out.name,), in_place))
        return out

    @staticmethod
    def view(x: Tensor, *shape: int) -> Tensor:
        """The same data with another shape; launches nothing."""
        if elements(shape) != elements(x.shape):
            raise ValueError(f"view of {x.name!r} must keep {elements(x.shape)} elements")
        return replace(x, shape=shape)

    @staticmethod
    def part(x: Tensor, *shape: int) -> Tensor:
        """A slice of ``x`` by stride, smaller than it; launches nothing."""
        return replace(x, shape=shape)

    # Matrix products

    def _operand(self, x: Tensor) -> Tensor:
        """``x`` cast to the type of matrix products, once."""
        if x.name not in self._quantised:
            spec = Elementwise(
                function="cast", n=elements(x.shape), dtype=self.dtype, out_dtype=self.matrix_dtype
            )
            self._quantised[x.name] = self.emit("quantise", spec, (x,), x.shape, self.matrix_dtype)
        return replace(self._quantised[x.name], shape=x.shape)

    def linear(
        self,
        x: Tensor,
        out: int,
        name: str,
        *,
        bias: bool = True,
        activation: str | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        """``x @ Wᵀ + b`` in one GEMM; ``weight`` reuses a parameter (tied embeddings)."""
        k = x.shape[-1]
        rows = elements(x.shape[:-1])
        dtype = self.matrix_dtype if weight is None else weight.dtype
        operand = x if dtype == self.dtype else self._operand(x)
        if weight is None:
            weight = self.parameter(f"{name}.weight", out, k, dtype=dtype)
        inputs: tuple[Tensor, ...] = (operand, weight)
        if bias:
            inputs = (*inputs, self.parameter(f"{name}.bias", out))
        spec = Gemm(
            m=rows, n=out, k=k, dtype=dtype, bias=bias, activation=activation, weight=True,
            out_dtype=self.dtype if dtype != self.dtype or self._requantise else None,
        )  # fmt: skip
        return self.emit(name, spec, inputs, (*x.shape[:-1], out))

    def bmm(self, a: Tensor, b: Tensor, name: str, *, b_: int, m: int, n: int, k: int) -> Tensor:
        """``b_`` products of ``m x k`` and ``k x n`` matrices, both activations or a weight."""
        spec = BatchedGemm(b=b_, m=m, n=n, k=k, dtype=a.dtype, weight=b.parameter)
        return self.emit(name, spec, (a, b), (b_, m, n), a.dtype)

    def attention(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        heads: int,
        kv_heads: int | None = None,
        causal: bool = False,
        cached: int = 0,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Scaled dot product of ``(b, s, heads * d)`` views; the result has the shape of q."""
        spec = Attention(
            b=q.shape[0], h=heads, h_kv=kv_heads or heads, sq=q.shape[1], skv=k.shape[1],
            d=q.shape[2] // heads, causal=causal, cached=cached, dtype=self.dtype,
            mask_elements=elements(mask.shape) if mask else 0,
        )  # fmt: skip
        unique = {t.name: t for t in (q, k, v, *((mask,) if mask else ()))}
        return self.emit("attention", spec, tuple(unique.values()), q.shape)

    # Normalisation

    def layernorm(self, x: Tensor, name: str = "norm") -> Tensor:
        """LayerNorm over the last axis with scale and shift."""
        cols = x.shape[-1]
        held = (self.parameter(f"{name}.weight", cols), self.parameter(f"{name}.bias", cols))
        spec = LayerNorm(rows=elements(x.shape[:-1]), cols=cols, dtype=self.dtype)
        return self.emit(name, spec, (x, *held), x.shape)

    def rmsnorm(self, x: Tensor, name: str = "norm") -> Tensor:
        """RMSNorm over the last axis; eager computes it in fp32 with eight kernels."""
        rows, cols = elements(x.shape[:-1]), x.shape[-1]
        weight = self.parameter(f"{name}.weight", cols)
        if not self.eager:
            spec = RmsNorm(rows=rows, cols=cols, dtype=self.dtype)
            return self.emit(name, spec, (x, weight), x.shape)
        with self.scope(name):
            wide = self.cast(x, "fp32")
            square = self.unary("pow", wide)
            mean = self.reduce(square, "mean")
            scale = self.unary("rsqrt", self.unary("add", mean))
            narrow = self.cast(self.binary("mul", wide, scale), self.dtype)
            return self.binary("mul", narrow, weight)

    # Pointwise

    def unary(
        self, function: str, x: Tensor, name: str = "", *, in_place: bool = False,
        strided: bool = False,
    ) -> Tensor:  # fmt: skip
        """A pointwise function of one tensor (and constants); ``strided``: of a sliced view."""
        spec = Elementwise(function=function, n=elements(x.shape), dtype=x.dtype, strided=strided)
        return self.emit(name or function, spec, (x,), x.shape, x.dtype, in_place)

    def binary(
        self, function: str, x: Tensor, y: Tensor, name: str = "", *, in_place: bool = False,
        strided: bool = False,
    ) -> Tensor:  # fmt: skip
        """A pointwise function of ``x`` and of ``y``, which may be smaller (broadcast)."""
        n, small = elements(x.shape), elements(y.shape)
        spec = Elementwise(
            function=function,
            n=n,
            arity=2,
            broadcast=small if small < n else 0,
            dtype=x.dtype,
            held_parameters=small if y.parameter else 0,
            strided=strided,
        )
        return self.emit(name or function, spec, (x, y), x.shape, x.dtype, in_place)

    def add(self, x: Tensor, y: Tensor, *, in_place: bool = False) -> Tensor:
        """``x + y``, or ``x += y``."""
        return self.binary("add", x, y, in_place=in_place)

    def cast(self, x: Tensor, dtype: str) -> Tensor:
        """``x`` in another data type."""
        spec = Elementwise(function="cast", n=elements(x.shape), dtype=x.dtype, out_dtype=dtype)
        return self.emit("cast", spec, (x,), x.shape, dtype)

    def reduce(self, x: Tensor, function: str) -> Tensor:
        """Reduce the last axis to one element."""
        spec = Reduce(
            rows=elements(x.shape[:-1]), cols=x.shape[-1], function=function, dtype=x.dtype
        )
        return self.emit(function, spec, (x,), (*x.shape[:-1], 1), x.dtype)

    def copy(self, x: Tensor, *shape: int, pattern: str = "strided") -> Tensor:
        """Materialise ``x`` (a permuted or sliced view of it) with ``shape``."""
        spec = Copy(n=elements(shape), pattern=pattern, dtype=x.dtype)
        return self.emit("copy", spec, (x,), shape, x.dtype)

    def concat(self, xs: tuple[Tensor, ...], *shape: int, aligned: bool = False) -> Tensor:
        """Write ``xs`` one after the other into a new tensor of ``shape``.

        ``aligned`` parts are whole and begin at multiples of 16 bytes.
        """
        pattern = "concat_aligned" if aligned else "concat"
        spec = Copy(n=elements(shape), pattern=pattern, dtype=xs[0].dtype)
        return self.emit("cat", spec, xs, shape, xs[0].dtype)

    def embedding(self, ids: Tensor, table: Tensor, name: str = "embed") -> Tensor:
        """Rows of ``table`` at ``ids``."""
        rows, width = table.shape
        spec = Embedding(
            table=rows,
            width=width,
            n=elements(ids.shape),
            dtype=table.dtype,
            index_dtype=ids.dtype,
        )
        return self.emit(name, spec, (ids, table), (*ids.shape, width), table.dtype)

    # Images, shaped (n, c, h, w)

    def conv(
        self,
        x: Tensor,
        cout: int,
        kernel: int,
        name: str,
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        bias: bool = False,
        held: tuple[Tensor, ...] = (),
        layout: str = "nhwc",
    ) -> Tensor:
        """Convolution; ``held`` are batch-norm parameters folded into its filter and bias.

        ``layout`` is that of the images in memory, here channels last as for fast inference.
        """
        n, cin, h, w = x.shape
        inputs: tuple[Tensor, ...] = (
            x,
            self.parameter(f"{name}.weight", cout, cin // groups, kernel, kernel),
        )
        shift = self.parameter(f"{name}.bias", cout) if bias else None
        apart = self.eager and shift is not None
        if shift is not None and not apart:
            inputs = (*inputs, shift)
        spec = Conv2d(
            n=n, cin=cin, cout=cout, h=h, w=w, r=kernel, s=kernel, stride=stride,
            padding=padding, groups=groups, bias=(bias and not apart) or bool(held),
            dtype=self.dtype, layout=layout,
        )  # fmt: skip
        out = self.emit(name, spec, (*inputs, *held), (n, cout, spec.p, spec.q))
        return self.binary("add", out, shift, f"{name}.bias_add") if apart and shift else out

    def pool(self, x: Tensor, function: str, window: int, stride: int, padding: int = 0) -> Tensor:
        """Maximum or mean pooling."""
        n, c, h, w = x.shape
        spec = Pool2d(
            function=function, n=n, c=c, h=h, w=w, r=window, stride=stride, padding=padding,
            dtype=self.dtype,
        )  # fmt: skip
        return self.emit(f"{function}pool", spec, (x,), (n, c, spec.p, spec.q))

    def global_mean(self, x: Tensor) -> Tensor:
        """Mean over height and width: ``(n, c)``."""
        n, c, h, w = x.shape
        return self.view(self.reduce(self.view(x, n, c, h * w), "mean"), n, c)
