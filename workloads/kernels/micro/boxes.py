"""Boxes of tensors by the TMA engine: latency and rate by the box's extents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from archsim.errors import ConfigError
from workloads.kernels.micro.copies import WAIT
from workloads.kernels.micro.kernel import Bench, latency, rate
from workloads.kernels.micro.text import Loop

MAP_BYTES = 128  # the map stands before the tensor
ITEM = 4


@dataclass(frozen=True)
class Tensor:
    """A float32 tensor after its map: ``shape``, ``strides`` (bytes), ``box``, slowest first."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    box: tuple[int, ...]

    def view(self, data: np.ndarray) -> np.ndarray:
        """The tensor in ``data`` (uint32 words)."""
        words = data[MAP_BYTES // ITEM :].view(np.float32)
        return np.lib.stride_tricks.as_strided(words, self.shape, self.strides)


def tma(record: dict[str, Any]) -> Bench:
    """``tma_latency``: one box from L2 and the wait for its mbarrier; ``tma_throughput``: ``depth``
    boxes in flight on ``ctas`` SMs, B/clk/SM. ``box``: 2 or 3 extents of float32, slowest first."""
    box, ctas = tuple(int(n) for n in record["box"]), int(record.get("ctas", 1))
    single = record["bench"] == "tma_latency"
    depth = 1 if single else int(record.get("depth", 4))
    size = int(np.prod(box)) * ITEM
    if len(box) not in (2, 3) or any(not 1 <= n <= 256 for n in box) or box[-1] % 4:
        raise ConfigError(
            f"box must be 2 or 3 extents of 1 to 256, the last a multiple of 4, not {list(box)}"
        )
    if depth * size + 1024 > 220 << 10:
        raise ConfigError(f"box must leave room for {depth} in shared memory, not {list(box)}")
    pitch = max(256, 1 << (2 * box[-1] * ITEM - 1).bit_length())
    rows = ctas * depth * box[-2]
    shape, strides = (rows, pitch // ITEM), (pitch, ITEM)
    if len(box) == 3:
        shape, strides = (box[0], *shape), (rows * pitch, *strides)
    place = ["%zero", "%y"] + ["%zero"] * (len(box) - 2)
    setup = [
        "mov.u32 %bar, %smem;", "add.u32 %q, %smem, 1023;", "and.b32 %q, %q, -1024;",
        "add.u32 %q, %q, 1024;", "mov.u32 %phase, 0;", "mov.u32 %zero, 0;",
        "setp.eq.u32 %one, %tid, 0;", "@%one mbarrier.init.shared::cta.b64 [%bar], 1;",
        "@%one fence.proxy.async.shared::cta;", "mov.u32 %k, %ctaid.x;",
        f"mul.lo.u32 %row, %k, {depth * box[-2]};", "bar.sync 0;",
    ]  # fmt: skip
    body = []
    for turn in range(2):
        body.append(f"mbarrier.arrive.expect_tx.shared::cta.b64 %state, [%bar], {depth * size};")
        for i in range(depth):
            body.append(f"add.u32 %y, %row, {i * box[-2]};")
            body.append(
                f"cp.async.bulk.tensor.{len(box)}d.shared::cluster.global.tile"
                f".mbarrier::complete_tx::bytes [%q+{i * _whole(size)}], "
                f"[%data, {{{', '.join(place)}}}], [%bar];"
            )
        body += [line.format(turn) for line in WAIT]
    declare = [".reg .b64 %state;", ".reg .b32 %q, %k, %bar, %phase, %zero, %row, %y;",
               ".reg .pred %one;"]  # fmt: skip
    rounds, links = 16, 32
    value = latency(links) if single else rate(links * depth * size, 1)
    return Bench(
        record, Loop(body, declare, setup), ctas, 1, rounds, "clk" if single else "B/clk/SM", value,
        words=(MAP_BYTES + shape[0] * strides[0]) // ITEM + 64,
        smem_bytes=depth * _whole(size) + 2048,
        extra={"tensor": Tensor(shape, strides, box)},
    )  # fmt: skip


def _whole(size: int) -> int:
    """Boxes stand at multiples of 128 bytes."""
    return -(-size // 128) * 128
