"""Operator builders: a case becomes a callable that launches it on the GPU with random operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workloads.measure.counts import Case

Launch = Callable[[], Any]
Builder = Callable[[Case, Any], Launch]
BUILDERS: dict[str, Builder] = {}


def register(*names: str) -> Callable[[Builder], Builder]:
    """Decorator that enters a builder under one or more operator names."""

    def enter(builder: Builder) -> Builder:
        BUILDERS.update(dict.fromkeys(names, builder))
        return builder

    return enter


def build(case: Case, device: str = "cuda") -> Launch:
    """Operands for ``case`` on ``device`` and the call that launches it; KeyError if unknown."""
    return BUILDERS[case["op"]](case, Maker(device, case))


class Maker:
    """Makes operands of one case: standard normal values, or as ``fill`` says: zeros, or any."""

    def __init__(self, device: str, case: Case) -> None:
        import torch

        self.torch, self.device = torch, device
        self.zeros, self.any = (case.get("fill") == kind for kind in ("zeros", "any"))

    def dtype(self, name: str) -> Any:
        """The torch dtype of a dtype name of the dataset."""
        t = self.torch
        return {
            "fp64": t.float64, "fp32": t.float32, "tf32": t.float32, "fp16": t.float16,
            "bf16": t.bfloat16, "fp8": t.float8_e4m3fn, "int8": t.int8,
        }[name]  # fmt: skip

    def tensor(self, shape: tuple[int, ...], dtype: str) -> Any:
        """A tensor of ``shape`` with normal (int8: uniform) values, zeros on request."""
        t, real = self.torch, self.dtype(dtype)
        if self.zeros or self.any:
            make = t.zeros if self.zeros else t.empty
            return make(shape, dtype=real, device=self.device)
        if dtype == "int8":
            return t.randint(-128, 128, shape, dtype=real, device=self.device)
        if dtype == "fp8":
            return t.randn(shape, dtype=t.float16, device=self.device).to(real)
        return t.randn(shape, dtype=real, device=self.device)

    def index(self, high: int, n: int) -> Any:
        """``n`` random int64 indices below ``high``."""
        return self.torch.randint(0, high, (n,), device=self.device)


@register("gemm")
def _gemm(c: Case, mk: Maker) -> Launch:
    t, dtype = mk.torch, c["dtype"]
    a, b = mk.tensor((c["m"], c["k"]), dtype), mk.tensor((c["n"], c["k"]), dtype)
    if dtype == "int8":
        return lambda: t._int_mm(a, b.t())
    if dtype == "fp8":
        one = t.ones((), device=mk.device)
        return lambda: t._scaled_mm(a, b.t(), scale_a=one, scale_b=one, out_dtype=t.bfloat16)
    if dtype in ("fp32", "tf32"):
        return _with_tf32(t, dtype == "tf32", lambda: t.mm(a, b.t()))
    return lambda: t.mm(a, b.t())


def _with_tf32(t: Any, allowed: bool, launch: Launch) -> Launch:
    def run() -> Any:
        t.backends.cuda.matmul.allow_tf32 = allowed
        return launch()

    return run


@register("linear")
def _linear(c: Case, mk: Maker) -> Launch:
    x, w = mk.tensor((c["m"], c["k"]), c["dtype"]), mk.tensor((c["n"], c["k"]), c["dtype"])
    bias = mk.tensor((c["n"],), c["dtype"])
    return lambda: mk.torch.nn.functional.linear(x, w, bias)


@register("bmm")
def _bmm(c: Case, mk: Maker) -> Launch:
    a = mk.tensor((c["b"], c["m"], c["k"]), c["dtype"])
    b = mk.tensor((c["b"], c["n"], c["k"]), c["dtype"])
    return lambda: mk.torch.bmm(a, b.transpose(1, 2))


@register("gemm_sparse24")
def _sparse24(c: Case, mk: Maker) -> Launch:
    t = mk.torch
    a = mk.tensor((c["m"], c["k"]), c["dtype"])
    mask = t.tensor([1, 1, 0, 0], dtype=a.dtype, device=mk.device).repeat(c["k"] // 4)
    packed = t.sparse.to_sparse_semi_structured(a * mask)
    layout = c.get("b_layout", "kn")
    b = mk.tensor((c["k"], c["n"]) if layout == "kn" else (c["n"], c["k"]), c["dtype"])
    return lambda: t.mm(packed, b if layout == "kn" else b.t())


@register("attention")
def _attention(c: Case, mk: Maker) -> Launch:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    t = mk.torch
    q = mk.tensor((c["b"], c["h"], c["sq"], c["d"]), c["dtype"])
    kv_heads: int = c.get("hkv") or c["h"]
    kv = (c["b"], kv_heads, c["skv"], c["d"])
    k, v = mk.tensor(kv, c["dtype"]), mk.tensor(kv, c["dtype"])
    backends = {
        "cudnn": SDPBackend.CUDNN_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION,
        "efficient": SDPBackend.EFFICIENT_ATTENTION, "math": SDPBackend.MATH,
    }  # fmt: skip
    grouped = {"enable_gqa": True} if kv_heads != c["h"] else {}
    call = t.nn.functional.scaled_dot_product_attention

    def run() -> Any:
        if c["impl"] == "auto":
            return call(q, k, v, is_causal=c["causal"], **grouped)
        with sdpa_kernel(backends[c["impl"]]):
            return call(q, k, v, is_causal=c["causal"], **grouped)

    return run


@register("softmax", "layernorm", "transpose", "reduce_sum", "reduce_mean")
def _rows(c: Case, mk: Maker) -> Launch:
    t = mk.torch
    x = mk.tensor((c["rows"], c["cols"]), c["dtype"])
    if c["op"] == "layernorm":
        w, b = mk.tensor((c["cols"],), c["dtype"]), mk.tensor((c["cols"],), c["dtype"])
        return lambda: t.nn.functional.layer_norm(x, (c["cols"],), w, b)
    calls: dict[str, Launch] = {
        "softmax": lambda: t.softmax(x, -1),
        "transpose": lambda: x.t().contiguous(),
        "reduce_sum": lambda: x.sum(-1),
        "reduce_mean": lambda: x.mean(-1, keepdim=True),
    }
    return calls[c["op"]]


@register("cat", "slice_copy", "row_add", "row_scale")
def _broadcast(c: Case, mk: Maker) -> Launch:
    t, rows, cols = mk.torch, c["rows"], c["cols"]
    x = mk.tensor((rows, cols), c["dtype"])
    wide = mk.tensor((rows, 2 * cols), c["dtype"])
    row, column = mk.tensor((cols,), c["dtype"]), mk.tensor((rows, 1), c["dtype"])
    calls: dict[str, Launch] = {
        "cat": lambda: t.cat((x, x), dim=-1),
        "slice_copy": wide[:, :cols].contiguous,
        "row_add": lambda: x + row,
        "row_scale": lambda: x * column,
    }
    return calls[c["op"]]


@register(
    "gelu", "add", "copy", "relu", "relu_", "silu", "mul", "scale", "square", "rsqrt", "exp",
    "neg", "cast", "fill",
)  # fmt: skip
def _flat(c: Case, mk: Maker) -> Launch:
    t, f = mk.torch, mk.torch.nn.functional
    x, y = mk.tensor((c["n"],), c["dtype"]), mk.tensor((c["n"],), c["dtype"])
    to = mk.dtype(c.get("to") or c["dtype"])
    calls: dict[str, Launch] = {
        "gelu": lambda: f.gelu(x),
        "add": lambda: t.add(x, y),
        "copy": lambda: y.copy_(x),
        "relu": lambda: f.relu(x),
        "relu_": lambda: f.relu(x, inplace=True),
        "silu": lambda: f.silu(x),
        "mul": lambda: t.mul(x, y),
        "scale": lambda: x * 0.5,
        "square": lambda: x.pow(2),
        "rsqrt": lambda: t.rsqrt(x),
        "exp": lambda: t.exp(x),
        "neg": lambda: t.neg(x),
        "cast": lambda: x.to(to),
        "fill": x.zero_,
    }
    return calls[c["op"]]


@register("permute")
def _permute(c: Case, mk: Maker) -> Launch:
    x = mk.tensor((c["b"], c["s"], c["h"], c["d"]), c["dtype"])
    return lambda: x.transpose(1, 2).contiguous()


@register("gather")
def _gather(c: Case, mk: Maker) -> Launch:
    t = mk.torch
    table, locality = mk.tensor((c["table"], c["width"]), c["dtype"]), c.get("locality", "random")
    index = mk.index(c["table"], c["n"])
    if locality == "sorted":
        index = index.sort().values
    elif locality == "sequential":
        index = t.arange(c["n"], device=mk.device) % c["table"]
    elif locality == "same":
        index = t.zeros_like(index)
    if c.get("call") == "index_select":
        return lambda: t.index_select(table, 0, index)
    wide = index[:, None].expand(-1, c["width"])
    return lambda: t.gather(table, 0, wide)


@register("scatter_add")
def _scatter(c: Case, mk: Maker) -> Launch:
    shape = () if c.get("width", 1) == 1 else (c["width"],)
    table = mk.torch.zeros((c["table"], *shape), device=mk.device)
    source, index = mk.tensor((c["n"], *shape), "fp32"), mk.index(c["table"], c["n"])
    if c.get("locality") == "sorted":
        index = index.sort().values
    return lambda: table.index_add_(0, index, source)


def _images(c: Case, mk: Maker) -> Any:
    x = mk.tensor((c["n"], c["cin"], c["hw"], c["hw"]), c["dtype"])
    if c.get("layout", "nhwc") == "nhwc":
        x = x.contiguous(memory_format=mk.torch.channels_last)
    return x


@register("conv2d")
def _conv2d(c: Case, mk: Maker) -> Launch:
    x = _images(c, mk)
    w = mk.tensor((c["cout"], c["cin"] // c["groups"], c["r"], c["r"]), c["dtype"])
    if c.get("layout", "nhwc") == "nhwc":
        w = w.contiguous(memory_format=mk.torch.channels_last)
    bias = mk.tensor((c["cout"],), c["dtype"]) if c.get("bias") else None
    pad, dilation = c.get("pad", c["r"] // 2), c.get("dilation", 1)
    t = mk.torch

    def run() -> Any:
        t.backends.cudnn.allow_tf32 = c["dtype"] == "tf32"
        return t.nn.functional.conv2d(x, w, bias, c["stride"], pad, dilation, c["groups"])

    return run


@register("batchnorm", "maxpool", "avgpool", "nchw_to_nhwc", "nhwc_to_nchw")
def _planes(c: Case, mk: Maker) -> Launch:
    t, f, x = mk.torch, mk.torch.nn.functional, _images(c, mk)
    if c["op"] == "batchnorm":
        mean, var, w, b = (mk.tensor((c["cin"],), c["dtype"]).abs() for _ in range(4))
        return lambda: f.batch_norm(x, mean, var, w, b)
    calls: dict[str, Launch] = {
        "maxpool": lambda: f.max_pool2d(x, c["r"], c["stride"], c["r"] // 2),
        "avgpool": lambda: f.adaptive_avg_pool2d(x, 1),
        "nchw_to_nhwc": lambda: x.contiguous(memory_format=t.channels_last),
        "nhwc_to_nchw": x.contiguous,
    }
    return calls[c["op"]]
