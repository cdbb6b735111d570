"""The whole encoder on a GPU, kernel by kernel, in the accelerator's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import cuda

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.numeric.edgemoe import epsilon, mean_factor
from workloads.kernels.edgemoe import kernels as k
from workloads.kernels.edgemoe.functions import TABLES, F

Array = np.ndarray[Any, Any]
Watch = Callable[[str, Array], None]


class GpuEncoder:
    """The encoder of quantised ``weights`` (int arrays by name) on the current device."""

    def __init__(self, params: EdgeMoeParams, weights: Any) -> None:
        formats = params.formats
        if formats.activation.fraction_bits != F or not params.techniques.single_pass_softmax:
            raise ValueError("params must have 22 fraction bits and the single-pass softmax")
        self.params = params
        self.table = cuda.to_device(TABLES)
        self.every = cuda.to_device(np.arange(params.tokens, dtype=np.int32))
        self.none = cuda.to_device(np.zeros(params.tokens, dtype=np.int32))
        self.arrays = {n: cuda.to_device(self._typed(n, a)) for n, a in weights.arrays.items()}

    def _typed(self, name: str, array: Array) -> Array:
        """Weights as int16; biases and offsets as int64 at the activation's fraction bits."""
        formats = self.params.formats
        part, _, kind = name.rpartition(".")
        if name in ("class_token", "position"):
            return array.astype(np.int32)
        if kind in ("weight", "scale"):
            return array.astype(np.int16)
        form = formats.norm if kind == "offset" else formats.bias
        if part.rpartition(".")[2] in ("query", "key", "value", "projection"):
            form = formats.attention_bias
        return array.astype(np.int64) << (F - form.fraction_bits)

    def __call__(self, pixels: Array, task: int = 0, watch: Watch | None = None) -> Array:
        """Return the tokens after the last block, int32; ``watch`` as in ``functional``."""

        def tell(name: str, value: Any) -> None:
            if watch is not None:
                watch(name, np.asarray(value.copy_to_host()))

        x = self._embed(pixels)
        tell("embedding", x)
        for index in range(self.params.depth):
            x = self._block(x, index, task, lambda n, v, i=index: tell(f"blocks.{i}.{n}", v))
        return np.asarray(x.copy_to_host())

    def _embed(self, pixels: Array) -> Any:
        p = self.params
        side = p.patch
        grid = pixels.reshape(p.channels, p.image_height // side, side, p.image_width // side, side)
        patches = grid.transpose(1, 3, 0, 2, 4).reshape(p.patches, p.patch_pixels)
        body = self._new(p.patches, p.dim)
        shift = p.formats.pixel.fraction_bits + p.formats.patch_weight.fraction_bits - F
        rows = self.every[: p.patches]
        source = cuda.to_device(np.ascontiguousarray(patches.astype(np.int32)))
        weight, bias = self.arrays["patch.weight"], self.arrays["patch.bias"]
        self._linear(source, weight, bias, body, rows, shift)
        token = self.arrays["class_token"].copy_to_host()[None, :]
        whole = cuda.to_device(np.concatenate([token, body.copy_to_host()]))
        return self._add(whole, self.arrays["position"])

    def _block(self, x: Any, index: int, task: int, tell: Callable[[str, Any], None]) -> Any:
        y = self._norm(x, index, "norm1")
        tell("norm1", y)
        parts = []
        for name in ("query", "key", "value"):
            parts.append(self._layer(y, index, name))
            tell(name, parts[-1])
        y = self._attention(*parts)
        tell("attention", y)
        x = self._add(x, self._layer(y, index, "projection"))
        tell("residual1", x)
        y = self._norm(x, index, "norm2")
        tell("norm2", y)
        if self.params.is_moe(index):
            y = self._experts(y, index, task, tell)
        else:
            y = self._layer(self._layer(y, index, "fc1", mode=1), index, "fc2")
        x = self._add(x, y)
        tell("output", x)
        return x

    def _layer(self, x: Any, index: int, name: str, mode: int = 0) -> Any:
        weight, bias = (self.arrays[f"blocks.{index}.{name}.{kind}"] for kind in ("weight", "bias"))
        out = self._new(x.shape[0], weight.shape[0])
        self._linear(x, weight, bias, out, self.every, None, mode)
        return out

    def _linear(
        self, x: Any, weight: Any, bias: Any, out: Any, tokens: Any,
        shift: int | None = None, mode: int = 0, scores: Any = None,
    ) -> None:  # fmt: skip
        grid = (-(-weight.shape[0] // k.TILE), -(-tokens.shape[0] // k.TILE))
        given = self.none if scores is None else scores
        drop = np.int32(self.params.formats.weight.fraction_bits if shift is None else shift)
        arguments = (x, weight, bias, tokens, given, self.table, drop, np.int32(mode), out)
        k.linear[grid, (k.TILE, k.TILE)](*arguments)

    def _norm(self, x: Any, index: int, name: str) -> Any:
        p = self.params
        out = self._new(*x.shape)
        scale, offset = (self.arrays[f"blocks.{index}.{name}.{n}"] for n in ("scale", "offset"))
        constants = (np.int64(mean_factor(p)), np.int64(epsilon(p)))
        shift = np.int32(p.formats.norm.fraction_bits)
        k.layer_norm[x.shape[0], 64](x, scale, offset, self.table, *constants, shift, out)
        return out

    def _add(self, a: Any, b: Any) -> Any:
        out = self._new(*a.shape)
        size = a.shape[0] * a.shape[1]
        flat = [array.reshape(size) for array in (a, b, out)]
        k.add[-(-size // 128), 128](*flat)
        return out

    def _attention(self, query: Any, key: Any, value: Any) -> Any:
        p = self.params
        n, heads = p.tokens, p.heads
        scores = cuda.device_array((heads, n, n), dtype=np.int32)
        sums = cuda.device_array((heads * n, 2), dtype=np.int64)
        out = self._new(n, p.dim)
        blocks = -(-n // 16)
        shift = np.int32(F + p.score_shift)
        count = np.int32(heads)
        start = np.int32(p.queries if p.techniques.reordered_attention else 1)
        rows = scores.reshape(heads * n, n)
        k.attention_scores[(blocks, blocks, heads), (16, 16)](query, key, count, shift, scores)
        k.online_softmax[-(-heads * n // 32), 32](rows, self.table, start, sums)
        k.attention_mix[(n, heads), p.head_dim](scores, sums, value, count, self.table, out)
        return out

    def _experts(self, x: Any, index: int, task: int, tell: Callable[[str, Any], None]) -> Any:
        p = self.params
        start = f"blocks.{index}."
        zero = cuda.to_device(np.zeros(p.experts, dtype=np.int64))
        logits = self._new(p.tokens, p.experts)
        weight = self.arrays[f"{start}gate.weight"][task]
        self._linear(x, weight, zero, logits, self.every)
        experts, scores = self._new(p.tokens, p.top_k), self._new(p.tokens, p.top_k)
        top = np.int32(p.top_k)
        blocks = -(-p.tokens // 32)
        k.gate[blocks, 32](logits, top, self.table, experts, scores)
        tell("gate.experts", experts)
        tell("gate.scores", scores)
        return self.accumulate(x, index, experts, scores)

    def accumulate(self, x: Any, index: int, experts: Any, scores: Any) -> Any:
        """Return the mixture of experts of block ``index`` for a routing [n, top_k] int32."""
        p = self.params
        start = f"blocks.{index}."
        tokens, weights = self._new(p.experts, p.tokens), self._new(p.experts, p.tokens)
        lengths = cuda.to_device(np.zeros(p.experts, dtype=np.int32))
        k.queues[1, p.experts](experts, scores, tokens, weights, lengths)
        out = cuda.to_device(np.zeros((p.tokens, p.dim), dtype=np.int32))
        for expert, length in enumerate(lengths.copy_to_host().tolist()):
            if length:
                queue = (tokens[expert][:length], weights[expert][:length])
                self._expert(x, start, expert, *queue, out)
        return out

    def _expert(self, x: Any, start: str, expert: int, tokens: Any, scores: Any, out: Any) -> None:
        w1, b1, w2, b2 = (
            self.arrays[f"{start}{name}"][expert]
            for name in ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias")
        )
        hidden = self._new(tokens.shape[0], w1.shape[0])
        self._linear(x, w1, b1, hidden, tokens, None, 1)
        self._linear(hidden, w2, b2, out, tokens, None, 3, scores)

    @staticmethod
    def _new(rows: int, columns: int) -> Any:
        return cuda.device_array((rows, columns), dtype=np.int32)
